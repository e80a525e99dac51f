//! What Secrets Manager invokes the function with (user guide, "Lambda rotation functions").

use serde_json::Value;

use crate::error::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Create,
    Set,
    Test,
    Finish,
}

impl Step {
    const ALL: [Self; 4] = [Self::Create, Self::Set, Self::Test, Self::Finish];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "createSecret",
            Self::Set => "setSecret",
            Self::Test => "testSecret",
            Self::Finish => "finishSecret",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub step: Step,
    pub secret_id: String,
    /// The id of the version that is being made.
    pub token: String,
}

impl Event {
    pub fn read(event: &Value) -> Result<Self, Error> {
        let text = |name: &'static str| {
            let text = event.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.ok_or_else(|| Error::Event(format!("the event is none of a rotation: it has no {name}")))
        };
        let named = text("Step")?;
        let step = Step::ALL.into_iter().find(|step| step.as_str() == named);
        Ok(Self {
            step: step.ok_or_else(|| Error::Event(format!("{named:?} is no step of a rotation")))?,
            secret_id: text("SecretId")?.to_owned(),
            token: text("ClientRequestToken")?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_read_and_others_refused() {
        let event = json!({"Step": "testSecret", "SecretId": "arn:s", "ClientRequestToken": "t", "RotationToken": "r"});
        let read = Event::read(&event).unwrap();
        assert_eq!((read.step, read.secret_id.as_str(), read.token.as_str()), (Step::Test, "arn:s", "t"));
        let other = Event::read(&json!({"Step": "dropSecret", "SecretId": "s", "ClientRequestToken": "t"}));
        assert_eq!(other.unwrap_err().to_string(), "\"dropSecret\" is no step of a rotation");
        assert!(Event::read(&json!({"Step": "setSecret"})).unwrap_err().to_string().contains("SecretId"));
    }
}
