//! Expressions: condition, filter, key condition, projection and update.
//!
//! Text becomes a tree once ([`parse`], kept by [`cache::Cache`]); a request's names and values are bound when the tree is
//! evaluated ([`Bindings`]), so a hot request never parses. Nothing in here knows tables, indexes or Regions.

mod bindings;
mod cache;
mod condition;
mod key;
mod lexer;
mod parse;
mod parse_update;
mod path;
mod projection;
mod reserved;
mod tree;
mod update;

pub use bindings::Bindings;
pub use cache::Cache;
pub use condition::holds;
pub use key::{KeyCondition, SortCondition, equal_to, key_condition, on_keys};
pub use projection::project;
pub use tree::{Comparator, Condition, Parsed, Path, Update};
pub use update::apply;
