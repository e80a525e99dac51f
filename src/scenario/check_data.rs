//! The workload on the data: rates, keys, mixes and sizes.

use indexmap::IndexMap;
use serde_saphyr::{Location, Spanned};

use super::check::Checker;
use super::data::{DataPlan, OBJECTS_STABLE, ObjectWorkload, TableWorkload};
use super::error::{ScenarioError, hint};
use super::file::{DataFile, ObjectsFile, TableFile};
use super::quantity::{Rate, parse_bytes};
use super::vocabulary::write_kinds;
use crate::store::WriteKind;

/// What the harness writes at once, at most.
const LARGEST: u64 = 100 << 20;

pub fn data(checker: &Checker<'_>, written: &DataFile) -> Result<DataPlan, ScenarioError> {
    let default = DataPlan::default();
    let look_every = checker.duration_or(written.look_every.as_ref(), default.look_every)?;
    if let Some(text) = written.look_every.as_ref().filter(|_| look_every.is_zero()) {
        return Err(checker.bad(text.referenced, "expected more than 0s between two looks"));
    }
    let stable_within = checker.duration_or(written.stable_within.as_ref(), default.stable_within)?;
    if let Some(text) = written.stable_within.as_ref().filter(|_| stable_within.is_zero()) {
        return Err(checker.bad(text.referenced, "expected more than 0s: nothing is everywhere at once"));
    }
    let settle = checker.duration_or(written.settle.as_ref(), default.settle)?;
    if settle < stable_within {
        let at = written.settle.as_ref().or(written.stable_within.as_ref());
        let what = "settle must be at least stable_within: what may still be under way is not lost";
        return Err(checker.bad(at.map_or(Location::UNKNOWN, |text| text.referenced), what));
    }
    Ok(DataPlan {
        stable_within,
        look_every,
        settle,
        table: written.table.as_ref().map(|table| self::table(checker, table)).transpose()?,
        objects: written.objects.as_ref().map(|objects| self::objects(checker, objects)).transpose()?,
        script: Vec::new(),
    })
}

fn table(checker: &Checker<'_>, written: &TableFile) -> Result<TableWorkload, ScenarioError> {
    let kind =
        |text: &str| {
            let known = write_kinds();
            known.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind).ok_or_else(|| {
                format!("unknown kind of write {text:?}{}", hint(text, known.iter().map(|(name, _)| *name)))
            })
        };
    Ok(TableWorkload {
        writes: checker.parsed(&written.writes, Rate::parse)?,
        reads: written.reads.as_ref().map(|reads| checker.parsed(reads, Rate::parse)).transpose()?,
        keys: positive(checker, written.keys.as_ref(), 200)?,
        mix: weights(checker, written.mix.as_ref(), WriteKind::Put, kind)?,
    })
}

fn objects(checker: &Checker<'_>, written: &ObjectsFile) -> Result<ObjectWorkload, ScenarioError> {
    Ok(ObjectWorkload {
        writes: checker.parsed(&written.writes, Rate::parse)?,
        sizes: weights(checker, written.sizes.as_ref(), 4 << 10, |text| match parse_bytes(text)? {
            bytes if bytes <= LARGEST => Ok(bytes),
            _ => Err(format!("{text} is too large: objects are held in memory, expected at most 100MB")),
        })?,
        stable_within: checker.duration_or(written.stable_within.as_ref(), OBJECTS_STABLE)?,
        keys: positive(checker, written.keys.as_ref(), 100)?,
    })
}

fn positive(checker: &Checker<'_>, given: Option<&Spanned<u32>>, default: u32) -> Result<u32, ScenarioError> {
    match given {
        Some(count) if count.value == 0 => Err(checker.bad(count.referenced, "expected 1 or more")),
        Some(count) => Ok(count.value),
        None => Ok(default),
    }
}

/// What is drawn, and how often relative to the others; `default` alone where nothing is given.
fn weights<T: std::hash::Hash + Eq>(
    checker: &Checker<'_>,
    given: Option<&Spanned<IndexMap<String, Spanned<u32>>>>,
    default: T,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<IndexMap<T, u32>, ScenarioError> {
    let Some(given) = given else { return Ok(IndexMap::from([(default, 1)])) };
    let mut weights = IndexMap::new();
    for (text, weight) in &given.value {
        let what = parse(text).map_err(|what| checker.bad(weight.referenced, what))?;
        weights.insert(what, weight.value);
    }
    if weights.values().all(|weight| *weight == 0) {
        return Err(checker.bad(given.referenced, "expected at least one weight above 0"));
    }
    Ok(weights)
}
