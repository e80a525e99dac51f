//! Alarm events: straight from CloudWatch, through EventBridge, or wrapped by SNS.

use serde_json::Value;

use crate::error::Error;

/// What an alarm says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub arn: String,
    /// `ALARM`, `OK` or `INSUFFICIENT_DATA`.
    pub state: String,
}

/// The alarms of an event: one, or one for each SNS record.
pub fn alarms(event: &Value) -> Result<Vec<Alarm>, Error> {
    let Some(records) = event.get("Records").and_then(Value::as_array) else { return Ok(vec![direct(event)?]) };
    records.iter().map(wrapped).collect()
}

fn wrapped(record: &Value) -> Result<Alarm, Error> {
    let message = record.pointer("/Sns/Message").and_then(Value::as_str);
    let message =
        message.ok_or_else(|| Error::Event("a record of the event is none of SNS: it has no Sns.Message".into()))?;
    let message: Value =
        serde_json::from_str(message).map_err(|error| Error::Event(format!("the SNS message is no alarm: {error}")))?;
    let text = |name: &str| message.get(name).and_then(Value::as_str).map(str::to_owned);
    match (text("AlarmArn"), text("NewStateValue")) {
        (Some(arn), Some(state)) => Ok(Alarm { arn, state }),
        _ => direct(&message),
    }
}

/// What CloudWatch invokes a function with (`alarmArn`, `alarmData`), or EventBridge (`resources`, `detail`).
fn direct(event: &Value) -> Result<Alarm, Error> {
    let arn = event.get("alarmArn").or_else(|| event.pointer("/resources/0")).and_then(Value::as_str);
    let state = event.pointer("/alarmData/state/value").or_else(|| event.pointer("/detail/state/value"));
    match (arn, state.and_then(Value::as_str)) {
        (Some(arn), Some(state)) => Ok(Alarm { arn: arn.to_owned(), state: state.to_owned() }),
        _ => Err(Error::Event("the event is no alarm's: it names neither an alarm nor its state".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_way_an_alarm_arrives() {
        let wanted = vec![Alarm { arn: "arn:a".to_owned(), state: "ALARM".to_owned() }];
        let message = json!({"AlarmName": "a", "AlarmArn": "arn:a", "NewStateValue": "ALARM"}).to_string();
        for event in [
            json!({"source": "aws.cloudwatch", "alarmArn": "arn:a", "alarmData": {"state": {"value": "ALARM"}}}),
            json!({"source": "aws.cloudwatch", "resources": ["arn:a"], "detail": {"state": {"value": "ALARM"}}}),
            json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": message}}]}),
        ] {
            assert_eq!(alarms(&event), Ok(wanted.clone()), "{event}");
        }
        assert!(alarms(&json!({"hello": "world"})).is_err());
        assert!(alarms(&json!({"Records": [{"Sns": {"Message": "text"}}]})).is_err());
    }
}
