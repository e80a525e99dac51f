//! The sections of a template, each with the names CloudFormation documents for it and no others.

use indexmap::IndexMap;

use super::node::{Entry, Mark, Node};
use super::problem::{Problem, did_you_mean};

/// The sections CloudFormation documents ("Template sections"). `Globals` is gone once SAM has run.
const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Transform",
];
/// The documented ones, and `Description`, which CloudFormation takes without documenting it: public templates have it.
const RESOURCE_ATTRIBUTES: &[&str] = &[
    "Condition",
    "DeletionPolicy",
    "DependsOn",
    "Description",
    "Metadata",
    "Properties",
    "Type",
    "UpdateReplacePolicy",
];
const PARAMETER_ATTRIBUTES: &[&str] = &[
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];
const OUTPUT_ATTRIBUTES: &[&str] = &["Condition", "Description", "Export", "Value"];

/// A template, its names checked.
pub struct Template {
    pub description: Option<String>,
    pub parameters: IndexMap<String, ParameterSpec>,
    pub mappings: Node,
    pub conditions: IndexMap<String, Node>,
    pub resources: IndexMap<String, Resource>,
    pub outputs: IndexMap<String, Output>,
}

/// One entry of `Parameters`.
#[derive(Clone)]
pub struct ParameterSpec {
    pub at: Mark,
    pub kind: String,
    pub default: Option<Node>,
    pub description: Option<String>,
    pub no_echo: bool,
    pub allowed_values: Vec<String>,
    pub allowed_pattern: Option<String>,
    pub constraint: Option<String>,
    pub min_length: Option<usize>,
    pub max_length: Option<usize>,
    pub min_value: Option<f64>,
    pub max_value: Option<f64>,
}

/// One entry of `Resources`.
pub struct Resource {
    pub at: Mark,
    pub kind: String,
    pub kind_at: Mark,
    pub properties: Node,
    pub depends_on: Vec<(String, Mark)>,
    pub condition: Option<(String, Mark)>,
    pub deletion_policy: Policy,
    pub update_replace_policy: Policy,
}

/// What becomes of a resource that leaves its stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    #[default]
    Delete,
    Retain,
    /// Retain, but not where the stack that made it is rolled back.
    RetainExceptOnCreate,
}

/// One entry of `Outputs`.
pub struct Output {
    pub description: Option<String>,
    pub value: Node,
    pub export: Option<Node>,
    pub condition: Option<(String, Mark)>,
}

/// The macros a template names in its `Transform` section.
pub fn transforms(root: &Node) -> Vec<String> {
    let Some(section) = root.get("Transform") else { return Vec::new() };
    let items = section.as_list().unwrap_or(std::slice::from_ref(section));
    items.iter().filter_map(|item| item.as_text().or_else(|| item.get_text("Name")).map(str::to_owned)).collect()
}

impl Template {
    /// Reads the sections; every mistake found is in the error.
    pub fn read(root: &Node) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader { problems: Vec::new() };
        let template = reader.template(root);
        if reader.problems.is_empty() { Ok(template) } else { Err(reader.problems) }
    }
}

/// The parameters alone; SAM needs their values before the rest of the template exists.
pub fn read_parameters(root: &Node) -> Result<IndexMap<String, ParameterSpec>, Vec<Problem>> {
    let mut reader = Reader { problems: Vec::new() };
    let parameters = reader.entries(root, "Parameters", Reader::parameter);
    if reader.problems.is_empty() { Ok(parameters) } else { Err(reader.problems) }
}

struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn template(&mut self, root: &Node) -> Template {
        if root.as_map().is_none() {
            self.fail(root.at, "", "a template must be a map of sections");
        }
        self.names(root, "", "section", SECTIONS);
        if let Some(version) = root.get("AWSTemplateFormatVersion")
            && version.as_text() != Some("2010-09-09")
        {
            self.fail(version.at, "AWSTemplateFormatVersion", "the only version is 2010-09-09");
        }
        if root.get("Resources").and_then(Node::as_map).is_none_or(<[Entry]>::is_empty) {
            self.fail(root.at, "Resources", "at least one resource must be defined");
        }
        Template {
            description: root.get_text("Description").map(str::to_owned),
            parameters: self.entries(root, "Parameters", Self::parameter),
            mappings: self.mappings(root),
            conditions: self.entries(root, "Conditions", |_, _, entry| Some(entry.value.clone())),
            resources: self.entries(root, "Resources", Self::resource),
            outputs: self.entries(root, "Outputs", Self::output),
        }
    }

    /// The entries of a section by name, in their order.
    fn entries<T>(
        &mut self,
        root: &Node,
        section: &str,
        read: impl Fn(&mut Self, &str, &Entry) -> Option<T>,
    ) -> IndexMap<String, T> {
        let Some(node) = root.get(section).filter(|node| !node.is_null()) else { return IndexMap::new() };
        let Some(entries) = node.as_map() else {
            self.fail(node.at, section, "must be a map");
            return IndexMap::new();
        };
        let mut out = IndexMap::new();
        for entry in entries {
            let path = format!("{section}/{}", entry.key);
            if entry.key.is_empty() || !entry.key.chars().all(|c| c.is_ascii_alphanumeric()) {
                self.fail(entry.key_at, &path, "a name must be letters and digits");
            }
            if let Some(value) = read(self, &path, entry) {
                out.insert(entry.key.clone(), value);
            }
        }
        out
    }

    fn mappings(&mut self, root: &Node) -> Node {
        let Some(mappings) = root.get("Mappings") else { return Node::map(root.at, Vec::<(String, Node)>::new()) };
        for mapping in mappings.as_map().unwrap_or_default() {
            for top in mapping.value.as_map().unwrap_or_default() {
                if top.value.as_map().is_none() {
                    let path = format!("Mappings/{}/{}", mapping.key, top.key);
                    self.fail(top.value.at, &path, "must be a map of attributes");
                }
            }
        }
        mappings.clone()
    }

    fn parameter(&mut self, path: &str, entry: &Entry) -> Option<ParameterSpec> {
        let node = &entry.value;
        self.names(node, path, "attribute of a parameter", PARAMETER_ATTRIBUTES);
        let Some(kind) = node.get_text("Type") else {
            self.fail(entry.key_at, path, "a parameter must have a Type");
            return None;
        };
        let text = |name: &str| node.get_text(name).map(str::to_owned);
        let size = |name: &str| node.get_text(name).and_then(|text| text.parse().ok());
        let number = |name: &str| node.get_text(name).and_then(|text| text.parse().ok());
        let allowed = node.get("AllowedValues").and_then(Node::as_list).unwrap_or_default();
        Some(ParameterSpec {
            at: entry.key_at,
            kind: kind.to_owned(),
            default: node.get("Default").cloned(),
            description: text("Description"),
            no_echo: node.get("NoEcho").and_then(Node::as_bool).unwrap_or(false),
            allowed_values: allowed.iter().filter_map(|value| value.as_text().map(str::to_owned)).collect(),
            allowed_pattern: text("AllowedPattern"),
            constraint: text("ConstraintDescription"),
            min_length: size("MinLength"),
            max_length: size("MaxLength"),
            min_value: number("MinValue"),
            max_value: number("MaxValue"),
        })
    }

    fn resource(&mut self, path: &str, entry: &Entry) -> Option<Resource> {
        let node = &entry.value;
        if node.as_map().is_none() {
            self.fail(node.at, path, "a resource must be a map with a Type");
            return None;
        }
        self.names(node, path, "attribute of a resource", RESOURCE_ATTRIBUTES);
        let Some(kind) = node.get("Type").filter(|kind| kind.as_text().is_some()) else {
            self.fail(entry.key_at, path, "a resource must have a Type");
            return None;
        };
        let empty = || Node::map(node.at, Vec::<(String, Node)>::new());
        let properties = node.get("Properties").filter(|node| !node.is_null()).cloned().unwrap_or_else(empty);
        if properties.as_map().is_none() {
            self.fail(properties.at, &format!("{path}/Properties"), "must be a map");
        }
        let depends_on = node.get("DependsOn").map(|on| on.as_list().unwrap_or(std::slice::from_ref(on)));
        let depends_on = depends_on.unwrap_or_default().iter();
        Some(Resource {
            at: entry.key_at,
            kind: kind.as_text().unwrap_or_default().to_owned(),
            kind_at: kind.at,
            properties,
            depends_on: depends_on.filter_map(|on| Some((on.as_text()?.to_owned(), on.at))).collect(),
            condition: self.condition(path, node),
            deletion_policy: self.policy(path, node, "DeletionPolicy"),
            update_replace_policy: self.policy(path, node, "UpdateReplacePolicy"),
        })
    }

    fn output(&mut self, path: &str, entry: &Entry) -> Option<Output> {
        let node = &entry.value;
        self.names(node, path, "attribute of an output", OUTPUT_ATTRIBUTES);
        let Some(value) = node.get("Value") else {
            self.fail(entry.key_at, path, "an output must have a Value");
            return None;
        };
        let export = node.get("Export");
        if let Some(export) = export {
            self.names(export, &format!("{path}/Export"), "attribute of an export", &["Name"]);
        }
        Some(Output {
            description: node.get_text("Description").map(str::to_owned),
            value: value.clone(),
            export: export.and_then(|export| export.get("Name")).cloned(),
            condition: self.condition(path, node),
        })
    }

    fn condition(&mut self, path: &str, node: &Node) -> Option<(String, Mark)> {
        let condition = node.get("Condition")?;
        match condition.as_text() {
            Some(name) => Some((name.to_owned(), condition.at)),
            None => {
                self.fail(condition.at, &format!("{path}/Condition"), "must be the name of a condition");
                None
            }
        }
    }

    fn policy(&mut self, path: &str, node: &Node, name: &str) -> Policy {
        let Some(policy) = node.get(name) else { return Policy::Delete };
        match (policy.as_text(), name) {
            (Some("Delete"), _) => Policy::Delete,
            (Some("Retain"), _) => Policy::Retain,
            (Some("RetainExceptOnCreate"), "DeletionPolicy") => Policy::RetainExceptOnCreate,
            (Some("Snapshot"), _) => {
                self.fail(policy.at, &format!("{path}/{name}"), "the twin takes no snapshots; use Retain or Delete");
                Policy::Delete
            }
            _ => {
                self.fail(policy.at, &format!("{path}/{name}"), "must be Delete, Retain or RetainExceptOnCreate");
                Policy::Delete
            }
        }
    }

    fn names(&mut self, node: &Node, path: &str, what: &str, known: &[&str]) {
        for entry in node.as_map().unwrap_or_default() {
            if known.contains(&entry.key.as_str()) {
                continue;
            }
            let path = if path.is_empty() { entry.key.clone() } else { format!("{path}/{}", entry.key) };
            let why = match entry.key.as_str() {
                "Rules" | "Hooks" | "CreationPolicy" | "UpdatePolicy" => {
                    format!("the twin does not model this {what}; see docs/fidelity.md")
                }
                "Globals" => "Globals needs Transform: AWS::Serverless-2016-10-31".to_owned(),
                key => format!("unknown {what}{}", did_you_mean(key, known.iter().copied())),
            };
            self.fail(entry.key_at, &path, &why);
        }
    }

    fn fail(&mut self, at: Mark, path: &str, message: &str) {
        self.problems.push(Problem::new(at, path, message));
    }
}
