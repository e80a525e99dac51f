//! `Globals`: properties that all resources of a type share.

use super::specs::TYPES;
use crate::formation::registry::property;
use crate::formation::template::{Data, Node, Problem, did_you_mean};

/// The sections SAM documents; those of types outside the subset have nothing to act on.
const SECTIONS: &[(&str, &str)] = &[
    ("Api", "AWS::Serverless::Api"),
    ("CapacityProvider", ""),
    ("Function", "AWS::Serverless::Function"),
    ("HttpApi", ""),
    ("LayerVersion", ""),
    ("SimpleTable", "AWS::Serverless::SimpleTable"),
    ("StateMachine", ""),
    ("WebSocketApi", ""),
];

pub struct Globals(Vec<(&'static str, Node)>);

/// Takes the section out of the template.
pub fn take(root: &mut Node) -> Result<Globals, Vec<Problem>> {
    let Some(globals) = root.take("Globals") else { return Ok(Globals(Vec::new())) };
    let (mut out, mut problems) = (Vec::new(), Vec::new());
    for entry in globals.as_map().unwrap_or_default() {
        let path = format!("Globals/{}", entry.key);
        let Some((_, kind)) = SECTIONS.iter().find(|(name, _)| *name == entry.key) else {
            let near = did_you_mean(&entry.key, SECTIONS.iter().map(|(name, _)| *name));
            problems.push(Problem::new(entry.key_at, path, format!("unknown section of Globals{near}")));
            continue;
        };
        let known = TYPES.iter().find(|(name, _)| name == kind).map(|(_, known)| *known).unwrap_or_default();
        for member in entry.value.as_map().unwrap_or_default() {
            if !kind.is_empty() && property(known, &member.key).is_none() {
                let near = did_you_mean(&member.key, known.iter().map(|property| property.name));
                let why = format!("unknown property of {kind}{near}");
                problems.push(Problem::new(member.key_at, format!("{path}/{}", member.key), why));
            }
        }
        out.push((*kind, entry.value.clone()));
    }
    if problems.is_empty() { Ok(Globals(out)) } else { Err(problems) }
}

impl Globals {
    /// Lays the resource's own properties over the shared ones.
    pub fn merge(&self, resource: &mut Node) {
        let kind = resource.get_text("Type").unwrap_or_default();
        let Some((_, shared)) = self.0.iter().find(|(name, _)| !name.is_empty() && *name == kind) else { return };
        let merged = match resource.take("Properties") {
            Some(own) => over(shared, own),
            None => shared.clone(),
        };
        resource.set("Properties", merged);
    }
}

/// Maps merge, lists are joined, anything else is the resource's own ("Globals section", SAM specification).
fn over(shared: &Node, own: Node) -> Node {
    if shared.as_call().is_some() || own.as_call().is_some() {
        return own;
    }
    let at = own.at;
    match (&shared.data, own.data) {
        (Data::Map(shared), Data::Map(entries)) => {
            let mut merged = Node { at, data: Data::Map(shared.clone()) };
            for entry in entries {
                let value = match merged.take(&entry.key) {
                    Some(below) => over(&below, entry.value),
                    None => entry.value,
                };
                if let Data::Map(out) = &mut merged.data {
                    out.push(crate::formation::template::Entry { value, ..entry });
                }
            }
            merged
        }
        (Data::List(shared), Data::List(items)) => Node::list(at, shared.iter().cloned().chain(items).collect()),
        (_, data) => Node { at, data },
    }
}
