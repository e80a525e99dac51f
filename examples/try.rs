use blackstart::history::{Event, Journal};
use blackstart::run;
use blackstart::scenario::*;
fn main() {
    let rate: f64 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(5.0);
    let mut plan = Plan::lose_region(blackstart::region::Region::US_EAST_1);
    plan.target.stack = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("stack");
    for p in &mut plan.traffic {
        p.rate = Rate::per_second(rate).unwrap();
    }
    let journal = Journal::unwritten();
    let mut fails = 0;
    let mut n = 0;
    journal.watch(Box::new(move |r| {
        if let Event::Request { status, .. } = &r.event {
            n += 1;
            if n < 10 {
            } else if status.is_none_or(|s| s >= 500) {
                fails += 1;
                if fails % 200 != 1 {
                    return;
                }
            } else {
                return;
            }
        }
        println!("{:>9.3} n={n} {}", r.at_us as f64 / 1e6, serde_json::to_string(&r.event).unwrap());
    }));
    let wall = blackstart::clock::WallClock::start();
    match run::run(&plan, &journal) {
        Ok(f) => println!("done {:?}", f.simulated),
        Err(e) => println!("ERROR {e}"),
    }
    println!("{:?}", wall.elapsed());
}
