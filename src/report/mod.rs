//! What a run proved, for people and for machines. Reads plans and verdicts; never a history, never a clock.
//!
//! `progress.rs` is the line shown while a run goes on; `terminal.rs` what an on-call engineer reads afterwards,
//! `markdown.rs` the same for `report.md`, `guards.rs` one scenario under each guard, `json.rs` the machine formats and
//! their schemas. `capabilities.rs` is what a target can do, `injections.rs` what faults did to whom. `data.rs` says in words what became of the data, `canary.rs` what became of a canary, `figures.rs`
//! writes numbers and `paint.rs` colours them. Nothing here decides what passed.

mod canary;
mod capabilities;
mod clients;
mod data;
mod figures;
pub mod gherkin;
mod guards;
mod injections;
mod json;
mod markdown;
mod paint;
mod progress;
mod routing;
mod terminal;

use crate::judge::Verdict;
use crate::scenario::{Plan, quoted};

pub use capabilities::capabilities;
pub use guards::guards;
pub use json::{Schema, capabilities_json, schema, verdict_json};
pub use markdown::markdown;
pub use paint::Paint;
pub use progress::{Progress, Sink};
pub use terminal::terminal;

/// What there is to report.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    pub plan: &'a Plan,
    pub verdict: &'a Verdict,
    /// Where the files of the run are.
    pub folder: Option<&'a str>,
}

impl Report<'_> {
    /// The command that runs the same again.
    pub fn replay(&self) -> String {
        let seed = self.verdict.seed;
        let Some(file) = &self.plan.source else {
            return format!("the plan was built in code: run it again with seed {seed}");
        };
        let file = quoted(&file.to_string_lossy());
        self.plan.target.command(&format!("blackstart run {file} --seed {seed}"))
    }
}

#[cfg(test)]
mod tests;
