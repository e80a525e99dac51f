//! The API of each Region: the one behind the public name's custom domain, or the only one; and the alarm on its errors.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::adopted::{ByRegion, host_of};
use super::Look;
use crate::region::Region;
use crate::target::{Clients, said};

const SAM_STAGE: &str = "Stage";

/// One REST API, and how it is reached.
struct Api {
    id: String,
    name: String,
    stage: Option<String>,
    /// Its other stages: users may as well be on one of them.
    stages: Vec<String>,
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
    let mut note = |role, value: &dyn Fn(Region, &Api) -> Option<String>, also: Vec<(ByRegion, String)>| {
        let values: ByRegion =
            chosen.iter().filter_map(|(region, api)| Some((*region, value(*region, api)?))).collect();
        let first = (!values.is_empty()).then(|| (values, why.clone()));
        look.note(role, first.into_iter().chain(also).collect());
    };
    let hosts = others.iter().map(|(region, api)| {
        (ByRegion::from([(*region, host_of(&api.id, *region))]), format!("API {} of {region}", api.name))
    });
    note("api", &|_, api| Some(api.name.clone()), Vec::new());
    note("api-host", &|region, api| Some(host_of(&api.id, region)), hosts.collect());
    note("stage", &|_, api| api.stage.clone(), other_stages(&chosen, |_, stage| Some(stage.to_owned())));
    // A custom domain leads to one stage, whichever others there are.
    let paths = other_stages(&chosen, |api, stage| api.base.is_none().then(|| format!("/{stage}")));
    note("base-path", &|_, api| api.base.clone().or_else(|| Some(format!("/{}", api.stage.as_ref()?))), paths);
    alarms(look).await;
}

/// The stages that were not chosen, as `value` says each; one that several Regions have is told once.
fn other_stages(chosen: &[(Region, Api)], value: impl Fn(&Api, &str) -> Option<String>) -> Vec<(ByRegion, String)> {
    let mut others: BTreeMap<&str, ByRegion> = BTreeMap::new();
    for (region, api) in chosen {
        for stage in &api.stages {
            others.entry(stage).or_default().extend(value(api, stage).map(|value| (*region, value)));
        }
    }
    let why = |stage, values: &ByRegion| {
        let regions: Vec<&str> = values.keys().map(|region| region.as_str()).collect();
        format!("stage {stage} of the API in {}", regions.join(", "))
    };
    let others = others.into_iter().filter(|(_, values)| !values.is_empty());
    others.map(|(stage, values)| (values.clone(), why(stage, &values))).collect()
}

/// The stage that is meant and the others. SAM makes one named `Stage` beside the one that was asked for (AWS SAM
/// developer guide, AWS::Serverless::Api, OpenApiVersion), so that another one is the better guess.
fn stage_and_others(mapped: Option<String>, mut stages: Vec<String>) -> (Option<String>, Vec<String>) {
    stages.sort_by_key(|stage| (mapped.as_ref() != Some(stage), stage == SAM_STAGE));
    let mut stages = stages.into_iter();
    match mapped {
        Some(mapped) => (Some(mapped.clone()), stages.filter(|stage| *stage != mapped).collect()),
        None => (stages.next(), stages.collect()),
    }
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
        let named = stages.iter().filter_map(|stage| text(stage, "stageName")).collect();
        let (stage, stages) = stage_and_others(mapped, named);
        let base = mapping.map(|mapping| match mapping["basePath"].as_str() {
            None | Some("" | "(none)") => "/".to_owned(),
            Some(base) => format!("/{base}"),
        });
        let why = match (&base, public_name) {
            (Some(_), Some(public)) => format!("the API behind {public}"),
            _ => "an API of the Region".to_owned(),
        };
        found.push(Api { id, name, stage, stages, base, why });
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

#[cfg(test)]
mod tests {
    use super::*;

    fn split(mapped: Option<&str>, stages: &[&str]) -> (Option<String>, Vec<String>) {
        stage_and_others(mapped.map(str::to_owned), stages.iter().map(|stage| (*stage).to_owned()).collect())
    }

    fn api(stage: &str, stages: &[&str], base: Option<&str>) -> Api {
        let stages = stages.iter().map(|stage| (*stage).to_owned()).collect();
        let (stage, base) = (Some(stage.to_owned()), base.map(str::to_owned));
        Api { id: "a".into(), name: "n".into(), stage, stages, base, why: "w".into() }
    }

    #[test]
    fn sams_own_stage_is_the_last_guess() {
        let both = |stage: &str, other: &str| (Some(stage.to_owned()), vec![other.to_owned()]);
        assert_eq!(split(None, &["Stage", "live"]), both("live", "Stage"));
        assert_eq!(split(None, &["live", "Stage"]), both("live", "Stage"));
        assert_eq!(split(None, &["Stage"]), (Some("Stage".to_owned()), Vec::new()));
        assert_eq!(split(None, &[]), (None, Vec::new()));
        assert_eq!(split(Some("Stage"), &["live", "Stage"]), both("Stage", "live"), "what a name leads to is no guess");
    }

    #[test]
    fn other_stages_are_named_once_for_all_regions() {
        let (us, eu) = (Region::US_EAST_1, Region::EU_WEST_1);
        let chosen = [(us, api("live", &["Stage", "beta"], None)), (eu, api("live", &["Stage"], Some("/")))];
        let both =
            |us_value: &str, eu_value: &str| ByRegion::from([(us, us_value.to_owned()), (eu, eu_value.to_owned())]);
        let once = |value: &str| ByRegion::from([(us, value.to_owned())]);
        let why = |stage: &str, regions: &str| format!("stage {stage} of the API in {regions}");
        let stages = other_stages(&chosen, |_, stage| Some(stage.to_owned()));
        let expected =
            [(both("Stage", "Stage"), why("Stage", "eu-west-1, us-east-1")), (once("beta"), why("beta", "us-east-1"))];
        assert_eq!(stages, expected);
        let paths = other_stages(&chosen, |api, stage| api.base.is_none().then(|| format!("/{stage}")));
        assert_eq!(paths, [(once("/Stage"), why("Stage", "us-east-1")), (once("/beta"), why("beta", "us-east-1"))]);
    }
}
