//! Whether a condition holds for an item.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::bindings::Bindings;
use super::path;
use super::tree::{Comparator, Condition, Operand};
use crate::services::dynamodb::number::Number;
use crate::services::dynamodb::value::{Item, Value};
use crate::wire::AwsError;

/// Whether `condition` holds; an error where a literal operand cannot be compared so at all.
pub fn holds(kind: &str, condition: &Condition, item: &Item, bindings: &Bindings<'_>) -> Result<bool, AwsError> {
    let cx = Context { kind, item, bindings };
    cx.holds(condition)
}

struct Context<'a> {
    kind: &'a str,
    item: &'a Item,
    bindings: &'a Bindings<'a>,
}

impl<'a> Context<'a> {
    fn holds(&self, condition: &'a Condition) -> Result<bool, AwsError> {
        Ok(match condition {
            // Both sides are looked at, so that a wrong operand is an error whatever the item holds.
            Condition::And(a, b) => self.holds(a)? & self.holds(b)?,
            Condition::Or(a, b) => self.holds(a)? | self.holds(b)?,
            Condition::Not(inner) => !self.holds(inner)?,
            Condition::Compare(left, comparator, right) => self.compare(left, *comparator, right)?,
            Condition::Between(operand, low, high) => self.between(operand, low, high)?,
            Condition::In(operand, candidates) => match self.value(operand) {
                Some(value) => candidates.iter().any(|candidate| self.value(candidate).as_ref() == Some(&value)),
                None => false,
            },
            Condition::Exists(path) => path::get(self.item, path, self.bindings).is_some(),
            Condition::NotExists(path) => path::get(self.item, path, self.bindings).is_none(),
            Condition::HasType(path, kind) => {
                let wanted = self.wanted_type(kind)?;
                path::get(self.item, path, self.bindings).is_some_and(|value| value.type_name() == wanted)
            }
            Condition::BeginsWith(operand, prefix) => {
                self.refuse_literal(prefix, "begins_with", |value| matches!(value, Value::S(_) | Value::B(_)))?;
                begins_with(self.value(operand).as_deref(), self.value(prefix).as_deref())
            }
            Condition::Contains(operand, part) => contains(self.value(operand).as_deref(), self.value(part).as_deref()),
        })
    }

    fn value(&self, operand: &'a Operand) -> Option<Cow<'a, Value>> {
        match operand {
            Operand::Path(path) => path::get(self.item, path, self.bindings).map(Cow::Borrowed),
            Operand::Value(name) => self.bindings.value(name).map(Cow::Borrowed),
            Operand::Size(path) => {
                let size = size_of(path::get(self.item, path, self.bindings)?)?;
                Some(Cow::Owned(Value::N(Number::from_count(size))))
            }
        }
    }

    fn compare(&self, left: &'a Operand, comparator: Comparator, right: &'a Operand) -> Result<bool, AwsError> {
        let is_ordered = !matches!(comparator, Comparator::Equal | Comparator::NotEqual);
        if is_ordered {
            for side in [left, right] {
                self.refuse_literal(side, comparator.symbol(), has_order)?;
            }
        }
        let (left, right) = (self.value(left), self.value(right));
        Ok(match comparator {
            // A missing attribute differs from everything.
            Comparator::NotEqual => left != right || left.is_none(),
            Comparator::Equal => left.is_some() && left == right,
            _ => match (left.as_deref(), right.as_deref()) {
                (Some(left), Some(right)) => order(left, right).is_some_and(|order| match comparator {
                    Comparator::Less => order.is_lt(),
                    Comparator::LessOrEqual => order.is_le(),
                    Comparator::Greater => order.is_gt(),
                    _ => order.is_ge(),
                }),
                _ => false,
            },
        })
    }

    fn between(&self, operand: &'a Operand, low: &'a Operand, high: &'a Operand) -> Result<bool, AwsError> {
        for side in [operand, low, high] {
            self.refuse_literal(side, "BETWEEN", has_order)?;
        }
        let (value, lowest, highest) = (self.value(operand), self.value(low), self.value(high));
        if let (Operand::Value(_), Operand::Value(_), Some(lowest), Some(highest)) = (low, high, &lowest, &highest) {
            check_bounds(self.kind, lowest, highest)?;
        }
        let (Some(value), Some(low), Some(high)) = (value, lowest, highest) else { return Ok(false) };
        Ok(order(&value, &low).is_some_and(Ordering::is_ge) && order(&value, &high).is_some_and(Ordering::is_le))
    }

    fn wanted_type(&self, placeholder: &str) -> Result<&'a str, AwsError> {
        match self.bindings.value(placeholder) {
            Some(Value::S(name))
                if ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"].contains(&name.as_str()) =>
            {
                Ok(name)
            }
            Some(Value::S(name)) => Err(self.invalid(&format!(
                "Invalid attribute type name found; type: {name}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}"
            ))),
            other => Err(self.wrong_type("attribute_type", other.map_or("NULL", Value::type_name))),
        }
    }

    /// Refuses a literal the operator never takes; attributes of a wrong type are no error, only false.
    fn refuse_literal(
        &self,
        operand: &Operand,
        operator: &str,
        is_fit: impl Fn(&Value) -> bool,
    ) -> Result<(), AwsError> {
        match operand {
            Operand::Value(name) => match self.bindings.value(name) {
                Some(value) if !is_fit(value) => Err(self.wrong_type(operator, value.type_name())),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn wrong_type(&self, operator: &str, kind: &str) -> AwsError {
        self.invalid(&format!(
            "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {kind}"
        ))
    }

    fn invalid(&self, why: &str) -> AwsError {
        AwsError::validation(format!("Invalid {}: {why}", self.kind))
    }
}

/// Refuses a BETWEEN whose lower bound is the higher one, or of another type.
pub fn check_bounds(kind: &str, low: &Value, high: &Value) -> Result<(), AwsError> {
    let show = |value: &Value| serde_json::to_string(value).unwrap_or_default().replace('"', "");
    let why = match order(low, high) {
        Some(Ordering::Greater) => "requires upper bound to be greater than or equal to lower bound",
        None => "requires same data type for lower and upper bounds",
        Some(_) => return Ok(()),
    };
    Err(AwsError::validation(format!(
        "Invalid {kind}: The BETWEEN operator {why}; lower bound operand: AttributeValue: {}, upper bound operand: \
         AttributeValue: {}",
        show(low),
        show(high)
    )))
}

/// The order of two values of one ordered type.
pub fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::S(a), Value::S(b)) => Some(a.cmp(b)),
        (Value::N(a), Value::N(b)) => Some(a.cmp(b)),
        (Value::B(a), Value::B(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn has_order(value: &Value) -> bool {
    matches!(value, Value::S(_) | Value::N(_) | Value::B(_))
}

fn begins_with(value: Option<&Value>, prefix: Option<&Value>) -> bool {
    match (value, prefix) {
        (Some(Value::S(text)), Some(Value::S(prefix))) => text.starts_with(prefix.as_str()),
        (Some(Value::B(bytes)), Some(Value::B(prefix))) => bytes.starts_with(prefix),
        _ => false,
    }
}

fn contains(value: Option<&Value>, part: Option<&Value>) -> bool {
    match (value, part) {
        (Some(Value::S(text)), Some(Value::S(part))) => text.contains(part.as_str()),
        (Some(Value::B(bytes)), Some(Value::B(part))) => {
            part.is_empty() || bytes.windows(part.len()).any(|window| window == part.as_slice())
        }
        (Some(Value::Ss(set)), Some(Value::S(element))) => set.contains(element),
        (Some(Value::Ns(set)), Some(Value::N(element))) => set.contains(element),
        (Some(Value::Bs(set)), Some(Value::B(element))) => set.contains(element),
        (Some(Value::L(elements)), Some(element)) => elements.contains(element),
        _ => false,
    }
}

/// What `size()` gives: bytes of text (UTF-8) and binary, elements of the rest; nothing for numbers and truths.
fn size_of(value: &Value) -> Option<usize> {
    Some(match value {
        Value::S(text) => text.len(),
        Value::B(bytes) => bytes.len(),
        Value::M(members) => members.len(),
        Value::L(elements) => elements.len(),
        Value::Ss(set) => set.len(),
        Value::Ns(set) => set.len(),
        Value::Bs(set) => set.len(),
        Value::N(_) | Value::Bool(_) | Value::Null => return None,
    })
}
