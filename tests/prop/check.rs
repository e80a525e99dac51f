//! Running a plan and judging it; what a failure leaves behind.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use blackstart::history::{Journal, Record};
use blackstart::judge::{self, Outcome, Verdict};
use blackstart::report::gherkin;
use blackstart::run;
use blackstart::scenario::{Check, Plan};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

/// Carries out a plan and judges these claims.
pub fn verdict(plan: &Plan, claims: &[Check]) -> Verdict {
    let plan = Plan { assertions: claims.iter().cloned().map(Check::into_assertion).collect(), ..plan.clone() };
    let records: Arc<Mutex<Vec<Record>>> = Arc::default();
    let (journal, kept) = (Journal::unwritten(), records.clone());
    journal.watch(Box::new(move |record| kept.lock().unwrap().push(record.clone())));
    run::run(&plan, &journal).unwrap_or_else(|error| panic!("{error}"));
    let records = records.lock().unwrap();
    judge::judge(&plan, records.iter())
}

/// The claims that do not hold, and why. What cannot be told does not fail a property: a drawn plan may hold no write.
pub fn failed(verdict: &Verdict) -> Vec<String> {
    let failed = verdict.assertions.iter().filter(|judged| judged.verdict == Outcome::Fail);
    failed.map(|judged| format!("{}: {}", judged.id, judged.evidence)).collect()
}

/// A failing plan, as small as it could be made.
pub struct Found {
    pub plan: Plan,
    pub why: Vec<String>,
}

/// Draws plans until one fails a claim, and tries to make it smaller so many times; `None` where none fails.
pub fn search(plans: impl Strategy<Value = Plan>, claims: &[Check], cases: u32, shrink: u32) -> Option<Found> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let cases = number("BLACKSTART_PROP_CASES").map_or(cases, |cases| cases as u32);
    let config = Config {
        cases,
        max_shrink_iters: shrink,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(number("BLACKSTART_PROP_SEED").unwrap_or(7)),
        ..Config::default()
    };
    let ran = TestRunner::new(config).run(&plans, |plan| {
        let why = failed(&verdict(&plan, claims));
        if why.is_empty() { Ok(()) } else { Err(TestCaseError::fail(why.join("; "))) }
    });
    match ran {
        Ok(()) => None,
        Err(TestError::Fail(_, plan)) => {
            let why = failed(&verdict(&plan, claims));
            Some(Found { plan, why })
        }
        Err(TestError::Abort(why)) => panic!("the search was given up: {why}"),
    }
}

/// The plan as a feature of one scenario that makes the claims.
pub fn feature(name: &str, plan: &Plan, claims: &[Check]) -> String {
    let plan = Plan { assertions: claims.iter().cloned().map(Check::into_assertion).collect(), ..plan.clone() };
    let scenario = gherkin::scenario(name, &plan).unwrap_or_else(|error| panic!("{error}"));
    format!("Feature: What property tests found\n\n{scenario}")
}

/// Every plan must hold; the one that does not is printed and kept as a scenario.
pub fn hold(name: &str, plans: impl Strategy<Value = Plan>, claims: &[Check], cases: u32) {
    let Some(found) = search(plans, claims, cases, 128) else { return };
    let feature = feature(name, &found.plan, claims);
    let file = regressions().join(format!("{}.feature", name.replace(' ', "-")));
    std::fs::create_dir_all(regressions()).unwrap();
    std::fs::write(&file, &feature).unwrap();
    panic!("{}\n\nIt is this scenario, kept in {}:\n\n{feature}", found.why.join("\n"), file.display());
}

fn regressions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("proptest-regressions")
}
