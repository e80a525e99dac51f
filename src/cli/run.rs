//! `blackstart run`: plan, run, judge, report.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::args::RunArgs;
use super::consent::{self, Act};
use super::{Console, Engine, Stop, exit, runs, settings};
use crate::clock::WallClock;
use crate::history::Journal;
use crate::judge::{Judge, Verdict};
use crate::report::{Progress, Report, markdown, terminal, verdict_json};
use crate::scenario::{self, Plan};
use crate::seed::Seed;

pub(crate) fn run(args: &RunArgs, console: &mut Console, engine: &Engine) -> Result<u8, Stop> {
    let mut plan = scenario::load(&args.scenario).map_err(|error| Stop::Usage(error.into()))?;
    if let Some(seed) = args.seed {
        plan.seed = Seed(seed);
    }
    settings::aim(&mut plan, &args.at).map_err(Stop::Usage)?;
    if !consent::given(Act::Run, &plan, &args.at, console, engine)? {
        return Ok(exit::PASS);
    }
    let folder = runs::create(&args.out, &runs::run_id(&plan))?;
    let before = runs::latest(&args.out);
    // Before the run: what it saw until it died can then be reported as latest too.
    runs::point_latest(&args.out, &folder)?;
    console.complain(&format!("{} on {}, seed {}: {}\n", plan.scenario, plan.target.name, plan.seed, folder.display()));
    let verdict = match carry_out(&plan, &folder, console, engine) {
        Err(refused) if runs::saw_nothing(&folder) => {
            // It never began, and what the run before it left to restore stays the latest.
            runs::discard(&args.out, &folder, before.as_deref())?;
            return Err(refused);
        }
        carried_out => carried_out?,
    };
    publish(&plan, &verdict, &folder, args.json, console)?;
    Ok(exit::of(verdict.verdict))
}

/// Runs the plan into its folder; the judge and the progress line watch its history as it is written.
pub(crate) fn carry_out(plan: &Plan, folder: &Path, console: &Console, engine: &Engine) -> Result<Verdict, Stop> {
    let wall = WallClock::start();
    runs::write(folder, runs::PLAN, &to_json(plan)?)?;
    let journal = Journal::create(&folder.join(runs::HISTORY))?;
    let judge = Arc::new(Mutex::new(Judge::new(plan)));
    let watching = Arc::clone(&judge);
    journal.watch(Box::new(move |record| watching.lock().unwrap_or_else(PoisonError::into_inner).observe(record)));
    journal.watch(Progress::new(console.err(), console.live).watcher());
    let done = (engine.run)(plan, &journal);
    // What was seen up to an error is evidence too: it is flushed before the error is reported.
    journal.finish()?;
    done?;
    let judge = judge.lock().unwrap_or_else(PoisonError::into_inner);
    let mut verdict = judge.verdict();
    verdict.wall_ms = Some(u64::try_from(wall.elapsed().as_millis()).unwrap_or(u64::MAX));
    Ok(verdict)
}

/// Writes the files of a judged run and prints what was asked for.
pub(crate) fn publish(
    plan: &Plan,
    verdict: &Verdict,
    folder: &Path,
    json: bool,
    console: &mut Console,
) -> Result<(), Stop> {
    let shown = folder.display().to_string();
    let report = Report { plan, verdict, folder: Some(&shown) };
    store(plan, verdict, folder)?;
    if json {
        console.print(&verdict_json(verdict));
    } else {
        let text = terminal(report, console.paint);
        console.print(&text);
    }
    Ok(())
}

/// Writes the files of a judged run.
pub(crate) fn store(plan: &Plan, verdict: &Verdict, folder: &Path) -> Result<(), Stop> {
    let shown = folder.display().to_string();
    runs::write(folder, runs::VERDICT, &verdict_json(verdict))?;
    runs::write(folder, runs::REPORT, &markdown(Report { plan, verdict, folder: Some(&shown) }))?;
    Ok(())
}

fn to_json(plan: &Plan) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(plan)?;
    text.push('\n');
    Ok(text)
}
