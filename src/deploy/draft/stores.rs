//! Tables, buckets and secrets that are in more than one of the Regions.

use std::collections::BTreeMap;

use super::super::adopted::ByRegion;
use super::super::buckets;
use super::Look;
use crate::region::Region;
use crate::target::{Clients, said};

pub(super) async fn look(look: &mut Look<'_>) {
    let tables = tables(look).await;
    look.note("table", tables);
    let buckets = replicated_buckets(look).await;
    look.note("bucket", buckets);
    let secrets = secrets(look).await;
    look.note("secret", secrets);
}

/// Names of Regions, as far as they are among those looked at.
fn among(look: &Look<'_>, named: impl Iterator<Item = String>) -> Vec<Region> {
    let known = |name: String| look.regions.iter().map(|(region, _)| *region).find(|region| region.as_str() == name);
    named.filter_map(known).collect()
}

/// A global table is the same name everywhere; a table that only its first Region knows is no candidate.
async fn tables(look: &mut Look<'_>) -> Vec<(ByRegion, String)> {
    let Some((primary, clients)) = look.primary() else { return Vec::new() };
    let mut candidates = Vec::new();
    let mut pages = clients.dynamodb.list_tables().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                look.trouble("tables", primary, &said(&error));
                break;
            }
        };
        for name in page.table_names() {
            let Ok(described) = clients.dynamodb.describe_table().table_name(name).send().await else { continue };
            let replicas = described.table().map(|table| table.replicas().to_vec()).unwrap_or_default();
            let elsewhere = among(look, replicas.into_iter().filter_map(|replica| replica.region_name));
            let others: Vec<&str> = elsewhere.iter().filter(|region| **region != primary).map(|r| r.as_str()).collect();
            if !others.is_empty() {
                let why = format!("a table of {primary} with a replica in {}", others.join(", "));
                candidates.push((ByRegion::from([(primary, name.clone())]), why));
            }
        }
    }
    candidates
}

/// Buckets that replicate to a bucket of another Region, each with its peer.
async fn replicated_buckets(look: &mut Look<'_>) -> Vec<(ByRegion, String)> {
    let Some((primary, clients)) = look.primary() else { return Vec::new() };
    let listed = match clients.s3.list_buckets().send().await {
        Ok(listed) => listed,
        Err(error) => {
            look.trouble("buckets", primary, &said(&error));
            return Vec::new();
        }
    };
    let mut places: BTreeMap<String, Region> = BTreeMap::new();
    for name in listed.buckets().iter().filter_map(|bucket| bucket.name()) {
        let at = buckets::located(clients, name).await;
        let known = at.filter(|at| look.regions.iter().any(|(region, _)| region == at));
        places.extend(known.map(|region| (name.to_owned(), region)));
    }
    let mut candidates: Vec<(ByRegion, String)> = Vec::new();
    for (name, region) in &places {
        let Some((_, here)) = look.regions.iter().find(|(known, _)| known == region) else { continue };
        for destination in destinations(here, name).await {
            let Some(there) = places.get(&destination).filter(|there| *there != region) else { continue };
            let pair = ByRegion::from([(*region, name.clone()), (*there, destination)]);
            match candidates.iter_mut().find(|(known, _)| *known == pair) {
                Some((_, why)) => *why = "buckets that replicate to each other".to_owned(),
                None => candidates.push((pair, format!("a bucket of {region} that replicates to {there}"))),
            }
        }
    }
    candidates
}

/// The buckets that a bucket's rules replicate to.
async fn destinations(clients: &Clients, bucket: &str) -> Vec<String> {
    let Ok(answer) = clients.s3.get_bucket_replication().bucket(bucket).send().await else { return Vec::new() };
    let rules = answer.replication_configuration().map(|configuration| configuration.rules()).unwrap_or_default();
    let arns = rules.iter().filter_map(|rule| rule.destination().map(|destination| destination.bucket()));
    let mut names: Vec<String> = arns.map(|arn| arn.rsplit(':').next().unwrap_or(arn).to_owned()).collect();
    names.dedup();
    names
}

async fn secrets(look: &mut Look<'_>) -> Vec<(ByRegion, String)> {
    let mut candidates = Vec::new();
    for (region, clients) in look.regions {
        let mut pages = clients.secretsmanager.list_secrets().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) => {
                    look.trouble("secrets", *region, &said(&error));
                    break;
                }
            };
            for name in page.secret_list().iter().filter_map(|secret| secret.name()) {
                let described = clients.secretsmanager.describe_secret().secret_id(name).send().await;
                let Ok(described) = described else { continue };
                // Only a primary tells of its replicas.
                let replicas = described.replication_status().iter().filter_map(|r| r.region().map(str::to_owned));
                let others: Vec<&str> = among(look, replicas).into_iter().map(Region::as_str).collect();
                if !others.is_empty() {
                    let why = format!("a secret of {region} with a replica in {}", others.join(", "));
                    candidates.push((ByRegion::from([(*region, name.to_owned())]), why));
                }
            }
        }
    }
    candidates
}
