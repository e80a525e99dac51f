//! A template on its way in: parsed, transformed, given its parameters, checked.

use serde_json::Value;

use super::intrinsics::StackNames;
use super::parameters::{self, Given, Parameters};
use super::registry::Registry;
use super::template::{Node, Problem, Template, did_you_mean, read_parameters, to_error, transforms, yaml};
use super::validate::validate;
use super::{include, sam};
use crate::Cloud;
use crate::wire::AwsError;

/// A checked template with the values of its parameters. No `Debug`: the values may be secret.
pub struct Document {
    /// As it was sent.
    pub body: String,
    /// After transforms.
    pub root: Node,
    pub template: Template,
    pub parameters: Parameters,
    pub transforms: Vec<String>,
}

/// What a template and its parameters are read with.
pub struct Reading<'a> {
    pub cloud: &'a Cloud,
    pub registry: &'a Registry,
    pub given: &'a [Given],
    pub previous: Option<&'a Parameters>,
    pub stack: &'a StackNames,
    /// Whether values are held against `AllowedPattern`: stand-ins cannot be.
    pub patterns: bool,
}

/// The largest template by `TemplateURL` (quotas page: 1 MB); by `TemplateBody` it is 51,200 bytes.
pub const BODY_BYTES_MAX: usize = 51_200;

impl Document {
    pub fn read(body: String, reading: &Reading<'_>) -> Result<Self, AwsError> {
        let root = yaml::parse(&body, yaml::ShortForms::Allowed).map_err(|problem| to_error(&[problem]))?;
        let transforms = transforms(&root);
        check_transforms(&root, &transforms)?;
        let mut specs = read_parameters(&root).map_err(|problems| to_error(&problems))?;
        if !reading.patterns {
            specs.values_mut().for_each(|spec| spec.allowed_pattern = None);
        }
        let store = |name: &str| match reading.patterns {
            true => reading.cloud.ssm.plain(reading.stack.region, name),
            false => Some(name.to_owned()),
        };
        let parameters = parameters::resolve(&specs, reading.given, reading.previous, &store)?;
        let root = include::expand(root, reading.cloud, &parameters, reading.stack).map_err(|p| to_error(&[p]))?;
        let root = if transforms.iter().any(|name| name == sam::TRANSFORM) {
            sam::expand(root, reading.registry, &parameters, reading.stack).map_err(|problems| to_error(&problems))?
        } else {
            root
        };
        let template = Template::read(&root).map_err(|problems| to_error(&problems))?;
        let problems = validate(&template, reading.registry);
        if !problems.is_empty() {
            return Err(to_error(&problems));
        }
        Ok(Self { body, root, template, parameters, transforms })
    }

    /// The capabilities a caller must acknowledge, and the types that ask for them.
    pub fn capabilities(&self) -> (Option<&'static str>, Vec<String>) {
        capabilities(&self.template)
    }

    pub fn processed(&self) -> Value {
        self.root.to_json()
    }
}

fn check_transforms(root: &Node, names: &[String]) -> Result<(), AwsError> {
    const KNOWN: &[&str] = &[sam::TRANSFORM, include::TRANSFORM];
    let at = root.entry("Transform").map(|entry| entry.key_at).unwrap_or_default();
    match names.iter().find(|name| !KNOWN.contains(&name.as_str())) {
        Some(name) => {
            let near = did_you_mean(name, KNOWN.iter().copied());
            Err(to_error(&[Problem::new(at, "Transform", format!("the twin has no transform {name:?}{near}"))]))
        }
        None => Ok(()),
    }
}

/// The IAM types that ask for a capability, with the property that names them ("Acknowledging IAM resources").
const IAM_TYPES: &[(&str, &str)] = &[
    ("AWS::IAM::AccessKey", ""),
    ("AWS::IAM::Group", "GroupName"),
    ("AWS::IAM::InstanceProfile", "InstanceProfileName"),
    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"),
    ("AWS::IAM::Policy", ""),
    ("AWS::IAM::Role", "RoleName"),
    ("AWS::IAM::User", "UserName"),
    ("AWS::IAM::UserToGroupAddition", ""),
];

fn capabilities(template: &Template) -> (Option<&'static str>, Vec<String>) {
    let mut needed = None;
    let mut kinds = Vec::new();
    for resource in template.resources.values() {
        let Some((kind, name)) = IAM_TYPES.iter().find(|(kind, _)| *kind == resource.kind) else { continue };
        if !kinds.iter().any(|known| known == kind) {
            kinds.push((*kind).to_owned());
        }
        if resource.properties.get(name).is_some() {
            needed = Some("CAPABILITY_NAMED_IAM");
        }
        needed = needed.or(Some("CAPABILITY_IAM"));
    }
    (needed, kinds)
}

/// Fails unless the request acknowledges what the template does to IAM, and, where it has transforms and skips the
/// review of a change set (`direct`), that they may expand.
///
/// The CreateChangeSet reference says CAPABILITY_AUTO_EXPAND "doesn't apply to creating change sets".
pub fn acknowledge(document: &Document, given: &[String], direct: bool) -> Result<(), AwsError> {
    let has = |name: &str| given.iter().any(|given| given == name);
    let mut missing = Vec::new();
    match document.capabilities().0 {
        Some("CAPABILITY_NAMED_IAM") if !has("CAPABILITY_NAMED_IAM") => missing.push("CAPABILITY_NAMED_IAM"),
        Some("CAPABILITY_IAM") if !has("CAPABILITY_IAM") && !has("CAPABILITY_NAMED_IAM") => {
            missing.push("CAPABILITY_IAM");
        }
        _ => {}
    }
    if direct && !document.transforms.is_empty() && !has("CAPABILITY_AUTO_EXPAND") {
        missing.push("CAPABILITY_AUTO_EXPAND");
    }
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Requires capabilities : [{}]", missing.join(", "));
    Err(AwsError::bad_request("InsufficientCapabilitiesException", message))
}
