//! The part of a table or index a Query or Scan walks, and the page it gets.

use std::ops::Bound;
use std::sync::Arc;

use super::expr::{Comparator, KeyCondition, SortCondition};
use super::key::{Key, KeyValue};
use super::replica::{IndexKey, Replica};
use super::schema::{KeyAttribute, KeySchema};
use super::table::Table;
use super::value::{Item, Value, item_size};
use crate::wire::AwsError;

/// "A single Query or Scan reads at most 1 MB of data", developer guide.
const PAGE_BYTES: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Table,
    /// By its position among the table's indexes.
    Index(usize),
}

impl Source {
    pub fn schema(self, table: &Table) -> &KeySchema {
        match self {
            Self::Table => &table.keys,
            Self::Index(at) => table.indexes.get(at).map_or(&table.keys, |index| &index.keys),
        }
    }
}

/// Where an item stands in what is read. In a table both keys are the primary key.
pub struct Position {
    pub key: Key,
    pub primary: Key,
}

/// An interval of keys, each end with whether it is inside.
pub struct Range {
    low: (Key, bool),
    high: (Key, bool),
}

pub struct Page {
    pub found: Vec<Arc<Item>>,
    pub bytes: usize,
    /// The last item read, where there may be more behind it.
    pub last: Option<Position>,
}

impl Range {
    pub fn all() -> Self {
        Self { low: (Key::FIRST, true), high: (Key::LAST, true) }
    }

    /// One of `total` equal parts of the hash space.
    pub fn segment(segment: u32, total: u32) -> Self {
        let edge = |at: u32| (u128::from(at) * (1_u128 << 64) / u128::from(total)) as u64;
        let high = match segment + 1 == total {
            true => (Key::LAST, true),
            false => (Key { hash: edge(segment + 1), ..Key::FIRST }, false),
        };
        Self { low: (Key { hash: edge(segment), ..Key::FIRST }, true), high }
    }

    pub fn of_condition(schema: &KeySchema, condition: &KeyCondition<'_>) -> Result<Self, AwsError> {
        let partition = Key::new(typed(&schema.partition, condition.partition)?, KeyValue::None);
        let Some(sort) = &schema.sort else {
            return Ok(Self { low: (partition.clone(), true), high: (partition.with_sort(KeyValue::Last), true) });
        };
        let at = |value: &Value| Ok::<_, AwsError>(partition.with_sort(typed(sort, value)?));
        let (start, end) = (partition.with_sort(KeyValue::None), partition.with_sort(KeyValue::Last));
        let (low, high) = match &condition.sort {
            SortCondition::Any => ((start, true), (end, true)),
            SortCondition::Is(comparator, value) => {
                let bound = at(value)?;
                match comparator {
                    Comparator::Less => ((start, true), (bound, false)),
                    Comparator::LessOrEqual => ((start, true), (bound, true)),
                    Comparator::Greater => ((bound, false), (end, true)),
                    Comparator::GreaterOrEqual => ((bound, true), (end, true)),
                    Comparator::Equal | Comparator::NotEqual => ((bound.clone(), true), (bound, true)),
                }
            }
            SortCondition::Between(low, high) => ((at(low)?, true), (at(high)?, true)),
            SortCondition::BeginsWith(prefix) => {
                let low = at(prefix)?;
                let high = match successor(&low.sort)? {
                    KeyValue::Last => (end, true),
                    next => (partition.with_sort(next), false),
                };
                ((low, true), high)
            }
        };
        Ok(Self { low, high })
    }
}

fn typed(attribute: &KeyAttribute, value: &Value) -> Result<KeyValue, AwsError> {
    let found = KeyValue::of(value).filter(|_| value.type_name() == attribute.kind);
    found.ok_or_else(|| {
        AwsError::validation(
            "One or more parameter values were invalid: Condition parameter type does not match schema type",
        )
    })
}

/// The first value behind all that begin with this one.
fn successor(prefix: &KeyValue) -> Result<KeyValue, AwsError> {
    match prefix {
        KeyValue::S(text) => {
            let mut characters: Vec<char> = text.chars().collect();
            while let Some(last) = characters.pop() {
                // Surrogates are no characters: the range skips them.
                if let Some(next) = (last..=char::MAX).nth(1) {
                    characters.push(next);
                    return Ok(KeyValue::S(characters.into_iter().collect::<String>().into()));
                }
            }
            Ok(KeyValue::Last)
        }
        KeyValue::B(bytes) => {
            let mut bytes = bytes.to_vec();
            while let Some(last) = bytes.pop() {
                if last < u8::MAX {
                    bytes.push(last + 1);
                    return Ok(KeyValue::B(bytes.into()));
                }
            }
            Ok(KeyValue::Last)
        }
        _ => Err(AwsError::validation(
            "Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: \
             begins_with, operand type: N",
        )),
    }
}

/// Reads a page: until the limit, until 1 MB, or to the end.
pub fn select(
    table: &Table,
    replica: &Replica,
    source: Source,
    range: &Range,
    start: Option<Position>,
    is_forward: bool,
    limit: Option<usize>,
) -> Result<Page, AwsError> {
    let entries: Box<dyn Iterator<Item = (&Key, &Key)>> = match source {
        Source::Table => {
            let (low, high) = bounds(range, start, is_forward, |key, _| key)?;
            let entries = replica.items.range((low, high)).map(|(key, _)| (key, key));
            if is_forward { Box::new(entries) } else { Box::new(entries.rev()) }
        }
        Source::Index(at) => {
            let (low, high) = bounds(range, start, is_forward, |key, primary| IndexKey { key, primary })?;
            let Some(index) = replica.indexes.get(at) else {
                return Ok(Page { found: Vec::new(), bytes: 0, last: None });
            };
            let entries = index.range((low, high)).map(|entry| (&entry.key, &entry.primary));
            if is_forward { Box::new(entries) } else { Box::new(entries.rev()) }
        }
    };
    let mut page = Page { found: Vec::new(), bytes: 0, last: None };
    for (key, primary) in entries {
        let Some(stored) = replica.items.get(primary) else { continue };
        page.bytes += match source {
            Source::Table => stored.size,
            Source::Index(at) => match table.indexes.get(at) {
                Some(index) => item_size(&index.projected(&table.keys, &stored.item)),
                None => stored.size,
            },
        };
        page.found.push(stored.item.clone());
        if limit == Some(page.found.len()) || page.bytes >= PAGE_BYTES {
            page.last = Some(Position { key: key.clone(), primary: primary.clone() });
            break;
        }
    }
    Ok(page)
}

/// The ends of the range as the storage orders them, moved behind the starting key.
fn bounds<K: Ord>(
    range: &Range,
    start: Option<Position>,
    is_forward: bool,
    entry: impl Fn(Key, Key) -> K,
) -> Result<(Bound<K>, Bound<K>), AwsError> {
    // An entry of an index carries its primary key behind its own: an end that is inside takes all of them.
    let (low, low_inside) = &range.low;
    let (high, high_inside) = &range.high;
    let side = |inside: bool| if inside { (Key::FIRST, Key::LAST) } else { (Key::LAST, Key::FIRST) };
    let lowest = entry(low.clone(), side(*low_inside).0);
    let highest = entry(high.clone(), side(*high_inside).1);
    let mut ends = (
        if *low_inside { Bound::Included(lowest) } else { Bound::Excluded(lowest) },
        if *high_inside { Bound::Included(highest) } else { Bound::Excluded(highest) },
    );
    if let Some(Position { key, primary }) = start {
        let at = entry(key, primary);
        let is_inside = |bound: &Bound<K>, outwards: std::cmp::Ordering| match bound {
            Bound::Included(end) => at.cmp(end) != outwards,
            Bound::Excluded(end) => at.cmp(end) == outwards.reverse(),
            Bound::Unbounded => true,
        };
        if !is_inside(&ends.0, std::cmp::Ordering::Less) || !is_inside(&ends.1, std::cmp::Ordering::Greater) {
            return Err(AwsError::validation(
                "The provided starting key is outside query boundaries based on provided conditions",
            ));
        }
        if is_forward { ends.0 = Bound::Excluded(at) } else { ends.1 = Bound::Excluded(at) }
    }
    // BTreeMap::range panics on an interval that is upside down or excludes its only point.
    let is_empty = match (&ends.0, &ends.1) {
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) => low >= high,
        _ => false,
    };
    if is_empty {
        let nothing = || entry(Key::LAST, Key::LAST);
        return Ok((Bound::Included(nothing()), Bound::Excluded(nothing())));
    }
    Ok(ends)
}
