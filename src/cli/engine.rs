//! What carries a plan out. The command line only knows these calls, so tests can put others in their place.

use crate::capability::Survey;
use crate::deploy::Draft;
use crate::history::{Journal, UndoLog};
use crate::run::{self, Ask, Chore, PutBack, RunError, UpStack};
use crate::scenario::Plan;
use crate::target::aws::Account;

/// What is behind the commands.
#[derive(Clone, Copy)]
pub struct Engine {
    /// Carries out the plan and writes all it sees to the journal, the `Run` record first and the phase `End` last.
    pub run: fn(&Plan, &Journal) -> Result<(), RunError>,
    /// Deploys the plan's stack and nothing more.
    pub up: fn(&Plan) -> Result<Vec<UpStack>, RunError>,
    /// Does something about what stands; a line for each thing it came to.
    pub chore: fn(&Plan, Chore) -> Result<Vec<String>, RunError>,
    /// Looks for what plays which role on the plan's target.
    pub draft: fn(&Plan) -> Result<Draft, RunError>,
    /// Finds out what the plan's target can do.
    pub survey: fn(&Plan, &Ask) -> Result<Survey, RunError>,
    /// Whose the Regions of a plan for real accounts are.
    pub accounts: fn(&Plan) -> Result<Vec<Account>, RunError>,
    /// Puts back what is left over in a run's undo log.
    pub put_back: fn(&Plan, &UndoLog) -> Result<Vec<PutBack>, RunError>,
}

impl Engine {
    /// What this build carries plans out with.
    pub const BUILT_IN: Self = Self {
        run: run::run,
        up: run::up,
        chore: run::chore,
        draft: run::draft,
        survey: run::survey,
        accounts: run::accounts,
        put_back: run::put_back,
    };
}
