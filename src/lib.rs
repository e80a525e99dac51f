//! Blackstart rehearses losing an AWS Region and proves, with evidence, how fast users got back.
//!
//! Gherkin steps and scenario files become one [`scenario::Plan`]; [`run`] executes it against one
//! [`target::Target`]; every stage writes one [`history`]; [`judge`] reads it and [`report`] shows what it found.

// The conductor's future holds all that a run does: its layout is deep.
#![recursion_limit = "256"]

// Stories that tests share with examples name the crate as examples do.
#[cfg(test)]
extern crate self as blackstart;

pub use blackstart_ground::{clock, dns, region, rest, seed, store};
pub use blackstart_twin as twin;

pub mod arrivals;
pub mod capability;
pub mod wait;

pub mod cli;
pub mod data;
pub mod deploy;
pub mod fault;
pub mod history;
pub mod judge;
pub mod probe;
pub mod report;
pub mod run;
pub mod scenario;
pub mod shift;
pub mod survey;
pub mod target;
pub mod traffic;

#[cfg(feature = "bdd")]
#[path = "../steps/mod.rs"]
pub mod steps;
