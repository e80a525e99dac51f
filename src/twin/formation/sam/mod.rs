//! The SAM subset.

use super::parameters::Parameters;
use super::registry::Registry;
use super::template::{Node, Problem};

pub const TRANSFORM: &str = "AWS::Serverless-2016-10-31";

pub fn expand(root: Node, _registry: &Registry, _parameters: &Parameters) -> Result<Node, Vec<Problem>> {
    let at = root.entry("Transform").map(|entry| entry.key_at).unwrap_or_default();
    Err(vec![Problem::new(at, "Transform", "the twin does not run this transform yet")])
}
