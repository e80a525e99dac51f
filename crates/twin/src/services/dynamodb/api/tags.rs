//! TagResource, UntagResource, ListTagsOfResource. Each Region's replica has tags of its own.

use serde::Deserialize;
use serde_json::json;

use super::request::{parse, table_name};
use super::shapes::Tag;
use crate::gateway::Call;
use crate::services::dynamodb::DynamoDb;
use crate::services::dynamodb::replica::Settings;
use crate::wire::{AwsError, Request, Response, json};

/// "Up to 50 tags per resource", API reference.
const TAGS_MAX: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TagResource {
    resource_arn: String,
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UntagResource {
    resource_arn: String,
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListTags {
    resource_arn: String,
    #[serde(rename = "NextToken")]
    _next_token: Option<String>,
}

pub fn tag(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: TagResource = parse(request)?;
    call.authorize("dynamodb:TagResource", &request.resource_arn)?;
    with_settings(dynamodb, call, &request.resource_arn, |settings| {
        let mut tags = settings.tags.clone();
        tags.extend(request.tags.into_iter().map(|tag| (tag.key, tag.value)));
        if tags.len() > TAGS_MAX {
            let message = format!("Too many tags: {}, at most {TAGS_MAX}", tags.len());
            return Err(AwsError::validation(message));
        }
        settings.tags = tags;
        Ok(())
    })??;
    json::ok("1.0", &call.request_id, &json!({}))
}

pub fn untag(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: UntagResource = parse(request)?;
    call.authorize("dynamodb:UntagResource", &request.resource_arn)?;
    with_settings(dynamodb, call, &request.resource_arn, |settings| {
        request.tag_keys.iter().for_each(|key| drop(settings.tags.remove(key)));
    })?;
    json::ok("1.0", &call.request_id, &json!({}))
}

pub fn list(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: ListTags = parse(request)?;
    call.authorize("dynamodb:ListTagsOfResource", &request.resource_arn)?;
    let tags: Vec<_> = with_settings(dynamodb, call, &request.resource_arn, |settings| {
        settings.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
    })?;
    json::ok("1.0", &call.request_id, &json!({ "Tags": tags }))
}

fn with_settings<T>(
    dynamodb: &DynamoDb,
    call: &Call,
    arn: &str,
    change: impl FnOnce(&mut Settings) -> T,
) -> Result<T, AwsError> {
    let name = table_name(arn)?;
    let missing = || {
        let message = format!("Requested resource not found: ResourcArn: {arn} not found");
        AwsError::bad_request("ResourceNotFoundException", message)
    };
    let mut state = dynamodb.lock();
    let table = state.describe(call.region, name, call.cloud.clock.now()).map_err(|_| missing())?;
    Ok(change(&mut table.replicas.get_mut(&call.region).ok_or_else(missing)?.settings))
}
