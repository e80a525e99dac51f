//! Drafting `blackstart.yaml` from what stands on a target; on the twin, from the plan's own stack, deployed for it.

use super::aside::aside;
use super::{RunError, deploy};
use crate::deploy::{self as deployment, Deployment, Draft};
use crate::scenario::Plan;
use crate::survey::Promises;
use crate::target::Target;

/// Looks through the target's Regions; changes nothing there but on the twin, which has nothing of its own.
pub fn draft(plan: &Plan) -> Result<Draft, RunError> {
    aside(plan, "nothing was changed", async |plan: &Plan, target: &dyn Target, _: &Promises| {
        if target.name() == "embedded" {
            deploy(plan, target, Vec::new(), &mut Deployment::default(), |_| {}).await?;
        }
        Ok(deployment::draft(target).await?)
    })
}
