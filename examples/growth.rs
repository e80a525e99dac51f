//! How the cost of a run grows with its traffic: `cargo run --release --example growth`.
//!
//! Runs the shipped game day at 25, 50, 100 and 200 requests a second, one after the other in this process, and prints
//! simulated and real time. Read the ratios; single wall times are the machine's mood.

use blackstart::clock::WallClock;
use blackstart::history::{Event, Journal};
use blackstart::region::Region;
use blackstart::run;
use blackstart::scenario::{Plan, Rate};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "{:>10} {:>10} {:>12} {:>9} {:>14} {:>12} {:>12}",
        "requests/s", "requests", "simulated s", "wall s", "simulated/wall", "us/request", "against 25/s"
    );
    let mut first = None;
    for rate in [25.0, 50.0, 100.0, 200.0] {
        let mut plan = Plan::lose_region(Region::US_EAST_1);
        plan.target.stack = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("stack");
        let total: f64 = plan.traffic.iter().map(|population| population.rate.get()).sum();
        for population in &mut plan.traffic {
            population.rate = Rate::per_second(population.rate.get() * rate / total).ok_or("a rate above zero")?;
        }
        let requests = Arc::new(AtomicU64::new(0));
        let (journal, counted) = (Journal::unwritten(), requests.clone());
        journal.watch(Box::new(move |record| {
            if matches!(record.event, Event::Request { .. }) {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        }));
        let wall = WallClock::start();
        let finished = run::run(&plan, &journal)?;
        let (wall, simulated) = (wall.elapsed().as_secs_f64(), finished.simulated.as_secs_f64());
        let requests = requests.load(Ordering::Relaxed);
        let first = *first.get_or_insert(wall);
        println!(
            "{rate:>10} {requests:>10} {simulated:>12.0} {wall:>9.2} {:>14.0} {:>12.1} {:>12.2}",
            simulated / wall,
            wall * 1e6 / requests as f64,
            wall / first
        );
    }
    Ok(())
}
