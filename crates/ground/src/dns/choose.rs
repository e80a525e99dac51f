//! Which of the record sets of one name and type answer: Route 53's routing policies, with health.
//!
//! The rules are those of "How Amazon Route 53 chooses records when health checking is configured" and "Weighted
//! routing" in the developer guide.

use std::sync::Arc;

use rand::{Rng, RngExt};

use super::record::{RecordSet, Routing};
use crate::region::Point;

/// A multivalue answer holds up to eight healthy records (developer guide, "Multivalue answer routing").
const MULTIVALUE_MAX: usize = 8;

/// The record sets that answer.
#[derive(Debug)]
pub enum Chosen<'a> {
    Nothing,
    One(&'a RecordSet),
    Several(Vec<&'a RecordSet>),
}

impl<'a> Chosen<'a> {
    pub fn sets(&self) -> &[&'a RecordSet] {
        match self {
            Self::Nothing => &[],
            Self::One(set) => std::slice::from_ref(set),
            Self::Several(sets) => sets,
        }
    }
}

impl<'a> From<Option<&'a RecordSet>> for Chosen<'a> {
    fn from(set: Option<&'a RecordSet>) -> Self {
        set.map_or(Self::Nothing, Self::One)
    }
}

/// The record sets of a group that answer a query from `from`: one, but for multivalue answers.
pub fn choose<'a>(
    group: &'a [Arc<RecordSet>],
    from: Point,
    healthy: &dyn Fn(&RecordSet) -> bool,
    rng: &mut dyn Rng,
) -> Chosen<'a> {
    let Some(first) = group.first() else { return Chosen::Nothing };
    match first.routing {
        Routing::Simple => Chosen::One(first),
        Routing::Weighted(_) => weighted(group, healthy, rng).into(),
        Routing::Latency(_) => latency(group, from, healthy).into(),
        Routing::Failover { .. } => failover(group, healthy).into(),
        Routing::MultiValue => Chosen::Several(multivalue(group, healthy, rng)),
    }
}

fn weight(set: &RecordSet) -> u32 {
    match set.routing {
        Routing::Weighted(weight) => u32::from(weight),
        _ => 0,
    }
}

/// Healthy records with a weight; where there are none, healthy ones of weight zero; where nothing is healthy,
/// everything counts as healthy.
fn weighted<'a>(
    group: &'a [Arc<RecordSet>],
    healthy: &dyn Fn(&RecordSet) -> bool,
    rng: &mut dyn Rng,
) -> Option<&'a RecordSet> {
    let health: Vec<bool> = group.iter().map(|set| healthy(set)).collect();
    [(false, false), (false, true), (true, false), (true, true)].into_iter().find_map(|(all, zero)| {
        let pool = group.iter().zip(&health).filter(|(set, healthy)| (weight(set) == 0) == zero && (all || **healthy));
        draw(pool.map(|(set, _)| &**set), rng)
    })
}

/// One of the pool, by weight; records that all weigh zero are equally likely.
fn draw<'a>(mut pool: impl Iterator<Item = &'a RecordSet> + Clone, rng: &mut dyn Rng) -> Option<&'a RecordSet> {
    let (count, total) = pool.clone().fold((0, 0), |(count, total), set| (count + 1, total + weight(set)));
    match (count, total) {
        (0 | 1, _) => pool.next(),
        (_, 0) => pool.nth(rng.random_range(0..count)),
        _ => {
            let mut left = rng.random_range(0..total);
            pool.find(|set| {
                let found = left < weight(set);
                left = left.saturating_sub(weight(set));
                found
            })
        }
    }
}

/// The healthy record whose Region is nearest; the nearest of all where nothing is healthy.
fn latency<'a>(
    group: &'a [Arc<RecordSet>],
    from: Point,
    healthy: &dyn Fn(&RecordSet) -> bool,
) -> Option<&'a RecordSet> {
    let distance = |set: &RecordSet| match set.routing {
        Routing::Latency(region) => from.distance_km(region.at()),
        _ => f64::MAX,
    };
    let nearest = |a: &&'a Arc<RecordSet>, b: &&'a Arc<RecordSet>| f64::total_cmp(&distance(a), &distance(b));
    let near = group.iter().filter(|set| healthy(set)).min_by(nearest);
    near.or_else(|| group.iter().min_by(nearest)).map(|set| &**set)
}

/// The primary while it is healthy, else the secondary while that is; the primary where neither is.
fn failover<'a>(group: &'a [Arc<RecordSet>], healthy: &dyn Fn(&RecordSet) -> bool) -> Option<&'a RecordSet> {
    let role = |primary| group.iter().map(|set| &**set).find(|set| set.routing == Routing::Failover { primary });
    let (primary, secondary) = (role(true), role(false));
    let fit = |set: Option<&'a RecordSet>| set.filter(|set| healthy(set));
    fit(primary).or_else(|| fit(secondary)).or(primary).or(secondary)
}

fn multivalue<'a>(
    group: &'a [Arc<RecordSet>],
    healthy: &dyn Fn(&RecordSet) -> bool,
    rng: &mut dyn Rng,
) -> Vec<&'a RecordSet> {
    let mut pool: Vec<&RecordSet> = group.iter().map(|set| &**set).filter(|set| healthy(set)).collect();
    if pool.is_empty() {
        pool = group.iter().map(|set| &**set).collect();
    }
    shuffle(&mut pool, rng);
    pool.truncate(MULTIVALUE_MAX);
    pool
}

/// Puts the entries in a drawn order.
pub fn shuffle<T>(entries: &mut [T], rng: &mut dyn Rng) {
    for last in (1..entries.len()).rev() {
        entries.swap(last, rng.random_range(0..=last));
    }
}
