//! Deploying the stack: packages up, change sets through, outputs back. The same calls on every target.
//!
//! In: a [`StackDirectory`] and a [`Target`]. Out: a [`Deployment`], whose outputs by role are all the rest of the
//! harness knows of where things are. Nothing here breaks, measures or judges.

mod layout;
mod package;
mod stacks;

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, RrType};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use indexmap::IndexMap;

pub use layout::{Layout, Parameters, Regions, Source, StackDirectory, Step, Value};

use crate::clock::Timestamp;
use crate::region::Region;
use crate::target::{Target, TargetError, said};
use stacks::{Body, Wanted};

/// The longest template a call may carry (CloudFormation quotas: 51,200 bytes).
const LONGEST_INLINE_TEMPLATE: usize = 51_200;

/// What went wrong on the way up or down.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    #[error("{}: {error}", path.display())]
    Read { path: PathBuf, error: std::io::Error },
    #[error("{}: {message}", path.display())]
    Layout { path: PathBuf, message: String },
    #[error("{}: {message}", path.display())]
    Template { path: PathBuf, message: String },
    #[error("zipping {}: {error}", path.display())]
    Zip { path: PathBuf, error: zip::result::ZipError },
    #[error("stack {stack} in {region}: {what}")]
    Stack { stack: String, region: Region, what: String },
    #[error("hosted zone {zone}: {what}")]
    Zone { zone: String, what: String },
    #[error("bucket {bucket} in {region}: {what}")]
    Bucket { bucket: String, region: Region, what: String },
    #[error("{}: {what}", path.display())]
    NoOutput { path: PathBuf, what: String },
    #[error("parameter {name:?} is none of the stack's{}", nearest(.known, .name))]
    UnknownParameter { name: String, known: Vec<String> },
    #[error(transparent)]
    Target(#[from] TargetError),
}

fn nearest(known: &[String], name: &str) -> String {
    let score = |known: &str| strsim::jaro_winkler(known, name);
    let best = known.iter().max_by(|a, b| score(a).total_cmp(&score(b)));
    best.map_or_else(String::new, |best| format!(", did you mean {best:?}?"))
}

/// A stack that reached a status.
#[derive(Clone, Debug)]
pub struct Progress {
    pub stack: String,
    pub region: Region,
    pub status: &'static str,
    pub took_ms: u64,
}

impl Progress {
    fn since(begun: Timestamp, target: &dyn Target, stack: String, region: Region, status: &'static str) -> Self {
        let took_ms = u64::try_from(target.clock().now().since(begun).as_millis()).unwrap_or(u64::MAX);
        Self { stack, region, status, took_ms }
    }
}

/// What is deployed, and where things are.
#[derive(Clone, Debug, Default)]
pub struct Deployment {
    outputs: BTreeMap<(String, Region), BTreeMap<String, String>>,
    roles: Vec<(String, Source)>,
    regions: Vec<Region>,
    /// In the order they were deployed.
    stacks: Vec<(String, Region)>,
    project: String,
}

impl Deployment {
    /// What plays this role in a Region; roles that exist once answer for every Region.
    pub fn role(&self, role: &str, region: Region) -> Option<&str> {
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
}

/// Sets parameters over those of the directory; an unknown name is an error.
pub fn override_parameters<'a>(
    directory: &mut StackDirectory,
    overrides: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), DeployError> {
    for (name, value) in overrides {
        let known: Vec<String> = directory.parameters.names().map(str::to_owned).collect();
        if !known.iter().any(|known| known == name) {
            return Err(DeployError::UnknownParameter { name: name.to_owned(), known });
        }
        directory.parameters.set(name, value);
    }
    Ok(())
}

/// Deploys every step of the layout, in order.
pub async fn up(
    target: &dyn Target,
    directory: &StackDirectory,
    mut progress: impl FnMut(Progress),
) -> Result<Deployment, DeployError> {
    let regions = target.regions().to_vec();
    let project = prefix(directory, target.primary());
    let mut deployment = Deployment {
        roles: directory.layout.roles.iter().map(|(name, source)| (name.clone(), source.clone())).collect(),
        regions: regions.clone(),
        project,
        ..Deployment::default()
    };
    for region in &regions {
        create_artifact_bucket(target, &deployment.artifacts(*region), *region).await?;
    }
    for step in &directory.layout.steps {
        for region in step.regions.resolve(&regions, target.primary()) {
            if !directory.wants(step, region) {
                continue;
            }
            let begun = target.clock().now();
            let outputs = deploy_step(target, directory, step, region, &deployment).await?;
            deployment.outputs.insert((step.stack.clone(), region), outputs);
            if !deployment.stacks.contains(&(step.stack.clone(), region)) {
                deployment.stacks.push((step.stack.clone(), region));
            }
            progress(Progress::since(begun, target, deployment.stack_name(&step.stack), region, "DEPLOYED"));
        }
    }
    Ok(deployment)
}

/// Deploys again, in one Region, the stacks whose templates take one of these parameters; gives the values they had.
/// Nothing else of the deployment changes, and no other Region.
pub async fn update(
    target: &dyn Target,
    directory: &mut StackDirectory,
    deployment: &mut Deployment,
    region: Region,
    parameters: &IndexMap<String, String>,
    mut progress: impl FnMut(Progress),
) -> Result<IndexMap<String, String>, DeployError> {
    let mut before = IndexMap::new();
    for (name, value) in parameters {
        let had = directory.parameters.get(region, name).map(str::to_owned);
        let known = || directory.parameters.names().map(str::to_owned).collect();
        let had = had.ok_or_else(|| DeployError::UnknownParameter { name: name.clone(), known: known() })?;
        before.insert(name.clone(), had);
        directory.parameters.set_in(region, name, value);
    }
    // The last step of a stack is the one that gives it all its parameters.
    let last = |step: &&Step| directory.layout.steps.iter().rfind(|other| other.stack == step.stack) == Some(*step);
    for step in directory.layout.steps.iter().filter(last) {
        let here = step.regions.resolve(&deployment.regions, target.primary()).contains(&region);
        if !here || !directory.wants(step, region) {
            continue;
        }
        let path = directory.root.join(&step.template);
        let takes = package::parameters(&path, &layout::read(&path)?)?;
        if !takes.iter().any(|name| parameters.contains_key(name)) {
            continue;
        }
        let begun = target.clock().now();
        let outputs = deploy_step(target, directory, step, region, deployment).await?;
        deployment.outputs.insert((step.stack.clone(), region), outputs);
        progress(Progress::since(begun, target, deployment.stack_name(&step.stack), region, "UPDATED"));
    }
    Ok(before)
}

/// Takes everything away again, in reverse order; buckets are emptied first.
pub async fn down(
    target: &dyn Target,
    deployment: &Deployment,
    mut progress: impl FnMut(Progress),
) -> Result<(), DeployError> {
    for region in &deployment.regions {
        if let Some(bucket) = deployment.role("bucket", *region) {
            empty_bucket(target, bucket, *region).await?;
        }
    }
    for (stack, region) in deployment.stacks.iter().rev() {
        let begun = target.clock().now();
        let name = deployment.stack_name(stack);
        if deployment.holds_records(stack) {
            empty_zone(target, deployment, *region).await?;
        }
        stacks::delete(&target.clients_in(*region)?.cloudformation, *region, &name).await?;
        progress(Progress::since(begun, target, name, *region, "DELETED"));
    }
    for region in &deployment.regions {
        let bucket = deployment.artifacts(*region);
        empty_bucket(target, &bucket, *region).await?;
        let removed = target.clients_in(*region)?.s3.delete_bucket().bucket(&bucket).send().await;
        removed.map_err(|error| bucket_error(&bucket, *region, &error))?;
    }
    Ok(())
}

impl Deployment {
    /// The full name of a stack of the layout.
    pub fn stack_name(&self, stack: &str) -> String {
        format!("{}-{stack}", self.project)
    }

    /// Whether a stack holds the public name's records or their zone.
    fn holds_records(&self, stack: &str) -> bool {
        let records = ["public-name", "hosted-zone"];
        self.roles.iter().any(|(role, source)| records.contains(&role.as_str()) && source.stack == stack)
    }

    fn artifacts(&self, region: Region) -> String {
        format!("{}-artifacts-{region}", self.project)
    }
}

fn prefix(directory: &StackDirectory, region: Region) -> String {
    let get = |name| directory.parameters.get(region, name);
    format!("{}-{}", get("Project").unwrap_or("blackstart"), get("Environment").unwrap_or("gameday"))
}

async fn deploy_step(
    target: &dyn Target,
    directory: &StackDirectory,
    step: &Step,
    region: Region,
    deployment: &Deployment,
) -> Result<BTreeMap<String, String>, DeployError> {
    let clients = target.clients_in(region)?;
    let bucket = deployment.artifacts(region);
    let path = directory.root.join(&step.template);
    let packaged = package::package(&path, &bucket, target.packaging())?;
    for upload in packaged.uploads {
        put(target, &bucket, region, &upload.key, upload.bytes).await?;
    }
    let mut parameters = Vec::new();
    for name in package::parameters(&path, &packaged.body)? {
        let value = match step.parameters.get(&name) {
            Some(value) => Some(resolve(directory, step, &name, value, region, deployment)?),
            None => directory.parameters.get(region, &name).map(str::to_owned),
        };
        parameters.extend(value.map(|value| (name, value)));
    }
    let tags: Vec<(String, String)> = ["Project", "Environment"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), directory.parameters.get(region, name)?.to_owned())))
        .collect();
    let body = if packaged.body.len() > LONGEST_INLINE_TEMPLATE {
        let key = format!("templates/{}", step.template.display());
        put(target, &bucket, region, &key, packaged.body.into_bytes()).await?;
        Body::Url(format!("https://{bucket}.s3.{region}.amazonaws.com/{key}"))
    } else {
        Body::Inline(&packaged.body)
    };
    let name = deployment.stack_name(&step.stack);
    let change = format!("blackstart-{}", target.clock().now().millis());
    stacks::apply(&clients.cloudformation, &Wanted { name: &name, change, region, body, parameters, tags: &tags }).await
}

fn resolve(
    directory: &StackDirectory,
    step: &Step,
    parameter: &str,
    value: &Value,
    region: Region,
    deployment: &Deployment,
) -> Result<String, DeployError> {
    let one = |regions: Regions| regions.resolve(&deployment.regions, region).first().copied().unwrap_or(region);
    match value {
        Value::Literal(text) => Ok(text.clone()),
        Value::RegionName { region } => Ok(one(*region).to_string()),
        Value::Output(source) => {
            let found = deployment.output(&source.stack, one(source.region), &source.output);
            found.map(str::to_owned).ok_or_else(|| DeployError::NoOutput {
                path: directory.root.join("layout.yaml"),
                what: format!(
                    "{} takes its parameter {parameter} from output {} of stack {}, which gives none",
                    step.template.display(),
                    source.output,
                    source.stack
                ),
            })
        }
    }
}

async fn create_artifact_bucket(target: &dyn Target, bucket: &str, region: Region) -> Result<(), DeployError> {
    let mut call = target.clients_in(region)?.s3.create_bucket().bucket(bucket);
    // us-east-1 is the default, and refused as an explicit constraint.
    if region != Region::US_EAST_1 {
        let constraint = BucketLocationConstraint::from(region.as_str());
        call = call
            .create_bucket_configuration(CreateBucketConfiguration::builder().location_constraint(constraint).build());
    }
    match call.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_bucket_already_owned_by_you()) => Ok(()),
        Err(error) => Err(bucket_error(bucket, region, &error)),
    }
}

/// Puts an object, as packages and assets are.
pub async fn put(
    target: &dyn Target,
    bucket: &str,
    region: Region,
    key: &str,
    bytes: Vec<u8>,
) -> Result<(), DeployError> {
    let call = target.clients_in(region)?.s3.put_object().bucket(bucket).key(key).body(ByteStream::from(bytes));
    call.send().await.map(|_| ()).map_err(|error| bucket_error(bucket, region, &error))
}

/// Deletes every record of the stack's own zone. Two kinds would stop a deletion: those that a guard has moved, which
/// no longer are what their stack would delete, and those that certificates left behind, which no stack owns.
async fn empty_zone(target: &dyn Target, deployment: &Deployment, region: Region) -> Result<(), DeployError> {
    let Some(zone) = deployment.role("hosted-zone", region) else { return Ok(()) };
    let failed = |what: String| DeployError::Zone { zone: zone.to_owned(), what };
    let route53 = &target.clients_in(region)?.route53;
    let listed = route53.list_resource_record_sets().hosted_zone_id(zone).send().await.map_err(|e| failed(said(&e)))?;
    // The zone's own records, which go with it, stand at its apex.
    let left = listed.resource_record_sets().iter().filter(|r| !matches!(r.r#type(), RrType::Ns | RrType::Soa));
    let deletes: Vec<Change> = left
        .map(|record| Change::builder().action(ChangeAction::Delete).resource_record_set(record.clone()).build())
        .collect::<Result<_, _>>()
        .map_err(|error| failed(error.to_string()))?;
    if deletes.is_empty() {
        return Ok(());
    }
    let batch = ChangeBatch::builder().set_changes(Some(deletes)).build().map_err(|error| failed(error.to_string()))?;
    let call = route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
    call.send().await.map(|_| ()).map_err(|error| failed(said(&error)))
}

/// Deletes every version and delete marker.
async fn empty_bucket(target: &dyn Target, bucket: &str, region: Region) -> Result<(), DeployError> {
    let s3 = &target.clients_in(region)?.s3;
    loop {
        let listed = match s3.list_object_versions().bucket(bucket).send().await {
            Ok(listed) => listed,
            Err(error) => return Err(bucket_error(bucket, region, &error)),
        };
        let versions = listed.versions().iter().map(|v| (v.key(), v.version_id()));
        let markers = listed.delete_markers().iter().map(|m| (m.key(), m.version_id()));
        let all: Vec<_> = versions.chain(markers).collect();
        if all.is_empty() {
            return Ok(());
        }
        for (key, version) in all {
            let call = s3.delete_object().bucket(bucket).set_key(key.map(str::to_owned));
            let call = call.set_version_id(version.map(str::to_owned));
            call.send().await.map_err(|error| bucket_error(bucket, region, &error))?;
        }
    }
}

fn bucket_error<E>(bucket: &str, region: Region, error: &E) -> DeployError
where
    E: aws_sdk_s3::error::ProvideErrorMetadata + std::error::Error + 'static,
{
    DeployError::Bucket { bucket: bucket.to_owned(), region, what: said(error) }
}
