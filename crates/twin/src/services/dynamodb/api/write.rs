//! A write, from its words to its effect: every item operation that writes plans here, and then commits.

use std::sync::Arc;

use super::capacity::write_units;
use super::request::{Names, OnFailure, Values};
use crate::services::dynamodb::expr::{self, Bindings, Cache, Parsed, Path, Update};
use crate::services::dynamodb::key::Key;
use crate::services::dynamodb::state::Wake;
use crate::services::dynamodb::stream::Author;
use crate::services::dynamodb::table::Table;
use crate::services::dynamodb::value::{Item, Value, item_size};
use crate::services::dynamodb::version::Stamp;
use crate::wire::AwsError;

/// "The maximum item size in DynamoDB is 400 KB", quotas page.
const ITEM_BYTES_MAX: usize = 400 * 1_024;

pub enum Action {
    Put(Item),
    /// A put of an item that is not there yet.
    Insert(Item),
    Update {
        key: Item,
        expression: Option<String>,
    },
    Delete(Item),
    /// Only the condition; for transactions.
    Check(Item),
}

/// A write as it is asked for.
pub struct Write {
    pub action: Action,
    pub condition: Option<String>,
    pub names: Names,
    pub values: Values,
    pub on_failure: OnFailure,
}

/// A write that may happen: what it changes, worked out and checked, nothing done yet.
pub struct Plan {
    pub key: Key,
    pub old: Option<Arc<Item>>,
    pub new: Option<Arc<Item>>,
    /// False for a condition check.
    pub is_write: bool,
    /// What an update touched, for `UPDATED_OLD` and `UPDATED_NEW`.
    pub update: Option<Arc<Parsed<Update>>>,
}

/// Why a write may not happen.
pub enum Refused {
    /// The condition does not hold; with the item, where it was asked for.
    Condition(Option<Arc<Item>>),
    Error(AwsError),
}

impl From<AwsError> for Refused {
    fn from(error: AwsError) -> Self {
        Self::Error(error)
    }
}

impl Refused {
    /// As the error of a single write.
    pub fn into_error(self) -> AwsError {
        match self {
            Self::Error(error) => error,
            Self::Condition(item) => {
                let error = AwsError::bad_request("ConditionalCheckFailedException", "The conditional request failed");
                match item.and_then(|item| serde_json::to_value(&*item).ok()) {
                    Some(item) => error.with("Item", item),
                    None => error,
                }
            }
        }
    }
}

/// Works a write out against what the Region holds.
pub fn plan(table: &mut Table, cache: &mut Cache, stamp: Stamp, write: Write) -> Result<Plan, Refused> {
    let Write { action, condition, names, values, on_failure } = write;
    let bindings = Bindings::new(names.as_ref(), values.as_ref())?;
    let condition = condition.map(|text| cache.condition("ConditionExpression", &text)).transpose()?;
    let update = match &action {
        Action::Update { expression: Some(text), .. } => Some(cache.update(text)?),
        _ => None,
    };
    let mut used: [(&[String], &[String]); 2] = [(&[], &[]); 2];
    let mut count = 0;
    if let Some(update) = &update {
        bindings.check_defined("UpdateExpression", update)?;
        used[count] = (&update.names, &update.values);
        count += 1;
    }
    if let Some(condition) = &condition {
        bindings.check_defined("ConditionExpression", condition)?;
        used[count] = (&condition.names, &condition.values);
        count += 1;
    }
    bindings.check_used(&used[..count])?;
    let key = match &action {
        Action::Put(item) | Action::Insert(item) => Key::of_item(&table.keys, item)?,
        Action::Update { key, .. } | Action::Delete(key) | Action::Check(key) => Key::exactly(&table.keys, key)?,
    };
    table.refuse_conflict(stamp.region, &key, stamp.now)?;
    table.settle(stamp.region, stamp.now);
    let old = table.stored(stamp.region, &key).map(|(item, _)| item.clone());
    if matches!(action, Action::Insert(_)) && old.is_some() {
        let why = "Duplicate primary key exists in table";
        return Err(AwsError::bad_request("DuplicateItemException", why).into());
    }
    if let Some(condition) = condition {
        let empty = Item::new();
        let item = old.as_deref().unwrap_or(&empty);
        if !expr::holds("ConditionExpression", &condition.tree, item, &bindings)? {
            return Err(Refused::Condition(old.filter(|_| on_failure == OnFailure::AllOld)));
        }
    }
    let is_write = !matches!(action, Action::Check(_));
    let new = match action {
        Action::Check(_) => old.clone(),
        Action::Delete(_) => None,
        Action::Put(item) | Action::Insert(item) => {
            Some(Arc::new(checked(table, item, "Item size has exceeded the maximum allowed size")?))
        }
        Action::Update { key: given, .. } => {
            let before = old.as_deref().unwrap_or(&given);
            let after = match &update {
                Some(update) => {
                    let keys: Vec<&str> = table.keys.names().collect();
                    expr::apply(&update.tree, before, &keys, &bindings)?
                }
                None => before.clone(),
            };
            let too_large = "Item size to update has exceeded the maximum allowed size";
            Some(Arc::new(checked(table, after, too_large)?))
        }
    };
    Ok(Plan { key, old, new, is_write, update })
}

/// Does what was planned; gives what then needs a task.
pub fn commit(table: &mut Table, stamp: Stamp, plan: &Plan) -> Vec<Wake> {
    if !plan.is_write {
        return Vec::new();
    }
    table.commit(stamp, plan.key.clone(), plan.new.clone(), Author::User)
}

impl Plan {
    /// Write units: the larger of both images for the table, and what its indexes cost.
    pub fn units(&self, table: &Table) -> f64 {
        let size = |item: &Option<Arc<Item>>| item.as_deref().map_or(0, item_size);
        let own = write_units(size(&self.old).max(size(&self.new)));
        own + table.indexes.iter().map(|index| self.index_units(table, index)).sum::<f64>()
    }

    /// One write to put an entry, one to take an old one away ("Write units" under secondary indexes).
    fn index_units(&self, table: &Table, index: &crate::services::dynamodb::schema::Index) -> f64 {
        let entry = |item: &Option<Arc<Item>>| {
            let item = item.as_deref()?;
            Some((Key::in_index(&index.keys, item)?, index.projected(&table.keys, item)))
        };
        match (entry(&self.old), entry(&self.new)) {
            (None, None) => 0.0,
            (Some((_, one)), None) | (None, Some((_, one))) => write_units(item_size(&one)),
            (Some(old), Some(new)) if old == new => 0.0,
            (Some((old_key, _)), Some((new_key, new))) if old_key == new_key => write_units(item_size(&new)),
            (Some((_, old)), Some((_, new))) => write_units(item_size(&old)) + write_units(item_size(&new)),
        }
    }

    /// The attributes an update touched, before or after.
    pub fn touched(&self, item: Option<&Arc<Item>>, names: &Names) -> Result<Option<Item>, AwsError> {
        let (Some(update), Some(item)) = (&self.update, item) else { return Ok(None) };
        let tree = &update.tree;
        let changed = tree.set.iter().map(|(path, _)| path).chain(&tree.remove);
        let paths: Vec<Path> =
            changed.chain(tree.add.iter().chain(&tree.delete).map(|(path, _)| path)).cloned().collect();
        let bindings = Bindings::new(names.as_ref(), None)?;
        let touched = expr::project(item, &paths, &bindings)?;
        Ok((!touched.is_empty()).then_some(touched))
    }
}

fn checked(table: &Table, item: Item, too_large: &str) -> Result<Item, AwsError> {
    if item_size(&item) > ITEM_BYTES_MAX {
        return Err(AwsError::validation(too_large));
    }
    if item.values().any(Value::is_too_deep) {
        return Err(AwsError::validation("Nesting Levels have exceeded supported limits"));
    }
    for index in &table.indexes {
        index.check(&item)?;
    }
    Ok(item)
}
