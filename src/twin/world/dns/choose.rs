//! Which of the record sets of one name and type answer: Route 53's routing policies, with health.
//!
//! The rules are those of "How Amazon Route 53 chooses records when health checking is configured" and "Weighted
//! routing" in the developer guide.

use std::sync::Arc;

use rand::{Rng, RngExt};

use super::record::{RecordSet, Routing};
use crate::region::Point;
use crate::twin::world::latency::one_way_ms;

/// A multivalue answer holds up to eight healthy records (developer guide, "Multivalue answer routing").
const MULTIVALUE_MAX: usize = 8;

/// The record sets that answer a query from `from`: one, but for multivalue answers. `None` where there are none.
pub fn choose<'a>(
    sets: &[&'a Arc<RecordSet>],
    from: Point,
    healthy: &dyn Fn(&RecordSet) -> bool,
    rng: &mut dyn Rng,
) -> Vec<&'a Arc<RecordSet>> {
    let Some(first) = sets.first() else { return Vec::new() };
    match first.routing {
        Routing::Simple => vec![*first],
        Routing::Weighted(_) => weighted(sets, healthy, rng).into_iter().collect(),
        Routing::Latency(_) => latency(sets, from, healthy).into_iter().collect(),
        Routing::Failover { .. } => failover(sets, healthy).into_iter().collect(),
        Routing::MultiValue => multivalue(sets, healthy, rng),
    }
}

fn weight(set: &RecordSet) -> u32 {
    match set.routing {
        Routing::Weighted(weight) => u32::from(weight),
        _ => 0,
    }
}

/// Healthy records with a weight; where there are none, healthy ones of weight zero; where nothing is healthy,
/// everything counts as healthy. Records that all weigh zero are equally likely.
fn weighted<'a>(
    sets: &[&'a Arc<RecordSet>],
    healthy: &dyn Fn(&RecordSet) -> bool,
    rng: &mut dyn Rng,
) -> Option<&'a Arc<RecordSet>> {
    let with = |all: bool, zero: bool| -> Vec<&'a Arc<RecordSet>> {
        let fits = |set: &&&Arc<RecordSet>| (weight(set) == 0) == zero && (all || healthy(set));
        sets.iter().filter(fits).copied().collect()
    };
    let pool = [(false, false), (false, true), (true, false), (true, true)]
        .into_iter()
        .map(|(all, zero)| with(all, zero))
        .find(|pool| !pool.is_empty())?;
    if pool.len() == 1 {
        return pool.first().copied();
    }
    let total: u32 = pool.iter().map(|set| weight(set)).sum();
    if total == 0 {
        return pool.get(rng.random_range(0..pool.len())).copied();
    }
    let mut left = rng.random_range(0..total);
    pool.into_iter().find(|set| {
        let found = left < weight(set);
        left = left.saturating_sub(weight(set));
        found
    })
}

/// The healthy record whose Region is nearest in time; the nearest of all where nothing is healthy.
fn latency<'a>(
    sets: &[&'a Arc<RecordSet>],
    from: Point,
    healthy: &dyn Fn(&RecordSet) -> bool,
) -> Option<&'a Arc<RecordSet>> {
    let distance = |set: &RecordSet| match set.routing {
        Routing::Latency(region) => one_way_ms(from, region.at()),
        _ => f64::MAX,
    };
    let nearest = |a: &&Arc<RecordSet>, b: &&Arc<RecordSet>| f64::total_cmp(&distance(a), &distance(b));
    sets.iter().copied().filter(|set| healthy(set)).min_by(nearest).or_else(|| sets.iter().copied().min_by(nearest))
}

/// The primary while it is healthy, else the secondary while that is; the primary where neither is.
fn failover<'a>(sets: &[&'a Arc<RecordSet>], healthy: &dyn Fn(&RecordSet) -> bool) -> Option<&'a Arc<RecordSet>> {
    let role = |wanted: bool| {
        let has = move |set: &&&Arc<RecordSet>| set.routing == Routing::Failover { primary: wanted };
        sets.iter().find(has).copied()
    };
    let (primary, secondary) = (role(true), role(false));
    let fit = |set: Option<&'a Arc<RecordSet>>| set.filter(|set| healthy(set));
    fit(primary).or_else(|| fit(secondary)).or(primary).or(secondary)
}

fn multivalue<'a>(
    sets: &[&'a Arc<RecordSet>],
    healthy: &dyn Fn(&RecordSet) -> bool,
    rng: &mut dyn Rng,
) -> Vec<&'a Arc<RecordSet>> {
    let mut pool: Vec<_> = sets.iter().copied().filter(|set| healthy(set)).collect();
    if pool.is_empty() {
        pool = sets.to_vec();
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
