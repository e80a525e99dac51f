//! What can be known to be wrong before anything is made: names, kinds, references.

use super::handler::{Kind, Property};
use super::intrinsics::{PSEUDO, Piece, sub_parts, sub_pieces};
use super::registry::{Registry, property};
use super::template::{Data, Entry, Mark, Node, Problem, Template, did_you_mean};

/// The functions that give a value; those that build conditions stand in [`CONDITIONAL`].
const FUNCTIONS: &[&str] = &[
    "Fn::Base64",
    "Fn::FindInMap",
    "Fn::GetAZs",
    "Fn::GetAtt",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Ref",
];
const CONDITIONAL: &[&str] = &["Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"];
/// Functions that AWS has and the twin has not.
const FOREIGN: &[&str] = &["Fn::Cidr", "Fn::ForEach", "Fn::Length", "Fn::ToJsonString", "Fn::Transform"];

/// Every mistake in a template's resources, conditions and outputs.
pub fn validate(template: &Template, registry: &Registry) -> Vec<Problem> {
    let mut check = Check { template, registry, references: true, problems: Vec::new() };
    for (name, condition) in &template.conditions {
        check.condition(condition, &format!("Conditions/{name}"));
    }
    for (name, resource) in &template.resources {
        let path = format!("Resources/{name}");
        check.condition_name(resource.condition.as_ref(), &path);
        for (on, at) in &resource.depends_on {
            if !template.resources.contains_key(on) {
                let near = did_you_mean(on, template.resources.keys().map(String::as_str));
                check.fail(*at, &format!("{path}/DependsOn"), format!("unknown resource {on:?}{near}"));
            }
        }
        let Some(handler) = registry.get(&resource.kind) else {
            check.fail(resource.kind_at, &format!("{path}/Type"), unknown_type(&resource.kind, registry));
            continue;
        };
        let spec = handler.spec();
        check.object(&resource.properties, resource.at, spec.properties, spec.name, &format!("{path}/Properties"));
    }
    for (name, output) in &template.outputs {
        let path = format!("Outputs/{name}");
        check.condition_name(output.condition.as_ref(), &path);
        check.any(&output.value, &format!("{path}/Value"));
        if let Some(export) = &output.export {
            check.any(export, &format!("{path}/Export/Name"));
        }
    }
    check.problems
}

/// Why a type is refused. What is custom has no nearest name: its code is the caller's own.
fn unknown_type(kind: &str, registry: &Registry) -> String {
    if kind.starts_with("Custom::") || kind == "AWS::CloudFormation::CustomResource" {
        return format!("the twin runs no custom resources ({kind}); see docs/fidelity.md");
    }
    format!("the twin has no resource type {kind}{}", did_you_mean(kind, registry.names()))
}

/// Every mistake of properties against a list that is not a registered type's: SAM's resources use it. Where their
/// references lead is only known once SAM has run.
pub fn validate_properties(
    template: &Template,
    registry: &Registry,
    properties: &Node,
    at: Mark,
    known: &'static [Property],
    of: &str,
    path: &str,
) -> Vec<Problem> {
    let mut check = Check { template, registry, references: false, problems: Vec::new() };
    check.object(properties, at, known, of, path);
    check.problems
}

struct Check<'a> {
    template: &'a Template,
    registry: &'a Registry,
    /// Whether names that are referred to must exist.
    references: bool,
    problems: Vec<Problem>,
}

impl Check<'_> {
    /// An object against its properties; `of` is the type it belongs to, for the message.
    fn object(&mut self, node: &Node, at: Mark, known: &[Property], of: &str, path: &str) {
        let entries = node.as_map().unwrap_or_default();
        if entries.iter().any(|entry| self.lonely(entry, entries.len(), path)) {
            return;
        }
        for entry in entries {
            let path = format!("{path}/{}", entry.key);
            match property(known, &entry.key) {
                Some(property) => self.value(&entry.value, &property.kind, of, &path),
                None => {
                    let near = did_you_mean(&entry.key, known.iter().map(|property| property.name));
                    self.fail(entry.key_at, &path, format!("unknown property of {of}{near}"));
                }
            }
        }
        for property in known.iter().filter(|property| property.required) {
            if node.get(property.name).is_none() {
                self.fail(at, path, format!("missing required property {} of {of}", property.name));
            }
        }
    }

    /// An intrinsic that shares its map with other keys.
    fn lonely(&mut self, entry: &Entry, count: usize, path: &str) -> bool {
        let shares = entry.key.starts_with("Fn::") && count > 1;
        if shares {
            self.fail(entry.key_at, path, format!("{} must be the only key of its map", entry.key));
        }
        shares
    }

    fn value(&mut self, node: &Node, kind: &Kind, of: &str, path: &str) {
        if let Some((function, argument)) = node.as_call() {
            if let ("Fn::If", Some([_, then, otherwise])) = (function, argument.as_list()) {
                self.call(function, argument, path);
                for branch in [then, otherwise] {
                    self.value(branch, kind, of, path);
                }
                return;
            }
            let gives_list = matches!(function, "Fn::Split" | "Fn::GetAZs");
            let gives_text = matches!(function, "Fn::Sub" | "Fn::Join" | "Fn::Base64" | "Fn::ImportValue");
            match kind {
                Kind::List(_) | Kind::Object(_) | Kind::Map(_) if gives_text => {
                    self.fail(node.at, path, format!("expected {}, found {function}, which gives text", name_of(kind)));
                }
                Kind::Text | Kind::Integer | Kind::Number | Kind::Boolean if gives_list => {
                    self.fail(
                        node.at,
                        path,
                        format!("expected {}, found {function}, which gives a list", name_of(kind)),
                    );
                }
                _ => {}
            }
            return self.call(function, argument, path);
        }
        match (kind, &node.data) {
            (Kind::Any, _) => self.any(node, path),
            (Kind::List(item), Data::List(items)) => {
                for (index, node) in items.iter().enumerate() {
                    self.value(node, item, of, &format!("{path}/{index}"));
                }
            }
            (Kind::Object(known), Data::Map(_)) => self.object(node, node.at, known, of, path),
            (Kind::Map(item), Data::Map(entries)) => {
                for entry in entries {
                    self.value(&entry.value, item, of, &format!("{path}/{}", entry.key));
                }
            }
            (Kind::Text | Kind::Integer | Kind::Number | Kind::Boolean, Data::Scalar { text, .. }) => {
                self.dynamic(node, text, path);
                if node.is_null() || !super::coerce::fits(kind, text) {
                    let found = if node.is_null() { "nothing".to_owned() } else { format!("{text:?}") };
                    self.fail(node.at, path, format!("expected {}, found {found}", name_of(kind)));
                }
            }
            (_, data) => {
                let found = match data {
                    Data::Scalar { .. } => "a single value",
                    Data::List(_) => "a list",
                    Data::Map(_) => "a map",
                };
                self.fail(node.at, path, format!("expected {}, found {found}", name_of(kind)));
            }
        }
    }

    /// A tree in which anything may stand; only its intrinsics are looked at.
    fn any(&mut self, node: &Node, path: &str) {
        match &node.data {
            Data::Scalar { text, .. } => self.dynamic(node, text, path),
            Data::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.any(item, &format!("{path}/{index}"));
                }
            }
            Data::Map(entries) => match node.as_call() {
                Some((function, argument)) => self.call(function, argument, path),
                None => {
                    for entry in entries {
                        if !self.lonely(entry, entries.len(), path) {
                            self.any(&entry.value, &format!("{path}/{}", entry.key));
                        }
                    }
                }
            },
        }
    }

    fn dynamic(&mut self, node: &Node, text: &str, path: &str) {
        if text.contains("{{resolve:") {
            self.fail(node.at, path, "the twin does not model dynamic references ({{resolve:…}})".to_owned());
        }
    }

    fn call(&mut self, function: &str, argument: &Node, path: &str) {
        match function {
            "Ref" => match argument.as_text() {
                Some(name) => self.name(name, argument.at, path, "Ref"),
                None => self.fail(argument.at, path, "Ref takes a name".to_owned()),
            },
            "Fn::GetAtt" => self.get_att(argument, path),
            "Fn::Sub" => self.sub(argument, path),
            "Fn::If" => match argument.as_list() {
                Some([name, then, otherwise]) => {
                    let named = name.as_text().map(|text| (text.to_owned(), name.at));
                    self.condition_name(named.as_ref(), path);
                    self.any(then, path);
                    self.any(otherwise, path);
                }
                _ => self.fail(argument.at, path, "Fn::If takes [condition, then, else]".to_owned()),
            },
            known if FUNCTIONS.contains(&known) => self.any(argument, path),
            known if CONDITIONAL.contains(&known) => {
                self.fail(argument.at, path, format!("{known} belongs in Conditions; use Fn::If here"));
            }
            known if FOREIGN.contains(&known) => {
                self.fail(argument.at, path, format!("the twin does not implement {known}; see docs/fidelity.md"));
            }
            unknown => {
                let near = did_you_mean(unknown, FUNCTIONS.iter().copied());
                self.fail(argument.at, path, format!("unknown intrinsic function {unknown}{near}"));
            }
        }
    }

    fn get_att(&mut self, argument: &Node, path: &str) {
        let (resource, attribute) = match &argument.data {
            Data::Scalar { text, .. } => match text.split_once('.') {
                Some((resource, attribute)) => (resource, Some(attribute)),
                None => return self.fail(argument.at, path, "Fn::GetAtt takes [logical id, attribute]".to_owned()),
            },
            Data::List(items) => match items.as_slice() {
                [resource, attribute] => (resource.as_text().unwrap_or_default(), attribute.as_text()),
                _ => return self.fail(argument.at, path, "Fn::GetAtt takes [logical id, attribute]".to_owned()),
            },
            Data::Map(_) => {
                return self.fail(argument.at, path, "Fn::GetAtt takes [logical id, attribute]".to_owned());
            }
        };
        match attribute {
            Some(attribute) => self.attribute(resource, attribute, argument.at, path, "Fn::GetAtt"),
            None => self.resource(resource, argument.at, path, "Fn::GetAtt"),
        }
    }

    fn sub(&mut self, argument: &Node, path: &str) {
        let (text, variables) = match sub_parts(argument, path) {
            Ok(parts) => parts,
            Err(problem) => return self.problems.push(problem),
        };
        if let Some(variables) = variables {
            self.any(variables, path);
        }
        for piece in sub_pieces(text) {
            let Piece::Name(name) = piece else { continue };
            if variables.and_then(|variables| variables.get(name)).is_some() {
                continue;
            }
            match name.split_once('.') {
                Some((resource, attribute)) => self.attribute(resource, attribute, argument.at, path, "Fn::Sub"),
                None => self.name(name, argument.at, path, "Fn::Sub"),
            }
        }
    }

    /// A name that `Ref` can stand for.
    fn name(&mut self, name: &str, at: Mark, path: &str, function: &str) {
        let template = self.template;
        if !self.references {
            return;
        }
        if PSEUDO.contains(&name) || template.parameters.contains_key(name) || template.resources.contains_key(name) {
            return;
        }
        let resources = template.resources.keys().map(String::as_str);
        let parameters = template.parameters.keys().map(String::as_str);
        let near = did_you_mean(name, resources.chain(parameters).chain(PSEUDO.iter().copied()));
        self.fail(at, path, format!("{function} of {name:?}, which is neither a resource nor a parameter{near}"));
    }

    fn resource(&mut self, name: &str, at: Mark, path: &str, function: &str) {
        if self.references && !self.template.resources.contains_key(name) {
            let near = did_you_mean(name, self.template.resources.keys().map(String::as_str));
            self.fail(at, path, format!("{function} of {name:?}, which is not a resource{near}"));
        }
    }

    fn attribute(&mut self, resource: &str, attribute: &str, at: Mark, path: &str, function: &str) {
        let Some(found) = self.template.resources.get(resource) else {
            return self.resource(resource, at, path, function);
        };
        let Some(handler) = self.registry.get(&found.kind) else { return };
        let spec = handler.spec();
        if !spec.attributes.contains(&attribute) {
            let near = did_you_mean(attribute, spec.attributes.iter().copied());
            self.fail(
                at,
                path,
                format!("{function} of {resource}.{attribute}: {} has no such attribute{near}", spec.name),
            );
        }
    }

    fn condition_name(&mut self, condition: Option<&(String, Mark)>, path: &str) {
        let Some((name, at)) = condition else { return };
        if !self.template.conditions.contains_key(name) {
            let near = did_you_mean(name, self.template.conditions.keys().map(String::as_str));
            self.fail(*at, path, format!("unknown condition {name:?}{near}"));
        }
    }

    /// A condition: its functions, and references to parameters only, for resources do not exist yet.
    fn condition(&mut self, node: &Node, path: &str) {
        let Some([only]) = node.as_map() else {
            return self.fail(node.at, path, "a condition is one of Fn::Equals, Fn::And, Fn::Or, Fn::Not".to_owned());
        };
        let items = only.value.as_list().unwrap_or_default();
        match only.key.as_str() {
            "Condition" => {
                let name = only.value.as_text().map(|name| (name.to_owned(), only.value.at));
                self.condition_name(name.as_ref(), path);
            }
            "Fn::Equals" => {
                for item in items {
                    self.any(item, path);
                    let of_resource = match item.as_call() {
                        Some(("Ref", name)) => {
                            name.as_text().filter(|name| self.template.resources.contains_key(*name))
                        }
                        Some(("Fn::GetAtt", _)) => Some("Fn::GetAtt"),
                        _ => None,
                    };
                    if let Some(name) = of_resource {
                        self.fail(item.at, path, format!("a condition cannot depend on a resource ({name})"));
                    }
                }
            }
            "Fn::And" | "Fn::Or" | "Fn::Not" => items.iter().for_each(|item| self.condition(item, path)),
            other => {
                let near = did_you_mean(other, CONDITIONAL.iter().copied());
                self.fail(only.key_at, path, format!("unknown condition function {other}{near}"));
            }
        }
    }

    fn fail(&mut self, at: Mark, path: &str, message: String) {
        let problem = Problem::new(at, path, message);
        // Both branches of an If are looked at twice: as calls, and as values of their kind.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// A kind as a message names it.
pub fn name_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Integer => "an integer",
        Kind::Number => "a number",
        Kind::Boolean => "true or false",
        Kind::List(_) => "a list",
        Kind::Object(_) | Kind::Map(_) => "a map",
        Kind::Any => "anything",
    }
}
