//! `layout.yaml` and `parameters.json` beside the templates: what goes where, in which order, with which values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Deserialize;

use super::DeployError;
use crate::region::Region;

/// A stack directory, read.
#[derive(Clone, Debug)]
pub struct StackDirectory {
    pub root: PathBuf,
    pub layout: Layout,
    pub parameters: Parameters,
}

/// `layout.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    pub steps: Vec<Step>,
    pub roles: IndexMap<String, Source>,
}

/// One deployment of one template.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    pub stack: String,
    pub template: PathBuf,
    pub regions: Regions,
    #[serde(default)]
    pub parameters: IndexMap<String, Value>,
    /// Deployed only where every named parameter has one of the values.
    #[serde(default)]
    pub only_if: IndexMap<String, Vec<String>>,
}

/// Where a step is deployed, or whose output is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regions {
    Primary,
    /// Where Route 53 has its metrics: us-east-1, or the primary Region of a target without it.
    Global,
    Each,
    Other,
    #[default]
    Same,
}

/// Where a parameter's value comes from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Output(Source),
    RegionName {
        #[serde(rename = "region-name")]
        region: Regions,
    },
    Literal(String),
}

/// An output of a deployed stack.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub stack: String,
    pub output: String,
    #[serde(default)]
    pub region: Regions,
}

/// `parameters.json`: values for every Region, and for one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    #[serde(default)]
    shared: BTreeMap<String, String>,
    #[serde(default)]
    regions: BTreeMap<Region, BTreeMap<String, String>>,
}

impl Parameters {
    pub fn get(&self, region: Region, name: &str) -> Option<&str> {
        let own = self.regions.get(&region).and_then(|values| values.get(name));
        own.or_else(|| self.shared.get(name)).map(String::as_str)
    }

    /// Sets a value for every Region, over what the file says.
    pub fn set(&mut self, name: &str, value: &str) {
        for values in self.regions.values_mut() {
            values.remove(name);
        }
        self.shared.insert(name.to_owned(), value.to_owned());
    }

    /// Sets a value for one Region alone.
    pub fn set_in(&mut self, region: Region, name: &str, value: &str) {
        self.regions.entry(region).or_default().insert(name.to_owned(), value.to_owned());
    }

    /// Every name the file gives a value.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shared.keys().chain(self.regions.values().flat_map(BTreeMap::keys)).map(String::as_str)
    }
}

impl StackDirectory {
    /// Reads a directory that holds `layout.yaml`, `parameters.json` and the templates they name.
    pub fn read(root: &Path) -> Result<Self, DeployError> {
        let path = root.join("layout.yaml");
        let layout = serde_saphyr::from_str(&read(&path)?)
            .map_err(|error| DeployError::Layout { path: path.clone(), message: error.to_string() })?;
        let path = root.join("parameters.json");
        let parameters = serde_json::from_str(&read(&path)?)
            .map_err(|error| DeployError::Layout { path: path.clone(), message: error.to_string() })?;
        Ok(Self { root: root.to_owned(), layout, parameters })
    }

    /// Whether a step's conditions hold in a Region.
    pub fn wants(&self, step: &Step, region: Region) -> bool {
        let holds = |(name, values): (&String, &Vec<String>)| {
            self.parameters.get(region, name).is_some_and(|value| values.iter().any(|wanted| wanted == value))
        };
        step.only_if.iter().all(holds)
    }
}

impl Regions {
    /// The Regions meant, from the point of view of `here`; `all` begins with the primary.
    pub fn resolve(self, all: &[Region], here: Region) -> Vec<Region> {
        match self {
            Self::Primary => all.first().copied().into_iter().collect(),
            Self::Global => {
                let known = all.iter().copied().find(|region| *region == Region::US_EAST_1);
                known.or(all.first().copied()).into_iter().collect()
            }
            Self::Each => all.to_vec(),
            Self::Same => vec![here],
            Self::Other => all.iter().copied().filter(|region| *region != here).collect(),
        }
    }
}

pub(super) fn read(path: &Path) -> Result<String, DeployError> {
    std::fs::read_to_string(path).map_err(|error| DeployError::Read { path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> StackDirectory {
        StackDirectory::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("stack")).unwrap()
    }

    #[test]
    fn every_source_names_an_earlier_step_and_every_template_is_there() {
        let directory = shipped();
        let mut seen: Vec<&str> = Vec::new();
        for step in &directory.layout.steps {
            assert!(directory.root.join(&step.template).is_file(), "{:?}", step.template);
            for (name, value) in &step.parameters {
                if let Value::Output(source) = value {
                    assert!(seen.contains(&source.stack.as_str()), "{} of {} comes too early", name, step.stack);
                }
            }
            seen.push(&step.stack);
        }
        assert!(directory.layout.roles.values().all(|source| seen.contains(&source.stack.as_str())));
    }

    #[test]
    fn a_guard_of_health_checks_deploys_no_function() {
        let mut directory = shipped();
        let guard = |directory: &StackDirectory| {
            let step = directory.layout.steps.iter().find(|step| step.stack == "guard").cloned().unwrap();
            directory.wants(&step, Region::US_EAST_1)
        };
        assert!(guard(&directory));
        directory.parameters.set("Guard", "health-check");
        assert!(!guard(&directory));
    }
}
