//! `blackstart restore`: what a run that was killed has left changed is put back, newest first.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;

use super::args::{RestoreArgs, Target};
use super::report::read_plan;
use super::{Console, Engine, Stop, consent, exit, runs, settings};
use crate::history::{self, Event, Record, UNDO, UndoLog};
use crate::region::Region;
use crate::scenario::{Plan, quoted};

/// The directory of templates that commands take where none is named (`args.rs`).
const STACK: &str = "stack";

pub(crate) fn restore(args: &RestoreArgs, console: &mut Console, engine: &Engine) -> Result<u8, Stop> {
    let folder = runs::find(&args.out, &args.run)?;
    let mut plan = read_plan(&folder).map_err(Stop::Usage)?;
    if let Some(file) = &args.config {
        let read = settings::read(Some(file)).map_err(Stop::Usage)?;
        plan.target.settings = read.over(&plan.target.settings);
    }
    let gone = [(Target::Embedded, "the twin lived"), (Target::Localstack, "LocalStack's containers lived")];
    if let Some((_, what)) = gone.iter().find(|(target, _)| target.as_str() == plan.target.name) {
        console.print(&format!("{}: nothing to restore: {what} no longer than the run\n", folder.display()));
        return Ok(exit::PASS);
    }
    let file = folder.join(UNDO);
    let unread = || format!("cannot read {}", file.display());
    // Nothing is written before somebody agreed: a log that is gone on with loses what was cut off.
    let left = UndoLog::look(&file).with_context(unread).map_err(Stop::Usage)?;
    if left.is_empty() {
        let why = if file.is_file() {
            "all it changed was put back"
        } else {
            "this run has no undo.jsonl: it changed nothing that has to be put back"
        };
        console.print(&format!("{}: nothing to restore: {why}\n", folder.display()));
        say_stacks(&folder, &plan, args, console);
        return Ok(exit::PASS);
    }
    let listed: String = left.iter().map(|left| format!("  {}: it was {}\n", left.what, left.before)).collect();
    let listed = format!("To put back on {}, newest first\n{listed}", plan.target.name);
    if args.dry_run {
        console.print(&format!("{listed}Nothing was done.\n"));
        say_stacks(&folder, &plan, args, console);
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
    let log = UndoLog::resume(&file).with_context(unread).map_err(Stop::Usage)?;
    let done = (engine.put_back)(&plan, &log)?;
    for put in &done {
        console.print(&match &put.failed {
            None => format!("{}: what it was\n", put.what),
            Some(why) => format!("{}: NOT put back: {why}\n", put.what),
        });
    }
    say_stacks(&folder, &plan, args, console);
    let all = done.iter().all(|put| put.failed.is_none()) && log.left_over().is_empty();
    Ok(if all { exit::PASS } else { exit::NOT_UNDONE })
}

/// One line where the run's stacks may stand yet: they are in no undo log.
fn say_stacks(folder: &Path, plan: &Plan, args: &RestoreArgs, console: &mut Console) {
    let standing = standing(&folder.join(runs::HISTORY));
    if standing.is_empty() {
        return;
    }
    let names: Vec<String> = standing.iter().map(|(stack, region)| format!("{stack} in {region}")).collect();
    console.print(&format!(
        "its stacks may still stand ({}): `{}` shows them, `{}` removes them\n",
        names.join(", "),
        there(plan, args, "blackstart status"),
        there(plan, args, "blackstart down")
    ));
}

/// The stacks of a history that were deployed and not deleted. One that is cut off is read as far as it goes.
fn standing(history: &Path) -> BTreeSet<(String, Region)> {
    let mut standing = BTreeSet::new();
    let take_in = |record: Record| {
        if let Event::Stack { stack, region, status, .. } = record.event {
            match status.as_str() {
                "DEPLOYED" | "UPDATED" => standing.insert((stack, region)),
                "DELETED" => standing.remove(&(stack, region)),
                _ => false,
            };
        }
    };
    // What cannot be read says nothing, and keeps nobody from restoring.
    let _ = history::read(history, take_in);
    standing
}

/// A command that acts where the run did.
fn there(plan: &Plan, args: &RestoreArgs, command: &str) -> String {
    let mut target = plan.target.clone();
    target.reached.config = args.config.clone().or(target.reached.config);
    let mut command = target.command(command);
    if target.stack != Path::new(STACK) {
        command.push_str(&format!(" --stack {}", quoted(&target.stack.to_string_lossy())));
    }
    command
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::super::tests::{GOOD, Place, Said, say};
    use super::*;
    use crate::history::{Journal, Left};
    use crate::run::PutBack;

    const US: Region = Region::US_EAST_1;

    /// The folder of a run on an endpoint, with these stacks in its history.
    fn run(place: &Place, stacks: &[(&str, &str)]) -> PathBuf {
        let folder = place.0.path().join("runs/died");
        std::fs::create_dir_all(&folder).unwrap();
        let mut plan = Plan::default();
        plan.target.name = "endpoint".to_owned();
        plan.target.reached.endpoint_url = Some("http://127.0.0.1:4566".to_owned());
        plan.target.stack = PathBuf::from(STACK);
        plan.target.settings.endpoint.url = Some("http://127.0.0.1:4566".to_owned());
        std::fs::write(folder.join(runs::PLAN), serde_json::to_string(&plan).unwrap()).unwrap();
        let journal = Journal::create(&folder.join(runs::HISTORY)).unwrap();
        for (stack, status) in stacks {
            let (stack, status) = ((*stack).to_owned(), (*status).to_owned());
            let event = Event::Stack { stack, region: US, status, took_ms: 1, why: None };
            journal.record(&Record { at_us: 1, event });
        }
        journal.finish().unwrap();
        folder
    }

    fn restore(folder: &Path, engine: Engine, more: &[&str]) -> Said {
        say(engine, &[&["restore", folder.to_str().unwrap()], more].concat())
    }

    fn untouched(_: &Plan, _: &UndoLog) -> Result<Vec<PutBack>, crate::run::RunError> {
        panic!("nothing was to be put back")
    }

    fn all(_: &Plan, log: &UndoLog) -> Result<Vec<PutBack>, crate::run::RunError> {
        let put = |left: Left| {
            log.undone(left.undo).unwrap();
            PutBack { what: left.what, failed: None }
        };
        Ok(log.left_over().into_iter().map(put).collect())
    }

    #[test]
    fn a_dry_run_only_reads() {
        let place = Place::new();
        let folder = run(&place, &[]);
        let file = folder.join(UNDO);
        UndoLog::at(&file).before("alias live", json!({"version": "1"})).unwrap();
        let whole = std::fs::read(&file).unwrap();
        let torn = [whole.as_slice(), b"{\"undo\":2,\"wh"].concat();
        std::fs::write(&file, &torn).unwrap();
        let dry = restore(&folder, Engine { put_back: untouched, ..GOOD }, &["--dry-run"]);
        assert_eq!((dry.code, dry.out.contains("alias live: it was")), (exit::PASS, true), "{}", dry.out);
        assert_eq!(std::fs::read(&file).unwrap(), torn);
        let done = restore(&folder, Engine { put_back: all, ..GOOD }, &[]);
        assert_eq!((done.code, done.out.as_str()), (exit::PASS, "alias live: what it was\n"));
        assert!(std::fs::read(&file).unwrap().starts_with(&whole));
        assert_eq!(UndoLog::look(&file).unwrap(), []);
    }

    #[test]
    fn a_run_without_a_log_is_not_one_that_put_everything_back() {
        let place = Place::new();
        let folder = run(&place, &[]);
        let engine = Engine { put_back: untouched, ..GOOD };
        let none = restore(&folder, engine, &[]);
        let says = "this run has no undo.jsonl: it changed nothing that has to be put back\n";
        assert!(none.code == exit::PASS && none.out.ends_with(says), "{}", none.out);
        assert!(!folder.join(UNDO).exists());
        let log = UndoLog::at(&folder.join(UNDO));
        log.undone(log.before("alias live", json!({})).unwrap()).unwrap();
        let back = restore(&folder, engine, &[]);
        assert!(back.out.ends_with("nothing to restore: all it changed was put back\n"), "{}", back.out);
    }

    #[test]
    fn stacks_that_were_not_deleted_are_named_with_the_commands_for_them() {
        let place = Place::new();
        let stacks = [("a", "DEPLOYED"), ("b", "DEPLOYED"), ("c", "LEFT-OUT"), ("b", "UPDATED"), ("a", "DELETED")];
        let folder = run(&place, &stacks);
        let engine = Engine { put_back: all, ..GOOD };
        let at = "--target endpoint --endpoint-url http://127.0.0.1:4566";
        let line = format!(
            "its stacks may still stand (b in us-east-1): `blackstart status {at}` shows them, `blackstart down {at}` \
             removes them\n"
        );
        assert!(restore(&folder, engine, &[]).out.ends_with(&line));
        UndoLog::at(&folder.join(UNDO)).before("alias live", json!({})).unwrap();
        // A run that was killed while it wrote.
        let file = folder.join(runs::HISTORY);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}{{\"at_us\":9,\"event\":\"sta")).unwrap();
        for more in [&["--dry-run"][..], &[]] {
            let said = restore(&folder, engine, more);
            assert!(said.out.ends_with(&line), "{}", said.out);
        }
        std::fs::write(&file, text.replace("UPDATED", "DELETED")).unwrap();
        let gone = restore(&folder, engine, &[]);
        assert!(!gone.out.contains("may still stand"), "{}", gone.out);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(restore(&folder, engine, &[]).code, exit::PASS, "a history that is gone keeps nobody back");
    }

    #[test]
    fn what_is_not_there_is_not_put_back() {
        let place = Place::new();
        let folder = run(&place, &[]);
        UndoLog::at(&folder.join(UNDO)).before("alias live", json!({})).unwrap();
        let missing: fn(&Plan, &UndoLog) -> _ = |_, log| {
            let failed = Some("not there: deleted since, or not on this target".to_owned());
            Ok(log.left_over().into_iter().map(|left| PutBack { what: left.what, failed: failed.clone() }).collect())
        };
        let said = restore(&folder, Engine { put_back: missing, ..GOOD }, &[]);
        let line = "alias live: NOT put back: not there: deleted since, or not on this target\n";
        assert_eq!((said.code, said.out.as_str()), (exit::NOT_UNDONE, line));
    }
}
