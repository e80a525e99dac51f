//! What a key condition asks of the partition and sort key.

use super::bindings::Bindings;
use super::condition::check_bounds;
use super::tree::{Comparator, Condition, Operand, Path};
use crate::services::dynamodb::value::Value;
use crate::wire::AwsError;

const KIND: &str = "KeyConditionExpression";

#[derive(Debug)]
pub struct KeyCondition<'a> {
    pub partition: &'a Value,
    pub sort: SortCondition<'a>,
}

#[derive(Debug, PartialEq)]
pub enum SortCondition<'a> {
    Any,
    Is(Comparator, &'a Value),
    Between(&'a Value, &'a Value),
    BeginsWith(&'a Value),
}

/// Reads `pk = :p` and, if it is there, the condition on the sort key.
pub fn key_condition<'a>(
    condition: &'a Condition,
    partition: &str,
    sort: Option<&str>,
    bindings: &Bindings<'a>,
) -> Result<KeyCondition<'a>, AwsError> {
    let mut parts = Vec::new();
    conjuncts(condition, &mut parts)?;
    let (mut on_partition, mut on_sort) = (None, None);
    for part in parts {
        let (path, asked) = asked(part, bindings)?;
        let name = bindings.name(&path.root);
        if !path.steps.is_empty() {
            let why = "KeyConditionExpressions cannot have conditions on nested attributes";
            return Err(AwsError::validation(format!("Invalid {KIND}: {why}")));
        }
        let slot = if name == partition {
            &mut on_partition
        } else if sort == Some(name) {
            &mut on_sort
        } else {
            let missing = if on_partition.is_some() { sort.unwrap_or(partition) } else { partition };
            return Err(AwsError::validation(format!("Query condition missed key schema element: {missing}")));
        };
        if slot.replace(asked).is_some() {
            let why = "KeyConditionExpressions must only contain one condition per key";
            return Err(AwsError::validation(why));
        }
    }
    match on_partition {
        Some(SortCondition::Is(Comparator::Equal, value)) => {
            Ok(KeyCondition { partition: value, sort: on_sort.unwrap_or(SortCondition::Any) })
        }
        Some(_) => Err(AwsError::validation("Query key condition not supported")),
        None => Err(AwsError::validation(format!("Query condition missed key schema element: {partition}"))),
    }
}

/// The part of a condition that a Query could be asked, if it says what the partition key is.
pub fn on_keys(
    condition: &Condition,
    partition: &str,
    sort: Option<&str>,
    bindings: &Bindings<'_>,
) -> Option<Condition> {
    let mut parts = Vec::new();
    all_of(condition, &mut parts);
    let is_on = |part: &Condition, key: &str, takes: &dyn Fn(&SortCondition<'_>) -> bool| {
        asked(part, bindings)
            .is_ok_and(|(path, asked)| path.steps.is_empty() && bindings.name(&path.root) == key && takes(&asked))
    };
    let is_equal = |asked: &SortCondition<'_>| matches!(asked, SortCondition::Is(Comparator::Equal, _));
    let is_range = |asked: &SortCondition<'_>| !matches!(asked, SortCondition::Is(Comparator::NotEqual, _));
    let on_partition = (*parts.iter().find(|part| is_on(part, partition, &is_equal))?).clone();
    let on_sort = sort.and_then(|sort| parts.iter().find(|part| is_on(part, sort, &is_range)));
    Some(match on_sort {
        Some(on_sort) => Condition::And(Box::new(on_partition), Box::new((*on_sort).clone())),
        None => on_partition,
    })
}

/// The value that an attribute has wherever the condition holds.
pub fn equal_to<'a>(condition: &'a Condition, attribute: &str, bindings: &Bindings<'a>) -> Option<&'a Value> {
    let mut parts = Vec::new();
    all_of(condition, &mut parts);
    parts.into_iter().find_map(|part| match asked(part, bindings).ok()? {
        (path, SortCondition::Is(Comparator::Equal, value)) if path.steps.is_empty() => {
            (bindings.name(&path.root) == attribute).then_some(value)
        }
        _ => None,
    })
}

/// The parts that must all hold.
fn all_of<'a>(condition: &'a Condition, parts: &mut Vec<&'a Condition>) {
    match condition {
        Condition::And(a, b) => {
            all_of(a, parts);
            all_of(b, parts);
        }
        other => parts.push(other),
    }
}

fn conjuncts<'a>(condition: &'a Condition, parts: &mut Vec<&'a Condition>) -> Result<(), AwsError> {
    let refused = match condition {
        Condition::And(a, b) => {
            conjuncts(a, parts)?;
            return conjuncts(b, parts);
        }
        Condition::Compare(_, Comparator::NotEqual, _) => "<>",
        Condition::Compare(..) | Condition::Between(..) | Condition::BeginsWith(..) => {
            parts.push(condition);
            return Ok(());
        }
        Condition::Or(..) => "OR",
        Condition::Not(_) => "NOT",
        Condition::In(..) => "IN",
        Condition::Exists(_) => "attribute_exists",
        Condition::NotExists(_) => "attribute_not_exists",
        Condition::HasType(..) => "attribute_type",
        Condition::Contains(..) => "contains",
    };
    Err(AwsError::validation(format!("Invalid operator used in {KIND}: {refused}")))
}

fn asked<'a>(part: &'a Condition, bindings: &Bindings<'a>) -> Result<(&'a Path, SortCondition<'a>), AwsError> {
    let value = |operand: &'a Operand| match operand {
        Operand::Value(name) => bindings.value(name),
        _ => None,
    };
    let unsupported = || {
        let why = "each condition compares a key attribute with a value";
        AwsError::validation(format!("Invalid {KIND}: {why}"))
    };
    let (path, asked) = match part {
        Condition::Compare(Operand::Path(path), comparator, right) => {
            (path, value(right).map(|value| SortCondition::Is(*comparator, value)))
        }
        Condition::Compare(left, comparator, Operand::Path(path)) => {
            (path, value(left).map(|value| SortCondition::Is(flipped(*comparator), value)))
        }
        Condition::Between(Operand::Path(path), low, high) => match (value(low), value(high)) {
            (Some(low), Some(high)) => {
                check_bounds(KIND, low, high)?;
                (path, Some(SortCondition::Between(low, high)))
            }
            _ => (path, None),
        },
        Condition::BeginsWith(Operand::Path(path), prefix) => (path, value(prefix).map(SortCondition::BeginsWith)),
        _ => return Err(unsupported()),
    };
    Ok((path, asked.ok_or_else(unsupported)?))
}

fn flipped(comparator: Comparator) -> Comparator {
    match comparator {
        Comparator::Less => Comparator::Greater,
        Comparator::LessOrEqual => Comparator::GreaterOrEqual,
        Comparator::Greater => Comparator::Less,
        Comparator::GreaterOrEqual => Comparator::LessOrEqual,
        same => same,
    }
}
