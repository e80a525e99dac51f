//! `AWS::Include`: a part of the template that lives in a bucket.

use super::intrinsics::StackNames;
use super::parameters::{Parameters, early_text};
use super::template::{Data, Entry, Mark, Node, Problem, yaml};
use crate::Cloud;

pub const TRANSFORM: &str = "AWS::Include";

/// Replaces every `Fn::Transform: {Name: AWS::Include}` by what its `Location` holds.
///
/// Short-form tags are refused in there, as AWS documents for included YAML.
///
/// In the `Transform` section it brings in whole sections.
pub fn expand(root: Node, cloud: &Cloud, parameters: &Parameters, stack: &StackNames) -> Result<Node, Problem> {
    let include = Include { cloud, parameters, stack };
    let section = root.get("Transform").cloned();
    let mut root = include.node(root, "")?;
    let macros = section.as_ref().map(|section| section.as_list().unwrap_or(std::slice::from_ref(section)));
    for call in macros.unwrap_or_default() {
        match call.get_text("Name") {
            Some(TRANSFORM) => include.sections(&mut root, call)?,
            _ if call.as_text() == Some(TRANSFORM) => {
                return Err(Problem::new(call.at, "Transform", "AWS::Include needs Parameters: {Location: s3://…}"));
            }
            _ => {}
        }
    }
    Ok(root)
}

struct Include<'a> {
    cloud: &'a Cloud,
    parameters: &'a Parameters,
    stack: &'a StackNames,
}

impl Include<'_> {
    fn node(&self, node: Node, path: &str) -> Result<Node, Problem> {
        let at = node.at;
        let data = match node.data {
            Data::Map(entries) => return self.map(at, entries, path),
            Data::List(items) => {
                let items = items.into_iter().enumerate();
                Data::List(items.map(|(i, item)| self.node(item, &format!("{path}/{i}"))).collect::<Result<_, _>>()?)
            }
            scalar @ Data::Scalar { .. } => scalar,
        };
        Ok(Node { at, data })
    }

    /// A map with its inclusions, which may stand beside other keys: `{Fn::Transform: …, Owner: x}` merges.
    fn map(&self, at: Mark, entries: Vec<Entry>, path: &str) -> Result<Node, Problem> {
        let alone = entries.len() == 1;
        let mut out: Vec<Entry> = Vec::new();
        for entry in entries {
            let below = if path.is_empty() { entry.key.clone() } else { format!("{path}/{}", entry.key) };
            let is_include = entry.key == "Fn::Transform" && entry.value.get_text("Name") == Some(TRANSFORM);
            if !is_include {
                let value = self.node(entry.value, &below)?;
                out.push(Entry { value, ..entry });
                continue;
            }
            let included = self.read(&entry.value, &below)?;
            match included.data {
                Data::Map(more) => out.extend(more),
                _ if alone => return Ok(included),
                _ => return Err(Problem::new(entry.key_at, below, "what is included beside other keys must be a map")),
            }
        }
        Ok(Node { at, data: Data::Map(out) })
    }

    /// Lays the sections of an included document beside those of the template.
    fn sections(&self, root: &mut Node, call: &Node) -> Result<(), Problem> {
        let included = self.read(call, "Transform")?;
        let Data::Map(sections) = included.data else {
            return Err(Problem::new(call.at, "Transform", "what is included here must be a map of sections"));
        };
        for section in sections {
            let mut merged =
                root.take(&section.key).unwrap_or_else(|| Node::map(call.at, Vec::<(String, Node)>::new()));
            match section.value.data {
                Data::Map(entries) => entries.into_iter().for_each(|entry| merged.set(&entry.key, entry.value)),
                data => merged.data = data,
            }
            root.set(&section.key, merged);
        }
        Ok(())
    }

    fn read(&self, call: &Node, path: &str) -> Result<Node, Problem> {
        let location = call.get("Parameters").and_then(|parameters| parameters.get("Location"));
        let Some(location) = location else {
            return Err(Problem::new(call.at, path, "AWS::Include needs Parameters: {Location: s3://…}"));
        };
        let url = early_text(location, self.parameters, self.stack).ok_or_else(|| {
            Problem::new(
                location.at,
                path,
                "the Location of AWS::Include must be text, a Ref or an Fn::Sub of parameters",
            )
        })?;
        let Some((bucket, key)) = url.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) else {
            return Err(Problem::new(location.at, path, format!("the Location {url:?} is not s3://bucket/key")));
        };
        let bytes = self.cloud.s3.read(bucket, key).ok_or_else(|| {
            Problem::new(location.at, path, format!("S3 object s3://{bucket}/{key} does not exist; upload it first"))
        })?;
        let source = String::from_utf8_lossy(&bytes);
        let mut included = yaml::parse(&source, yaml::ShortForms::Refused)
            .map_err(|problem| Problem::new(location.at, path, format!("in s3://{bucket}/{key}: {problem}")))?;
        move_to(&mut included, call.at);
        Ok(included)
    }
}

/// Places in another document mean nothing to who reads this one: all of it stands where it was included.
fn move_to(node: &mut Node, at: Mark) {
    node.at = at;
    match &mut node.data {
        Data::Scalar { .. } => {}
        Data::List(items) => items.iter_mut().for_each(|item| move_to(item, at)),
        Data::Map(entries) => {
            for entry in entries {
                entry.key_at = at;
                move_to(&mut entry.value, at);
            }
        }
    }
}
