//! What guarding costs a month: the stacks' health checks and alarms, and what checkers ask of the API.
//!
//! List prices in US dollars of us-east-1 and eu-west-1, which are the same for these. Left out: free tiers (the first 50
//! checks of AWS endpoints, the first 10 alarms), the function's own run time, and what does not differ between guards.

use super::evidence::Evidence;
use super::verdict::{Cost, CostLine};
use crate::history::CheckFound;

const PRICES: &str = "aws.amazon.com: Route 53, CloudWatch, API Gateway and Lambda pricing, 2026-11";

/// Route 53 pricing, "Health checks": a basic check of an endpoint in AWS, or elsewhere. That calculated checks and those of
/// alarms cost as much as one of an AWS endpoint is our reading of it.
const CHECK_AWS: f64 = 0.50;
const CHECK_ELSEWHERE: f64 = 0.75;
/// The same, "optional features": HTTPS, string matching, fast interval and latency measurement, each.
const OPTION_AWS: f64 = 1.00;
const OPTION_ELSEWHERE: f64 = 2.00;
/// A request interval that is the fast one, in seconds.
const FAST: u32 = 10;
/// CloudWatch pricing, "Alarms": each metric of an alarm, at standard and at high resolution, and a composite alarm.
const ALARM_METRIC: f64 = 0.10;
const ALARM_METRIC_FINE: f64 = 0.30;
const ALARM_COMPOSITE: f64 = 0.50;
/// API Gateway pricing, REST APIs, first 333 million requests: $3.50 a million; Lambda pricing: $0.20 a million requests.
const MILLION_REQUESTS: f64 = 3.50 + 0.20;
/// 730 hours, as AWS counts a month.
const MONTH_S: f64 = 730.0 * 3_600.0;

/// `None` where nobody read what the stacks have.
pub fn cost(evidence: &Evidence) -> Option<Cost> {
    let alarms = evidence.bill.as_ref()?;
    let mut lines = Vec::new();
    let mut add = |what: &str, count: f64, unit: &str, usd_each: f64| {
        if count > 0.0 {
            let usd = (count * usd_each * 100.0).round() / 100.0;
            lines.push(CostLine { what: what.to_owned(), count, unit: unit.to_owned(), usd_each, usd });
        }
    };
    let checks = &evidence.checks;
    let count = |wanted: &dyn Fn(&CheckFound) -> bool| checks.iter().filter(|check| wanted(check)).count() as f64;
    let asks = |check: &CheckFound| !matches!(check.kind.as_str(), "CALCULATED" | "CLOUDWATCH_METRIC");
    add("health checks of endpoints in AWS", count(&|check| asks(check) && check.aws), "checks", CHECK_AWS);
    add("health checks of other endpoints", count(&|check| asks(check) && !check.aws), "checks", CHECK_ELSEWHERE);
    add("health checks, calculated or of an alarm", count(&|check| !asks(check)), "checks", CHECK_AWS);
    type Has = fn(&CheckFound) -> bool;
    let options: [(&str, Has); 4] = [
        ("HTTPS", |check| check.kind.starts_with("HTTPS")),
        ("string matching", |check| check.string_match),
        ("fast interval", |check| check.interval_s == Some(FAST)),
        ("latency measurement", |check| check.latency),
    ];
    for (name, has) in options {
        let what = format!("health check option: {name}");
        add(&what, count(&|check| asks(check) && check.aws && has(check)), "checks", OPTION_AWS);
        add(&what, count(&|check| asks(check) && !check.aws && has(check)), "checks", OPTION_ELSEWHERE);
    }
    let metrics = |fine: bool| {
        let of = alarms.iter().filter(|alarm| alarm.period_s.is_some_and(|period| period < 60) == fine);
        of.map(|alarm| f64::from(alarm.metrics)).sum::<f64>()
    };
    add("metrics of alarms", metrics(false), "metrics", ALARM_METRIC);
    add("metrics of alarms, high resolution", metrics(true), "metrics", ALARM_METRIC_FINE);
    let composite = alarms.iter().filter(|alarm| alarm.metrics == 0).count();
    add("composite alarms", composite as f64, "alarms", ALARM_COMPOSITE);
    let requests: f64 =
        checks.iter().filter(|check| asks(check) && check.aws).map(|check| asked(evidence, check)).sum();
    let millions = (requests / 1e4).round() / 100.0;
    add("checkers' requests to API Gateway and Lambda", millions, "million requests", MILLION_REQUESTS);
    let usd = (lines.iter().map(|line| line.usd).sum::<f64>() * 100.0).round() / 100.0;
    Some(Cost { lines, usd, prices: PRICES.to_owned() })
}

/// The requests of a check's checkers in a month: each that was seen asks once an interval.
fn asked(evidence: &Evidence, check: &CheckFound) -> f64 {
    let looks = evidence.checkers.iter().filter(|look| look.check == check.id);
    let checkers = looks.map(|look| look.checkers).max().unwrap_or(0);
    match check.interval_s {
        Some(interval) if !check.disabled => f64::from(checkers) * MONTH_S / f64::from(interval),
        _ => 0.0,
    }
}
