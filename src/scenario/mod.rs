//! What to rehearse: a scenario file as written becomes a [`Plan`] as meant.
//!
//! ```text
//! scenarios/*.yaml ─→ file.rs (as written, unknown keys refused) ─→ check*.rs ─→ plan.rs (validated)
//! Gherkin steps, Rust ──────────────────────────────────────────────────────→ Plan::lose_region(..)
//! ```
//!
//! `quantity.rs` holds the newtypes both sides share, `vocabulary.rs`
//! the words of the file, `shipped.rs` the plan that ships, `requirements.rs` what a plan needs of its target. Nothing behind [`Plan`] checks again, and nothing here knows
//! how a plan is carried out: no target, no twin, no clock.

mod assertion;
mod canary;
mod check;
mod check_assertions;
mod check_canary;
mod check_data;
mod check_faults;
mod clients;
mod data;
mod error;
mod file;
mod guard;
mod plan;
pub mod quantity;
pub mod requirements;
mod settings;
mod settings_check;
mod shipped;
mod vocabulary;

pub use assertion::{Assertion, Check, Hop, Percentile};
pub use canary::{Analysis, CanaryPlan, CanaryStep, Decision, Shift};
pub use check::{load, parse};
pub use clients::{Behaviour, STRETCHED};
pub use data::{DataPlan, OBJECTS_STABLE, ObjectWorkload, ScriptedWrite, TableWorkload};
pub use error::ScenarioError;
pub use file::File;
pub use guard::GuardDecision;
pub use plan::{
    Defect, Degraded, Failback, Fault, Mode, Operate, Plan, Poisoned, Population, Reached, Scope, StackSettings,
    SteadyState, TargetPlan, TimedFault, TimedOperation, quoted,
};
pub use quantity::{Operation, Percent, Rate};
pub use requirements::{Requirements, of_fault};
pub use settings::{
    Adopted, Allow, Aws, Containers, Endpoint, KINDS, Localstack, ROLES, RegionEndpoint, Resource, SERVICES,
    SETTINGS_FILE, Settings, Timeouts,
};
pub use settings_check::check_url;

#[cfg(test)]
mod tests;
