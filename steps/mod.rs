//! Gherkin steps: an operator's sentences, each one to five lines over the library.
//!
//! `Given` builds the plan and the stack, `When` puts faults on its timeline, the first `Then` runs it, and each
//! `Then` is one assertion judged over the history of that run. Compiled as `blackstart::steps` (feature `bdd`), so
//! that another repository's `tests/bdd.rs` can use them with its own features.

mod canary;
mod clients;
mod data;
mod elsewhere;
mod faults;
mod guard;
mod params;
mod routing;
mod script;
mod stack;
mod users;
mod world;

pub use elsewhere::{last_line, target as elsewhere};
pub use world::{NEEDS, World};
