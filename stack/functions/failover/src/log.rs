//! The log: one JSON line for each decision, in a shape that the harness and on-call engineers read.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::dns::{Change, Records, comparable, target};
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
    pub moved: Option<Moved>,
}

/// What a change started from and what it wrote, so that a lost update can be told afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Where the guarded Region's record pointed, and points now.
    pub before: String,
    pub after: String,
    /// Where the other Region's record points, which the change asserted.
    pub other: String,
    /// The guarded record's weight, which it keeps.
    pub weight: Option<i64>,
}

impl Entry {
    pub fn new(decision: Decision, reason: impl Into<String>) -> Self {
        Self { decision, reason: reason.into(), change: None, moved: None }
    }

    pub fn with(mut self, change: Change) -> Self {
        self.change = Some(change);
        self
    }

    /// The guarded record was as read and points to `to` now.
    pub fn moved(mut self, read: &Records, to: &str) -> Self {
        let (before, other) = (target(&read.guarded), target(&read.other));
        self.moved = Some(Moved { before, after: comparable(to), other, weight: read.guarded.weight() });
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
        if let Some(Moved { before, after, other, weight }) = &self.moved {
            members.insert("before".to_owned(), json!(before));
            members.insert("after".to_owned(), json!(after));
            members.insert("other".to_owned(), json!(other));
            if let Some(weight) = weight {
                members.insert("weight".to_owned(), json!(weight));
            }
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
