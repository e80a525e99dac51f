//! What to rehearse: a scenario file as written becomes a [`Plan`] as meant.
//!
//! ```text
//! scenarios/*.yaml ─→ file.rs (as written, unknown keys refused) ─→ check.rs ─→ plan.rs (validated)
//! Gherkin steps, Rust ──────────────────────────────────────────────────────→ Plan::lose_region(..)
//! ```
//!
//! `quantity.rs` holds the newtypes both sides share, `shipped.rs` the plan that ships. Nothing behind [`Plan`] checks again, and nothing here knows
//! how a plan is carried out: no target, no twin, no clock.

mod error;
mod plan;
pub mod quantity;
mod shipped;

pub use error::ScenarioError;
pub use plan::{
    Assertion, Check, Failback, Fault, Hop, Mode, Plan, Population, Scope, StackSettings, SteadyState, TargetPlan,
    TimedFault,
};
pub use quantity::{Operation, Percent, Rate};
