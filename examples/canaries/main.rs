//! How often the judge of a canary is wrong: thousands of made-up canaries, with no difference and with a known one.
//! Prints a table of rates by difference and sample size. `tools/canaries` runs it.

mod story;

use std::sync::atomic::{AtomicU64, Ordering};

use blackstart::judge::canary::{Finding, Measure, StepSeen};
use blackstart::region::Region;
use blackstart::scenario::{Analysis, Decision, Percent};
use blackstart::seed::Seed;
use story::{FINE, Story, Version};

const SIZES: [u64; 4] = [100, 500, 2_000, 10_000];
const BAKE: u64 = 600;

fn main() {
    let canaries = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1_000);
    println!("{canaries} canaries a cell, one step of half the traffic, 5 % significance, 90 % power;");
    println!("errors matter from 0.25 points, latency from 55 of 100 pairs. In percent of all canaries:\n");
    println!("{:<34}{:>8} {:>11} {:>11} {:>14}", "difference", "an arm", "rolled back", "passed", "inconclusive");
    let errors = [0.001, 0.005, 0.01, 0.02, 0.05];
    for size in SIZES {
        cell("no difference", Measure::Errors, FINE, size, canaries);
    }
    for fails in &errors[1..] {
        let name = format!("errors 0.1 % -> {} %", fails * 100.0);
        for size in SIZES {
            cell(&name, Measure::Errors, Version { fails: *fails, ..FINE }, size, canaries);
        }
    }
    for percent in [5, 10, 20, 50] {
        let slower = 1.0 + f64::from(percent) / 100.0;
        let name = format!("latency +{percent} %");
        for size in SIZES {
            cell(&name, Measure::Latency, Version { slower, ..FINE }, size, canaries);
        }
    }
    lockstep(canaries);
}

fn percent(percent: f64) -> Percent {
    Percent::new(percent).expect("a share")
}

/// One step; what its test of one metric came to, or, where there is no difference, what any test came to.
fn cell(name: &str, metric: Measure, canary: Version, size: u64, canaries: u64) {
    let counts = tally(canaries, |seed| {
        let analysis =
            Analysis { errors_worse_by: percent(0.25), slower_in_at_most: percent(55.0), ..Analysis::default() };
        let (steps, rate) = (vec![(50.0, BAKE)], 2.0 * size as f64 / BAKE as f64);
        let seen = Story { seed, steps, rate, canary, analysis, ..Story::default() }.play(|_| {});
        seen.steps.first().map_or(Finding::Inconclusive, |step| of_step(step, metric))
    });
    row(name, &size.to_string(), counts, canaries);
}

/// Worse by an alarm or a test; else what the metric came to.
fn of_step(step: &StepSeen, metric: Measure) -> Finding {
    if step.alarmed || step.metrics.iter().any(|seen| seen.finding == Finding::Worse) {
        return Finding::Worse;
    }
    let found = step.metrics.iter().find(|seen| seen.metric == metric && seen.operation.is_none());
    found.map_or(Finding::Inconclusive, |seen| seen.finding)
}

/// Canaries as they are released: three steps in two Regions, three operations, writes, looks while they bake and hold.
fn lockstep(canaries: u64) {
    let counts = tally(canaries, |seed| {
        let story = Story {
            seed,
            regions: vec![Region::US_EAST_1, Region::EU_WEST_1],
            steps: vec![(10.0, 600), (50.0, 600), (100.0, 300)],
            hold: 1_800,
            rate: 30.0,
            mix: vec![("GET /whoami", 3), ("PUT /orders/{id}", 1), ("GET /orders/{id}", 1)],
            analysis: Analysis { errors_worse_by: percent(0.5), ..Analysis::default() },
            ..Story::default()
        };
        let seen = story.play(|_| {});
        match seen.decision {
            Some(Decision::Promoted) => Finding::NoWorse,
            _ if seen.reason.starts_with("waited long enough") => Finding::Inconclusive,
            _ => Finding::Worse,
        }
    });
    row("no difference, 3 steps, 2 Regions", "-", counts, canaries);
}

/// Rolled back, passed, inconclusive.
fn tally(canaries: u64, play: impl Fn(Seed) -> Finding + Sync) -> [u64; 3] {
    let (next, counts) = (AtomicU64::new(0), [const { AtomicU64::new(0) }; 3]);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= canaries {
                break;
            }
            let index = match play(Seed(number)) {
                Finding::Worse => 0,
                Finding::NoWorse => 1,
                Finding::Inconclusive => 2,
            };
            counts[index].fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    counts.map(AtomicU64::into_inner)
}

fn row(name: &str, size: &str, counts: [u64; 3], canaries: u64) {
    let [rolled_back, passed, inconclusive] = counts.map(|count| count as f64 * 100.0 / canaries as f64);
    println!("{name:<34}{size:>8} {rolled_back:>11.1} {passed:>11.1} {inconclusive:>14.1}");
}
