//! The SAM subset: `AWS::Serverless::*` resources become the CloudFormation resources SAM makes of them, under the
//! logical ids SAM gives them.
//!
//! Shapes and names follow the SAM specification ("Generated AWS CloudFormation resources"). What generated
//! resources say stands at the place of the resource they come from. A property this subset does not model is an
//! error, never dropped.

mod api;
mod cors;
mod function;
mod globals;
mod policies;
mod specs;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::intrinsics::StackNames;
use super::parameters::{Parameters, early_text};
use super::registry::Registry;
use super::template::{Data, Entry, Mark, Node, Problem, Template, did_you_mean};
use super::validate::validate_properties;

pub const TRANSFORM: &str = "AWS::Serverless-2016-10-31";

/// The API that events without a `RestApiId` make.
const IMPLICIT_API: &str = "ServerlessRestApi";

/// Runs the transform over a whole template.
pub fn expand(
    mut root: Node,
    registry: &Registry,
    parameters: &Parameters,
    stack: &StackNames,
) -> Result<Node, Vec<Problem>> {
    let globals = globals::take(&mut root)?;
    root.take("Transform");
    add_implicit_api(&mut root);
    let resources = root.take("Resources");
    let mut sam = Sam {
        parameters,
        stack,
        routes: BTreeMap::new(),
        stages: BTreeMap::new(),
        problems: Vec::new(),
        names: BTreeMap::new(),
        out: Vec::new(),
    };
    if let Some(Node { at, data: Data::Map(mut entries) }) = resources {
        for entry in &mut entries {
            globals.merge(&mut entry.value);
        }
        root.set("Resources", Node { at, data: Data::Map(entries) });
        let template = Template::read(&root)?;
        sam.problems = check(&root, &template, registry);
        if sam.problems.is_empty() {
            sam.run(root.take("Resources"));
        }
    }
    if !sam.problems.is_empty() {
        return Err(sam.problems);
    }
    root.set("Resources", Node { at: root.at, data: Data::Map(sam.out) });
    rename(&mut root, &sam.names);
    Ok(root)
}

/// Holds every SAM resource against its specification.
fn check(root: &Node, template: &Template, registry: &Registry) -> Vec<Problem> {
    let mut problems = Vec::new();
    for entry in root.get("Resources").and_then(Node::as_map).unwrap_or_default() {
        let kind = entry.value.get_text("Type").unwrap_or_default();
        if !kind.starts_with("AWS::Serverless::") {
            continue;
        }
        let Some((_, known)) = specs::TYPES.iter().find(|(name, _)| *name == kind) else {
            let near = did_you_mean(kind, specs::TYPES.iter().map(|(name, _)| *name));
            let at = entry.value.get("Type").map_or(entry.key_at, |kind| kind.at);
            let why = format!("the twin's SAM has no type {kind}{near}");
            problems.push(Problem::new(at, format!("Resources/{}/Type", entry.key), why));
            continue;
        };
        let none = Node::map(entry.key_at, Vec::<(String, Node)>::new());
        let properties = entry.value.get("Properties").unwrap_or(&none);
        let path = format!("Resources/{}/Properties", entry.key);
        problems.extend(validate_properties(template, registry, properties, entry.key_at, known, kind, &path));
        for property in properties.as_map().unwrap_or_default() {
            if specs::NOT_MODELLED.contains(&(kind, property.key.as_str())) {
                let path = format!("{path}/{}", property.key);
                let why = format!("the twin's SAM does not model {} of {kind}; see docs/fidelity.md", property.key);
                problems.push(Problem::new(property.key_at, path, why));
            }
        }
    }
    problems
}

/// Adds the API that events without one are for, as SAM does.
fn add_implicit_api(root: &mut Node) {
    let resources = root.get("Resources").and_then(Node::as_map).unwrap_or_default();
    let orphan = resources.iter().find_map(|entry| {
        let events = entry.value.get("Properties")?.get("Events")?.as_map()?;
        let is_orphan = |event: &Entry| {
            event.value.get_text("Type") == Some("Api")
                && event.value.get("Properties").is_some_and(|properties| properties.get("RestApiId").is_none())
        };
        events.iter().find(|event| is_orphan(event)).map(|event| event.key_at)
    });
    let Some(at) = orphan else { return };
    let Some(mut resources) = root.take("Resources") else { return };
    if resources.get(IMPLICIT_API).is_none() {
        let properties = Node::map(at, [("StageName", Node::text(at, "Prod"))]);
        let kind = Node::text(at, "AWS::Serverless::Api");
        resources.set(IMPLICIT_API, Node::map(at, [("Type", kind), ("Properties", properties)]));
    }
    root.set("Resources", resources);
}

/// One operation of an API that a function's event asks for.
struct Route {
    path: String,
    method: String,
    /// What the integration's URI names: the function's ARN, or its alias.
    target: String,
}

struct Sam<'a> {
    parameters: &'a Parameters,
    stack: &'a StackNames,
    /// By the logical id of the API.
    routes: BTreeMap<String, Vec<Route>>,
    /// The name of each API's stage, where it is plain text.
    stages: BTreeMap<String, String>,
    problems: Vec<Problem>,
    /// `Orders.Alias` and the logical id it stands for.
    names: BTreeMap<String, String>,
    out: Vec<Entry>,
}

/// A SAM resource that is being expanded.
struct Source<'n> {
    id: &'n str,
    at: Mark,
    node: &'n Node,
    properties: Node,
}

impl Source<'_> {
    fn get(&self, name: &str) -> Option<&Node> {
        self.properties.get(name)
    }

    fn path(&self, property: &str) -> String {
        format!("Resources/{}/Properties/{property}", self.id)
    }

    fn text(&self, text: impl Into<String>) -> Node {
        Node::text(self.at, text)
    }

    fn map(&self, entries: impl IntoIterator<Item = (&'static str, Option<Node>)>) -> Node {
        Node::map(self.at, entries.into_iter().filter_map(|(name, value)| Some((name, value?))))
    }

    fn copy(&self, name: &'static str) -> (&'static str, Option<Node>) {
        (name, self.get(name).cloned())
    }

    /// A map of tags as the list CloudFormation takes.
    fn tags(&self, created_by: Option<&str>) -> Option<Node> {
        let pair = |key: Node, value: Node| Node::map(self.at, [("Key", key), ("Value", value)]);
        let mut tags = Vec::new();
        tags.extend(created_by.map(|key| pair(self.text(key), self.text("SAM"))));
        for entry in self.get("Tags").and_then(Node::as_map).unwrap_or_default() {
            tags.push(pair(self.text(&entry.key), entry.value.clone()));
        }
        (!tags.is_empty()).then(|| Node::list(self.at, tags))
    }
}

impl Sam<'_> {
    fn run(&mut self, resources: Option<Node>) {
        let Some(Node { data: Data::Map(entries), .. }) = resources else { return };
        for entry in &entries {
            if entry.value.get_text("Type") == Some("AWS::Serverless::Function") {
                self.collect_routes(&source(entry));
            }
            if entry.value.get_text("Type") == Some("AWS::Serverless::Api")
                && let Some(stage) =
                    entry.value.get("Properties").and_then(|properties| properties.get_text("StageName"))
            {
                self.stages.insert(entry.key.clone(), alphanumeric(stage));
            }
        }
        for entry in entries {
            let kind = entry.value.get_text("Type").unwrap_or_default().to_owned();
            let source = source(&entry);
            match kind.as_str() {
                "AWS::Serverless::Function" => self.function(&source),
                "AWS::Serverless::Api" => self.api(&source),
                "AWS::Serverless::SimpleTable" => self.table(&source),
                _ => self.out.push(entry),
            }
        }
    }

    /// Puts out a resource that carries on what its source says about itself.
    fn push(&mut self, source: &Source<'_>, id: impl Into<String>, kind: &str, properties: Node) {
        self.push_with(source, id, kind, properties, None);
    }

    fn push_with(
        &mut self,
        source: &Source<'_>,
        id: impl Into<String>,
        kind: &str,
        properties: Node,
        policy: Option<&str>,
    ) {
        let id = id.into();
        let mut resource = Node::map(source.at, [("Type", source.text(kind)), ("Properties", properties)]);
        let own = id == source.id;
        for name in ["Condition", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Metadata"] {
            // Every generated resource shares the condition; the rest is the main resource's own.
            if let Some(value) = source.node.get(name).filter(|_| own || name == "Condition") {
                resource.set(name, value.clone());
            }
        }
        if let Some(policy) = policy {
            resource.set("DeletionPolicy", source.text(policy));
        }
        if self.out.iter().any(|entry| entry.key == id) {
            self.fail(source.at, &format!("Resources/{}", source.id), format!("SAM makes {id}, which exists already"));
        }
        self.out.push(Entry { key: id, key_at: source.at, value: resource });
    }

    fn fail(&mut self, at: Mark, path: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(at, path, message));
    }

    fn early_text(&self, node: &Node) -> Option<String> {
        early_text(node, self.parameters, self.stack)
    }

    /// Ten digits of a digest over a tree with the values of its parameters, as in SAM's logical ids.
    fn digest(&self, node: &Node) -> String {
        let digest = Sha256::digest(self.with_parameters(node).to_json().to_string());
        digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect()
    }

    fn with_parameters(&self, node: &Node) -> Node {
        if node.as_call().is_some()
            && let Some(text) = self.early_text(node)
        {
            return Node::text(node.at, text);
        }
        let data = match &node.data {
            Data::List(items) => Data::List(items.iter().map(|item| self.with_parameters(item)).collect()),
            Data::Map(entries) => {
                let value = |entry: &Entry| Entry { value: self.with_parameters(&entry.value), ..entry.clone() };
                Data::Map(entries.iter().map(value).collect())
            }
            scalar => scalar.clone(),
        };
        Node { at: node.at, data }
    }
}

/// The part of a text that a logical id can hold.
fn alphanumeric(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn source(entry: &Entry) -> Source<'_> {
    let none = || Node::map(entry.key_at, Vec::<(String, Node)>::new());
    let properties = entry.value.get("Properties").cloned().unwrap_or_else(none);
    Source { id: &entry.key, at: entry.key_at, node: &entry.value, properties }
}

/// Replaces `Api.Stage` and the like by the logical ids they stand for, in `Ref` and in `Fn::Sub`.
fn rename(node: &mut Node, names: &BTreeMap<String, String>) {
    match &mut node.data {
        Data::Scalar { .. } => {}
        Data::List(items) => items.iter_mut().for_each(|item| rename(item, names)),
        Data::Map(entries) => {
            for entry in entries {
                match (entry.key.as_str(), &mut entry.value.data) {
                    ("Ref", Data::Scalar { text, .. }) => {
                        if let Some(id) = names.get(text) {
                            text.clone_from(id);
                        }
                    }
                    ("Fn::Sub", Data::Scalar { text, .. }) => rename_in_text(text, names),
                    ("Fn::Sub", Data::List(items)) => {
                        if let Some(Node { data: Data::Scalar { text, .. }, .. }) = items.first_mut() {
                            rename_in_text(text, names);
                        }
                        items.iter_mut().skip(1).for_each(|item| rename(item, names));
                    }
                    _ => rename(&mut entry.value, names),
                }
            }
        }
    }
}

fn rename_in_text(text: &mut String, names: &BTreeMap<String, String>) {
    for (name, id) in names {
        let written = format!("${{{name}}}");
        if text.contains(&written) {
            *text = text.replace(&written, &format!("${{{id}}}"));
        }
    }
}
