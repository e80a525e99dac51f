//! `blackstart up`, `down` and `status`. The embedded twin lives only as long as the process, and says so.

use super::args::{DownArgs, StackArgs, Target};
use super::consent::{self, Act};
use super::{Console, Engine, Stop, exit, settings};
use crate::run::{Chore, RunError};
use crate::scenario::Plan;

const EPHEMERAL: &str = "The embedded twin lives in the process that runs it: ";
const CONTAINED: &str = "LocalStack's containers live as long as the command that started them (docker ps --filter \
                         label=blackstart shows those of a command that was killed): ";

fn plan(args: &StackArgs) -> Result<Plan, Stop> {
    let mut plan = Plan::default();
    plan.target.stack = args.stack.clone();
    settings::aim(&mut plan, &args.at).map_err(Stop::Usage)?;
    Ok(plan)
}

/// Nothing of an adopted stack is deployed or taken down, not even where stacks of the layout stand beside it.
fn own(plan: Plan) -> Result<Plan, Stop> {
    match &plan.target.settings.adopted {
        None => Ok(plan),
        Some(_) => Err(RunError::Adopted.into()),
    }
}

pub(crate) fn up(args: &StackArgs, console: &mut Console, engine: &Engine) -> Result<u8, Stop> {
    let plan = own(plan(args)?)?;
    if !consent::given(Act::Up, &plan, &args.at, console, engine)? {
        return Ok(exit::PASS);
    }
    if let Some(says) = ephemeral(&plan) {
        console.complain(&format!("{says}it is gone when this command ends. `blackstart run` deploys its own.\n"));
    }
    let stacks = (engine.up)(&plan)?;
    for stack in &stacks {
        let took = stack.took_ms as f64 / 1_000.0;
        match &stack.left_out {
            None => console.print(&format!("{} in {}, {took:.1} s\n", stack.stack, stack.region)),
            Some(why) => console.print(&format!("{} in {}: left out: {why}\n", stack.stack, stack.region)),
        }
        for (name, value) in &stack.outputs {
            console.print(&format!("  {name} = {value}\n"));
        }
    }
    let took: u64 = stacks.iter().map(|stack| stack.took_ms).sum();
    let left_out = stacks.iter().filter(|stack| stack.left_out.is_some()).count();
    let and = if left_out == 0 { String::new() } else { format!(", {left_out} left out") };
    console.print(&format!(
        "{} stacks deployed{and} in {:.1} s of the target's time\n",
        stacks.len() - left_out,
        took as f64 / 1_000.0
    ));
    Ok(if left_out == 0 { exit::PASS } else { exit::FAIL })
}

pub(crate) fn down(args: &DownArgs, console: &mut Console, engine: &Engine) -> Result<u8, Stop> {
    let plan = plan(&args.stack)?;
    if let Some(says) = ephemeral(&plan) {
        console.complain(&format!("{says}nothing is left to take down.\n"));
        return Ok(exit::PASS);
    }
    let at = &args.stack.at;
    if args.orphans {
        // Without --yes they are listed.
        return match (engine.chore)(&plan, Chore::Orphans { remove: at.yes && !at.dry_run }) {
            Err(RunError::Unseen { lines, unseen }) => {
                tell(console, &lines)?;
                Err(RunError::Unseen { lines: Vec::new(), unseen }.into())
            }
            told => tell(console, &told?),
        };
    }
    let plan = own(plan)?;
    if !consent::given(Act::Down, &plan, at, console, engine)? {
        return Ok(exit::PASS);
    }
    tell(console, &(engine.chore)(&plan, Chore::Down)?)
}

pub(crate) fn status(args: &StackArgs, console: &mut Console, engine: &Engine) -> Result<u8, Stop> {
    let plan = plan(args)?;
    if let Some(says) = ephemeral(&plan) {
        console.print(&format!("{}: nothing deployed\n", plan.target.name));
        console.complain(&format!("{says}between commands there is none.\n"));
        return Ok(exit::PASS);
    }
    tell(console, &(engine.chore)(&plan, Chore::Status)?)
}

fn tell(console: &mut Console, lines: &[String]) -> Result<u8, Stop> {
    lines.iter().for_each(|line| console.print(&format!("{}\n", line.trim_end())));
    Ok(exit::PASS)
}

/// What lives no longer than the command that started it.
fn ephemeral(plan: &Plan) -> Option<&'static str> {
    [(Target::Embedded, EPHEMERAL), (Target::Localstack, CONTAINED)]
        .into_iter()
        .find(|(target, _)| target.as_str() == plan.target.name)
        .map(|(_, says)| says)
}
