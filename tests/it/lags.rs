//! What the probes measure against what the twin was set to: percentiles of the table's replication lag.
//!
//! `BLACKSTART_LAG_WRITES=10000 cargo test --test it lags -- --nocapture` measures more, and prints what it found.

use std::path::Path;
use std::time::Duration;

use blackstart::history::Journal;
use blackstart::judge::Judge;
use blackstart::run;
use blackstart::scenario::{Plan, Rate, TableWorkload};
use blackstart::store::WriteKind;
use blackstart::twin::services::dynamodb::lag_quantile;
use std::sync::{Arc, Mutex};

const WRITES: f64 = 2_000.0;
const PER_SECOND: f64 = 50.0;

#[test]
fn probes_measure_the_lag_the_twin_was_set_to() {
    let given = std::env::var("BLACKSTART_LAG_WRITES").ok().and_then(|text| text.parse().ok());
    let writes: f64 = given.unwrap_or(WRITES);
    let mut plan = Plan::stores();
    plan.target.stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("stack");
    plan.steady_state.duration = Duration::from_secs_f64(writes / PER_SECOND / 4.0);
    plan.data.look_every = Duration::from_millis(20);
    plan.data.table = Some(TableWorkload {
        writes: Rate::per_second(PER_SECOND).unwrap(),
        reads: None,
        // So many that hardly any write is overwritten on its way.
        keys: 1_000_000,
        mix: [(WriteKind::Put, 1)].into(),
    });
    let judge = Arc::new(Mutex::new(Judge::new(&plan)));
    let (journal, watching) = (Journal::unwritten(), judge.clone());
    journal.watch(Box::new(move |record| watching.lock().unwrap().observe(record)));
    run::run(&plan, &journal).unwrap();
    let verdict = judge.lock().unwrap().verdict();
    let mut samples = 0;
    for lag in &verdict.replication.tables {
        samples += lag.samples;
        for (name, q, measured, tolerance) in [("p50", 0.5, lag.p50_ms, 0.05), ("p99", 0.99, lag.p99_ms, 0.1)] {
            let (measured, set) = (measured.unwrap() as f64, lag_quantile(q).as_secs_f64() * 1_000.0);
            let (from, to, off) = (lag.from, lag.to, measured / set - 1.0);
            println!("{from} to {to} {name}: measured {measured} ms, set to {set:.0} ms: {:+.1} %", off * 100.0);
            assert!(off.abs() < tolerance, "{from} to {to} {name}: measured {measured} ms, set to {set:.0} ms");
        }
    }
    println!("{samples} writes");
    assert!(samples as f64 > 0.9 * writes, "{samples} of {writes}");
}
