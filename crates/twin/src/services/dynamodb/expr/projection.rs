//! The part of an item a projection asks for.

use super::bindings::Bindings;
use super::path::{Hop, hops, refuse_overlaps};
use super::tree::Path;
use crate::services::dynamodb::value::{Item, Value};
use crate::wire::AwsError;

/// Only the paths asked for, nested documents keeping their shape; list elements close up in their order.
pub fn project(item: &Item, paths: &[Path], bindings: &Bindings<'_>) -> Result<Item, AwsError> {
    let mut wanted: Vec<Vec<Hop<'_>>> = paths.iter().map(|path| hops(path, bindings)).collect();
    refuse_overlaps("ProjectionExpression", &wanted)?;
    wanted.sort();
    let slices: Vec<&[Hop<'_>]> = wanted.iter().map(Vec::as_slice).collect();
    Ok(members(item, &slices))
}

fn members(item: &Item, wanted: &[&[Hop<'_>]]) -> Item {
    groups(wanted)
        .filter_map(|(hop, deeper)| {
            let Hop::Field(name) = hop else { return None };
            Some(((*name).to_owned(), part(item.get(*name)?, &deeper)?))
        })
        .collect()
}

fn part(value: &Value, wanted: &[&[Hop<'_>]]) -> Option<Value> {
    if wanted.iter().any(|rest| rest.is_empty()) {
        return Some(value.clone());
    }
    match value {
        Value::M(inner) => {
            let kept = members(inner, wanted);
            (!kept.is_empty()).then_some(Value::M(kept))
        }
        Value::L(elements) => {
            let kept: Vec<Value> = groups(wanted)
                .filter_map(|(hop, deeper)| {
                    let Hop::Index(index) = hop else { return None };
                    part(elements.get(*index)?, &deeper)
                })
                .collect();
            (!kept.is_empty()).then_some(Value::L(kept))
        }
        _ => None,
    }
}

/// Sorted paths grouped by their first hop, each with what follows it.
fn groups<'w, 'a>(wanted: &'w [&'w [Hop<'a>]]) -> impl Iterator<Item = (&'w Hop<'a>, Vec<&'w [Hop<'a>]>)> {
    wanted
        .chunk_by(|a, b| a.first() == b.first())
        .filter_map(|group| Some((group.first()?.first()?, group.iter().filter_map(|path| path.get(1..)).collect())))
}
