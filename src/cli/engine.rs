//! What carries a plan out. The command line only knows these two calls, so tests can put others in their place.

use crate::history::Journal;
use crate::run::{self, RunError, UpStack};
use crate::scenario::Plan;

/// The run and the deployment behind the commands.
#[derive(Clone, Copy)]
pub struct Engine {
    /// Carries out the plan and writes all it sees to the journal, the `Run` record first and the phase `End` last.
    pub run: fn(&Plan, &Journal) -> Result<(), RunError>,
    /// Deploys the plan's stack and nothing more.
    pub up: fn(&Plan) -> Result<Vec<UpStack>, RunError>,
}

impl Engine {
    /// What this build carries plans out with.
    pub const BUILT_IN: Self = Self { run: run::run, up: run::up };
}
