//! `blackstart restore`: what a run that was killed has left changed is put back, newest first.

use std::path::Path;

use anyhow::Context;

use super::args::{RestoreArgs, Target};
use super::report::read_plan;
use super::{Console, Engine, Stop, consent, exit, runs, settings};
use crate::history::{UNDO, UndoLog};

pub(crate) fn restore(args: &RestoreArgs, console: &mut Console, engine: &Engine) -> Result<u8, Stop> {
    let folder = runs::find(&args.out, &args.run)?;
    let mut plan = read_plan(&folder).map_err(Stop::Usage)?;
    if args.config.is_some() {
        plan.target.settings = settings::read(args.config.clone()).map_err(Stop::Usage)?;
    }
    let gone = [(Target::Embedded, "the twin lived"), (Target::Localstack, "LocalStack's containers lived")];
    if let Some((_, what)) = gone.iter().find(|(target, _)| target.as_str() == plan.target.name) {
        console.print(&format!("{}: nothing to restore: {what} no longer than the run\n", folder.display()));
        return Ok(exit::PASS);
    }
    let log = open(&folder.join(UNDO))?;
    let left = log.left_over();
    if left.is_empty() {
        console.print(&format!("{}: nothing to restore: all it changed was put back\n", folder.display()));
        return Ok(exit::PASS);
    }
    let listed: String = left.iter().map(|left| format!("  {}: it was {}\n", left.what, left.before)).collect();
    let listed = format!("To put back on {}, newest first\n{listed}", plan.target.name);
    if args.dry_run {
        console.print(&format!("{listed}Nothing was done.\n"));
        return Ok(exit::PASS);
    }
    if plan.target.name == Target::Aws.as_str() {
        // Whose accounts these are, and whether they are allowed, before anybody is asked.
        for account in (engine.accounts)(&plan)? {
            console.complain(&format!("{}: account {}, as {}\n", account.region, account.id, account.arn));
        }
        console.complain(&listed);
        consent::agreed(args.yes, console)?;
    }
    let done = (engine.put_back)(&plan, &log)?;
    for put in &done {
        console.print(&match &put.failed {
            None => format!("{}: what it was\n", put.what),
            Some(why) => format!("{}: NOT put back: {why}\n", put.what),
        });
    }
    let all = done.iter().all(|put| put.failed.is_none()) && log.left_over().is_empty();
    Ok(if all { exit::PASS } else { exit::NOT_UNDONE })
}

fn open(path: &Path) -> Result<UndoLog, Stop> {
    let log = UndoLog::resume(path).with_context(|| format!("cannot read {}", path.display()));
    log.map_err(Stop::Usage)
}
