//! Log groups, their streams, and the events in them.

use std::collections::{BTreeMap, VecDeque};

use crate::clock::Timestamp;
use crate::region::Region;
use crate::wire::AwsError;

/// A stream keeps this many of its newest events: a function writes three lines an invocation, for hours.
pub const EVENTS_KEPT: usize = 5_000;

#[derive(Default)]
pub struct State {
    groups: BTreeMap<Region, BTreeMap<String, Group>>,
    written: u64,
}

#[derive(Default)]
pub struct Group {
    pub created: Timestamp,
    pub retention_days: Option<u32>,
    pub kms_key_id: Option<String>,
    pub class: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub streams: BTreeMap<String, Stream>,
}

#[derive(Default)]
pub struct Stream {
    pub created: Timestamp,
    pub last_ingestion: Option<Timestamp>,
    /// By [`Event::place`].
    pub events: VecDeque<Event>,
}

#[derive(Debug, PartialEq)]
pub struct Event {
    /// When it happened, as its writer says.
    pub at_ms: i64,
    pub ingested_ms: i64,
    /// In the order of writing, over all groups.
    pub number: u64,
    pub message: Box<str>,
}

/// Where an event stands among others: by time, then in the order of writing. What page tokens hold.
pub type Place = (i64, u64);

impl Event {
    pub fn place(&self) -> Place {
        (self.at_ms, self.number)
    }
}

impl State {
    pub fn append(&mut self, region: Region, group: &str, stream: &str, at: Timestamp, message: &str) {
        self.written += 1;
        let event =
            Event { at_ms: at.millis(), ingested_ms: at.millis(), number: self.written, message: message.into() };
        let groups = self.groups.entry(region).or_default();
        // Looked up before made: nearly every line finds its stream, and then nothing is allocated for the names.
        if let Some(stream) = groups.get_mut(group).and_then(|group| group.streams.get_mut(stream)) {
            return stream.push(event, at);
        }
        let group = groups.entry(group.to_owned()).or_insert_with(|| Group { created: at, ..Group::default() });
        let stream = group.streams.entry(stream.to_owned()).or_default();
        stream.created = at;
        stream.push(event, at);
    }

    /// Adds an event that says itself when it happened.
    pub fn put(
        &mut self,
        region: Region,
        group: &str,
        stream: &str,
        now: Timestamp,
        (at_ms, message): (i64, &str),
    ) -> Result<(), AwsError> {
        self.written += 1;
        let number = self.written;
        let event = Event { at_ms, ingested_ms: now.millis(), number, message: message.into() };
        self.stream_mut(region, group, stream)?.push(event, now);
        Ok(())
    }

    /// The groups of a Region, by name.
    pub fn of_region(&self, region: Region) -> impl Iterator<Item = (&String, &Group)> {
        self.groups.get(&region).into_iter().flatten()
    }

    pub fn group(&self, region: Region, name: &str) -> Result<&Group, AwsError> {
        self.groups.get(&region).and_then(|groups| groups.get(name)).ok_or_else(|| no_group(region, name))
    }

    pub fn group_mut(&mut self, region: Region, name: &str) -> Result<&mut Group, AwsError> {
        self.groups.get_mut(&region).and_then(|groups| groups.get_mut(name)).ok_or_else(|| no_group(region, name))
    }

    pub fn stream(&self, region: Region, group: &str, name: &str) -> Result<&Stream, AwsError> {
        self.group(region, group)?.streams.get(name).ok_or_else(|| no_stream(name))
    }

    fn stream_mut(&mut self, region: Region, group: &str, name: &str) -> Result<&mut Stream, AwsError> {
        self.group_mut(region, group)?.streams.get_mut(name).ok_or_else(|| no_stream(name))
    }

    pub fn create_group(&mut self, region: Region, name: &str, group: Group) -> Result<(), AwsError> {
        let sound = |c: char| c.is_ascii_alphanumeric() || "_/.#-".contains(c);
        if name.is_empty() || name.len() > 512 || !name.chars().all(sound) {
            return Err(invalid(format!(
                "the log group name {name:?} must have 1 to 512 letters, digits or any of _-/.#"
            )));
        }
        let groups = self.groups.entry(region).or_default();
        if groups.contains_key(name) {
            return Err(exists("The specified log group already exists", name));
        }
        groups.insert(name.to_owned(), group);
        Ok(())
    }

    /// Removes a group with its streams; false where there is none.
    pub fn delete_group(&mut self, region: Region, name: &str) -> bool {
        self.groups.get_mut(&region).is_some_and(|groups| groups.remove(name).is_some())
    }

    pub fn create_stream(&mut self, region: Region, group: &str, name: &str, now: Timestamp) -> Result<(), AwsError> {
        let streams = &mut self.group_mut(region, group)?.streams;
        if streams.contains_key(name) {
            return Err(exists("The specified log stream already exists", name));
        }
        streams.insert(name.to_owned(), Stream { created: now, ..Stream::default() });
        Ok(())
    }
}

impl Group {
    /// Events before this moment have expired.
    pub fn expired_before(&self, now: Timestamp) -> i64 {
        self.retention_days.map_or(i64::MIN, |days| now.millis() - i64::from(days) * 86_400_000)
    }

    pub fn stored_bytes(&self) -> usize {
        self.streams.values().flat_map(|stream| &stream.events).map(|event| event.message.len() + 26).sum()
    }
}

impl Stream {
    fn push(&mut self, event: Event, now: Timestamp) {
        self.last_ingestion = Some(now);
        if self.events.len() == EVENTS_KEPT {
            self.events.pop_front();
        }
        match self.events.back() {
            Some(last) if last.place() > event.place() => {
                let index = self.events.partition_point(|other| other.place() < event.place());
                self.events.insert(index, event);
            }
            _ => self.events.push_back(event),
        }
    }
}

pub fn invalid(message: String) -> AwsError {
    AwsError::bad_request("InvalidParameterException", message)
}

fn exists(what: &str, name: &str) -> AwsError {
    AwsError::bad_request("ResourceAlreadyExistsException", format!("{what}: {name}"))
}

fn no_group(region: Region, name: &str) -> AwsError {
    let message = format!("The specified log group does not exist: {name} in {region}");
    AwsError::bad_request("ResourceNotFoundException", message)
}

fn no_stream(name: &str) -> AwsError {
    AwsError::bad_request("ResourceNotFoundException", format!("The specified log stream does not exist: {name}"))
}
