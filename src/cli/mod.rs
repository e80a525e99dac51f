//! The command line: parse, hand over, exit code.
//!
//! `args.rs` is the grammar, `console.rs` where output goes, `consent.rs` what is asked before anything is done, `engine.rs` what carries a plan out, `runs.rs` the
//! folder of runs; `run.rs`, `canary.rs`, `capabilities.rs`, `guards.rs`, `report.rs`, `stack.rs` and `adopt.rs` are the commands. Data goes to stdout, progress and
//! complaints to stderr. No command decides anything: plans are checked by `scenario`, runs judged by `judge`.

mod adopt;
mod args;
mod canary;
mod capabilities;
mod consent;
mod console;
mod engine;
mod guards;
mod report;
mod restore;
mod run;
mod runs;
mod settings;
mod stack;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::Parser;
use clap::error::ErrorKind;

use crate::run::RunError;
use crate::scenario;
use args::{Args, Command};
pub use args::{Target, Where};
pub use console::{Captured, Console};
pub use engine::Engine;
pub use settings::{aim, target_named};

/// Exit codes: a program that calls this one can tell them apart.
pub mod exit {
    use crate::judge::Outcome;

    pub const PASS: u8 = 0;
    pub const FAIL: u8 = 1;
    pub const INCONCLUSIVE: u8 = 2;
    /// Something that was changed could not be put back.
    pub const NOT_UNDONE: u8 = 3;
    /// A command line or a scenario that makes no sense (EX_USAGE of sysexits.h).
    pub const USAGE: u8 = 64;
    /// The harness itself failed (EX_SOFTWARE of sysexits.h).
    pub const CRASH: u8 = 70;
    /// Ctrl-C ended it, and all was undone (128 and the signal's number, as shells have it).
    pub const INTERRUPTED: u8 = 130;

    pub const fn of(outcome: Outcome) -> u8 {
        match outcome {
            Outcome::Pass => PASS,
            Outcome::Fail => FAIL,
            Outcome::Inconclusive => INCONCLUSIVE,
        }
    }
}

/// Why a command could not be carried out.
#[derive(Debug)]
pub(crate) enum Stop {
    Usage(anyhow::Error),
    NotUndone(anyhow::Error),
    Crash(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        let error = error.into();
        match error.downcast_ref::<RunError>() {
            Some(run) if run.is_usage() => Self::Usage(error),
            Some(run) if run.is_undo() => Self::NotUndone(error),
            _ => Self::Crash(error),
        }
    }
}

/// Carries out one command line, program name included, and returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>, console: &mut Console, engine: &Engine) -> u8 {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(asked) if matches!(asked.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            console.print(&asked.to_string());
            return exit::PASS;
        }
        Err(error) => {
            console.complain(&error.to_string());
            return exit::USAGE;
        }
    };
    let done = catch_unwind(AssertUnwindSafe(|| command(args.command, console, engine)));
    match done {
        Ok(Ok(code)) => code,
        Ok(Err(Stop::Usage(error))) => {
            console.complain(&format!("{error:#}\n"));
            exit::USAGE
        }
        Ok(Err(Stop::NotUndone(error))) => {
            console.complain(&format!("blackstart: {error:#}\n"));
            exit::NOT_UNDONE
        }
        Ok(Err(Stop::Crash(error))) => {
            console.complain(&format!("blackstart: {error:#}\n"));
            match error.downcast_ref() {
                Some(RunError::Interrupted | RunError::Stopped(_)) => exit::INTERRUPTED,
                _ => exit::CRASH,
            }
        }
        // The panic hook has said what happened.
        Err(_) => exit::CRASH,
    }
}

fn command(command: Command, console: &mut Console, engine: &Engine) -> Result<u8, Stop> {
    match command {
        Command::Run(args) => run::run(&args, console, engine),
        Command::Canary(args) => canary::canary(&args, console, engine),
        Command::Guards(args) => guards::compare(&args, console, engine),
        Command::Report(args) => report::report(&args, console),
        Command::Validate { scenario } => {
            let plan = scenario::load(&scenario).map_err(|error| Stop::Usage(error.into()))?;
            let (faults, assertions) = (plan.timeline.len(), plan.assertions.len());
            let file = scenario.display();
            console
                .print(&format!("{file}: {} is valid: {faults} fault(s), {assertions} assertion(s)\n", plan.scenario));
            Ok(exit::PASS)
        }
        Command::Schema { of } => {
            console.print(&crate::report::schema(of));
            Ok(exit::PASS)
        }
        Command::Capabilities(args) => capabilities::capabilities(&args, console, engine),
        Command::Up(args) => stack::up(&args, console, engine),
        Command::Down(args) => stack::down(&args, console, engine),
        Command::Status(args) => stack::status(&args, console, engine),
        Command::Restore(args) => restore::restore(&args, console, engine),
        Command::Adopt(args) => adopt::adopt(&args, console, engine),
    }
}

#[cfg(test)]
mod consent_tests;
#[cfg(test)]
mod tests;
