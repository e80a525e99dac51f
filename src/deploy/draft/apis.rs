//! The API of each Region: the one behind the public name's custom domain, or the only one; and the alarm on its errors.

use serde_json::Value;

use super::super::adopted::{ByRegion, host_of};
use super::Look;
use crate::region::Region;
use crate::target::{Clients, said};

/// One REST API, and how it is reached.
struct Api {
    id: String,
    name: String,
    stage: Option<String>,
    /// The base path on the public name; none where it has no custom domain.
    base: Option<String>,
    why: String,
}

pub(super) async fn look(look: &mut Look<'_>) {
    let mut chosen: Vec<(Region, Api)> = Vec::new();
    let mut others: Vec<(Region, Api)> = Vec::new();
    for (region, clients) in look.regions {
        let name = look.value("public-name", *region).map(str::to_owned);
        match apis(clients, name.as_deref()).await {
            Ok(found) => {
                let mut found = found.into_iter();
                chosen.extend(found.next().map(|api| (*region, api)));
                others.extend(found.map(|api| (*region, api)));
            }
            Err(why) => look.trouble("REST APIs", *region, &why),
        }
    }
    let why = chosen.first().map(|(_, api)| api.why.clone()).unwrap_or_default();
    let mut note = |role, value: &dyn Fn(Region, &Api) -> Option<String>| {
        let values: ByRegion =
            chosen.iter().filter_map(|(region, api)| Some((*region, value(*region, api)?))).collect();
        let mut candidates = Vec::new();
        if !values.is_empty() {
            candidates.push((values, why.clone()));
            for (region, api) in others.iter().filter(|_| role == "api-host") {
                let why = format!("API {} of {region}", api.name);
                candidates.push((ByRegion::from([(*region, host_of(&api.id, *region))]), why));
            }
        }
        look.note(role, candidates);
    };
    note("api", &|_, api| Some(api.name.clone()));
    note("api-host", &|region, api| Some(host_of(&api.id, region)));
    note("stage", &|_, api| api.stage.clone());
    note("base-path", &|_, api| api.base.clone().or_else(|| Some(format!("/{}", api.stage.as_ref()?))));
    alarms(look).await;
}

/// The REST APIs of a Region, that behind the public name first.
async fn apis(clients: &Clients, public_name: Option<&str>) -> Result<Vec<Api>, String> {
    let get = |path: String| async move {
        let answer = clients.raw.rest("apigateway", http::Method::GET, &path, &Value::Null).await;
        answer.map_err(|error| error.to_string())
    };
    let items = |answer: &Value| answer["item"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value, name: &str| value[name].as_str().map(str::to_owned);
    let mappings = match public_name {
        // A name without a custom domain is one of the API's own host.
        Some(name) => get(format!("/domainnames/{name}/basepathmappings")).await.map(|a| items(&a)).unwrap_or_default(),
        None => Vec::new(),
    };
    let mut found = Vec::new();
    for api in items(&get("/restapis".to_owned()).await?) {
        let (Some(id), Some(name)) = (text(&api, "id"), text(&api, "name")) else { continue };
        let mapping = mappings.iter().find(|mapping| mapping["restApiId"] == *id);
        let stages = get(format!("/restapis/{id}/stages")).await.map(|answer| items(&answer)).unwrap_or_default();
        let mapped = mapping.and_then(|mapping| text(mapping, "stage"));
        let stage = mapped.or_else(|| stages.first().and_then(|stage| text(stage, "stageName")));
        let base = mapping.map(|mapping| match mapping["basePath"].as_str() {
            None | Some("" | "(none)") => "/".to_owned(),
            Some(base) => format!("/{base}"),
        });
        let why = match (&base, public_name) {
            (Some(_), Some(public)) => format!("the API behind {public}"),
            _ => "an API of the Region".to_owned(),
        };
        found.push(Api { id, name, stage, base, why });
    }
    found.sort_by_key(|api| api.base.is_none());
    Ok(found)
}

/// Alarms on the API's server errors.
async fn alarms(look: &mut Look<'_>) {
    let mut values = ByRegion::new();
    let mut others = Vec::new();
    for (region, clients) in look.regions {
        let api = look.value("api", *region).map(str::to_owned);
        let mut names: Vec<(bool, String)> = Vec::new();
        let mut pages = clients.cloudwatch.describe_alarms().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) => {
                    look.trouble("alarms", *region, &said(&error));
                    break;
                }
            };
            for alarm in page.metric_alarms() {
                let errors = alarm.namespace() == Some("AWS/ApiGateway") && alarm.metric_name() == Some("5XXError");
                let watches =
                    alarm.dimensions().iter().any(|d| d.name() == Some("ApiName") && d.value() == api.as_deref());
                names.extend(alarm.alarm_name().filter(|_| errors).map(|name| (!watches, name.to_owned())));
            }
        }
        names.sort();
        let mut names = names.into_iter().map(|(_, name)| name);
        values.extend(names.next().map(|name| (*region, name)));
        others
            .extend(names.map(|name| (ByRegion::from([(*region, name)]), format!("an alarm on 5XXError in {region}"))));
    }
    if !values.is_empty() {
        others.insert(0, (values, "an alarm on 5XXError of the API".to_owned()));
        look.note("alarm", others);
    }
}
