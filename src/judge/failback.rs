//! Bringing users home: from the heal to the moment every population that lives in the lost Region is served from
//! there again, for good.

use super::Case;
use super::by_second::BySecond;
use super::evidence::{Us, ms, second_from, second_of};
use super::failover::{Course, HOLD, Measured, SAMPLES, is_behind_users, moment, seconds, window};
use super::hops;
use super::vacuity::traffic_ended;
use super::verdict::Failback;

/// How long it took, or why that cannot be said.
pub fn took(case: &Case<'_>, course: &Course) -> Measured {
    let Some(healed) = course.fault.healed else {
        return Measured::Unknown("the fault was not healed".to_owned());
    };
    let Some(lost) = course.fault.region else {
        return Measured::Unknown(format!("{} takes no Region away, so nobody had to leave one", course.fault.kind));
    };
    if course.effect.is_none() {
        return Measured::Unknown("nobody saw the fault take effect".to_owned());
    }
    let end = until(case, healed);
    let mut home = healed;
    let mut residents = 0;
    for population in case.plan.traffic.iter().filter(|population| population.home == lost) {
        let Some(traffic) = case.evidence.traffic.get(&population.name) else { continue };
        if !had_left(case, traffic, healed) {
            let what = format!("{} had not left {lost} when it was healed", population.name);
            return Measured::Unknown(what);
        }
        residents += 1;
        match return_of(case, traffic, healed, end) {
            Ok(at) => home = home.max(at),
            Err(Measured::Never(why)) => return Measured::Never(format!("{}: {why}", population.name)),
            Err(Measured::Unknown(why)) => return Measured::Unknown(format!("{}: {why}", population.name)),
            Err(took) => return took,
        }
    }
    if residents == 0 {
        return Measured::Unknown(format!("no population lives in {lost}"));
    }
    Measured::Took(home - healed)
}

/// The failback as the verdict shows it.
pub fn failback(case: &Case<'_>, course: &Course) -> Failback {
    let hops = hops::failback(case, course);
    let (took_ms, evidence) = match took(case, course) {
        Measured::Took(took) => (Some(ms(took)), "every population was served from its home Region again".to_owned()),
        Measured::Never(why) | Measured::Unknown(why) => (None, why),
    };
    Failback { healed_at_ms: course.fault.healed.map(ms), budget_ms: hops::budget(&hops), hops, took_ms, evidence }
}

/// The end of traffic, or the next fault.
pub fn until(case: &Case<'_>, healed: Us) -> Us {
    let others = case.evidence.faults.iter().filter(|fault| !is_behind_users(case, fault));
    let next = others.map(|fault| fault.injected).filter(|at| *at >= healed).min();
    [next, traffic_ended(case)].into_iter().flatten().min().unwrap_or(case.evidence.end)
}

/// Whether, in the window before the heal, most of a population's good answers came from elsewhere.
fn had_left(case: &Case<'_>, traffic: &BySecond, healed: Us) -> bool {
    let second = second_of(healed);
    let before = traffic.tally(second.saturating_sub(window(case.plan))..second);
    before.home_share().is_some_and(|share| share < 1.0 - case.plan.failback.share_at_least.ratio().min(0.5))
}

fn return_of(case: &Case<'_>, traffic: &BySecond, healed: Us, end: Us) -> Result<Us, Measured> {
    let (start, end) = (second_from(healed), second_of(end));
    let length = window(case.plan);
    let hold = seconds(HOLD).max(length);
    let share = case.plan.failback.share_at_least.ratio();
    let success = case.plan.steady_state.success_at_least.ratio();
    let away = |tally: super::by_second::Tally| {
        tally.home_share().is_some_and(|seen| seen < share) || tally.success().is_some_and(|seen| seen < success)
    };
    if end < start + hold {
        return Err(Measured::Unknown(format!("the history ends {} s after the heal", end.saturating_sub(start))));
    }
    let last = traffic.windows(start..end, length).filter(|(_, tally)| away(*tally)).last();
    let back = last.map_or(start, |(second, _)| second + 1);
    if back + hold > end {
        let tally = traffic.tally(end.saturating_sub(length)..end);
        let percent = tally.home_share().unwrap_or(0.0) * 100.0;
        return Err(Measured::Never(format!("at the end of the run {percent:.1} % of the answers came from home")));
    }
    if traffic.tally(back..end).sent < SAMPLES {
        return Err(Measured::Unknown("too few requests after the heal".to_owned()));
    }
    Ok(moment(back).max(healed))
}
