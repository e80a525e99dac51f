//! Following a document path into an item, to read it.

use super::bindings::Bindings;
use super::tree::{Path, Step};
use crate::services::dynamodb::value::{Item, Value};

/// What a path leads to, if anything.
pub fn get<'i>(item: &'i Item, path: &Path, bindings: &Bindings<'_>) -> Option<&'i Value> {
    let mut found = item.get(bindings.name(&path.root))?;
    for step in &path.steps {
        found = match (step, found) {
            (Step::Field(name), Value::M(members)) => members.get(bindings.name(name))?,
            (Step::Index(index), Value::L(elements)) => elements.get(*index)?,
            _ => return None,
        };
    }
    Some(found)
}

/// A path with its placeholders resolved, to compare with another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hop<'a> {
    Field(&'a str),
    Index(usize),
}

pub fn hops<'a>(path: &'a Path, bindings: &Bindings<'a>) -> Vec<Hop<'a>> {
    let steps = path.steps.iter().map(|step| match step {
        Step::Field(name) => Hop::Field(bindings.name(name)),
        Step::Index(index) => Hop::Index(*index),
    });
    std::iter::once(Hop::Field(bindings.name(&path.root))).chain(steps).collect()
}

/// `[a, b, [0]]`, the form error messages use.
pub fn show(hops: &[Hop<'_>]) -> String {
    let shown: Vec<String> = hops
        .iter()
        .map(|hop| match hop {
            Hop::Field(name) => (*name).to_owned(),
            Hop::Index(index) => format!("[{index}]"),
        })
        .collect();
    format!("[{}]", shown.join(", "))
}

/// Refuses two paths of which one leads through the other, or that disagree on what lies on their way.
pub fn refuse_overlaps(kind: &str, paths: &[Vec<Hop<'_>>]) -> Result<(), crate::wire::AwsError> {
    for (index, one) in paths.iter().enumerate() {
        for two in &paths[index + 1..] {
            let shared = one.iter().zip(two).take_while(|(a, b)| a == b).count();
            let relation = if shared == one.len() || shared == two.len() {
                "overlap"
            } else if std::mem::discriminant(&one[shared]) != std::mem::discriminant(&two[shared]) {
                "conflict"
            } else {
                continue;
            };
            return Err(crate::wire::AwsError::validation(format!(
                "Invalid {kind}: Two document paths {relation} with each other; must remove or rewrite one of these \
                 paths; path one: {}, path two: {}",
                show(one),
                show(two)
            )));
        }
    }
    Ok(())
}
