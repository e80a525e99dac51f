//! Tags of hosted zones and health checks.

use crate::wire::xml::Element;
use crate::wire::{AwsError, Response};

use super::Route53;
use super::api::Ask;
use super::shape::answer;
use super::state::{State, no_such_zone};

/// API reference, ChangeTagsForResource: at most ten tags are added by one request.
const ADDED_MAX: usize = 10;

impl Route53 {
    /// Replaces the tags of a resource: what a template declares.
    pub fn set_tags(&self, kind: &str, id: &str, tags: impl IntoIterator<Item = (String, String)>) {
        self.state().tags.insert((kind.to_owned(), id.to_owned()), tags.into_iter().collect());
    }
}

pub fn change(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = Element::parse(ask.request.body())?;
    let mut state = ask.service.state();
    let key = resource(&state, ask)?;
    let mut tags = state.tags.get(&key).cloned().unwrap_or_default();
    for removed in body.get("RemoveTagKeys").into_iter().flat_map(|keys| keys.all("Key")) {
        tags.remove(&removed.text);
    }
    let added: Vec<&Element> = body.get("AddTags").into_iter().flat_map(|tags| tags.all("Tag")).collect();
    if added.len() > ADDED_MAX {
        let message = format!("{} tags in AddTags; a request adds at most {ADDED_MAX}", added.len());
        return Err(AwsError::bad_request("InvalidInput", message));
    }
    for added in added {
        let text = |name: &str| added.get_text(name).unwrap_or_default().to_owned();
        tags.insert(text("Key"), text("Value"));
    }
    state.tags.insert(key, tags);
    Ok(answer(200, &ask.call.request_id, "ChangeTagsForResource", Vec::new()))
}

pub fn list(ask: &Ask<'_>) -> Result<Response, AwsError> {
    let state = ask.service.state();
    let key = resource(&state, ask)?;
    let tag = |(key, value): (&String, &String)| Element::new("Tag").text_child("Key", key).text_child("Value", value);
    let tags = state.tags.get(&key).into_iter().flatten().map(tag).fold(Element::new("Tags"), Element::child);
    let set =
        Element::new("ResourceTagSet").text_child("ResourceType", &key.0).text_child("ResourceId", &key.1).child(tags);
    Ok(answer(200, &ask.call.request_id, "ListTagsForResource", vec![set]))
}

fn resource(state: &State, ask: &Ask<'_>) -> Result<(String, String), AwsError> {
    let (kind, id) = (ask.route.kind, ask.route.id);
    match kind {
        "hostedzone" if state.zones.contains_key(id) => {}
        "hostedzone" => return Err(no_such_zone(id)),
        "healthcheck" if state.checks.contains_key(id) => {}
        "healthcheck" => return Err(super::checks::no_such_check(id)),
        _ => return Err(AwsError::bad_request("InvalidInput", format!("unknown resource type {kind:?}"))),
    }
    Ok((kind.to_owned(), id.to_owned()))
}
