//! The operations on alarms.

use std::collections::VecDeque;
use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

use ciborium::Value;
use serde_json::json;

use super::alarm::{Alarm, Definition, HistoryItem, Standing, invalid, step};
use super::metric::KeyHasher;
use super::rules::State;
use super::shape::{Dimension, Tag, entry, read, sorted, text, write};
use super::{CloudWatch, action};
use crate::Cloud;
use crate::clock::Timestamp;
use crate::gateway::Call;
use crate::region::Region;
use crate::wire::{AwsError, cbor};

/// DescribeAlarms and DescribeAlarmHistory give 50 and 100 records a page (API reference); at most 100.
const PAGE: usize = 100;

impl CloudWatch {
    /// Makes an alarm or changes one, as PutMetricAlarm does; gives its ARN.
    pub(super) fn put_alarm(&self, cloud: &Cloud, region: Region, definition: Definition) -> Result<String, AwsError> {
        let plan = definition.check(region)?;
        let name = definition.alarm_name.clone();
        if name.is_empty() || name.len() > 255 {
            return Err(invalid("AlarmName must have 1 to 255 characters"));
        }
        let arn = format!("arn:aws:cloudwatch:{region}:{}:alarm:{name}", cloud.account);
        let now = cloud.clock.now();
        let step = step(plan.period());
        let next_due = self.first_turn(region, &name, step, now);
        let mut inner = self.lock();
        let note = |summary: &str| HistoryItem {
            at: now,
            kind: "ConfigurationUpdate",
            summary: summary.to_owned(),
            data: json!({ "version": "1.0", "type": "Update" }).to_string(),
        };
        match inner.alarms.get_mut(&(region, name.clone())) {
            // Its state stays, the rest is overwritten; tags are set at creation only (API reference).
            Some(alarm) => {
                alarm.definition = Arc::new(definition);
                (alarm.plan, alarm.configured, alarm.next_due) = (plan, now, next_due);
                alarm.note(note(&format!("Alarm \"{name}\" updated")));
            }
            None => {
                let mut alarm = Alarm {
                    tags: definition.tags.clone(),
                    definition: Arc::new(definition),
                    plan,
                    region,
                    arn: arn.clone(),
                    configured: now,
                    standing: Standing {
                        state: State::InsufficientData,
                        reason: "Unchecked: Initial alarm creation".to_owned(),
                        data: None,
                        since: now,
                    },
                    next_due,
                    history: VecDeque::new(),
                };
                alarm.note(note(&format!("Alarm \"{name}\" created")));
                inner.alarms.insert((region, name), alarm);
            }
        }
        drop(inner);
        self.wake.notify_one();
        Ok(arn)
    }

    /// Each alarm has its own phase within the step, drawn from its name.
    fn first_turn(&self, region: Region, name: &str, step: Duration, now: Timestamp) -> Timestamp {
        let mut hasher = KeyHasher::default();
        hasher.write(region.as_str().as_bytes());
        hasher.write(name.as_bytes());
        let at = now.floor_to(step) + self.between((Duration::ZERO, step), hasher.finish(), 0);
        if at > now { at } else { at + step }
    }

    pub(super) fn has_alarm(&self, region: Region, name: &str) -> bool {
        self.lock().alarms.contains_key(&(region, name.to_owned()))
    }

    /// Removes an alarm; false where there is none.
    pub(super) fn remove_alarm(&self, region: Region, name: &str) -> bool {
        self.lock().alarms.remove(&(region, name.to_owned())).is_some()
    }

    pub(super) fn put_metric_alarm(&self, call: &Call, members: &Value) -> Result<Value, AwsError> {
        let definition: Definition = read(members)?;
        let arn = call.arn("cloudwatch", &format!("alarm:{}", definition.alarm_name));
        call.authorize("cloudwatch:PutMetricAlarm", &arn)?;
        self.put_alarm(&call.cloud, call.region, definition)?;
        Ok(cbor::map([]))
    }

    pub(super) fn describe_alarms(&self, call: &Call, members: &Value) -> Result<Value, AwsError> {
        call.authorize("cloudwatch:DescribeAlarms", "*")?;
        only(
            members,
            &["AlarmNames", "AlarmNamePrefix", "AlarmTypes", "StateValue", "ActionPrefix", "MaxRecords", "NextToken"],
        )?;
        let names: Vec<&str> = cbor::list(members, "AlarmNames").iter().filter_map(Value::as_text).collect();
        let types: Vec<&str> = cbor::list(members, "AlarmTypes").iter().filter_map(Value::as_text).collect();
        let prefix = cbor::text(members, "AlarmNamePrefix").unwrap_or_default();
        let action = cbor::text(members, "ActionPrefix").unwrap_or_default();
        let state = state(members)?;
        let has_action = |alarm: &Alarm| {
            let definition = &alarm.definition;
            let mut all = definition
                .ok_actions
                .iter()
                .chain(&definition.alarm_actions)
                .chain(&definition.insufficient_data_actions);
            action.is_empty() || all.any(|arn| arn.starts_with(action))
        };
        let inner = self.lock();
        let wanted = inner.alarms.range((call.region, String::new())..).map(|(_, alarm)| alarm);
        let wanted = wanted.take_while(|alarm| alarm.region == call.region).filter(|alarm| {
            let name = alarm.definition.alarm_name.as_str();
            (names.is_empty() || names.contains(&name))
                && name.starts_with(prefix)
                && state.is_none_or(|state| state == alarm.standing.state)
                && has_action(alarm)
                && (types.is_empty() || types.contains(&"MetricAlarm"))
        });
        let (page, next) = page(wanted.map(described), members, PAGE / 2)?;
        let mut answer =
            vec![entry("MetricAlarms", Value::Array(page)), entry("CompositeAlarms", Value::Array(vec![]))];
        answer.extend(next);
        Ok(Value::Map(answer))
    }

    pub(super) fn describe_alarms_for_metric(&self, call: &Call, members: &Value) -> Result<Value, AwsError> {
        call.authorize("cloudwatch:DescribeAlarmsForMetric", "*")?;
        only(members, &["MetricName", "Namespace", "Dimensions", "Statistic", "ExtendedStatistic", "Period", "Unit"])?;
        let dimensions = read_dimensions(members)?;
        let inner = self.lock();
        let alarms = inner.alarms.values().filter(|alarm| {
            let definition = &alarm.definition;
            let same = |name: &str, have: Option<&str>| cbor::text(members, name).is_none_or(|want| have == Some(want));
            alarm.region == call.region
                && definition.metric_name.is_some()
                && same("MetricName", definition.metric_name.as_deref())
                && same("Namespace", definition.namespace.as_deref())
                && same("Statistic", definition.statistic.as_deref())
                && same("ExtendedStatistic", definition.extended_statistic.as_deref())
                && same("Unit", definition.unit.as_deref())
                && cbor::number(members, "Period").is_none_or(|want| definition.period.map(f64::from) == Some(want))
                && sorted(&definition.dimensions) == dimensions
        });
        Ok(cbor::map([("MetricAlarms", Value::Array(alarms.map(described).collect()))]))
    }

    pub(super) fn describe_alarm_history(&self, call: &Call, members: &Value) -> Result<Value, AwsError> {
        call.authorize("cloudwatch:DescribeAlarmHistory", "*")?;
        let known =
            ["AlarmName", "AlarmTypes", "HistoryItemType", "StartDate", "EndDate", "ScanBy", "MaxRecords", "NextToken"];
        only(members, &known)?;
        let name = cbor::text(members, "AlarmName");
        let kind = cbor::text(members, "HistoryItemType");
        let from = cbor::timestamp(members, "StartDate").unwrap_or_default();
        let to = cbor::timestamp(members, "EndDate").unwrap_or_else(|| call.cloud.clock.now());
        let inner = self.lock();
        let mut items: Vec<(&Alarm, &HistoryItem)> = inner
            .alarms
            .values()
            .filter(|alarm| alarm.region == call.region && name.is_none_or(|n| n == alarm.definition.alarm_name))
            .flat_map(|alarm| alarm.history.iter().map(move |item| (alarm, item)))
            .filter(|(_, item)| kind.is_none_or(|kind| kind == item.kind) && item.at >= from && item.at <= to)
            .collect();
        items.sort_by_key(|(_, item)| item.at);
        if cbor::text(members, "ScanBy") != Some("TimestampAscending") {
            items.reverse();
        }
        let written = items.into_iter().map(|(alarm, item)| {
            cbor::map([
                ("AlarmName", text(&alarm.definition.alarm_name)),
                ("AlarmType", text("MetricAlarm")),
                ("Timestamp", cbor::moment(item.at)),
                ("HistoryItemType", text(item.kind)),
                ("HistorySummary", text(&item.summary)),
                ("HistoryData", text(&item.data)),
            ])
        });
        let (page, next) = page(written, members, PAGE)?;
        let mut answer = vec![entry("AlarmHistoryItems", Value::Array(page))];
        answer.extend(next);
        Ok(Value::Map(answer))
    }

    pub(super) fn delete_alarms(&self, call: &Call, members: &Value) -> Result<Value, AwsError> {
        let names: Vec<&str> = cbor::list(members, "AlarmNames").iter().filter_map(Value::as_text).collect();
        for name in &names {
            call.authorize("cloudwatch:DeleteAlarms", &call.arn("cloudwatch", &format!("alarm:{name}")))?;
        }
        let unknown: Vec<&str> = names.into_iter().filter(|name| !self.remove_alarm(call.region, name)).collect();
        match unknown.first() {
            Some(name) => Err(unknown_alarm(name)),
            None => Ok(cbor::map([])),
        }
    }

    pub(super) fn set_alarm_state(&self, call: &Call, members: &Value) -> Result<Value, AwsError> {
        only(members, &["AlarmName", "StateValue", "StateReason", "StateReasonData"])?;
        let name = cbor::text(members, "AlarmName").unwrap_or_default();
        call.authorize("cloudwatch:SetAlarmState", &call.arn("cloudwatch", &format!("alarm:{name}")))?;
        let state = state(members)?.ok_or_else(|| invalid("StateValue must not be null"))?;
        let data = cbor::text(members, "StateReasonData");
        if data.is_some_and(|data| serde_json::from_str::<serde_json::Value>(data).is_err()) {
            return Err(AwsError::bad_request("InvalidFormat", "StateReasonData was not syntactically valid JSON"));
        }
        let after = Standing {
            state,
            reason: cbor::text(members, "StateReason").unwrap_or_default().to_owned(),
            data: data.map(str::to_owned),
            since: call.cloud.clock.now(),
        };
        let transition = {
            let mut inner = self.lock();
            let alarm = inner.alarms.get_mut(&(call.region, name.to_owned())).ok_or_else(|| unknown_alarm(name))?;
            alarm.change(after)
        };
        if let Some(transition) = transition {
            action::perform(&call.cloud, &transition);
        }
        Ok(cbor::map([]))
    }

    pub(super) fn switch_actions(&self, call: &Call, members: &Value, on: bool) -> Result<Value, AwsError> {
        let operation = if on { "cloudwatch:EnableAlarmActions" } else { "cloudwatch:DisableAlarmActions" };
        for name in cbor::list(members, "AlarmNames").iter().filter_map(Value::as_text) {
            call.authorize(operation, &call.arn("cloudwatch", &format!("alarm:{name}")))?;
            let mut inner = self.lock();
            // Names of no alarm are passed over, as the service does.
            if let Some(alarm) = inner.alarms.get_mut(&(call.region, name.to_owned())) {
                Arc::make_mut(&mut alarm.definition).actions_enabled = on;
                alarm.configured = call.cloud.clock.now();
            }
        }
        Ok(cbor::map([]))
    }

    pub(super) fn tag_resource(&self, call: &Call, members: &Value) -> Result<Value, AwsError> {
        let tags: Vec<Tag> = cbor::list(members, "Tags").iter().map(read).collect::<Result<_, _>>()?;
        self.with_tags(call, "cloudwatch:TagResource", members, |have| {
            for tag in tags {
                have.retain(|old| old.key != tag.key);
                have.push(tag);
            }
        })?;
        Ok(cbor::map([]))
    }

    pub(super) fn untag_resource(&self, call: &Call, members: &Value) -> Result<Value, AwsError> {
        let keys: Vec<&str> = cbor::list(members, "TagKeys").iter().filter_map(Value::as_text).collect();
        self.with_tags(call, "cloudwatch:UntagResource", members, |have| {
            have.retain(|tag| !keys.contains(&tag.key.as_str()));
        })?;
        Ok(cbor::map([]))
    }

    pub(super) fn list_tags_for_resource(&self, call: &Call, members: &Value) -> Result<Value, AwsError> {
        let tags = self.with_tags(call, "cloudwatch:ListTagsForResource", members, |have| have.clone())?;
        Ok(cbor::map([("Tags", Value::Array(tags.iter().map(|tag| Value::Map(write(tag))).collect()))]))
    }

    fn with_tags<T>(
        &self,
        call: &Call,
        action: &str,
        members: &Value,
        change: impl FnOnce(&mut Vec<Tag>) -> T,
    ) -> Result<T, AwsError> {
        let arn = cbor::text(members, "ResourceARN").unwrap_or_default();
        call.authorize(action, arn)?;
        let mut inner = self.lock();
        let alarm = inner.alarms.values_mut().find(|alarm| alarm.arn == arn);
        alarm.map(|alarm| change(&mut alarm.tags)).ok_or_else(|| {
            AwsError::new(404, "ResourceNotFoundException", format!("the embedded twin has no alarm {arn:?} to tag"))
        })
    }
}

fn described(alarm: &Alarm) -> Value {
    let mut members = write(&*alarm.definition);
    let standing = &alarm.standing;
    members.extend([
        entry("AlarmArn", text(&alarm.arn)),
        entry("AlarmConfigurationUpdatedTimestamp", cbor::moment(alarm.configured)),
        entry("StateValue", text(standing.state.as_str())),
        entry("StateReason", text(&standing.reason)),
        entry("StateUpdatedTimestamp", cbor::moment(standing.since)),
        entry("StateTransitionedTimestamp", cbor::moment(standing.since)),
    ]);
    members.extend(standing.data.as_deref().map(|data| entry("StateReasonData", text(data))));
    Value::Map(members)
}

/// Entries, and the `NextToken` member where there are more.
type Page = (Vec<Value>, Option<(Value, Value)>);

/// The entries from the request's token on, at most as many as it wants, and the token of the rest.
fn page(entries: impl Iterator<Item = Value>, members: &Value, default: usize) -> Result<Page, AwsError> {
    let skip: usize = match cbor::text(members, "NextToken") {
        Some(token) => token.parse().map_err(|_| {
            AwsError::bad_request("InvalidNextToken", format!("the token {token:?} is none of the twin's"))
        })?,
        None => 0,
    };
    let most = cbor::number(members, "MaxRecords").map_or(default, |most| (most as usize).clamp(1, PAGE));
    let mut rest = entries.skip(skip);
    let page: Vec<Value> = rest.by_ref().take(most).collect();
    let next = rest.next().map(|_| entry("NextToken", text(&(skip + most).to_string())));
    Ok((page, next))
}

pub fn read_dimensions(members: &Value) -> Result<Vec<(String, String)>, AwsError> {
    let dimensions: Vec<Dimension> = cbor::list(members, "Dimensions").iter().map(read).collect::<Result<_, _>>()?;
    Ok(sorted(&dimensions))
}

/// Refuses members that the twin would pass over in silence.
pub fn only(members: &Value, known: &[&str]) -> Result<(), AwsError> {
    let given = members.as_map().into_iter().flatten().filter_map(|(name, _)| name.as_text());
    match given.into_iter().find(|name| !known.contains(name)) {
        Some(name) => Err(invalid(format!("the embedded twin does not model the member {name}; see docs/fidelity.md"))),
        None => Ok(()),
    }
}

fn state(members: &Value) -> Result<Option<State>, AwsError> {
    let Some(name) = cbor::text(members, "StateValue") else { return Ok(None) };
    State::parse(name)
        .map(Some)
        .ok_or_else(|| invalid(format!("StateValue {name:?} is not OK, ALARM or INSUFFICIENT_DATA")))
}

fn unknown_alarm(name: &str) -> AwsError {
    AwsError::new(404, "ResourceNotFound", format!("Unknown alarm {name:?}; DescribeAlarms lists those of the Region"))
}
