//! Clients that do not behave, and how traffic is really split.

use std::str::FromStr;

use cucumber::{Parameter, given, then};
use indexmap::IndexMap;

use super::World;
use super::params::Span;
use crate::scenario::{Behaviour, Check, Percent};

/// What a kind of client does, in words.
#[derive(Clone, Copy, Debug, Parameter)]
#[param(
    name = "habit",
    regex = "honour TTLs|stretch TTLs|never resolve again|keep connections alive|try the next address|retry what is idempotent|retry everything"
)]
struct Habit(Behaviour);

impl FromStr for Habit {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            "honour TTLs" => Behaviour::HonoursTtl,
            "stretch TTLs" => Behaviour::StretchesTtl,
            "never resolve again" => Behaviour::NeverReResolves,
            "keep connections alive" => Behaviour::KeepAlive,
            "try the next address" => Behaviour::HappyEyeballs,
            "retry what is idempotent" => Behaviour::RetriesIdempotent,
            "retry everything" => Behaviour::RetriesAll,
            other => return Err(format!("no kind of client that would {other}")),
        }))
    }
}

/// The others honour TTLs.
#[given(expr = "{int} % of the clients of {word} {habit}")]
fn mixed(world: &mut World, percent: u32, population: String, habit: Habit) {
    let people = world.plan.traffic.iter_mut().find(|people| people.name == population);
    let people = people.unwrap_or_else(|| panic!("there is no population {population:?} yet"));
    let mut shares = std::mem::take(&mut people.behaviours);
    shares.shift_remove(&Behaviour::HonoursTtl);
    shares.insert(habit.0, percent);
    let others = 100_u32.checked_sub(shares.values().sum()).unwrap_or_else(|| panic!("more than 100 % of the clients"));
    people.behaviours = IndexMap::from([(Behaviour::HonoursTtl, others)]);
    people.behaviours.extend(shares);
}

#[then(expr = "clients that {habit} are back within {duration}")]
async fn back(world: &mut World, habit: Habit, within: Span) {
    world.prove(Check::FailoverWithin { behaviour: Some(habit.0), within: within.0 }).await;
}

#[then(expr = "clients that {habit} are not back before the heal")]
async fn not_back(world: &mut World, habit: Habit) {
    world.prove(Check::NotRecovered { population: None, behaviour: Some(habit.0) }).await;
}

#[then(expr = "answers are split as declared within {int} points")]
async fn split(world: &mut World, points: u32) {
    let tolerance = Percent::new(f64::from(points)).unwrap_or_else(|| panic!("points of a hundred"));
    world.prove(Check::SplitWithin { tolerance }).await;
}
