//! Intrinsic functions: from a tree with `Fn::` calls to plain values.

use std::collections::BTreeMap;

use base64::Engine;
use serde_json::{Map, Value};

use super::parameters::Parameters;
use super::template::{Data, Node, Problem, Template};
use crate::region::Region;

/// Stands in text for a value that exists only once its resource does. No template can write it.
const UNKNOWN: &str = "\u{0}known after apply\u{0}";

/// What a name in a template can stand for.
pub struct Scope<'a> {
    pub template: &'a Template,
    pub parameters: &'a Parameters,
    pub stack: StackNames,
    pub conditions: BTreeMap<String, bool>,
    pub exports: BTreeMap<String, String>,
    /// The resources that exist, by logical id.
    pub resources: BTreeMap<String, Known>,
}

/// What pseudo parameters are made of.
#[derive(Clone)]
pub struct StackNames {
    pub region: Region,
    pub account: String,
    pub name: String,
    pub id: String,
    pub notification_arns: Vec<String>,
}

/// A resource as others refer to it.
#[derive(Clone)]
pub struct Known {
    pub physical_id: String,
    pub attributes: BTreeMap<String, Value>,
}

type Resolved = Result<Option<Value>, Problem>;

/// The pseudo parameters ("Pseudo parameters reference").
pub const PSEUDO: &[&str] = &[
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// Whether part of a value is not known yet.
pub fn has_unknown(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(UNKNOWN),
        Value::Array(items) => items.iter().any(has_unknown),
        Value::Object(members) => members.values().any(has_unknown),
        _ => false,
    }
}

impl<'a> Scope<'a> {
    /// A scope with its conditions evaluated and no resource in existence.
    pub fn new(
        template: &'a Template,
        parameters: &'a Parameters,
        stack: StackNames,
        exports: BTreeMap<String, String>,
    ) -> Result<Self, Problem> {
        let (conditions, resources) = (BTreeMap::new(), BTreeMap::new());
        let mut scope = Self { template, parameters, stack, conditions, exports, resources };
        for name in template.conditions.keys() {
            scope.condition(name, &mut Vec::new())?;
        }
        Ok(scope)
    }

    /// Whether a resource or output with this condition exists.
    pub fn holds(&self, condition: Option<&str>) -> bool {
        condition.is_none_or(|name| self.conditions.get(name).copied().unwrap_or(false))
    }

    /// The plain value of a tree; nothing where it is `AWS::NoValue`.
    pub fn resolve(&self, node: &Node, path: &str) -> Resolved {
        match &node.data {
            Data::Scalar { .. } => Ok(Some(node.to_json())),
            Data::List(items) => {
                let mut out = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    out.extend(self.resolve(item, &format!("{path}/{index}"))?);
                }
                Ok(Some(Value::Array(out)))
            }
            Data::Map(entries) => {
                if let Some((function, argument)) = node.as_call() {
                    return self.call(function, argument, path);
                }
                let mut out = Map::new();
                for entry in entries {
                    if let Some(value) = self.resolve(&entry.value, &format!("{path}/{}", entry.key))? {
                        out.insert(entry.key.clone(), value);
                    }
                }
                Ok(Some(Value::Object(out)))
            }
        }
    }

    fn call(&self, function: &str, argument: &Node, path: &str) -> Resolved {
        match function {
            "Ref" => self.reference(argument, path),
            "Fn::GetAtt" => self.get_att(argument, path).map(Some),
            "Fn::Sub" => self.sub(argument, path).map(Some),
            "Fn::Join" => self.join(argument, path).map(Some),
            "Fn::Select" => self.select(argument, path).map(Some),
            "Fn::Split" => self.split(argument, path).map(Some),
            "Fn::If" => self.choose(argument, path),
            "Fn::FindInMap" => self.find_in_map(argument, path).map(Some),
            "Fn::ImportValue" => {
                let name = self.text(argument, path)?;
                match self.exports.get(&name) {
                    Some(value) => Ok(Some(Value::String(value.clone()))),
                    None => Err(Problem::new(argument.at, path, format!("No export named {name} found."))),
                }
            }
            "Fn::Base64" => {
                let text = self.text(argument, path)?;
                if text.contains(UNKNOWN) {
                    return Ok(Some(Value::String(text)));
                }
                Ok(Some(Value::String(base64::engine::general_purpose::STANDARD.encode(text))))
            }
            "Fn::GetAZs" => {
                let named = self.text(argument, path)?;
                let region = if named.is_empty() { self.stack.region.as_str() } else { &named };
                Ok(Some(["a", "b", "c"].iter().map(|zone| Value::String(format!("{region}{zone}"))).collect()))
            }
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => {
                let why = format!("{function} belongs in Conditions; use Fn::If here");
                Err(Problem::new(argument.at, path, why))
            }
            other => Err(Problem::new(argument.at, path, format!("the twin does not implement {other}"))),
        }
    }

    fn reference(&self, argument: &Node, path: &str) -> Resolved {
        let name = argument.as_text().unwrap_or_default();
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        self.named(name, argument, path).map(Some)
    }

    /// What `Ref` of a name gives.
    fn named(&self, name: &str, at: &Node, path: &str) -> Result<Value, Problem> {
        let stack = &self.stack;
        let pseudo = match name {
            "AWS::Region" => Some(stack.region.as_str()),
            "AWS::AccountId" => Some(stack.account.as_str()),
            "AWS::StackName" => Some(stack.name.as_str()),
            "AWS::StackId" => Some(stack.id.as_str()),
            "AWS::Partition" => Some("aws"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            "AWS::NotificationARNs" => return Ok(stack.notification_arns.iter().cloned().map(Value::String).collect()),
            _ => None,
        };
        if let Some(text) = pseudo {
            return Ok(Value::String(text.to_owned()));
        }
        if let Some(parameter) = self.parameters.get(name) {
            return Ok(parameter.resolved());
        }
        self.existing(name, at, path)
            .map(|known| Value::String(known.map_or_else(|| UNKNOWN.to_owned(), |known| known.physical_id.clone())))
    }

    fn attribute(&self, resource: &str, attribute: &str, at: &Node, path: &str) -> Result<Value, Problem> {
        let Some(known) = self.existing(resource, at, path)? else { return Ok(Value::String(UNKNOWN.to_owned())) };
        known
            .attributes
            .get(attribute)
            .cloned()
            .ok_or_else(|| Problem::new(at.at, path, format!("{resource} exists but has no attribute {attribute}")))
    }

    /// The resource of this name, or nothing where it will exist but does not yet.
    fn existing(&self, name: &str, at: &Node, path: &str) -> Result<Option<&Known>, Problem> {
        if let Some(known) = self.resources.get(name) {
            return Ok(Some(known));
        }
        match self.template.resources.get(name) {
            Some(resource) if self.holds(resource.condition.as_ref().map(|(name, _)| name.as_str())) => Ok(None),
            Some(_) => {
                let why = format!("refers to the resource {name}, whose condition is false; guard this with Fn::If");
                Err(Problem::new(at.at, path, why))
            }
            None => Err(Problem::new(at.at, path, format!("refers to {name}, which is not defined"))),
        }
    }

    fn get_att(&self, argument: &Node, path: &str) -> Result<Value, Problem> {
        let (resource, attribute) = self.get_att_names(argument, path)?;
        self.attribute(&resource, &attribute, argument, path)
    }

    fn get_att_names(&self, argument: &Node, path: &str) -> Result<(String, String), Problem> {
        let wrong = || Problem::new(argument.at, path, "Fn::GetAtt takes [logical id, attribute]");
        match &argument.data {
            Data::Scalar { text, .. } => {
                text.split_once('.').map(|(r, a)| (r.to_owned(), a.to_owned())).ok_or_else(wrong)
            }
            Data::List(items) => match items.as_slice() {
                [resource, attribute] => {
                    let resource = resource.as_text().ok_or_else(wrong)?;
                    Ok((resource.to_owned(), self.text(attribute, path)?))
                }
                _ => Err(wrong()),
            },
            Data::Map(_) => Err(wrong()),
        }
    }

    fn sub(&self, argument: &Node, path: &str) -> Result<Value, Problem> {
        let (template, variables) = sub_parts(argument, path)?;
        let mut out = String::with_capacity(template.len());
        for part in sub_pieces(template) {
            match part {
                Piece::Text(text) => out.push_str(text),
                Piece::Name(name) => {
                    let value = match variables.and_then(|variables| variables.get(name)) {
                        Some(variable) => self.resolve(variable, path)?.unwrap_or(Value::Null),
                        None => match name.split_once('.') {
                            Some((resource, attribute)) => self.attribute(resource, attribute, argument, path)?,
                            None => self.named(name, argument, path)?,
                        },
                    };
                    let text = plain(&value);
                    out.push_str(&text.ok_or_else(|| {
                        Problem::new(argument.at, path, format!("${{{name}}} in Fn::Sub is not text"))
                    })?);
                }
            }
        }
        Ok(Value::String(out))
    }

    fn join(&self, argument: &Node, path: &str) -> Result<Value, Problem> {
        let [delimiter, items] = two(argument, path, "Fn::Join takes [delimiter, list]")?;
        let delimiter = self.text(delimiter, path)?;
        let items = match self.resolve(items, path)? {
            Some(Value::Array(items)) => items,
            Some(value) if has_unknown(&value) => return Ok(value),
            _ => return Err(Problem::new(argument.at, path, "Fn::Join takes [delimiter, list]")),
        };
        let texts: Option<Vec<String>> = items.iter().map(plain).collect();
        let texts = texts.ok_or_else(|| Problem::new(argument.at, path, "Fn::Join joins text only"))?;
        Ok(Value::String(texts.join(&delimiter)))
    }

    fn select(&self, argument: &Node, path: &str) -> Result<Value, Problem> {
        let [index, items] = two(argument, path, "Fn::Select takes [index, list]")?;
        let index = self.text(index, path)?;
        let items = match self.resolve(items, path)? {
            Some(Value::Array(items)) => items,
            Some(value) if has_unknown(&value) => return Ok(value),
            _ => return Err(Problem::new(argument.at, path, "Fn::Select takes [index, list]")),
        };
        // Splitting text that is not known yet gives one item that is not known yet.
        if let [only] = items.as_slice()
            && has_unknown(only)
        {
            return Ok(only.clone());
        }
        let found = index.parse::<usize>().ok().and_then(|index| items.get(index).cloned());
        found.ok_or_else(|| {
            let why = format!("Fn::Select cannot select index {index} of a list of {}", items.len());
            Problem::new(argument.at, path, why)
        })
    }

    fn split(&self, argument: &Node, path: &str) -> Result<Value, Problem> {
        let [delimiter, text] = two(argument, path, "Fn::Split takes [delimiter, text]")?;
        let (delimiter, text) = (self.text(delimiter, path)?, self.text(text, path)?);
        if delimiter.is_empty() {
            return Err(Problem::new(argument.at, path, "Fn::Split needs a delimiter"));
        }
        if text.contains(UNKNOWN) {
            return Ok(Value::Array(vec![Value::String(UNKNOWN.to_owned())]));
        }
        Ok(text.split(&delimiter).map(|part| Value::String(part.to_owned())).collect())
    }

    fn choose(&self, argument: &Node, path: &str) -> Resolved {
        let [name, then, otherwise] = argument.as_list().unwrap_or_default() else {
            return Err(Problem::new(argument.at, path, "Fn::If takes [condition, then, else]"));
        };
        let name = name.as_text().unwrap_or_default();
        match self.conditions.get(name) {
            Some(true) => self.resolve(then, path),
            Some(false) => self.resolve(otherwise, path),
            None => Err(Problem::new(argument.at, path, format!("unknown condition {name:?}"))),
        }
    }

    fn find_in_map(&self, argument: &Node, path: &str) -> Result<Value, Problem> {
        let [map, top, second] = argument.as_list().unwrap_or_default() else {
            return Err(Problem::new(argument.at, path, "Fn::FindInMap takes [map, top-level key, second-level key]"));
        };
        let (map, top, second) = (self.text(map, path)?, self.text(top, path)?, self.text(second, path)?);
        let found = self.template.mappings.get(&map).and_then(|map| map.get(&top)).and_then(|top| top.get(&second));
        found
            .map(Node::to_json)
            .ok_or_else(|| Problem::new(argument.at, path, format!("Unable to get mapping for {map}::{top}::{second}")))
    }

    /// The value of a tree as text.
    pub fn text(&self, node: &Node, path: &str) -> Result<String, Problem> {
        // A scalar is taken as it was written: "1.10" is a key, not a number.
        if let Some(text) = node.as_text() {
            return Ok(text.to_owned());
        }
        let value = self.resolve(node, path)?;
        value.as_ref().and_then(plain).ok_or_else(|| Problem::new(node.at, path, "expected text"))
    }

    /// Evaluates a condition and those it builds on; `open` are the ones being evaluated.
    fn condition(&mut self, name: &str, open: &mut Vec<String>) -> Result<bool, Problem> {
        if let Some(known) = self.conditions.get(name) {
            return Ok(*known);
        }
        let template = self.template;
        let path = format!("Conditions/{name}");
        let Some(node) = template.conditions.get(name) else {
            return Err(Problem::new(Default::default(), path, "is not defined"));
        };
        if open.iter().any(|open| open == name) {
            return Err(Problem::new(node.at, path, "depends on itself"));
        }
        open.push(name.to_owned());
        let value = self.truth(node, &path, open)?;
        open.pop();
        self.conditions.insert(name.to_owned(), value);
        Ok(value)
    }

    fn truth(&mut self, node: &Node, path: &str, open: &mut Vec<String>) -> Result<bool, Problem> {
        let wrong = || Problem::new(node.at, path, "expected Fn::Equals, Fn::And, Fn::Or, Fn::Not or Condition");
        let Some([only]) = node.as_map() else { return Err(wrong()) };
        let items = only.value.as_list().unwrap_or_default();
        let count = |range: std::ops::RangeInclusive<usize>| {
            let why = format!("{} takes {} to {} conditions", only.key, range.start(), range.end());
            if range.contains(&items.len()) { Ok(()) } else { Err(Problem::new(node.at, path, why)) }
        };
        match only.key.as_str() {
            "Condition" => self.condition(only.value.as_text().unwrap_or_default(), open),
            "Fn::Equals" => {
                let [left, right] = two(&only.value, path, "Fn::Equals takes [value, value]")?;
                let (left, right) = (self.resolve(left, path)?, self.resolve(right, path)?);
                Ok(match (left.as_ref().and_then(plain), right.as_ref().and_then(plain)) {
                    (Some(left), Some(right)) => left == right,
                    _ => left == right,
                })
            }
            // The template reference allows two to ten conditions here.
            "Fn::And" => {
                count(2..=10)?;
                items.iter().try_fold(true, |all, item| Ok(self.truth(item, path, open)? && all))
            }
            "Fn::Or" => {
                count(2..=10)?;
                items.iter().try_fold(false, |any, item| Ok(self.truth(item, path, open)? || any))
            }
            "Fn::Not" => {
                count(1..=1)?;
                Ok(!self.truth(&items[0], path, open)?)
            }
            _ => Err(wrong()),
        }
    }
}

/// A part of `Fn::Sub`'s text.
pub enum Piece<'t> {
    Text(&'t str),
    Name(&'t str),
}

/// The text of `Fn::Sub` in pieces; `${!x}` is the text `${x}`.
pub fn sub_pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        let name = &rest[start + 2..start + length];
        pieces.push(Piece::Text(&rest[..start]));
        match name.strip_prefix('!') {
            Some(_) => {
                pieces.push(Piece::Text("${"));
                pieces.push(Piece::Text(&rest[start + 3..=start + length]));
            }
            None => pieces.push(Piece::Name(name.trim())),
        }
        rest = &rest[start + length + 1..];
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// The text of `Fn::Sub` and its variables.
pub fn sub_parts<'n>(argument: &'n Node, path: &str) -> Result<(&'n str, Option<&'n Node>), Problem> {
    let wrong = || Problem::new(argument.at, path, "Fn::Sub takes text, or [text, map of variables]");
    match &argument.data {
        Data::Scalar { text, .. } => Ok((text, None)),
        Data::List(items) => match items.as_slice() {
            [text] => Ok((text.as_text().ok_or_else(wrong)?, None)),
            [text, variables] if variables.as_map().is_some() => {
                Ok((text.as_text().ok_or_else(wrong)?, Some(variables)))
            }
            _ => Err(wrong()),
        },
        Data::Map(_) => Err(wrong()),
    }
}

fn two<'n>(argument: &'n Node, path: &str, usage: &str) -> Result<[&'n Node; 2], Problem> {
    match argument.as_list() {
        Some([first, second]) => Ok([first, second]),
        _ => Err(Problem::new(argument.at, path, usage)),
    }
}

/// A scalar as text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
