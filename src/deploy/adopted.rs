//! Somebody's own stack: what `blackstart.yaml` names becomes a deployment that plays the roles and owns nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{DeployError, Deployment, nearest, stacks};
use crate::region::Region;
pub use crate::scenario::ROLES;
use crate::scenario::{Adopted, Resource};
use crate::target::{Target, TargetError};

/// What a role is in each Region.
pub type ByRegion = BTreeMap<Region, String>;

/// Finds what plays each role that is written. Nothing is deployed, and [`super::down`] takes nothing of it away.
pub async fn adopt(target: &dyn Target, adopted: &Adopted) -> Result<Deployment, DeployError> {
    let mut roles = BTreeMap::new();
    for (role, resource) in &adopted.roles {
        let failed = |what: String| DeployError::Adopted { role: role.clone(), what };
        if !ROLES.contains(&role.as_str()) {
            let known: Vec<String> = ROLES.map(str::to_owned).into();
            return Err(failed(format!("there is no such role{}", nearest(&known, role))));
        }
        let found = match resource {
            Resource::Name(name) => target.regions().iter().map(|region| (*region, name.clone())).collect(),
            Resource::Names { regions } => regions.iter().map(|(region, name)| (*region, name.clone())).collect(),
            Resource::Output { stack, output } => by_output(target, stack, output).await.map_err(failed)?,
            Resource::Tag { tag, value, kind } => by_tag(target, role, tag, value, kind).await.map_err(failed)?,
        };
        for region in target.regions() {
            roles.extend(in_region(&found, *region).map(|name| ((role.clone(), *region), name.to_owned())));
        }
    }
    Ok(Deployment { regions: target.regions().to_vec(), adopted: Some(roles), ..Deployment::default() })
}

/// What is found in one Region alone exists once, and answers for every Region.
pub fn in_region(found: &ByRegion, region: Region) -> Option<&str> {
    let only = || found.values().next().filter(|_| found.len() == 1);
    found.get(&region).or_else(only).map(String::as_str)
}

async fn by_output(target: &dyn Target, stack: &str, output: &str) -> Result<ByRegion, String> {
    let (mut found, mut stands) = (ByRegion::new(), Vec::new());
    for region in target.regions() {
        let client = &target.clients_in(*region).map_err(said_by)?.cloudformation;
        let Some(standing) = stacks::describe(client, stack).await? else { continue };
        let mut outputs = stacks::outputs(&standing);
        match outputs.remove(output) {
            Some(value) => {
                found.insert(*region, value);
            }
            None => stands.push(format!("{region}, with {:?}", outputs.into_keys().collect::<Vec<_>>())),
        }
    }
    match (found.is_empty(), stands.is_empty()) {
        (false, _) => Ok(found),
        (true, true) => Err(format!("there is no stack {stack} in {:?}", target.regions())),
        (true, false) => Err(format!("stack {stack} has no output {output}; it stands in {}", stands.join("; "))),
    }
}

async fn by_tag(target: &dyn Target, role: &str, tag: &str, value: &str, kind: &str) -> Result<ByRegion, String> {
    let mut found = ByRegion::new();
    for region in target.regions() {
        let raw = &target.clients_in(*region).map_err(said_by)?.raw;
        let body = json!({
            "TagFilters": [{ "Key": tag, "Values": [value] }],
            "ResourceTypeFilters": [kind],
        });
        let answer = raw.json("tagging", "ResourceGroupsTaggingAPI_20170126.GetResources", &body).await;
        let answer = answer.map_err(|error| format!("searching {region} by tag: {error}"))?;
        let meant = the_one(&arns(&answer))
            .map_err(|all| format!("{kind} in {region} with {tag}={value}: {all}; name the one that is meant"))?;
        if let Some(arn) = meant {
            found.insert(*region, of_arn(role, arn, *region).ok_or_else(|| format!("{arn:?} is no such name"))?);
        }
    }
    if found.is_empty() {
        return Err(format!("no {kind} in {:?} carries the tag {tag}={value}", target.regions()));
    }
    Ok(found)
}

fn said_by(error: TargetError) -> String {
    error.to_string()
}

/// The only one there is; all of them where there are several, as nobody can tell which is meant.
fn the_one<'a>(arns: &[&'a str]) -> Result<Option<&'a str>, String> {
    match arns {
        [] => Ok(None),
        [arn] => Ok(Some(arn)),
        several => Err(format!("there are {}, {}", several.len(), several.join(", "))),
    }
}

fn arns(answer: &Value) -> Vec<&str> {
    let listed = answer["ResourceTagMappingList"].as_array();
    listed.into_iter().flatten().filter_map(|entry| entry["ResourceARN"].as_str()).collect()
}

/// What the harness calls a resource by, which is seldom its ARN (Service Authorization Reference, resource types).
fn of_arn(role: &str, arn: &str, region: Region) -> Option<String> {
    // arn:partition:service:region:account:rest
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, rest) = (parts.next()?, parts.nth(2)?);
    let name = match service {
        "s3" => rest,
        "dynamodb" => rest.strip_prefix("table/")?,
        "route53" => rest.strip_prefix("hostedzone/")?,
        // The name, and a dash with six more characters.
        "secretsmanager" => rest.strip_prefix("secret:").and_then(|name| name.get(..name.len().checked_sub(7)?))?,
        "cloudwatch" => rest.strip_prefix("alarm:")?,
        "logs" => rest.strip_prefix("log-group:")?.trim_end_matches(":*"),
        "lambda" if role == "alias" => return Some(arn.to_owned()),
        "lambda" => rest.strip_prefix("function:")?,
        "apigateway" => {
            let api = rest.trim_start_matches("/restapis/");
            let hosted = ["api-host", "endpoint"].contains(&role);
            return Some(if hosted { host_of(api, region) } else { api.to_owned() });
        }
        _ => arn,
    };
    Some(name.to_owned())
}

/// Where a REST API answers by itself (API Gateway developer guide, "Invoke REST APIs").
pub fn host_of(api: &str, region: Region) -> String {
    format!("{api}.execute-api.{region}.amazonaws.com")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::deploy::StackDirectory;

    #[test]
    fn the_roles_are_those_of_the_shipped_layout() {
        let directory = StackDirectory::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("stack")).unwrap();
        let mut roles: Vec<&str> = directory.layout.roles.keys().map(String::as_str).collect();
        let mut known = ROLES.to_vec();
        roles.sort_unstable();
        known.sort_unstable();
        assert_eq!(roles, known);
    }

    #[test]
    fn resources_are_called_by_what_their_services_take() {
        let name = |role: &str, arn: &str| of_arn(role, arn, Region::EU_WEST_1).unwrap();
        let account = "eu-west-1:123456789012";
        assert_eq!(name("bucket", "arn:aws:s3:::assets"), "assets");
        assert_eq!(name("table", &format!("arn:aws:dynamodb:{account}:table/orders")), "orders");
        assert_eq!(name("secret", &format!("arn:aws:secretsmanager:{account}:secret:a/b/orders-AbCdEf")), "a/b/orders");
        assert_eq!(name("alarm", &format!("arn:aws:cloudwatch:{account}:alarm:a:b")), "a:b");
        assert_eq!(name("guard-log", &format!("arn:aws:logs:{account}:log-group:/aws/lambda/f:*")), "/aws/lambda/f");
        let api = "arn:aws:apigateway:eu-west-1::/restapis/abc";
        assert_eq!(name("api-host", api), "abc.execute-api.eu-west-1.amazonaws.com");
        assert_eq!(of_arn("table", "arn:aws:dynamodb:eu-west-1", Region::EU_WEST_1), None);
        assert_eq!(of_arn("secret", &format!("arn:aws:secretsmanager:{account}:secret:é"), Region::EU_WEST_1), None);
    }

    #[test]
    fn of_several_that_carry_a_tag_none_is_guessed() {
        let listed = |arns: &[&str]| {
            let each: Vec<Value> = arns.iter().map(|arn| json!({ "ResourceARN": arn, "Tags": [] })).collect();
            json!({ "ResourceTagMappingList": each })
        };
        assert_eq!(the_one(&arns(&listed(&[]))), Ok(None));
        assert_eq!(the_one(&arns(&listed(&["arn:a"]))), Ok(Some("arn:a")));
        assert_eq!(the_one(&arns(&listed(&["arn:a", "arn:b"]))), Err("there are 2, arn:a, arn:b".to_owned()));
    }

    #[test]
    fn what_exists_once_answers_everywhere_and_what_differs_does_not() {
        let once = ByRegion::from([(Region::US_EAST_1, "zone".to_owned())]);
        assert_eq!(in_region(&once, Region::EU_WEST_1), Some("zone"));
        let mut each = once;
        each.insert(Region::EU_WEST_1, "other".to_owned());
        assert_eq!(in_region(&each, Region::parse("eu-west-2").unwrap()), None);
    }
}
