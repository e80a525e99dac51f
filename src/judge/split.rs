//! Three numbers for a weighted split, which are not the same: what the records declare, what resolvers were told, and
//! where requests went. A resolver asks seldom and sends all its clients the same way meanwhile, so with few resolvers the
//! requests are split far more unevenly than the answers.
//!
//! Compared are stretches in which the declared weights stood still, answers had settled, and no Region was lost: from the
//! time a change was INSYNC and the TTL of what was answered before had passed, to the next change or fault.

use std::ops::Range;
use std::time::Duration;

use statrs::distribution::{Beta, ContinuousCDF};

use super::Case;
use super::assertions::Finding;
use super::by_second::BySecond;
use super::evidence::{Listed, Told, Us, ms, second_from, second_of, us};
use super::vacuity::traffic_ended;
use super::verdict::{Interval, ShareSeen, SplitSeen};
use crate::history::{PhaseName, RecordSeen};
use crate::region::Region;
use crate::scenario::Percent;

/// Fewer answers than this say too little about a split: at one half, the interval is 20 points wide.
const ANSWERS: u64 = 100;
/// How sure the intervals are.
const CONFIDENCE: f64 = 0.95;

/// A Region's part of the declared weights.
struct Declared {
    id: String,
    region: Region,
    weight: u64,
    share: f64,
}

/// Every population in every stretch.
pub fn splits(case: &Case<'_>) -> Vec<SplitSeen> {
    let mut splits = Vec::new();
    let mut counted = case.evidence.began(PhaseName::SteadyBefore).unwrap_or(0);
    for (span, sets) in stretches(case) {
        let declared = declared(sets);
        let populations = case.evidence.traffic.iter().zip(&case.evidence.resolved);
        for ((name, traffic), told) in populations {
            let mut split = split(case, &span, &declared, traffic, told);
            split.population.clone_from(name);
            split.left_out = told.iter().filter(|told| (counted..span.start).contains(&told.seen)).count() as u64;
            splits.push(split);
        }
        counted = span.end;
    }
    splits
}

fn split(case: &Case<'_>, span: &Range<Us>, declared: &[Declared], traffic: &BySecond, told: &[Told]) -> SplitSeen {
    let seconds = second_from(span.start)..second_of(span.end);
    let answers: Vec<usize> =
        told.iter().filter(|told| span.contains(&told.seen)).filter_map(|told| told.slot).collect();
    let slots = 0..case.evidence.regions.len();
    let requests: u64 = slots.map(|slot| traffic.tally_of(slot, seconds.clone()).sent).sum();
    let share = |declared: &Declared| {
        let slot = case.evidence.slot(declared.region);
        let told = answers.iter().filter(|told| Some(**told) == slot).count() as u64;
        let sent = slot.map_or(0, |slot| traffic.tally_of(slot, seconds.clone()).sent);
        ShareSeen {
            id: declared.id.clone(),
            region: declared.region,
            weight: declared.weight,
            declared: percent(declared.share),
            answers: told,
            by_answers: interval(told, answers.len() as u64),
            requests: sent,
            by_requests: interval(sent, requests),
        }
    };
    SplitSeen {
        population: String::new(),
        from_ms: ms(span.start),
        until_ms: ms(span.end),
        answers: answers.len() as u64,
        left_out: 0,
        requests,
        shares: declared.iter().map(share).collect(),
    }
}

/// The stretches in which a split can be measured, each with the records that declare it.
fn stretches<'a>(case: &Case<'a>) -> Vec<(Range<Us>, &'a [RecordSeen])> {
    let began = case.evidence.began(PhaseName::SteadyBefore).unwrap_or(0);
    let ended = traffic_ended(case).unwrap_or(case.evidence.end);
    let looked = micros(case.plan.settings.probe_interval);
    let records = &case.evidence.records;
    let mut stretches = Vec::new();
    for (index, Listed { seen, sets }) in records.iter().enumerate() {
        if !is_weighted(sets) {
            continue;
        }
        // The first records were there before anybody asked.
        let start = match index.checked_sub(1).map(|before| &records[before]) {
            None => Some(began),
            Some(before) => settled(case, before.seen, *seen, ttl(case, &before.sets)),
        };
        // A change is seen up to one look after it was made.
        let end = records.get(index + 1).map_or(ended, |next| next.seen - looked);
        if let Some(start) = start {
            stretches
                .extend(without_faults(case, start.max(began)..end).into_iter().map(|span| (span, sets.as_slice())));
        }
    }
    stretches
}

/// When nobody had an answer of before a change any more that was seen at `seen`: INSYNC, and a TTL.
fn settled(case: &Case<'_>, last: Us, seen: Us, ttl: Us) -> Option<Us> {
    let mut changes =
        case.evidence.changes.iter().filter(|change| (last..=seen).contains(&change.submitted)).peekable();
    let synced = match changes.peek() {
        None => Some(seen + micros(case.plan.settings.change_insync)),
        Some(_) => changes.map(|change| change.insync).collect::<Option<Vec<_>>>()?.into_iter().max(),
    };
    Some(synced?.max(seen) + ttl)
}

/// What is left of a stretch without the faults that users feel, and the time health checks and answers need after them.
fn without_faults(case: &Case<'_>, span: Range<Us>) -> Vec<Range<Us>> {
    let settings = &case.plan.settings;
    let after = micros(settings.health_check + settings.change_insync + settings.record_ttl);
    let is_felt = |id: &str| {
        let planned = case.plan.timeline.iter().find(|planned| planned.id == id);
        planned.is_none_or(|planned| case.plan.feels(&planned.fault))
    };
    let mut left = vec![span];
    for fault in case.evidence.faults.iter().filter(|fault| is_felt(&fault.id)) {
        let over = fault.healed.map_or(Us::MAX, |healed| healed + after);
        let cut = |span: Range<Us>| {
            let (before, behind) = (span.start..span.end.min(fault.injected), span.start.max(over)..span.end);
            [before, behind].into_iter().filter(|span| span.start < span.end)
        };
        left = left.into_iter().flat_map(cut).collect();
    }
    left.retain(|span| span.start < span.end);
    left
}

/// The longest TTL of these records; an alias has that of what it leads to, which the plan's settings hold.
fn ttl(case: &Case<'_>, sets: &[RecordSeen]) -> Us {
    let own = sets.iter().filter_map(|set| set.ttl_s).max();
    own.map_or(micros(case.plan.settings.record_ttl), |seconds| Us::from(seconds) * 1_000_000)
}

/// Whether every record has a weight, and leads to a Region.
fn is_weighted(sets: &[RecordSeen]) -> bool {
    !sets.is_empty() && sets.iter().all(|set| set.weight.is_some() && set.leads_to.is_some())
}

/// The weights by Region. Where all are zero, each record is as likely as the next (Route 53 developer guide, weighted
/// routing).
fn declared(sets: &[RecordSeen]) -> Vec<Declared> {
    let weight = |set: &RecordSeen| set.weight.unwrap_or(0);
    let sum: u64 = sets.iter().map(weight).sum();
    let mut declared: Vec<Declared> = Vec::new();
    for set in sets {
        let Some(region) = set.leads_to else { continue };
        let share = if sum == 0 { 1.0 / sets.len() as f64 } else { weight(set) as f64 / sum as f64 };
        match declared.iter_mut().find(|known| known.region == region) {
            Some(known) => {
                known.id = format!("{}, {}", known.id, set.id);
                known.weight += weight(set);
                known.share += share;
            }
            None => declared.push(Declared { id: set.id.clone(), region, weight: weight(set), share }),
        }
    }
    declared
}

/// So many of so many, with the exact interval of Clopper and Pearson (1934); nothing of nothing.
fn interval(of: u64, all: u64) -> Option<Interval> {
    if all == 0 {
        return None;
    }
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let quantile = |a: u64, b: u64, at: f64| Beta::new(a as f64, b as f64).map(|beta| beta.inverse_cdf(at)).ok();
    let low = if of == 0 { 0.0 } else { quantile(of, all - of + 1, tail)? };
    let high = if of == all { 1.0 } else { quantile(of + 1, all - of, 1.0 - tail)? };
    Some(Interval { share: percent(of as f64 / all as f64), low: percent(low), high: percent(high) })
}

/// In percent, to a thousandth.
fn percent(share: f64) -> f64 {
    (share * 100_000.0).round() / 1_000.0
}

fn micros(duration: Duration) -> Us {
    us(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

/// Whether each declared share lies within the interval of what resolvers were told, widened by the tolerance.
pub fn finding(splits: &[SplitSeen], tolerance: Percent) -> Finding {
    if splits.is_empty() {
        return Finding::inconclusive("no records with weights, or none that stood still without a fault");
    }
    let enough: Vec<&SplitSeen> = splits.iter().filter(|split| split.answers >= ANSWERS).collect();
    let shares = enough.iter().flat_map(|split| split.shares.iter().map(move |share| (*split, share)));
    // How far outside the interval a declared share lies.
    let off = |share: &ShareSeen| {
        let seen = share.by_answers.as_ref()?;
        Some((seen.low - share.declared).max(share.declared - seen.high).max(0.0))
    };
    let worst =
        shares.filter_map(|(split, share)| Some((off(share)?, split, share))).max_by(|a, b| a.0.total_cmp(&b.0));
    let Some((off, split, share)) = worst else {
        let most = splits.iter().map(|split| split.answers).max().unwrap_or(0);
        return Finding::inconclusive(format!(
            "at most {most} answers to a population while the weights stood still: {ANSWERS} are needed"
        ));
    };
    let seen = share.by_answers.as_ref().map_or_else(String::new, |seen| {
        format!("{:.1}% of {} answers ({:.1}% to {:.1}%)", seen.share, split.answers, seen.low, seen.high)
    });
    let few = splits.len() - enough.len();
    let few = if few == 0 {
        String::new()
    } else {
        format!("; {few} of {} splits had fewer than {ANSWERS} answers", splits.len())
    };
    let (population, region, declared) = (&split.population, share.region, share.declared);
    Finding::at_most(
        off,
        tolerance.get(),
        format!("{population}: {region} has {declared}% of the weights and got {seen}{few}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_published_tables() {
        let of = |of, all| {
            let seen = interval(of, all).unwrap();
            [seen.low, seen.high].map(|percent| (percent * 100.0).round() / 10_000.0)
        };
        // Newcombe, Statistics in Medicine 17 (1998), table I, method 5.
        assert_eq!(of(81, 263), [0.2527, 0.3676]);
        assert_eq!(of(15, 148), [0.0578, 0.1617]);
        assert_eq!(of(0, 20), [0.0, 0.1684]);
        assert_eq!(of(1, 29), [0.0009, 0.1776]);
        assert_eq!(of(20, 20), [0.8316, 1.0]);
        assert_eq!(interval(0, 0), None);
    }

    #[test]
    fn weights_become_shares_and_all_zero_is_all_alike() {
        let set = |id: &str, weight, region| RecordSeen {
            id: id.into(),
            weight: Some(weight),
            region: None,
            values: vec![],
            leads_to: Some(region),
            health_check: None,
            ttl_s: Some(60),
        };
        let shares =
            |sets: &[RecordSeen]| -> Vec<f64> { declared(sets).iter().map(|declared| declared.share).collect() };
        let (us, eu) = (Region::US_EAST_1, Region::EU_WEST_1);
        assert_eq!(shares(&[set("a", 1, us), set("b", 3, eu)]), [0.25, 0.75]);
        assert_eq!(shares(&[set("a", 0, us), set("b", 0, eu)]), [0.5, 0.5]);
        assert_eq!(shares(&[set("a", 5, us), set("b", 0, eu)]), [1.0, 0.0]);
        assert_eq!(shares(&[set("a", 5, eu), set("b", 5, eu)]), [1.0]);
    }
}
