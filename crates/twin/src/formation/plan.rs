//! What a template would change: the properties it comes to now, beside those the stack has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::coerce;
use super::document::Document;
use super::graph;
use super::handler::{Kind, Property, Update};
use super::intrinsics::{Known, Scope, StackNames, has_unknown};
use super::registry::{Registry, property};
use super::stack::StackResource;
use super::template::{Data, Node, Problem};
use indexmap::IndexMap;

/// One line of a change set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub action: Action,
    pub logical_id: String,
    pub physical_id: Option<String>,
    pub kind: String,
    pub replacement: Option<Replacement>,
    /// The properties that differ, and whether what they will be is known.
    pub properties: Vec<Difference>,
    /// Whether the stack's tags differ, which touches the resource too.
    pub tags: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Add,
    Modify,
    Remove,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    True,
    False,
    /// It depends on a value that is not known yet.
    Conditional,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub name: String,
    pub replaces: bool,
    pub known: bool,
}

/// What stands before a change.
pub struct Before<'a> {
    pub resources: &'a IndexMap<String, StackResource>,
    pub tags: &'a [(String, String)],
}

/// Works a document out against what stands; the changes, or why they cannot be made.
pub fn changes(
    document: &Document,
    registry: &Registry,
    names: StackNames,
    exports: BTreeMap<String, String>,
    before: &Before<'_>,
    tags: &[(String, String)],
) -> Result<Vec<Change>, Vec<Problem>> {
    let one = |problem| vec![problem];
    let mut scope = Scope::new(&document.template, &document.parameters, names, exports).map_err(one)?;
    let order = graph::order(&scope).map_err(one)?;
    let (mut changes, mut problems) = (Vec::new(), Vec::new());
    for name in &order {
        let (properties, kind) = match resolved(&scope, registry, name) {
            Ok(properties) => (properties, scope.template.resources[name].kind.clone()),
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let Some(old) = before.resources.get(name) else {
            changes.push(Change::new(Action::Add, name, None, kind));
            continue;
        };
        if old.kind != kind {
            let why = format!("Update of resource type is not permitted (it is {}); use another logical id", old.kind);
            problems.push(Problem::new(scope.template.resources[name].kind_at, format!("Resources/{name}/Type"), why));
            continue;
        }
        let known = registry.get(&kind).map(|handler| handler.spec().properties).unwrap_or_default();
        let differences = differences(known, &old.properties, &properties);
        let retagged = before.tags != tags && property(known, "Tags").is_some();
        let replacement = replacement(&differences);
        if replacement != Replacement::True {
            let (physical_id, attributes) = (old.physical_id.clone(), old.attributes.clone());
            scope.resources.insert(name.clone(), Known { physical_id, attributes });
        }
        if !differences.is_empty() || retagged {
            let mut change = Change::new(Action::Modify, name, Some(old.physical_id.clone()), kind);
            change.replacement = Some(replacement);
            change.properties = differences;
            change.tags = retagged;
            changes.push(change);
        }
    }
    problems.extend(outputs(&scope).err());
    if !problems.is_empty() {
        return Err(problems);
    }
    for (name, old) in before.resources.iter().rev().filter(|(name, _)| !order.contains(name)) {
        changes.push(Change::new(Action::Remove, name, Some(old.physical_id.clone()), old.kind.clone()));
    }
    Ok(changes)
}

/// The properties of a resource, resolved and in their kinds.
pub fn resolved(scope: &Scope<'_>, registry: &Registry, name: &str) -> Result<Value, Problem> {
    let Some(resource) = scope.template.resources.get(name) else {
        return Err(Problem::new(Default::default(), format!("Resources/{name}"), "is not defined"));
    };
    let path = format!("Resources/{name}/Properties");
    let value = scope.resolve(&resource.properties, &path)?.unwrap_or_else(|| Value::Object(Default::default()));
    let Some(handler) = registry.get(&resource.kind) else {
        return Err(Problem::new(resource.kind_at, path, format!("no resource type {}", resource.kind)));
    };
    coerce::properties(value, handler.spec().properties).map_err(|coerce::Misfit { path, why }| {
        let at = path.split('/').nth(1).and_then(|property| resource.properties.entry(property));
        let at = at.map_or(resource.at, |entry| entry.key_at);
        Problem::new(at, format!("Resources/{name}/{path}"), why)
    })
}

/// What an output comes to.
pub struct Evaluated {
    pub key: String,
    pub value: Value,
    pub export: Option<String>,
}

/// The outputs whose condition holds.
pub fn outputs(scope: &Scope<'_>) -> Result<Vec<Evaluated>, Problem> {
    let mut out = Vec::new();
    for (key, output) in &scope.template.outputs {
        if !scope.holds(output.condition.as_ref().map(|(name, _)| name.as_str())) {
            continue;
        }
        let path = format!("Outputs/{key}");
        let value = scope.resolve(&output.value, &format!("{path}/Value"))?.unwrap_or(Value::Null);
        let value = match value {
            Value::Array(_) | Value::Object(_) => {
                return Err(Problem::new(output.value.at, path, "the value of an output must be text"));
            }
            Value::String(_) => value,
            other => Value::String(other.to_string()),
        };
        let export = match &output.export {
            Some(name) => Some(scope.text(name, &format!("{path}/Export/Name"))?),
            None => None,
        };
        out.push(Evaluated { key: key.clone(), value, export });
    }
    Ok(out)
}

/// The exports of other stacks that a document uses.
pub fn imports(scope: &Scope<'_>) -> BTreeSet<String> {
    fn walk(scope: &Scope<'_>, node: &Node, found: &mut BTreeSet<String>) {
        match &node.data {
            Data::Scalar { .. } => {}
            Data::List(items) => items.iter().for_each(|item| walk(scope, item, found)),
            Data::Map(entries) => match node.as_call() {
                Some(("Fn::ImportValue", argument)) => found.extend(scope.text(argument, "").ok()),
                _ => entries.iter().for_each(|entry| walk(scope, &entry.value, found)),
            },
        }
    }
    let mut found = BTreeSet::new();
    for resource in scope.template.resources.values() {
        if scope.holds(resource.condition.as_ref().map(|(name, _)| name.as_str())) {
            walk(scope, &resource.properties, &mut found);
        }
    }
    for output in scope.template.outputs.values() {
        walk(scope, &output.value, &mut found);
    }
    found
}

/// The top-level properties that differ.
pub fn differences(known: &[Property], old: &Value, new: &Value) -> Vec<Difference> {
    known
        .iter()
        .filter_map(|property| {
            let (before, after) = (old.get(property.name), new.get(property.name));
            if before == after {
                return None;
            }
            let replaces = property.update == Update::Replacement || replaces_within(&property.kind, before, after);
            let known = !after.is_some_and(has_unknown);
            Some(Difference { name: property.name.to_owned(), replaces, known })
        })
        .collect()
}

/// Whether a change inside an object touches a part that replaces the resource.
fn replaces_within(kind: &Kind, before: Option<&Value>, after: Option<&Value>) -> bool {
    match (kind, before, after) {
        (Kind::Object(known), Some(before), Some(after)) => {
            differences(known, before, after).iter().any(|difference| difference.replaces)
        }
        (Kind::List(item), Some(Value::Array(before)), Some(Value::Array(after))) if before.len() == after.len() => {
            before
                .iter()
                .zip(after)
                .any(|(before, after)| before != after && replaces_within(item, Some(before), Some(after)))
        }
        _ => false,
    }
}

pub fn replacement(differences: &[Difference]) -> Replacement {
    let replacing = || differences.iter().filter(|difference| difference.replaces);
    if replacing().any(|difference| difference.known) {
        Replacement::True
    } else if replacing().next().is_some() {
        Replacement::Conditional
    } else {
        Replacement::False
    }
}

impl Change {
    fn new(action: Action, logical_id: &str, physical_id: Option<String>, kind: String) -> Self {
        let (logical_id, properties) = (logical_id.to_owned(), Vec::new());
        Self { action, logical_id, physical_id, kind, replacement: None, properties, tags: false }
    }
}
