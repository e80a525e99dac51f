//! The way of a failover and of a failback, hop by hop: when each was seen, what it took, what it may take.
//!
//! A budget is what the stack's own settings allow, worked out beside each hop. The sum of a way's budgets is an
//! upper bound worked out by hand; the bounds of a scenario should lie below it.

use std::time::Duration;

use super::evidence::{AlarmChange, Answer, ChangeSeen, Decision, Us, ms, second_of, us};
use super::failback::until;
use super::failover::{Course, Measured, window};
use super::moves::{self, Signs};
use super::verdict::{HopSeen, MovedBy};
use super::{Case, checks};
use crate::history::AlarmState;
use crate::region::{Place, Region};
use crate::scenario::{Behaviour, Hop, StackSettings};

/// When a hop was seen and by what, or why it was not.
type Sighting = Result<(Us, String), Unseen>;

/// Why a hop was not seen.
#[derive(Clone, Debug)]
enum Unseen {
    /// It did not happen.
    Absent(String),
    /// It may have happened: nothing in the history could have shown it.
    Blind(String),
}

impl Unseen {
    fn absent(why: impl Into<String>) -> Self {
        Self::Absent(why.into())
    }

    fn blind(why: impl Into<String>) -> Self {
        Self::Blind(why.into())
    }

    fn of(never: &Measured) -> Self {
        match never {
            Measured::Never(why) => Self::absent(why.as_str()),
            Measured::Unknown(why) => Self::blind(why.as_str()),
            Measured::Took(_) => Self::absent("it happened"),
        }
    }
}

/// Collects hops, each with the one it follows from.
struct Way {
    begun: Us,
    hops: Vec<(HopSeen, Option<Us>)>,
}

/// What a hop follows from where that is the beginning.
const BEGINNING: &str = "";

impl Way {
    fn from(begun: Us) -> Self {
        Self { begun, hops: Vec::new() }
    }

    fn add(&mut self, name: &str, after: &str, budget: Duration, seen: Sighting) {
        let budget_ms = u64::try_from(budget.as_millis()).unwrap_or(u64::MAX);
        let (at, evidence, blind) = match seen {
            Ok((at, evidence)) => (Some(at), evidence, false),
            Err(Unseen::Absent(why)) => (None, why, false),
            Err(Unseen::Blind(why)) => (None, why, true),
        };
        let took_ms = at.map(|at| ms((at - self.begin_of(after)).max(0)));
        let (name, after) = (name.to_owned(), after.to_owned());
        self.hops.push((HopSeen { name, after, at_ms: at.map(ms), took_ms, budget_ms, evidence, blind }, at));
    }

    /// When the hop called `name` was seen, or the nearest one it follows from.
    fn begin_of(&self, name: &str) -> Us {
        match self.hops.iter().find(|(hop, _)| hop.name == name) {
            Some((_, Some(at))) => *at,
            Some((hop, None)) => self.begin_of(&hop.after),
            None => self.begun,
        }
    }

    fn finish(self) -> Vec<HopSeen> {
        self.hops.into_iter().map(|(hop, _)| hop).collect()
    }
}

/// The name of a population's first good request begins with this.
const FIRST_GOOD: &str = "first-good-request:";

/// What the whole way may take: the budgets of the last hop and of all it follows from.
pub fn budget(hops: &[HopSeen]) -> u64 {
    let mut sum = 0;
    let mut next = hops.last();
    while let Some(hop) = next {
        sum += hop.budget_ms;
        next = hops.iter().find(|other| other.name == hop.after);
    }
    sum
}

/// From the injection to the last population's recovery.
pub fn failover(case: &Case<'_>, course: &Course) -> (Vec<HopSeen>, Option<MovedBy>) {
    let settings = &case.plan.settings;
    let [observed, datapoint, alarm, invoked, accepted, synced, unhealthy, moved, off] = Hop::ALL.map(Hop::as_str);
    let mut way = Way::from(course.fault.injected);
    let Some(effect) = course.effect else {
        let why = || Err(Unseen::blind("the fault was not seen to take effect"));
        Hop::ALL.into_iter().for_each(|hop| way.add(hop.as_str(), BEGINNING, Duration::ZERO, why()));
        return (way.finish(), None);
    };
    let span = Span { from: effect, to: course.horizon, lost: course.fault.region };
    // A client notices within its own timeout; a second more for the next request to come along.
    let moment = Duration::from_secs(1);
    let notice = case.plan.traffic.iter().map(|people| people.timeout).max().unwrap_or_default() + moment;
    way.add(observed, BEGINNING, notice, Ok((effect, "the first request that failed".to_owned())));
    // The period must end, and its datapoint be published.
    let publication = settings.metric_period + settings.metric_delay + settings.probe_interval;
    way.add(datapoint, observed, publication, first_datapoint(case, &span));
    // The first datapoint may be of a period mostly before the fault and not breach: M whole periods more.
    let evaluation = settings.metric_period * settings.datapoints_to_alarm + settings.evaluation_interval;
    way.add(alarm, datapoint, evaluation, first_alarm(case, &span));
    let (called, decided) = function(case, &span, "failed-over");
    way.add(invoked, alarm, settings.action, called);
    let change = change(case, &span, decided);
    way.add(accepted, invoked, settings.action, change.as_ref().map(acceptance).map_err(Clone::clone));
    // Name servers change one by one until INSYNC, so answers may move before; the harness asks each interval.
    let looked = settings.change_insync + settings.probe_interval;
    way.add(synced, accepted, looked, change.clone().and_then(insync));
    // Checkers may notice before any user does.
    let early = Span { from: course.fault.injected, ..span };
    let checkers = Checkers::of(case, &early);
    let lost = checkers.seen(case, &early, false);
    let answered = answers(case, &span, false);
    let signs = signs(case, &span, &answered, &change, &lost);
    let moved_by = (!matches!(answered, Err(Unseen::Blind(_)))).then(|| signs.moved_by());
    way.add(unhealthy, observed, checkers.noticed(settings), lost);
    if checkers.are_followed() && signs.by_checks() {
        way.add(moved, unhealthy, checkers.turned(settings), answered);
    } else {
        way.add(moved, accepted, looked, answered);
    }
    for (name, good) in first_good(case, &span) {
        // The answer its resolvers hold may have been fetched just before the name servers changed.
        let lives_there = case.plan.traffic.iter().any(|people| people.name == name && Some(people.home) == span.lost);
        let (after, wait) = if lives_there { (moved, settings.record_ttl) } else { (observed, Duration::ZERO) };
        way.add(&format!("{FIRST_GOOD}{name}"), after, wait + moment, good);
    }
    way.add(off, moved, settings.record_ttl + moment, last_client(case, &span));
    let recovered = match &course.rto {
        Measured::Took(took) => Ok((effect + took, "every population within its bound, and it stayed so".to_owned())),
        never => Err(Unseen::of(never)),
    };
    way.add("recovered", off, notice, recovered);
    (way.finish(), moved_by)
}

/// What is known of who moved the answers of this span.
fn signs(
    case: &Case<'_>,
    span: &Span,
    answered: &Sighting,
    change: &Result<&ChangeSeen, Unseen>,
    lost: &Sighting,
) -> Signs {
    let at = |seen: &Sighting| seen.as_ref().ok().map(|(at, _)| *at);
    let led = span.lost.and_then(|region| moves::led_away(case.evidence, region, span.from, span.to));
    let submitted = change.as_ref().ok().map(|change| change.submitted);
    Signs { answers: at(answered), changed: [submitted, led].into_iter().flatten().min(), unhealthy: at(lost) }
}

/// The health checks that the lost Region's records followed when the span began.
struct Checkers {
    /// `None` where nobody listed the records.
    followed: Option<Vec<String>>,
    interval: Duration,
    threshold: u32,
    /// One of them follows an alarm, which waits for unbroken health.
    proves: bool,
}

impl Checkers {
    fn of(case: &Case<'_>, span: &Span) -> Self {
        let followed = span.lost.and_then(|region| checks::followed(case.evidence, region, span.from));
        let first = followed.iter().flatten().next().map_or("", String::as_str);
        let (interval, threshold) = checks::pace(case.evidence, first);
        let proves = checks::follows_alarm(case.evidence, first);
        Self { followed, interval, threshold, proves }
    }

    fn are_followed(&self) -> bool {
        self.followed.as_ref().is_some_and(|checks| !checks.is_empty())
    }

    /// Every checker has asked once, and the harness the checkers, which it does half as often as all else.
    fn noticed(&self, settings: &StackSettings) -> Duration {
        self.interval + checks::TIMEOUT + settings.probe_interval * 2
    }

    /// The same for the Region's return, and what an alarm's metric must show before.
    fn proven(&self, settings: &StackSettings) -> Duration {
        let proof = settings.stable + settings.metric_period + settings.metric_delay + settings.evaluation_interval;
        let turned = self.interval * self.threshold.saturating_sub(1);
        self.noticed(settings) + if self.proves { turned + proof } else { Duration::ZERO }
    }

    /// So many failures in a row turn a checker, and name servers follow.
    fn turned(&self, settings: &StackSettings) -> Duration {
        self.interval * self.threshold.saturating_sub(1) + checks::TIMEOUT + settings.probe_interval
    }

    fn seen(&self, case: &Case<'_>, span: &Span, healthy: bool) -> Sighting {
        let Some(followed) = &self.followed else { return Err(Unseen::blind("nobody saw the records")) };
        if followed.is_empty() {
            return Err(Unseen::absent("no record of the Region follows a health check"));
        }
        if case.evidence.checkers.is_empty() {
            return Err(Unseen::blind("nobody asked the checkers"));
        }
        let first = |check| Some((checks::first_seen(case.evidence, check, healthy, span.from, span.to)?, check));
        match followed.iter().map(String::as_str).filter_map(first).min() {
            Some((at, check)) => {
                let words = checks::words(case.evidence, check, at).unwrap_or("no checker said why");
                Ok((at, if healthy { format!("{check} again") } else { format!("{check}: {words}") }))
            }
            None => {
                let state = if healthy { "healthy again" } else { "unhealthy" };
                let why = format!("too few checkers of {} were seen {state}", followed.join(", "));
                Err(unless_blind(case, span, "checker probe", &why))
            }
        }
    }
}

/// From the heal to the last population's return.
pub fn failback(case: &Case<'_>, course: &Course) -> Vec<HopSeen> {
    let settings = &case.plan.settings;
    let Some(healed) = course.fault.healed else { return Vec::new() };
    let mut way = Way::from(healed);
    let span = Span { from: healed, to: until(case, healed), lost: course.fault.region };
    let moment = Duration::from_secs(1);
    let (called, decided) = function(case, &span, "failed-back");
    // Health checks must see the Region again, their metric be published and the recovery alarm be evaluated.
    let noticed = settings.health_check + settings.metric_period + settings.metric_delay + settings.evaluation_interval;
    way.add("function-invoked", BEGINNING, noticed + settings.action, called);
    // The function waits out flapping before it decides.
    let change = change(case, &span, decided);
    let proven = settings.stable + settings.action;
    way.add("change-accepted", "function-invoked", proven, change.as_ref().map(acceptance).map_err(Clone::clone));
    let looked = settings.change_insync + settings.probe_interval;
    let submitted = change.as_ref().ok().map(|change| change.submitted);
    way.add("insync", "change-accepted", looked, change.and_then(insync));
    // The records as they were before the fault: while traffic is away, they lead elsewhere.
    let before = Span { from: course.fault.injected, ..span };
    let checkers = Checkers::of(case, &before);
    let back = answers(case, &span, true);
    let answered = back.as_ref().ok().map(|(at, _)| *at);
    let signs = Signs { answers: answered, changed: submitted, unhealthy: None };
    if checkers.are_followed() {
        way.add("checkers-healthy", BEGINNING, checkers.proven(settings), checkers.seen(case, &span, true));
    }
    if checkers.are_followed() && signs.by_checks() {
        way.add("answers-back", "checkers-healthy", checkers.turned(settings), back);
    } else {
        way.add("answers-back", "change-accepted", looked, back);
    }
    let home = match super::failback::took(case, course) {
        Measured::Took(took) => Ok((healed + took, "served from home, and it stayed so".to_owned())),
        never => Err(Unseen::of(&never)),
    };
    // The last resolver lets go of the old answer after a TTL.
    way.add("home-served", "answers-back", settings.record_ttl + moment, home);
    way.finish()
}

/// The stretch of a run in which a hop must lie, and the Region it is about.
#[derive(Clone, Copy)]
struct Span {
    from: Us,
    to: Us,
    lost: Option<Region>,
}

impl Span {
    fn holds(&self, at: Us) -> bool {
        (self.from..self.to).contains(&at)
    }

    fn about(&self, region: Option<Region>) -> bool {
        region.is_none() || self.lost.is_none() || region == self.lost
    }
}

/// It did not happen, unless the probe that would have seen it was failing meanwhile.
fn unless_blind(case: &Case<'_>, span: &Span, probe: &str, why: &str) -> Unseen {
    let failing = case.evidence.troubles.iter().find(|trouble| trouble.stage == probe && span.holds(trouble.seen));
    match failing {
        Some(trouble) => Unseen::blind(format!("{why}; but the {probe} was failing: {}", trouble.what)),
        None => Unseen::absent(why),
    }
}

fn first_datapoint(case: &Case<'_>, span: &Span) -> Sighting {
    let evidence = case.evidence;
    let fits = |metric: &str| metric.contains("5XX") || metric.contains("5xx");
    let first = evidence.datapoints.iter().find(|point| {
        fits(&point.metric)
            && point.value > 0.0
            && point.period_end > span.from
            && span.holds(point.seen)
            && span.about(Some(point.region))
    });
    match first {
        Some(point) => Ok((point.seen, format!("{} {} of {}", point.metric, point.value, point.region))),
        None if evidence.datapoints.is_empty() => Err(Unseen::blind("no metrics in this history")),
        None => Err(unless_blind(case, span, "metric probe", "no 5XX datapoint above 0 before the heal")),
    }
}

fn first_alarm(case: &Case<'_>, span: &Span) -> Sighting {
    let alarms = &case.evidence.alarms;
    let fits = |alarm: &&AlarmChange| alarm.state == AlarmState::Alarm && span.holds(alarm.changed);
    let own =
        alarms.iter().filter(fits).filter(|alarm| span.about(Some(alarm.region))).min_by_key(|alarm| alarm.changed);
    match own.or_else(|| alarms.iter().filter(fits).min_by_key(|alarm| alarm.changed)) {
        Some(alarm) => Ok((alarm.changed, format!("{} in {}", alarm.alarm, alarm.region))),
        None if alarms.is_empty() => Err(Unseen::blind("no alarms in this history")),
        None => Err(unless_blind(case, span, "alarm probe", "no alarm went into ALARM before the heal")),
    }
}

/// The invocation that led to a decision, and the decision.
fn function<'a>(case: &Case<'a>, span: &Span, wanted: &str) -> (Sighting, Option<&'a Decision>) {
    let lines: Vec<&Decision> =
        case.evidence.decisions.iter().filter(|line| span.holds(line.logged) && span.about(line.guarded)).collect();
    let decided = lines.iter().position(|line| line.decision == wanted);
    let is_call = |index: &usize| lines[*index].decision == "invoked";
    let is_ignored = |index: usize| lines.get(index + 1).is_some_and(|next| next.decision == "ignored");
    let invoked = match decided {
        Some(index) => (0..index).rev().find(is_call),
        // A call that fails is made again: this hop was reached by the first of them.
        None => (0..lines.len()).find(|index| is_call(index) && !is_ignored(*index)),
    };
    let invoked = invoked.map(|index| &lines[index]).or(lines.first());
    let seen = match (invoked, lines.last()) {
        (Some(line), _) if decided.is_some() => Ok((line.logged, format!("{}: {}", line.function, line.reason))),
        // Called for another alarm, such as the one that waits for the Region's return: no step of this way.
        (Some(_), Some(last)) if lines.iter().all(|line| matches!(line.decision.as_str(), "invoked" | "ignored")) => {
            Err(Unseen::absent(format!("the failover function was asked for nothing of this: {}", last.reason)))
        }
        (Some(line), Some(last)) => {
            Ok((line.logged, format!("{}, whose last word was {}: {}", line.function, last.decision, last.reason)))
        }
        _ => Err(unless_blind(case, span, "failover log probe", "the failover function wrote nothing")),
    };
    (seen, decided.map(|index| lines[index]))
}

fn change<'a>(case: &Case<'a>, span: &Span, decided: Option<&Decision>) -> Result<&'a ChangeSeen, Unseen> {
    let changes = &case.evidence.changes;
    let named = decided.and_then(|line| line.change_id.as_deref());
    let own = named.and_then(|id| changes.iter().find(|change| change.id == id));
    let first = own.or_else(|| changes.iter().find(|change| span.holds(change.submitted)));
    first.ok_or_else(|| unless_blind(case, span, "failover log probe", "no Route 53 change was submitted"))
}

fn acceptance(change: &&ChangeSeen) -> (Us, String) {
    (change.submitted, change.id.clone())
}

fn insync(change: &ChangeSeen) -> Sighting {
    let at = change.insync.ok_or_else(|| Unseen::absent(format!("{} was not seen INSYNC", change.id)))?;
    Ok((at, change.id.clone()))
}

/// The first answer without the lost Region, or with it again, where it was the other way round before.
fn answers(case: &Case<'_>, span: &Span, back: bool) -> Sighting {
    let Some(lost) = span.lost else { return Err(Unseen::blind("no Region was taken away")) };
    let answers = &case.evidence.answers;
    if answers.is_empty() {
        return Err(Unseen::blind("no DNS answers in this history"));
    }
    let had = |from: Place| {
        let before = answers.iter().rfind(|answer| answer.seen <= span.from && answer.from == from);
        before.is_some_and(|answer| answer.regions.contains(&lost) != back)
    };
    let moved = |answer: &&Answer| {
        span.holds(answer.seen)
            && answer.regions.contains(&lost) == back
            && !answer.regions.is_empty()
            && had(answer.from)
    };
    match answers.iter().find(moved) {
        Some(answer) => Ok((answer.seen, format!("asked from {}", answer.from))),
        None if back => Err(unless_blind(case, span, "DNS probe", &format!("no answer with {lost} again"))),
        None => Err(unless_blind(case, span, "DNS probe", &format!("no answer without {lost} before the heal"))),
    }
}

/// The first good request of each population that was planned after the effect.
fn first_good(case: &Case<'_>, span: &Span) -> Vec<(String, Sighting)> {
    // Whole seconds before the heal: one that was planned in the second of the heal is no sign of a failover.
    let (start, end) = (span.from.max(0), second_of(span.to));
    let first = |name: &String| {
        let traffic = case.evidence.traffic.get(name)?;
        traffic.first_good(u64::try_from(start).unwrap_or(0), end)
    };
    let names = case.plan.traffic.iter().map(|people| &people.name);
    names
        .map(|name| {
            let seen = first(name).map(|at| (us(at), "planned after the effect and answered well".to_owned()));
            (name.clone(), seen.ok_or_else(|| Unseen::absent("no good request before the heal")))
        })
        .collect()
}

/// When the last client that honours the TTL sent a request to the lost Region, if that was well before the heal.
fn last_client(case: &Case<'_>, span: &Span) -> Sighting {
    let Some(slot) = span.lost.and_then(|region| case.evidence.slot(region)) else {
        return Err(Unseen::blind("no Region was taken away"));
    };
    let seconds = second_of(span.from)..second_of(span.to);
    let end = seconds.end;
    let mut honest = case.evidence.requests_of(None, Some(Behaviour::HonoursTtl)).peekable();
    if honest.peek().is_none() {
        return Err(Unseen::blind("no client of this run honours the TTL"));
    }
    match honest.filter_map(|(_, traffic)| traffic.last_sent(slot, seconds.clone())).max().map(us) {
        None => Err(Unseen::blind("no request went there after the effect")),
        Some(at) if second_of(at) + window(case.plan) >= end => {
            Err(Unseen::absent("requests were still sent there when the fault was healed"))
        }
        Some(at) => Ok((at, "the last request sent to the lost Region".to_owned())),
    }
}
