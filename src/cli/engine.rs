//! What carries a plan out. The command line only knows these two calls, so tests can put others in their place.

use crate::history::Journal;
use crate::scenario::Plan;

/// The run and the deployment behind the commands.
#[derive(Clone, Copy)]
pub struct Engine {
    /// Carries out the plan under this run id and writes all it sees to the journal, the `Run` record first and
    /// the phase `End` last.
    pub run: fn(&Plan, &str, &Journal) -> anyhow::Result<()>,
    /// Deploys the plan's stack and nothing more.
    pub up: fn(&Plan) -> anyhow::Result<Vec<UpStack>>,
}

impl Engine {
    /// What this build carries plans out with.
    pub const BUILT_IN: Self = Self {
        run: |_, _, _| anyhow::bail!("this build has no target to run on"),
        up: |_| anyhow::bail!("this build has no target to deploy to"),
    };
}

/// A stack that was deployed.
#[derive(Clone, Debug)]
pub struct UpStack {
    pub stack: String,
    pub region: crate::region::Region,
    /// Simulated time.
    pub took_ms: u64,
    pub outputs: Vec<(String, String)>,
}
