//! Parsed expressions by their text: a hot request finds its trees here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::tree::{Condition, Parsed, Path, Update};
use super::{parse, parse_update};
use crate::wire::AwsError;

/// Texts kept of each kind. A caller that builds literals into its expressions would fill it: then it starts over.
const CAPACITY: usize = 4_096;

#[derive(Default)]
pub struct Cache {
    conditions: BTreeMap<Box<str>, Arc<Parsed<Condition>>>,
    projections: BTreeMap<Box<str>, Arc<Parsed<Vec<Path>>>>,
    updates: BTreeMap<Box<str>, Arc<Parsed<Update>>>,
}

impl Cache {
    /// A condition; `kind` is the request's member, and only names it in errors.
    pub fn condition(&mut self, kind: &'static str, text: &str) -> Result<Arc<Parsed<Condition>>, AwsError> {
        find(&mut self.conditions, text, || parse::condition(kind, text))
    }

    pub fn projection(&mut self, text: &str) -> Result<Arc<Parsed<Vec<Path>>>, AwsError> {
        find(&mut self.projections, text, || parse::projection("ProjectionExpression", text))
    }

    pub fn update(&mut self, text: &str) -> Result<Arc<Parsed<Update>>, AwsError> {
        find(&mut self.updates, text, || parse_update::update(text))
    }
}

fn find<T>(
    kept: &mut BTreeMap<Box<str>, Arc<Parsed<T>>>,
    text: &str,
    parse: impl FnOnce() -> Result<Parsed<T>, AwsError>,
) -> Result<Arc<Parsed<T>>, AwsError> {
    if let Some(found) = kept.get(text) {
        return Ok(found.clone());
    }
    let parsed = Arc::new(parse()?);
    if kept.len() >= CAPACITY {
        kept.clear();
    }
    kept.insert(text.into(), parsed.clone());
    Ok(parsed)
}
