//! `blackstart canary`: what the steps can find before anything is released, then the run.

use super::args::RunArgs;
use super::{Console, Engine, Stop, run};
use crate::judge::canary::needs;
use crate::scenario;

pub(crate) fn canary(args: &RunArgs, console: &mut Console, engine: &Engine) -> Result<u8, Stop> {
    let plan = scenario::load(&args.scenario).map_err(|error| Stop::Usage(error.into()))?;
    if plan.canary.is_none() {
        let file = args.scenario.display();
        let what = format!("{file}:1:1: no canary: expected the key \"canary\" with a release and its steps");
        return Err(Stop::Usage(anyhow::anyhow!(what)));
    }
    for need in needs(&plan) {
        console.complain(&format!("{}\n", need.what));
    }
    run::run(args, console, engine)
}
