//! What Route 53 answers: from record sets, health and the place of the asker to one answer. Pure, and the same for
//! every target: the twin's name servers answer with it, and where a target has no DNS the harness does.
//!
//! ```text
//! Zones (record sets by name) ─→ Query: wildcard → group → choose (policy, health) → alias … ─→ Link ─→ Answer, Cache
//! health: the checkers' votes, the quorum, checks of checks ──────↗
//! ```
//!
//! Nothing in here knows who asks, how an answer travels or where record sets come from; nothing waits.

mod answer;
mod cache;
mod chain;
mod choose;
pub mod health;
mod record;
#[cfg(test)]
mod tests;
mod zones;

pub use answer::{Data, Link, Query};
pub use cache::Cache;
pub use chain::Answer;
pub use record::{Alias, Node, RecordSet, RecordType, Routing, normal};
pub use zones::{Zone, Zones};
