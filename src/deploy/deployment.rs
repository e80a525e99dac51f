//! What is deployed, and where things are; read again from what stands, for a later process.

use std::collections::BTreeMap;

use super::layout::{Regions, Source, StackDirectory};
use super::{BY_HAND, DeployError, Patience, RUN_TAG, stacks};
use crate::region::Region;
use crate::target::Target;

/// What is deployed, and where things are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    pub(super) outputs: BTreeMap<(String, Region), BTreeMap<String, String>>,
    pub(super) roles: Vec<(String, Source)>,
    pub(super) regions: Vec<Region>,
    /// All that was begun, in order, by the layout's names: what failed half-way is here too until it is gone.
    pub(super) stacks: Vec<(String, Region)>,
    pub(super) project: String,
    /// Which run the stacks are tagged with.
    pub(super) run: String,
    /// The resources of somebody's own stack by role, in place of outputs.
    pub(super) adopted: Option<BTreeMap<(String, Region), String>>,
    /// What the target could not take.
    pub left_out: Vec<LeftOut>,
    /// How long a stack may take, on the way up and down.
    pub patience: Patience,
}

/// A stack of the layout that the target could not take, or could not bring up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub stack: String,
    pub region: Region,
    pub why: String,
    /// An earlier state of it stands, with its outputs.
    pub stands: bool,
}

/// A stack that stands under a name of the layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// By the name it was deployed under.
    pub stack: String,
    pub region: Region,
    pub status: String,
    /// Which run made it, where it is tagged.
    pub run: Option<String>,
    pub outputs: BTreeMap<String, String>,
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            outputs: BTreeMap::new(),
            roles: Vec::new(),
            regions: Vec::new(),
            stacks: Vec::new(),
            project: String::new(),
            run: BY_HAND.to_owned(),
            adopted: None,
            left_out: Vec::new(),
            patience: Patience::default(),
        }
    }
}

impl Deployment {
    /// Nothing yet of this directory's layout.
    pub(super) fn none(target: &dyn Target, directory: &StackDirectory) -> Self {
        Self {
            roles: directory.layout.roles.iter().map(|(name, source)| (name.clone(), source.clone())).collect(),
            regions: target.regions().to_vec(),
            project: project(directory, target.primary()),
            ..Self::default()
        }
    }

    /// What stands of a directory's layout, whoever deployed it: stacks that ended badly are part of it, so that they
    /// can be taken down, and give no outputs.
    pub async fn find(target: &dyn Target, directory: &StackDirectory) -> Result<Self, DeployError> {
        let mut found = Self::none(target, directory);
        for (stack, region) in places(target, directory) {
            let Some(standing) = stand(target, &found.stack_name(&stack), region).await? else { continue };
            if standing.status.ends_with("_COMPLETE") && standing.status != "ROLLBACK_COMPLETE" {
                found.outputs.insert((stack.clone(), region), standing.outputs);
            }
            found.run = standing.run.unwrap_or(found.run);
            found.stacks.push((stack, region));
        }
        Ok(found)
    }

    /// What plays this role in a Region; roles that exist once answer for every Region.
    pub fn role(&self, role: &str, region: Region) -> Option<&str> {
        if let Some(adopted) = &self.adopted {
            return adopted.get(&(role.to_owned(), region)).map(String::as_str);
        }
        let (_, source) = self.roles.iter().find(|(name, _)| name == role)?;
        let from = match source.region {
            Regions::Primary | Regions::Global => source.region.resolve(&self.regions, region).first().copied()?,
            _ => region,
        };
        self.output(&source.stack, from, &source.output)
    }

    pub fn output(&self, stack: &str, region: Region, output: &str) -> Option<&str> {
        self.outputs.get(&(stack.to_owned(), region))?.get(output).map(String::as_str)
    }

    /// Every stack by the name it was deployed under, with its Region.
    pub fn stacks(&self) -> impl Iterator<Item = (String, Region)> {
        self.stacks.iter().map(|(stack, region)| (self.stack_name(stack), *region))
    }

    /// Every output, as `stack`, Region, name and value.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, Region, &str, &str)> {
        self.outputs.iter().flat_map(|((stack, region), values)| {
            values.iter().map(move |(k, v)| (stack.as_str(), *region, k.as_str(), v.as_str()))
        })
    }

    /// Whether somebody's own stack is looked at here, of which nothing is the harness's to take away.
    pub const fn is_adopted(&self) -> bool {
        self.adopted.is_some()
    }

    /// The full name of a stack of the layout.
    pub fn stack_name(&self, stack: &str) -> String {
        format!("{}-{stack}", self.project)
    }

    /// The bucket of a Region's packages and templates.
    pub(super) fn artifacts(&self, region: Region) -> String {
        format!("{}{ARTIFACTS}{region}", self.project)
    }

    /// Notes that a stack is begun.
    pub(super) fn begin(&mut self, stack: &str, region: Region) {
        if !self.stacks.iter().any(|(known, at)| known == stack && *at == region) {
            self.stacks.push((stack.to_owned(), region));
        }
    }
}

/// What stands between the project and the Region in an artifact bucket's name.
pub(super) const ARTIFACTS: &str = "-artifacts-";

/// What stands of a directory's layout, in its order.
pub async fn standing(target: &dyn Target, directory: &StackDirectory) -> Result<Vec<Standing>, DeployError> {
    let names = Deployment::none(target, directory);
    let mut found = Vec::new();
    for (stack, region) in places(target, directory) {
        found.extend(stand(target, &names.stack_name(&stack), region).await?);
    }
    Ok(found)
}

/// Every stack of the layout with every Region it may be in, in the order of deployment.
fn places(target: &dyn Target, directory: &StackDirectory) -> Vec<(String, Region)> {
    let mut places: Vec<(String, Region)> = Vec::new();
    for step in &directory.layout.steps {
        for region in step.regions.resolve(target.regions(), target.primary()) {
            let place = (step.stack.clone(), region);
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    places
}

async fn stand(target: &dyn Target, name: &str, region: Region) -> Result<Option<Standing>, DeployError> {
    let client = &target.clients_in(region)?.cloudformation;
    let found = stacks::describe(client, name).await;
    let found = found.map_err(|what| DeployError::Stack { stack: name.to_owned(), region, what })?;
    // Some emulators show deleted stacks by their name.
    let living = found.filter(|stack| stacks::status(stack) != "DELETE_COMPLETE");
    Ok(living.map(|stack| Standing {
        stack: name.to_owned(),
        region,
        status: stacks::status(&stack).to_owned(),
        run: stacks::tag(&stack, RUN_TAG).map(str::to_owned),
        outputs: stacks::outputs(&stack),
    }))
}

pub fn project(directory: &StackDirectory, region: Region) -> String {
    let get = |name| directory.parameters.get(region, name);
    format!("{}-{}", get("Project").unwrap_or("blackstart"), get("Environment").unwrap_or("gameday"))
}
