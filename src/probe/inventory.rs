//! What the deployed stacks have that costs money each month: their health checks and their alarms.

use std::collections::BTreeSet;

use aws_sdk_route53::types::HealthCheck;

use super::Hosts;
use crate::history::{AlarmFound, CheckFound, Event, Recorder};
use crate::region::Region;
use crate::target::{Clients, said};

/// DescribeAlarms takes so many names at once (API reference).
const NAMES_MAX: usize = 100;

/// Reads what the stacks of these names have, records it and gives the health checks. What cannot be read is recorded
/// as trouble.
pub async fn read_inventory(
    stacks: &[(String, Region, &Clients)],
    route53: &aws_sdk_route53::Client,
    hosts: &Hosts,
    recorder: &Recorder,
) -> Vec<CheckFound> {
    let found = async {
        let (mut ids, mut alarms) = (BTreeSet::new(), Vec::new());
        for (stack, region, clients) in stacks {
            let mut names = Vec::new();
            let mut pages = clients.cloudformation.list_stack_resources().stack_name(stack).into_paginator().send();
            while let Some(page) = pages.next().await {
                for resource in page.map_err(|error| said(&error))?.stack_resource_summaries() {
                    let id = resource.physical_resource_id().unwrap_or_default().to_owned();
                    match resource.resource_type() {
                        Some("AWS::Route53::HealthCheck") => _ = ids.insert(id),
                        Some("AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm") => names.push(id),
                        _ => {}
                    }
                }
            }
            alarms.extend(alarms_of(&clients.cloudwatch, *region, &names).await?);
        }
        Ok::<_, String>((checks_of(route53, &ids, hosts).await?, alarms))
    };
    match found.await {
        Ok((checks, alarms)) => {
            recorder.record(Event::Inventory { checks: checks.clone(), alarms });
            checks
        }
        Err(what) => {
            recorder.record(Event::Trouble { stage: "inventory".to_owned(), what });
            Vec::new()
        }
    }
}

async fn alarms_of(
    client: &aws_sdk_cloudwatch::Client,
    region: Region,
    names: &[String],
) -> Result<Vec<AlarmFound>, String> {
    let mut found = Vec::new();
    for names in names.chunks(NAMES_MAX) {
        let call = client.describe_alarms().set_alarm_names(Some(names.to_vec())).max_records(100);
        let described = call.send().await.map_err(|error| said(&error))?;
        let count = |metrics: usize| u32::try_from(metrics).unwrap_or(u32::MAX);
        found.extend(described.metric_alarms().iter().map(|alarm| AlarmFound {
            alarm: alarm.alarm_name().unwrap_or_default().to_owned(),
            region,
            // Of metric math, what is computed from others is not charged for.
            metrics: count(alarm.metrics().iter().filter(|metric| metric.metric_stat().is_some()).count()).max(1),
            period_s: positive(alarm.period()).or_else(|| {
                let periods = alarm.metrics().iter().filter_map(|metric| metric.metric_stat());
                periods.filter_map(|stat| positive(stat.period())).min()
            }),
        }));
        found.extend(described.composite_alarms().iter().map(|alarm| AlarmFound {
            alarm: alarm.alarm_name().unwrap_or_default().to_owned(),
            region,
            metrics: 0,
            period_s: None,
        }));
    }
    Ok(found)
}

async fn checks_of(
    client: &aws_sdk_route53::Client,
    ids: &BTreeSet<String>,
    hosts: &Hosts,
) -> Result<Vec<CheckFound>, String> {
    let mut found = Vec::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let mut pages = client.list_health_checks().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| said(&error))?;
        found.extend(page.health_checks().iter().filter(|check| ids.contains(check.id())).map(|it| check(it, hosts)));
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    // A calculated check speaks of the Region its children speak of, where that is one.
    for _ in 0..found.len() {
        let regions: Vec<_> = found.iter().map(|check| (check.id.clone(), check.region)).collect();
        for check in found.iter_mut().filter(|check| check.region.is_none() && !check.children.is_empty()) {
            let mut of = check.children.iter().map(|id| regions.iter().find(|(known, _)| known == id)?.1);
            let first = of.next().flatten();
            check.region = first.filter(|_| of.all(|region| region == first));
        }
    }
    Ok(found)
}

fn check(check: &HealthCheck, hosts: &Hosts) -> CheckFound {
    let none = || CheckFound {
        id: check.id().to_owned(),
        kind: String::new(),
        region: None,
        interval_s: None,
        failure_threshold: None,
        string_match: false,
        latency: false,
        inverted: false,
        disabled: false,
        aws: false,
        children: Vec::new(),
        healthy_at_least: None,
    };
    let Some(config) = check.health_check_config() else { return none() };
    let kind = config.r#type().as_str();
    let host = config.fully_qualified_domain_name();
    let alarm = config.alarm_identifier().and_then(|alarm| Region::parse(alarm.region().as_str()).ok());
    CheckFound {
        kind: kind.to_owned(),
        region: host.and_then(|host| hosts.region_of(host)).or(alarm),
        interval_s: positive(config.request_interval()),
        failure_threshold: positive(config.failure_threshold()),
        string_match: kind.ends_with("_STR_MATCH"),
        latency: config.measure_latency().unwrap_or_default(),
        inverted: config.inverted().unwrap_or_default(),
        disabled: config.disabled().unwrap_or_default(),
        // Calculated checks and those of metrics ask nothing outside AWS either.
        aws: host.is_none_or(|host| host.ends_with(".amazonaws.com") || hosts.region_of(host).is_some()),
        children: config.child_health_checks().to_vec(),
        healthy_at_least: config.health_threshold().and_then(|least| u32::try_from(least).ok()),
        ..none()
    }
}

fn positive(number: Option<i32>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0)
}
