//! `blackstart capabilities`: what a target can do, one line each.

use super::args::CapabilitiesArgs;
use super::consent::{self, Act};
use super::{Console, Engine, Stop, exit, settings};
use crate::report;
use crate::run::Ask;
use crate::scenario::Plan;

/// Beside the runs, which they outlive.
const FOLDER: &str = "capabilities";

pub(crate) fn capabilities(args: &CapabilitiesArgs, console: &mut Console, engine: &Engine) -> Result<u8, Stop> {
    let mut plan = Plan::default();
    settings::aim(&mut plan, &args.at).map_err(Stop::Usage)?;
    if !consent::given(Act::Probe, &plan, &args.at, console, engine)? {
        return Ok(exit::PASS);
    }
    let ask = Ask { only: args.only.clone(), fresh: args.fresh, folder: args.out.join(FOLDER) };
    let survey = (engine.survey)(&plan, &ask)?;
    let text =
        if args.json { report::capabilities_json(&survey) } else { report::capabilities(&survey, console.paint) };
    console.print(&text);
    for left in &survey.left_behind {
        console.complain(&format!("left behind: {left}\n"));
    }
    Ok(exit::PASS)
}
