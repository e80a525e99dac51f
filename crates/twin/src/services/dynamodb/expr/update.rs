//! What an update makes of an item. Every operand is read from the item as it was before.

use std::borrow::Cow;

use super::bindings::Bindings;
use super::path::{self, hops, refuse_overlaps};
use super::tree::{Path, Step, Term, Update};
use crate::services::dynamodb::value::{Item, Value};
use crate::wire::AwsError;

const KIND: &str = "UpdateExpression";

/// The item after the update. `keys` are attributes that may not change.
pub fn apply(update: &Update, before: &Item, keys: &[&str], bindings: &Bindings<'_>) -> Result<Item, AwsError> {
    let paths = update.set.iter().map(|(path, _)| path).chain(&update.remove);
    let paths = paths.chain(update.add.iter().chain(&update.delete).map(|(path, _)| path));
    let touched: Vec<_> = paths.map(|path| hops(path, bindings)).collect();
    refuse_overlaps(KIND, &touched)?;
    for hops in &touched {
        if let Some(path::Hop::Field(name)) = hops.first()
            && keys.contains(name)
        {
            return Err(AwsError::validation(format!(
                "One or more parameter values were invalid: Cannot update attribute {name}. This attribute is part of \
                 the key"
            )));
        }
    }
    let mut after = before.clone();
    for (path, term) in &update.set {
        let value = evaluate(term, before, bindings)?.into_owned();
        set(&mut after, path, value, bindings)?;
    }
    for (path, placeholder) in &update.add {
        if let Some(addend) = bindings.value(placeholder) {
            let sum = add(path::get(before, path, bindings), addend)?;
            set(&mut after, path, sum, bindings)?;
        }
    }
    for (path, placeholder) in &update.delete {
        if let Some(taken) = bindings.value(placeholder) {
            match difference(path::get(before, path, bindings), taken)? {
                Difference::Nothing => {}
                Difference::Left(rest) => set(&mut after, path, rest, bindings)?,
                Difference::Emptied => remove(&mut after, path, bindings)?,
            }
        }
    }
    // List elements are removed from the back, so that an index means what it meant before.
    let mut removed: Vec<&Path> = update.remove.iter().collect();
    removed.sort_by_cached_key(|path| std::cmp::Reverse(hops(path, bindings)));
    for path in removed {
        remove(&mut after, path, bindings)?;
    }
    Ok(after)
}

fn evaluate<'a>(term: &'a Term, item: &'a Item, bindings: &Bindings<'a>) -> Result<Cow<'a, Value>, AwsError> {
    match term {
        Term::Path(path) => path::get(item, path, bindings).map(Cow::Borrowed).ok_or_else(|| {
            AwsError::validation("The provided expression refers to an attribute that does not exist in the item")
        }),
        Term::Value(placeholder) => bindings.value(placeholder).map(Cow::Borrowed).ok_or_else(incorrect_type),
        Term::IfNotExists(path, otherwise) => match path::get(item, path, bindings) {
            Some(found) => Ok(Cow::Borrowed(found)),
            None => evaluate(otherwise, item, bindings),
        },
        Term::ListAppend(first, second) => {
            match (evaluate(first, item, bindings)?.into_owned(), evaluate(second, item, bindings)?.into_owned()) {
                (Value::L(mut elements), Value::L(more)) => {
                    elements.extend(more);
                    Ok(Cow::Owned(Value::L(elements)))
                }
                (Value::L(_), other) => Err(operand_type(second, "list_append", &other)),
                (other, _) => Err(operand_type(first, "list_append", &other)),
            }
        }
        Term::Plus(left, right) | Term::Minus(left, right) => {
            let (a, b) = (evaluate(left, item, bindings)?, evaluate(right, item, bindings)?);
            let sign = if matches!(term, Term::Plus(..)) { "+" } else { "-" };
            match (a.as_ref(), b.as_ref()) {
                (Value::N(a), Value::N(b)) if sign == "+" => Ok(Cow::Owned(Value::N(a.plus(*b)?))),
                (Value::N(a), Value::N(b)) => Ok(Cow::Owned(Value::N(a.minus(*b)?))),
                (Value::N(_), other) => Err(operand_type(right, sign, other)),
                (other, _) => Err(operand_type(left, sign, other)),
            }
        }
    }
}

/// A literal of a wrong type is the expression's fault, an attribute of one the item's.
fn operand_type(term: &Term, operator: &str, value: &Value) -> AwsError {
    match term {
        Term::Value(_) => AwsError::validation(format!(
            "Invalid {KIND}: Incorrect operand type for operator or function; operator or function: {operator}, \
             operand type: {}",
            value.type_name()
        )),
        _ => incorrect_type(),
    }
}

fn incorrect_type() -> AwsError {
    AwsError::validation("An operand in the update expression has an incorrect data type")
}

fn not_for(section: &str, value: &Value) -> AwsError {
    let name = match value {
        Value::S(_) => "STRING",
        Value::N(_) => "NUMBER",
        Value::B(_) => "BINARY",
        Value::Bool(_) => "BOOLEAN",
        Value::Null => "NULL",
        Value::M(_) => "MAP",
        Value::L(_) => "LIST",
        Value::Ss(_) | Value::Ns(_) | Value::Bs(_) => "SET",
    };
    AwsError::validation(format!(
        "Invalid {KIND}: Incorrect operand type for operator or function; operator: {section}, operand type: {name}, \
         typeSet: ALLOWED_FOR_{section}_OPERAND"
    ))
}

fn add(current: Option<&Value>, addend: &Value) -> Result<Value, AwsError> {
    if !matches!(addend, Value::N(_) | Value::Ss(_) | Value::Ns(_) | Value::Bs(_)) {
        return Err(not_for("ADD", addend));
    }
    match (current, addend) {
        (None, addend) => Ok(addend.clone()),
        (Some(Value::N(a)), Value::N(b)) => Ok(Value::N(a.plus(*b)?)),
        (Some(Value::Ss(a)), Value::Ss(b)) => Ok(Value::Ss(a.union(b).cloned().collect())),
        (Some(Value::Ns(a)), Value::Ns(b)) => Ok(Value::Ns(a.union(b).copied().collect())),
        (Some(Value::Bs(a)), Value::Bs(b)) => Ok(Value::Bs(a.union(b).cloned().collect())),
        _ => Err(incorrect_type()),
    }
}

enum Difference {
    Nothing,
    Left(Value),
    Emptied,
}

fn difference(current: Option<&Value>, taken: &Value) -> Result<Difference, AwsError> {
    if !matches!(taken, Value::Ss(_) | Value::Ns(_) | Value::Bs(_)) {
        return Err(not_for("DELETE", taken));
    }
    let (left, is_empty) = match (current, taken) {
        (None, _) => return Ok(Difference::Nothing),
        (Some(Value::Ss(a)), Value::Ss(b)) => (Value::Ss(a.difference(b).cloned().collect()), a.is_subset(b)),
        (Some(Value::Ns(a)), Value::Ns(b)) => (Value::Ns(a.difference(b).copied().collect()), a.is_subset(b)),
        (Some(Value::Bs(a)), Value::Bs(b)) => (Value::Bs(a.difference(b).cloned().collect()), a.is_subset(b)),
        _ => return Err(incorrect_type()),
    };
    Ok(if is_empty { Difference::Emptied } else { Difference::Left(left) })
}

fn invalid_path() -> AwsError {
    AwsError::validation("The document path provided in the update expression is invalid for update")
}

fn set(item: &mut Item, path: &Path, value: Value, bindings: &Bindings<'_>) -> Result<(), AwsError> {
    let Some((last, way)) = path.steps.split_last() else {
        item.insert(bindings.name(&path.root).to_owned(), value);
        return Ok(());
    };
    let parent = item.get_mut(bindings.name(&path.root)).and_then(|root| descend(root, way, bindings));
    match (parent, last) {
        (Some(Value::M(members)), Step::Field(name)) => {
            members.insert(bindings.name(name).to_owned(), value);
        }
        // An index past the end appends.
        (Some(Value::L(elements)), Step::Index(index)) => match elements.get_mut(*index) {
            Some(element) => *element = value,
            None => elements.push(value),
        },
        _ => return Err(invalid_path()),
    }
    Ok(())
}

fn remove(item: &mut Item, path: &Path, bindings: &Bindings<'_>) -> Result<(), AwsError> {
    let Some((last, way)) = path.steps.split_last() else {
        item.remove(bindings.name(&path.root));
        return Ok(());
    };
    let parent = item.get_mut(bindings.name(&path.root)).and_then(|root| descend(root, way, bindings));
    match (parent, last) {
        (Some(Value::M(members)), Step::Field(name)) => {
            members.remove(bindings.name(name));
        }
        (Some(Value::L(elements)), Step::Index(index)) => {
            if *index < elements.len() {
                elements.remove(*index);
            }
        }
        _ => return Err(invalid_path()),
    }
    Ok(())
}

fn descend<'i>(root: &'i mut Value, way: &[Step], bindings: &Bindings<'_>) -> Option<&'i mut Value> {
    way.iter().try_fold(root, |value, step| match (step, value) {
        (Step::Field(name), Value::M(members)) => members.get_mut(bindings.name(name)),
        (Step::Index(index), Value::L(elements)) => elements.get_mut(*index),
        _ => None,
    })
}
