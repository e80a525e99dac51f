//! DescribeContinuousBackups and UpdateContinuousBackups. The setting is recorded; nothing can be restored.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::request::{authorize, parse, table_name};
use crate::gateway::Call;
use crate::services::dynamodb::DynamoDb;
use crate::services::dynamodb::replica::Settings;
use crate::wire::{AwsError, Request, Response, json};

/// "RecoveryPeriodInDays: … the default is 35", API reference.
const RECOVERY_DAYS: u32 = 35;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Describe {
    table_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Update {
    table_name: String,
    point_in_time_recovery_specification: Specification,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Specification {
    point_in_time_recovery_enabled: bool,
    recovery_period_in_days: Option<u32>,
}

pub fn describe(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: Describe = parse(request)?;
    let name = table_name(&request.table_name)?;
    authorize(call, "dynamodb:DescribeContinuousBackups", name)?;
    with_settings(dynamodb, call, name, |_| {})
}

pub fn update(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let request: Update = parse(request)?;
    let name = table_name(&request.table_name)?;
    authorize(call, "dynamodb:UpdateContinuousBackups", name)?;
    let wanted = request.point_in_time_recovery_specification;
    if wanted.recovery_period_in_days.is_some_and(|days| !(1..=35).contains(&days)) {
        return Err(AwsError::validation("RecoveryPeriodInDays must be between 1 and 35"));
    }
    with_settings(dynamodb, call, name, |settings| {
        settings.point_in_time_recovery = wanted.point_in_time_recovery_enabled;
        settings.recovery_period_days = wanted.recovery_period_in_days;
    })
}

fn with_settings(
    dynamodb: &DynamoDb,
    call: &Call,
    name: &str,
    change: impl FnOnce(&mut Settings),
) -> Result<Response, AwsError> {
    let shown = {
        let mut state = dynamodb.lock();
        let missing = || AwsError::bad_request("TableNotFoundException", format!("Table not found: {name}"));
        let table = state.describe(call.region, name, call.cloud.clock.now()).map_err(|_| missing())?;
        let settings = &mut table.replicas.get_mut(&call.region).ok_or_else(missing)?.settings;
        change(settings);
        backups(settings)
    };
    json::ok("1.0", &call.request_id, &json!({ "ContinuousBackupsDescription": shown }))
}

fn backups(settings: &Settings) -> Json {
    let recovery = if settings.point_in_time_recovery {
        let days = settings.recovery_period_days.unwrap_or(RECOVERY_DAYS);
        json!({ "PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": days })
    } else {
        json!({ "PointInTimeRecoveryStatus": "DISABLED" })
    };
    json!({ "ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery })
}
