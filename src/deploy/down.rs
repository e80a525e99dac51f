//! The way down: every stack that was begun, last first, then the buckets of packages. One thing that will not go keeps
//! nothing else from going; all that stayed is told at the end. Going down again is no error, and goes on where it stopped.

use super::remove::{self, ZONE};
use super::stacks::{self, Resource};
use super::{DeployError, Deployment, LeftBehind, Progress, buckets, zones};
use crate::region::Region;
use crate::target::Target;

const RECORDS: [&str; 2] = ["AWS::Route53::RecordSet", "AWS::Route53::RecordSetGroup"];

/// Takes everything away again, in reverse order. Somebody's own stack is left alone.
pub async fn down(
    target: &dyn Target,
    deployment: &Deployment,
    mut progress: impl FnMut(Progress),
) -> Result<(), DeployError> {
    let begun = target.clock().now();
    if deployment.is_adopted() {
        let (stack, region) = ("adopted".to_owned(), target.primary());
        let done = Progress::since(begun, target, stack, region, "LEFT-ALONE");
        progress(done.because("it was not deployed from here"));
        return Ok(());
    }
    let holdings = holdings(target, deployment).await;
    let mut left: Vec<LeftBehind> = Vec::new();
    for (index, (name, region)) in deployment.stacks().enumerate().collect::<Vec<_>>().into_iter().rev() {
        let begun = target.clock().now();
        if holdings[index].iter().any(|resource| resource.kind == ZONE || RECORDS.contains(&resource.kind.as_str())) {
            // Before each stack that has records in it: it may fail each time, and is told once.
            for stays in empty_zones(target, deployment, &holdings).await {
                if !left.contains(&stays) {
                    left.push(stays);
                }
            }
        }
        let stays = remove::remove(target, region, &name, &deployment.patience).await;
        let status = if stays.is_empty() { "DELETED" } else { "LEFT-BEHIND" };
        let done = Progress::since(begun, target, name, region, status);
        progress(match stays.first() {
            Some(first) => done.because(first.to_string()),
            None => done,
        });
        left.extend(stays);
    }
    for region in &deployment.regions {
        let bucket = deployment.artifacts(*region);
        if let Err(error) = buckets::remove(target, &bucket, *region).await {
            left.push(of_bucket(target, &bucket, *region, &error));
        }
    }
    if left.is_empty() { Ok(()) } else { Err(DeployError::LeftBehind(left)) }
}

pub(super) fn of_bucket(target: &dyn Target, bucket: &str, region: Region, error: &DeployError) -> LeftBehind {
    let why = match error {
        DeployError::Bucket { what, .. } => what.clone(),
        other => other.to_string(),
    };
    let way_out = format!("delete it by hand: {} s3 rb --force --region {region} s3://{bucket}", remove::aws(target));
    LeftBehind { what: format!("bucket {bucket}"), region, why, way_out }
}

/// The resources of each stack. Where they cannot be told, its deletion will say why.
async fn holdings(target: &dyn Target, deployment: &Deployment) -> Vec<Vec<Resource>> {
    let mut holdings = Vec::new();
    for (name, region) in deployment.stacks() {
        let found = match target.clients_in(region) {
            Ok(clients) => stacks::resources(&clients.cloudformation, &name).await.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        holdings.push(found);
    }
    holdings
}

/// Empties the zones that are the deployment's own; one that somebody else made is never touched.
async fn empty_zones(target: &dyn Target, deployment: &Deployment, holdings: &[Vec<Resource>]) -> Vec<LeftBehind> {
    let mut left = Vec::new();
    for ((_, region), resources) in deployment.stacks().zip(holdings) {
        for zone in resources.iter().filter(|resource| resource.kind == ZONE) {
            if let Err(error) = zones::empty(target, &zone.physical, region).await {
                let what = format!("records of hosted zone {}", zone.physical);
                let way_out = if target.is_emulator() {
                    "restart the emulator, or delete them by the emulator's own API and run `blackstart down` again"
                } else {
                    "delete them in the console, and run `blackstart down` again"
                };
                let way_out = way_out.to_owned();
                left.push(LeftBehind { what, region, why: error.to_string(), way_out });
            }
        }
    }
    left
}
