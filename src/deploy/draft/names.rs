//! Public names whose answers depend on where the asker is, on weights or on health, and what each Region's record says.

use aws_sdk_route53::types::ResourceRecordSet;

use super::super::adopted::ByRegion;
use super::super::zones;
use super::Look;
use crate::region::Region;
use crate::target::said;

pub(super) async fn look(look: &mut Look<'_>) {
    let Some((primary, clients)) = look.primary() else { return };
    let mut routed: Vec<Routed> = Vec::new();
    let mut pages = clients.route53.list_hosted_zones().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            Err(error) => return look.trouble("hosted zones", primary, &said(&error)),
        };
        for zone in page.hosted_zones() {
            if zone.config().is_some_and(|config| config.private_zone()) {
                continue;
            }
            let id = zone.id().trim_start_matches("/hostedzone/");
            match zones::records(&clients.route53, id).await {
                Ok(records) => routed.extend(by_name(id, &records, look)),
                Err(why) => look.trouble(&format!("zone {}", zone.name()), primary, &why.unwrap_or_default()),
            }
        }
    }
    // A name that leads to every Region says more than one that leads to some.
    routed.sort_by_key(|routed| std::cmp::Reverse(routed.endpoints.len()));
    let once = |value: &str| ByRegion::from([(primary, value.to_owned())]);
    let each = |pick: fn(&Routed) -> &str| {
        routed.iter().map(|routed| (once(pick(routed)), routed.why.clone())).collect::<Vec<_>>()
    };
    let (zones, names) = (each(|routed| routed.zone.as_str()), each(|routed| routed.name.as_str()));
    let endpoints = routed.into_iter().take(1).filter(|routed| !routed.endpoints.is_empty());
    let endpoints: Vec<_> =
        endpoints.map(|routed| (routed.endpoints, format!("what the records of {} say", routed.name))).collect();
    look.note("hosted-zone", zones);
    look.note("public-name", names);
    look.note("endpoint", endpoints);
}

/// A name with several records.
struct Routed {
    zone: String,
    name: String,
    why: String,
    endpoints: ByRegion,
}

fn by_name(zone: &str, records: &[ResourceRecordSet], look: &Look<'_>) -> Vec<Routed> {
    let mut names: Vec<&str> = records.iter().filter(|set| policy(set).is_some()).map(|set| set.name()).collect();
    names.dedup();
    let mut found = Vec::new();
    for name in names {
        let sets: Vec<&ResourceRecordSet> = records.iter().filter(|set| set.name() == name).collect();
        let policy = sets.iter().find_map(|set| policy(set)).unwrap_or_default();
        let mut endpoints = ByRegion::new();
        for set in &sets {
            let value = set.alias_target().map(|target| target.dns_name());
            let value = value.or_else(|| set.resource_records().first().map(|record| record.value()));
            let at = look.regions.iter().map(|(region, _)| *region).find(|region| belongs(set, value, *region));
            if let (Some(region), Some(value)) = (at, value) {
                endpoints.insert(region, value.trim_end_matches('.').to_owned());
            }
        }
        let why = format!("a name with {} {policy} records", sets.len());
        let name = name.trim_end_matches('.').to_owned();
        found.push(Routed { zone: zone.to_owned(), name, why, endpoints });
    }
    found
}

fn policy(set: &ResourceRecordSet) -> Option<&'static str> {
    match (set.region(), set.weight(), set.failover()) {
        (Some(_), ..) => Some("latency"),
        (_, Some(_), _) => Some("weighted"),
        (.., Some(_)) => Some("failover"),
        _ => None,
    }
}

/// Whether a record leads to a Region: by its own Region, its set identifier, or the host it names.
fn belongs(set: &ResourceRecordSet, value: Option<&str>, region: Region) -> bool {
    set.region().is_some_and(|of| of.as_str() == region.as_str())
        || set.set_identifier().is_some_and(|id| id.contains(region.as_str()))
        || value.is_some_and(|value| value.contains(&format!(".{region}.")))
}
