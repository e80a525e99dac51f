//! Tables, buckets and secrets that are in more than one of the Regions; of the others, why they are no candidates.

use std::collections::BTreeMap;

use aws_sdk_s3::error::ProvideErrorMetadata;

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
    let (mut candidates, mut reasons) = (Vec::new(), Vec::new());
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
            let described = match clients.dynamodb.describe_table().table_name(name).send().await {
                Ok(described) => described,
                Err(error) => {
                    reasons.push(format!("{name} of {primary}: {}", said(&error)));
                    continue;
                }
            };
            let replicas = described.table().map(|table| table.replicas().to_vec()).unwrap_or_default();
            let elsewhere = among(look, replicas.into_iter().filter_map(|replica| replica.region_name));
            let others: Vec<&str> = elsewhere.iter().filter(|region| **region != primary).map(|r| r.as_str()).collect();
            if others.is_empty() {
                reasons.push(format!("{name} of {primary}: no replica in {}", look.but(primary)));
            } else {
                let why = format!("a table of {primary} with a replica in {}", others.join(", "));
                candidates.push((ByRegion::from([(primary, name.clone())]), why));
            }
        }
    }
    look.pass_over("table", reasons);
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
    let (candidates, reasons) = pairs(look, &places).await;
    look.pass_over("bucket", reasons);
    candidates
}

/// The pairs, and of each bucket that is in none of them why.
async fn pairs(look: &Look<'_>, places: &BTreeMap<String, Region>) -> (Vec<(ByRegion, String)>, Vec<String>) {
    let mut candidates: Vec<(ByRegion, String)> = Vec::new();
    let mut reasons: Vec<(&str, String)> = Vec::new();
    for (name, region) in places {
        let Some((_, here)) = look.regions.iter().find(|(known, _)| known == region) else { continue };
        let elsewhere = look.but(*region);
        let destinations = match destinations(here, name).await {
            Ok(destinations) => destinations,
            Err(why) => {
                reasons.push((name, format!("{name} of {region}: {why}")));
                continue;
            }
        };
        let to = destinations.join(", ");
        reasons.push((name, format!("{name} of {region}: it replicates to {to}, which is not in {elsewhere}")));
        for destination in destinations {
            let Some(there) = places.get(&destination).filter(|there| *there != region) else { continue };
            let pair = ByRegion::from([(*region, name.clone()), (*there, destination)]);
            match candidates.iter_mut().find(|(known, _)| *known == pair) {
                Some((_, why)) => *why = "buckets that replicate to each other".to_owned(),
                None => candidates.push((pair, format!("a bucket of {region} that replicates to {there}"))),
            }
        }
    }
    // The far end of a pair may have no rule of its own.
    let paired = |name: &str| candidates.iter().any(|(pair, _)| pair.values().any(|member| member == name));
    let reasons = reasons.into_iter().filter(|(name, _)| !paired(name)).map(|(_, reason)| reason).collect();
    (candidates, reasons)
}

/// The buckets that a bucket's rules replicate to; why it has none.
async fn destinations(clients: &Clients, bucket: &str) -> Result<Vec<String>, String> {
    let answer = match clients.s3.get_bucket_replication().bucket(bucket).send().await {
        Ok(answer) => answer,
        Err(error) if error.code() == Some("ReplicationConfigurationNotFoundError") => {
            return Err("no replication rule".to_owned());
        }
        Err(error) => return Err(format!("its replication cannot be read: {}", said(&error))),
    };
    let rules = answer.replication_configuration().map(|configuration| configuration.rules()).unwrap_or_default();
    let arns = rules.iter().filter_map(|rule| rule.destination().map(|destination| destination.bucket()));
    let mut names: Vec<String> = arns.map(|arn| arn.rsplit(':').next().unwrap_or(arn).to_owned()).collect();
    names.dedup();
    if names.is_empty() { Err("no replication rule".to_owned()) } else { Ok(names) }
}

async fn secrets(look: &mut Look<'_>) -> Vec<(ByRegion, String)> {
    let (mut candidates, mut reasons) = (Vec::new(), Vec::new());
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
                let described = match described {
                    Ok(described) => described,
                    Err(error) => {
                        reasons.push(format!("{name} of {region}: {}", said(&error)));
                        continue;
                    }
                };
                // Only a primary tells of its replicas.
                let replicas = described.replication_status().iter().filter_map(|r| r.region().map(str::to_owned));
                let others: Vec<&str> = among(look, replicas).into_iter().map(Region::as_str).collect();
                let is_replica = described.primary_region().is_some_and(|primary| primary != region.as_str());
                if others.is_empty() && !is_replica {
                    reasons.push(format!("{name} of {region}: no replica in {}", look.but(*region)));
                } else if !others.is_empty() {
                    let why = format!("a secret of {region} with a replica in {}", others.join(", "));
                    candidates.push((ByRegion::from([(*region, name.to_owned())]), why));
                }
            }
        }
    }
    look.pass_over("secret", reasons);
    candidates
}
