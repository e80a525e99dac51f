//! DescribeTimeToLive and UpdateTimeToLive: which attribute items expire by.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::request::{authorize, parse, table_name};
use crate::gateway::Call;
use crate::services::dynamodb::DynamoDb;
use crate::services::dynamodb::state::Access;
use crate::services::dynamodb::table::TimeToLive;
use crate::wire::{AwsError, Request, Response, json};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Describe {
    table_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Update {
    table_name: String,
    time_to_live_specification: Specification,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Specification {
    attribute_name: String,
    enabled: bool,
}

pub fn describe(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: Describe = parse(request)?;
    let name = table_name(&request.table_name)?;
    authorize(call, "dynamodb:DescribeTimeToLive", name)?;
    let shown = {
        let mut state = dynamodb.lock();
        match &state.describe(call.region, name, call.cloud.clock.now())?.time_to_live {
            Some(TimeToLive { attribute, is_enabled: true }) => {
                json!({ "TimeToLiveStatus": "ENABLED", "AttributeName": attribute })
            }
            _ => json!({ "TimeToLiveStatus": "DISABLED" }),
        }
    };
    json::ok("1.0", &call.request_id, &json!({ "TimeToLiveDescription": shown }))
}

pub fn update(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: Update = parse(request)?;
    let name = table_name(&request.table_name)?;
    authorize(call, "dynamodb:UpdateTimeToLive", name)?;
    let Specification { attribute_name, enabled } = &request.time_to_live_specification;
    let now = call.cloud.clock.now();
    dynamodb.change(&call.cloud, |state| {
        let (table, _) = state.open(call, name, Access::Local)?;
        if *enabled && table.strong.is_some() {
            return Err(AwsError::validation(
                "Time to Live is not supported on a global table with multi-Region strong consistency",
            ));
        }
        let is_enabled = table.time_to_live.as_ref().is_some_and(|known| known.is_enabled);
        if is_enabled == *enabled {
            let word = if is_enabled { "enabled" } else { "disabled" };
            return Err(AwsError::validation(format!("TimeToLive is already {word}")));
        }
        let setting = TimeToLive { attribute: attribute_name.clone(), is_enabled: *enabled };
        let waking = table.set_time_to_live(dynamodb.seed, Some(setting), now);
        state.waking.extend(waking);
        Ok(())
    })?;
    json::ok("1.0", &call.request_id, &json!({ "TimeToLiveSpecification": request.time_to_live_specification }))
}
