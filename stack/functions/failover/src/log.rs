//! The log: one JSON line for each decision, in a shape that the harness and on-call engineers read.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::dns::Change;
use crate::event::Alarm;

/// Where lines go.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Invoked,
    FailedOver,
    Already,
    Refused,
    FailedBack,
    Unstable,
    Ignored,
    Failed,
}

impl Decision {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invoked => "invoked",
            Self::FailedOver => "failed-over",
            Self::Already => "already",
            Self::Refused => "refused",
            Self::FailedBack => "failed-back",
            Self::Unstable => "unstable",
            Self::Ignored => "ignored",
            Self::Failed => "failed",
        }
    }
}

/// A decision with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub decision: Decision,
    pub reason: String,
    pub change: Option<Change>,
}

impl Entry {
    pub fn new(decision: Decision, reason: impl Into<String>) -> Self {
        Self { decision, reason: reason.into(), change: None }
    }

    pub fn with(mut self, change: Change) -> Self {
        self.change = Some(change);
        self
    }

    /// The entry as a line of the log and as the answer of the function.
    pub fn show(&self, guarded: &str) -> Value {
        let mut members = Map::new();
        members.insert("blackstart".to_owned(), json!("failover"));
        members.insert("decision".to_owned(), json!(self.decision.as_str()));
        members.insert("guarded".to_owned(), json!(guarded));
        members.insert("reason".to_owned(), json!(self.reason));
        if let Some(change) = &self.change {
            members.insert("change_id".to_owned(), json!(change.id));
            members.insert("submitted_at".to_owned(), json!(change.submitted_at));
        }
        Value::Object(members)
    }
}

/// The first line of an invocation.
pub fn invoked(guarded: &str, alarm: &Alarm) -> Value {
    let mut shown = Entry::new(Decision::Invoked, format!("{} is {}", alarm.arn, alarm.state)).show(guarded);
    shown["alarm"] = json!(alarm.arn);
    shown["state"] = json!(alarm.state);
    shown
}
