//! What a template says: from its text to its sections.
//!
//! [`yaml`] gives a tree of [`Node`]s that know their line and column; [`Template::read`] gives the sections, each
//! name checked. Nothing in here knows a resource type, a stack or a value: those meet the template in
//! [`crate::formation::validate`] and [`crate::formation::intrinsics`].

mod node;
mod problem;
mod sections;
pub mod yaml;

pub use node::{Data, Entry, Mark, Node};
pub use problem::{Problem, did_you_mean, to_error};
pub use sections::{ParameterSpec, Policy, Template, read_parameters, transforms};
