//! A REST API as the control plane holds it: resources and methods, their deployments, the stages that serve them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::integration::Integration;
use super::route::{Paths, Routes};
use super::throttle::Bucket;
use super::{bad_request, not_found};
use crate::Ids;
use crate::clock::Timestamp;
use crate::region::Region;
use crate::wire::AwsError;

pub struct RestApi {
    pub id: Arc<str>,
    pub region: Region,
    pub settings: Settings,
    pub created: Timestamp,
    pub root_id: String,
    /// Paths by resource id, the root's included.
    pub resources: BTreeMap<String, String>,
    pub paths: Paths,
    pub deployments: BTreeMap<String, Deployment>,
    pub stages: BTreeMap<String, Stage>,
}

/// What an API is configured with, beside its paths.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub name: Arc<str>,
    pub description: String,
    /// Whether only custom domains lead to it.
    pub execute_api_disabled: bool,
    pub tags: Vec<(String, String)>,
}

/// The paths of an API as they were.
pub struct Deployment {
    pub description: String,
    pub created: Timestamp,
    pub routes: Arc<Routes>,
}

pub struct Stage {
    pub settings: StageSettings,
    /// What requests meet: kept ready, so that a request finds all it needs behind one pointer.
    pub live: Arc<Live>,
    pub throttle: Option<Bucket>,
    pub created: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageSettings {
    pub deployment_id: String,
    pub description: String,
    pub variables: BTreeMap<String, String>,
    pub canary: Option<Canary>,
    /// Requests per second and burst of the whole stage.
    pub throttle: Option<(f64, f64)>,
    pub tags: Vec<(String, String)>,
}

/// A second deployment that gets a share of the stage's requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    pub deployment_id: String,
    pub percent: f64,
    pub variables: BTreeMap<String, String>,
}

/// A stage as the data plane sees it.
#[derive(Debug)]
pub struct Live {
    pub api_id: Arc<str>,
    pub api_name: Arc<str>,
    pub stage: Arc<str>,
    pub main: Served,
    pub canary: Option<(f64, Served)>,
}

#[derive(Clone, Debug)]
pub struct Served {
    pub routes: Arc<Routes>,
    pub variables: Arc<BTreeMap<String, String>>,
}

impl RestApi {
    pub fn new(ids: &Ids, region: Region, settings: Settings, now: Timestamp) -> Self {
        let root_id = ids.lower(10);
        Self {
            id: ids.lower(10).into(),
            region,
            settings,
            created: now,
            resources: BTreeMap::from([(root_id.clone(), "/".to_owned())]),
            root_id,
            paths: Paths::new(),
            deployments: BTreeMap::new(),
            stages: BTreeMap::new(),
        }
    }

    /// Replaces resources and methods by those of a document.
    pub fn import(&mut self, ids: &Ids, paths: Paths) {
        let root = (self.root_id.clone(), "/".to_owned());
        self.resources = BTreeMap::from([root]);
        for path in paths.keys().filter(|path| *path != "/") {
            self.resources.insert(ids.lower(6), path.clone());
        }
        self.paths = paths;
    }

    pub fn add_resource(&mut self, ids: &Ids, parent_id: &str, part: &str) -> Result<String, AwsError> {
        let parent = self.resources.get(parent_id);
        let parent = parent.ok_or_else(|| not_found(format!("Invalid Resource identifier specified: {parent_id}")))?;
        let legal = |letter: char| letter.is_ascii_alphanumeric() || "{}+._~-:$!,*()@&=".contains(letter);
        if part.is_empty() || !part.chars().all(legal) {
            return Err(bad_request(format!(
                "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the \
                 beginning and the end: {part:?}"
            )));
        }
        let path = format!("{}/{part}", parent.trim_end_matches('/'));
        if self.resources.values().any(|known| *known == path) {
            return Err(conflict(format!("Another resource with the same parent already has this name: {part}")));
        }
        let id = ids.lower(6);
        self.resources.insert(id.clone(), path);
        Ok(id)
    }

    pub fn put_method(
        &mut self,
        resource_id: &str,
        method: &str,
        integration: Option<Integration>,
    ) -> Result<(), AwsError> {
        let path = self.resources.get(resource_id);
        let path = path.ok_or_else(|| not_found(format!("Invalid Resource identifier specified: {resource_id}")))?;
        self.paths.entry(path.clone()).or_default().insert(method.to_owned(), integration);
        Ok(())
    }

    /// Takes a snapshot of the paths.
    pub fn deploy(&mut self, ids: &Ids, description: &str, now: Timestamp) -> Result<String, AwsError> {
        let routes = Arc::new(Routes::compile(&self.paths)?);
        let id = ids.lower(6);
        let deployment = Deployment { description: description.to_owned(), created: now, routes };
        self.deployments.insert(id.clone(), deployment);
        Ok(id)
    }

    /// Makes a stage or changes one.
    pub fn put_stage(&mut self, name: &str, settings: StageSettings, now: Timestamp) -> Result<(), AwsError> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || !name.bytes().all(legal) {
            return Err(bad_request(format!("Stage name only allows a-zA-Z0-9_-: {name:?}")));
        }
        let served = |deployment_id: &str, variables: BTreeMap<String, String>| {
            let deployment = self.deployments.get(deployment_id);
            let deployment = deployment.ok_or_else(|| not_found("Invalid Deployment identifier specified"))?;
            Ok::<Served, AwsError>(Served { routes: deployment.routes.clone(), variables: Arc::new(variables) })
        };
        let canary = match &settings.canary {
            Some(canary) => {
                let mut variables = settings.variables.clone();
                variables.extend(canary.variables.clone());
                Some((canary.percent / 100.0, served(&canary.deployment_id, variables)?))
            }
            None => None,
        };
        let live = Live {
            api_id: self.id.clone(),
            api_name: self.settings.name.clone(),
            stage: name.into(),
            main: served(&settings.deployment_id, settings.variables.clone())?,
            canary,
        };
        let created = self.stages.get(name).map_or(now, |old| old.created);
        let throttle = settings.throttle.map(|(rate, burst)| Bucket::full(rate, burst, now));
        self.stages.insert(name.to_owned(), Stage { settings, live: Arc::new(live), throttle, created });
        Ok(())
    }

    /// Removes a deployment, unless a stage serves it.
    pub fn remove_deployment(&mut self, id: &str) -> Result<(), AwsError> {
        let user = self.stages.iter().find(|(_, stage)| {
            stage.settings.deployment_id == id
                || stage.settings.canary.as_ref().is_some_and(|canary| canary.deployment_id == id)
        });
        if let Some((stage, _)) = user {
            return Err(bad_request(format!(
                "Active stages pointing to this deployment must be moved or deleted: {stage}"
            )));
        }
        self.deployments.remove(id);
        Ok(())
    }
}

pub fn conflict(message: impl Into<String>) -> AwsError {
    AwsError::new(409, "ConflictException", message)
}
