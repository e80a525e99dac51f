//! `blackstart report`: judges a stored history again and renders it anew.

use std::path::Path;

use anyhow::Context;

use super::args::ReportArgs;
use super::run::publish;
use super::{Console, Stop, exit, runs};
use crate::history;
use crate::judge::{Judge, Verdict};
use crate::scenario::Plan;

pub(crate) fn report(args: &ReportArgs, console: &mut Console) -> Result<u8, Stop> {
    let folder = runs::find(&args.out, &args.run)?;
    let plan = read_plan(&folder).map_err(Stop::Usage)?;
    let mut judge = Judge::new(&plan);
    let history = folder.join(runs::HISTORY);
    let read = history::read(&history, |record| judge.observe(&record)).map_err(|error| Stop::Usage(error.into()))?;
    if read.truncated {
        judge.truncated();
        let file = history.display();
        console
            .complain(&format!("{file}:{}: the last line is cut off; what is before it is judged\n", read.records + 1));
    }
    let mut verdict = judge.verdict();
    verdict.wall_ms = earlier(&folder).and_then(|earlier| earlier.wall_ms);
    publish(&plan, &verdict, &folder, args.json, console)?;
    Ok(exit::of(verdict.verdict))
}

pub(super) fn read_plan(folder: &Path) -> anyhow::Result<Plan> {
    let file = folder.join(runs::PLAN);
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}: not the plan of a run", file.display()))
}

/// The verdict of the run itself, which alone knows what it cost in real time.
fn earlier(folder: &Path) -> Option<Verdict> {
    let text = std::fs::read_to_string(folder.join(runs::VERDICT)).ok()?;
    serde_json::from_str(&text).ok()
}
