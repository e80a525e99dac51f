//! What probes leave in services that have no SDK crate here: topics, roles, REST APIs, keys and experiment templates.
//! Searched and removed by signed calls, each search page by page.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{OrphanKind, PROBE_PREFIX, Search};
use crate::region::Region;
use crate::target::{Clients, Raw, RawError, element};
use crate::wait::{self, Look};

const SNS: &str = "2010-03-31";
const IAM: &str = "2010-05-08";
/// ScheduleKeyDeletion waits 7 days at least (KMS API reference).
pub(super) const KEY_DAYS: u32 = 7;
/// One DeleteRestApi every 30 seconds for an account (API Gateway developer guide, quotas).
const API_PAUSE: Duration = Duration::from_secs(30);
const API_PATIENCE: Duration = Duration::from_secs(5 * 60);

impl Search {
    pub(super) async fn topics(&mut self, clients: &Clients, region: Region) {
        match topics(&clients.raw).await {
            Ok(arns) => {
                for arn in arns {
                    let name = arn.rsplit(':').next().unwrap_or_default();
                    self.note(OrphanKind::Topic, name, &arn, region, None);
                }
            }
            Err(why) => self.unseen("topics", region, &why.to_string()),
        }
    }

    /// Roles are the account's, wherever they are asked for.
    pub(super) async fn roles(&mut self, clients: &Clients, region: Region) {
        match listed(&clients.raw, "ListRoles", "RoleName", None).await {
            Ok(names) => names.iter().for_each(|name| self.note(OrphanKind::Role, name, name, region, None)),
            Err(why) => self.unseen("roles", region, &why.to_string()),
        }
    }

    pub(super) async fn apis(&mut self, clients: &Clients, region: Region) {
        match apis(&clients.raw).await {
            Ok(apis) => {
                for (id, name) in apis {
                    self.note(OrphanKind::Api, &name, &id, region, None);
                }
            }
            Err(why) => self.unseen("REST APIs", region, &why.to_string()),
        }
    }

    /// A key has no name: a probe's is told by its description. One that waits for its deletion is nobody's any more.
    pub(super) async fn keys(&mut self, clients: &Clients, region: Region) {
        let ids = match keys(&clients.raw).await {
            Ok(ids) => ids,
            Err(why) => return self.unseen("keys", region, &why.to_string()),
        };
        let mut closed = Vec::new();
        for id in &ids {
            let told = clients.raw.json("kms", "TrentService.DescribeKey", &json!({ "KeyId": id })).await;
            let key = match told {
                Ok(told) => told["KeyMetadata"].clone(),
                Err(why) => {
                    closed.push(why);
                    continue;
                }
            };
            if !key["KeyState"].as_str().is_some_and(|state| state.starts_with("Pending")) {
                self.note(OrphanKind::Key, text(&key["Description"]), id, region, None);
            }
        }
        // A key's own policy may keep everybody out: once for all of them.
        if let Some(first) = closed.first() {
            self.unseen(&format!("{} of {} keys", closed.len(), ids.len()), region, &first.to_string());
        }
    }

    pub(super) async fn templates(&mut self, clients: &Clients, region: Region) {
        match templates(&clients.raw).await {
            Ok(templates) => {
                for (id, run) in templates {
                    let name = format!("{PROBE_PREFIX}{run}-experiment");
                    self.note(OrphanKind::Template, &name, &id, region, None);
                }
            }
            // Where there is no FIS at all, as on most emulators, it holds no template.
            Err(why) if is_no_service(&why) => {}
            Err(why) => self.unseen("experiment templates", region, &why.to_string()),
        }
    }
}

/// Whether nobody is there who speaks for a service: an answer in no form of AWS's, or that it is not implemented.
fn is_no_service(why: &RawError) -> bool {
    why.status == Some(501) || (matches!(why.status, Some(400 | 404)) && why.code.starts_with("HTTP "))
}

async fn topics(raw: &Raw) -> Result<Vec<String>, RawError> {
    pages(async |next: Option<String>| {
        let after: Vec<(&str, &str)> = next.iter().map(|token| ("NextToken", token.as_str())).collect();
        let page = raw.query("sns", SNS, "ListTopics", &after).await?;
        Ok((texts(&page, "TopicArn"), element(&page, "NextToken")))
    })
    .await
}

/// What an IAM list holds, of a role where one is given: the texts of these elements.
async fn listed(raw: &Raw, action: &str, wanted: &str, role: Option<&str>) -> Result<Vec<String>, RawError> {
    pages(async |next: Option<String>| {
        let mut parameters: Vec<(&str, &str)> = role.iter().map(|role| ("RoleName", *role)).collect();
        parameters.extend(next.iter().map(|marker| ("Marker", marker.as_str())));
        let page = raw.query("iam", IAM, action, &parameters).await?;
        let more = element(&page, "IsTruncated").as_deref() == Some("true");
        Ok((texts(&page, wanted), element(&page, "Marker").filter(|_| more)))
    })
    .await
}

/// Ids and names.
async fn apis(raw: &Raw) -> Result<Vec<(String, String)>, RawError> {
    pages(async |next: Option<String>| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        // 500 at most (API reference, GetRestApis).
        query.append_pair("limit", "500").extend_pairs(next.iter().map(|position| ("position", position)));
        let path = format!("/restapis?{}", query.finish());
        let page = raw.rest("apigateway", Method::GET, &path, &Value::Null).await?;
        let pair = |api: Value| (text(&api["id"]).to_owned(), text(&api["name"]).to_owned());
        Ok((items(&page).into_iter().map(pair).collect(), token(&page["position"])))
    })
    .await
}

/// A collection, plain or as HAL, in which one thing alone is no list.
fn items(page: &Value) -> Vec<Value> {
    let items = page.get("item").unwrap_or(&page["_embedded"]["item"]);
    match items {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

async fn keys(raw: &Raw) -> Result<Vec<String>, RawError> {
    pages(async |next: Option<String>| {
        let after = next.map_or_else(|| json!({}), |marker| json!({ "Marker": marker }));
        let page = raw.json("kms", "TrentService.ListKeys", &after).await?;
        let keys = page["Keys"].as_array().cloned().unwrap_or_default();
        let more = page["Truncated"] == true;
        let ids = keys.iter().map(|key| text(&key["KeyId"]).to_owned()).collect();
        Ok((ids, token(&page["NextMarker"]).filter(|_| more)))
    })
    .await
}

/// The templates that carry the probes' tag: ids, and which survey made each.
async fn templates(raw: &Raw) -> Result<Vec<(String, String)>, RawError> {
    let tag = PROBE_PREFIX.trim_end_matches('-');
    pages(async |next: Option<String>| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("maxResults", "100").extend_pairs(next.iter().map(|token| ("nextToken", token)));
        let path = format!("/experimentTemplates?{}", query.finish());
        let page = raw.rest("fis", Method::GET, &path, &Value::Null).await?;
        let templates = page["experimentTemplates"].as_array().cloned().unwrap_or_default();
        let ours = templates.iter().filter_map(|template| {
            let run = template["tags"][tag].as_str()?;
            Some((text(&template["id"]).to_owned(), run.to_owned()))
        });
        Ok((ours.collect(), token(&page["nextToken"])))
    })
    .await
}

/// Asks until a page names no next one.
async fn pages<T>(
    mut ask: impl AsyncFnMut(Option<String>) -> Result<(Vec<T>, Option<String>), RawError>,
) -> Result<Vec<T>, RawError> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let (page, after) = ask(next.clone()).await?;
        found.extend(page);
        let after = after.filter(|token| !token.is_empty());
        if after.is_none() {
            return Ok(found);
        }
        if after == next {
            let message = "a page names itself as the next one".to_owned();
            return Err(RawError { status: None, code: "InvalidResponse".to_owned(), message });
        }
        next = after;
    }
}

/// The texts of all elements of this name, in order.
fn texts(xml: &str, name: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut found = Vec::new();
    while let Ok(event) = reader.read_event() {
        match event {
            quick_xml::events::Event::Start(start) if start.local_name().as_ref() == name => {
                let text = reader.read_text(start.name()).ok();
                found.extend(text.and_then(|text| Some(quick_xml::escape::unescape(&text).ok()?.into_owned())));
            }
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    found
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn token(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Deletes a topic, and its subscriptions with it.
pub(super) async fn delete_topic(raw: &Raw, arn: &str) -> Result<(), String> {
    gone(raw.query("sns", SNS, "DeleteTopic", &[("TopicArn", arn)]).await)
}

/// Deletes a role once it has no policy any more: IAM deletes none that has.
pub(super) async fn delete_role(raw: &Raw, role: &str) -> Result<(), String> {
    let of_role = async |action: &str, wanted: &str| match listed(raw, action, wanted, Some(role)).await {
        Err(error) if is_missing(&error) => Ok(Vec::new()),
        listed => listed.map_err(|error| error.to_string()),
    };
    for policy in of_role("ListRolePolicies", "member").await? {
        let which = [("RoleName", role), ("PolicyName", policy.as_str())];
        gone(raw.query("iam", IAM, "DeleteRolePolicy", &which).await)?;
    }
    for policy in of_role("ListAttachedRolePolicies", "PolicyArn").await? {
        let which = [("RoleName", role), ("PolicyArn", policy.as_str())];
        gone(raw.query("iam", IAM, "DetachRolePolicy", &which).await)?;
    }
    gone(raw.query("iam", IAM, "DeleteRole", &[("RoleName", role)]).await)
}

/// Deletes a REST API; where that is done too often, it waits and asks again.
pub(super) async fn delete_api(raw: &Raw, id: &str) -> Result<(), String> {
    let path = format!("/restapis/{id}");
    let look = || async {
        match raw.rest("apigateway", Method::DELETE, &path, &Value::Null).await {
            Err(error) if error.status == Some(429) => Ok(Look::NotYet(error.to_string())),
            deleted => gone(deleted).map(Look::Ready),
        }
    };
    let waited = wait::until("API Gateway to delete another API", API_PATIENCE, API_PAUSE, look).await?;
    waited.map_err(|gave_up| gave_up.to_string())
}

/// Lets a key go as soon as KMS does.
pub(super) async fn delete_key(raw: &Raw, id: &str) -> Result<(), String> {
    let body = json!({ "KeyId": id, "PendingWindowInDays": KEY_DAYS });
    gone(raw.json("kms", "TrentService.ScheduleKeyDeletion", &body).await)
}

pub(super) async fn delete_template(raw: &Raw, id: &str) -> Result<(), String> {
    gone(raw.rest("fis", Method::DELETE, &format!("/experimentTemplates/{id}"), &Value::Null).await)
}

/// What is not there any more is gone.
fn gone<T>(answer: Result<T, RawError>) -> Result<(), String> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) if is_missing(&error) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn is_missing(error: &RawError) -> bool {
    let codes = ["NoSuchEntity", "NotFound", "NotFoundException", "ResourceNotFoundException"];
    error.status.is_some() && codes.contains(&error.code.as_str())
}
