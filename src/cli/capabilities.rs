//! `blackstart capabilities`: what a target can do, one line each.

use std::sync::{Arc, PoisonError};

use super::args::{CapabilitiesArgs, Target};
use super::consent::{self, Act};
use super::{Console, Engine, Stop, exit, settings};
use crate::report::{self, Sink};
use crate::run::{Ask, Told};
use crate::scenario::Plan;

/// Beside the runs, which they outlive.
const FOLDER: &str = "capabilities";

pub(crate) fn capabilities(args: &CapabilitiesArgs, console: &mut Console, engine: &Engine) -> Result<u8, Stop> {
    let mut plan = Plan::default();
    settings::aim(&mut plan, &args.at).map_err(Stop::Usage)?;
    if !consent::given(Act::Probe, &plan, &args.at, console, engine)? {
        return Ok(exit::PASS);
    }
    let told = (plan.target.name != Target::Embedded.as_str()).then(|| progress(console.err()));
    let ask = Ask { only: args.only.clone(), fresh: args.fresh, folder: args.out.join(FOLDER), told };
    let survey = (engine.survey)(&plan, &ask)?;
    let text =
        if args.json { report::capabilities_json(&survey) } else { report::capabilities(&survey, console.paint) };
    console.print(&text);
    for left in &survey.left_behind {
        console.complain(&format!("left behind: {left}\n"));
    }
    if let Some(why) = &survey.unkept {
        console.complain(&format!("{why}\n"));
    }
    Ok(exit::PASS)
}

/// A line for each finding while the others are still looked for: some take minutes.
fn progress(err: Sink) -> Told {
    Arc::new(move |finding| {
        let line = format!("probed {}: {}\n", finding.capability, finding.standing);
        // Whoever reads has gone, or not: the findings are what counts.
        let _ = err.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    })
}
