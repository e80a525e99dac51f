//! Property tests: drawn workloads under drawn faults on the twin, held to what replication promises.
//!
//! ```text
//! draw.rs (strategies) ─→ Plan ─→ run, judge ─→ a claim fails? shrink ─→ Gherkin, under proptest-regressions/
//! ```
//!
//! `healthy.rs` wants every claim to hold; `broken.rs` breaks the replicator in one way after the other and wants the
//! claim that is meant for it to fail, shrunk to a scenario that fails for the same reason when its text is run.
//! `BLACKSTART_PROP_CASES` and `BLACKSTART_PROP_SEED` draw more of them, or others.

mod broken;
mod check;
mod draw;
mod healthy;
