//! `blackstart adopt`: a draft of blackstart.yaml for a stack that stands already.

use super::args::StackArgs;
use super::{Console, Engine, Stop, exit, settings};
use crate::scenario::Plan;

pub(crate) fn adopt(args: &StackArgs, console: &mut Console, engine: &Engine) -> Result<u8, Stop> {
    let mut plan = Plan::default();
    plan.target.stack = args.stack.clone();
    settings::aim(&mut plan, &args.at).map_err(Stop::Usage)?;
    // What was adopted before is what is drafted anew.
    plan.target.settings.adopted = None;
    let draft = (engine.draft)(&plan)?;
    console.print(&draft.yaml());
    let (found, regions) = (draft.guesses.len(), &plan.target.regions);
    console.complain(&format!("{found} roles found on {} in {regions:?}; nothing was changed\n", plan.target.name));
    Ok(if found == 0 { exit::INCONCLUSIVE } else { exit::PASS })
}
