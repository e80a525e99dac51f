//! What services say that the twin is not: pages, refusals, services that are not there. The rest is in
//! `tests/it/deployments.rs`, on the twin.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use futures_util::future::BoxFuture;

use super::*;
use crate::clock::Clock;
use crate::seed::Seed;
use crate::target::embedded::{Embedded, in_virtual_time};
use crate::target::{Injector, Internet, Packaging, Roles};

const US: Region = Region::US_EAST_1;

/// Answers a signed call, told as its path and body, with a status and a text.
type Answer = fn(&str) -> (u16, &'static str);

/// Services that answer signed calls so, and what they were asked.
#[derive(Clone, Debug)]
struct Scripted {
    answer: Answer,
    asked: Arc<Mutex<Vec<String>>>,
}

impl HttpConnector for Scripted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let path = request.uri().split_once(".amazonaws.com").map_or("", |(_, path)| path);
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let asked = format!("{} {path} {target} {body}", request.method());
        let (status, text) = (self.answer)(&asked);
        self.asked.lock().unwrap().push(asked);
        let answer = http::Response::builder().status(status).body(SdkBody::from(text)).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::try_from(answer).unwrap()))
    }
}

/// The twin's first Region, whose signed calls go somewhere else.
struct World {
    twin: Embedded,
    clients: Clients,
    asked: Arc<Mutex<Vec<String>>>,
    is_emulator: bool,
}

impl World {
    fn answering(answer: Answer) -> Self {
        let twin = Embedded::start(Seed(7), &[US]);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut clients = twin.clients(US).unwrap().clone();
        clients.raw.connector = SharedHttpConnector::new(Scripted { answer, asked: asked.clone() });
        Self { twin, clients, asked, is_emulator: false }
    }

    async fn names(&self) -> Vec<(OrphanKind, String)> {
        let found = orphans(self).await.unwrap().found;
        found.into_iter().map(|orphan| (orphan.kind, orphan.name)).collect()
    }

    /// Removes one thing; what was said where it stays.
    async fn remove(&self, kind: OrphanKind, id: &str) -> Option<LeftBehind> {
        self.asked.lock().unwrap().clear();
        let orphan = Orphan { kind, name: id.to_owned(), id: id.to_owned(), region: US, run: None };
        match remove_orphans(self, &[orphan], |_| {}).await {
            Ok(()) => None,
            Err(DeployError::LeftBehind(mut left)) => left.pop(),
            Err(other) => panic!("{other}"),
        }
    }
}

impl Target for World {
    fn name(&self) -> &'static str {
        "scripted"
    }
    fn clock(&self) -> Clock {
        self.twin.clock()
    }
    fn regions(&self) -> &[Region] {
        self.twin.regions()
    }
    fn clients(&self, region: Region) -> Option<&Clients> {
        Some(&self.clients).filter(|_| region == US)
    }
    fn packaging(&self) -> Packaging {
        self.twin.packaging()
    }
    fn version(&self) -> BoxFuture<'_, String> {
        self.twin.version()
    }
    fn internet(&self, roles: Roles<'_>) -> Arc<dyn Internet> {
        self.twin.internet(roles)
    }
    fn injector(&self) -> Arc<dyn Injector> {
        self.twin.injector()
    }
    fn is_emulator(&self) -> bool {
        self.is_emulator
    }
}

fn with(answer: Answer, story: impl AsyncFnOnce(World) + Send + 'static) {
    let ended = in_virtual_time(move || async move { story(World::answering(answer)).await });
    ended.unwrap().blocking_recv().unwrap();
}

/// Every list has a second page, and what is wanted is on it.
fn paged(asked: &str) -> (u16, &'static str) {
    let has = |text: &str| asked.contains(text);
    let text = match () {
        () if has("ListTopics") && !has("NextToken") => {
            "<R><Topics><member><TopicArn>arn:aws:sns:us-east-1:1:theirs</TopicArn></member></Topics>\
             <NextToken>2</NextToken></R>"
        }
        () if has("ListTopics") => {
            "<R><Topics><member><TopicArn>arn:aws:sns:us-east-1:1:blackstart-probe-1-t</TopicArn></member></Topics></R>"
        }
        () if has("ListRoles") && !has("Marker") => {
            "<R><Roles><member><RoleName>theirs</RoleName></member></Roles><IsTruncated>true</IsTruncated>\
             <Marker>m</Marker></R>"
        }
        () if has("ListRoles") => {
            "<R><Roles><member><RoleName>blackstart-probe-1-r</RoleName></member></Roles>\
             <IsTruncated>false</IsTruncated></R>"
        }
        () if has("/restapis") && !has("position=a%2Fb") => {
            r#"{"item":[{"id":"a1","name":"theirs"}],"position":"a/b"}"#
        }
        () if has("/restapis") => r#"{"_embedded":{"item":{"id":"a2","name":"blackstart-probe-1-api"}}}"#,
        () if has("ListKeys") && !has("Marker") => r#"{"Keys":[{"KeyId":"k1"}],"Truncated":true,"NextMarker":"n"}"#,
        () if has("ListKeys") => r#"{"Keys":[{"KeyId":"k2"},{"KeyId":"k3"},{"KeyId":"k4"}],"Truncated":false}"#,
        () if has("k1") => r#"{"KeyMetadata":{"Description":"theirs","KeyState":"Enabled"}}"#,
        () if has("k2") => r#"{"KeyMetadata":{"Description":"blackstart-probe-1-key","KeyState":"Enabled"}}"#,
        () if has("k3") => r#"{"KeyMetadata":{"Description":"blackstart-probe-2-key","KeyState":"PendingDeletion"}}"#,
        () if has("k4") => return (400, r#"{"__type":"AccessDeniedException","message":"no"}"#),
        () if has("/experimentTemplates") && !has("nextToken") => {
            r#"{"experimentTemplates":[{"id":"EXT1","tags":{}}],"nextToken":"n"}"#
        }
        () if has("/experimentTemplates") => {
            r#"{"experimentTemplates":[{"id":"EXT2","tags":{"blackstart-probe":"1"}}]}"#
        }
        () => return (400, "<E><Error><Code>Unexpected</Code></Error></E>"),
    };
    (200, text)
}

#[test]
fn every_page_is_searched() {
    with(paged, async |world| {
        let expected = [
            (OrphanKind::Template, "blackstart-probe-1-experiment"),
            (OrphanKind::Api, "blackstart-probe-1-api"),
            (OrphanKind::Topic, "blackstart-probe-1-t"),
            (OrphanKind::Key, "blackstart-probe-1-key"),
            (OrphanKind::Role, "blackstart-probe-1-r"),
        ];
        assert_eq!(world.names().await, expected.map(|(kind, name)| (kind, name.to_owned())));
        let found = orphans(&world).await.unwrap();
        assert_eq!(found.found.iter().map(|orphan| orphan.id.as_str()).nth(3), Some("k2"));
        assert_eq!(found.unseen, ["1 of 4 keys in us-east-1: AccessDeniedException: no"]);
    });
}

#[test]
fn a_page_that_names_itself_ends_the_search() {
    let same: Answer = |asked| match asked.contains("ListTopics") {
        true => (200, "<R><NextToken>2</NextToken></R>"),
        false => (403, r#"{"__type":"AccessDenied","message":"no"}"#),
    };
    with(same, async |world| {
        let found = orphans(&world).await.unwrap();
        assert_eq!(found.found, []);
        assert!(found.unseen.iter().any(|unseen| unseen.contains("topics") && unseen.contains("itself")));
        // All that could not be asked is named.
        for kind in ["roles", "REST APIs", "keys", "experiment templates"] {
            assert!(found.unseen.iter().any(|unseen| unseen.starts_with(kind)), "{kind}: {:?}", found.unseen);
        }
    });
}

#[test]
fn a_target_without_fis_has_no_template_to_miss() {
    let not_implemented: Answer = |_| (501, "not here");
    let unsupported: Answer = |_| (400, "{\"error\": \"Unsupported service: fis\"}");
    for absent in [not_implemented, unsupported] {
        with(absent, async |world| {
            let unseen = orphans(&world).await.unwrap().unseen;
            assert_eq!(unseen.len(), 4, "{unseen:?}");
            assert!(!unseen.iter().any(|unseen| unseen.contains("templates")));
        });
    }
    let denied: Answer = |_| (403, r#"{"__type":"AccessDeniedException","message":"no"}"#);
    with(denied, async |world| {
        let unseen = orphans(&world).await.unwrap().unseen;
        assert!(unseen.iter().any(|unseen| unseen.contains("templates")), "{unseen:?}");
    });
}

#[test]
fn an_api_is_deleted_when_its_turn_comes() {
    let busy: Answer = |_| (429, r#"{"__type":"TooManyRequestsException","message":"slow"}"#);
    with(busy, async |world| {
        let begun = world.clock().now();
        let left = world.remove(OrphanKind::Api, "a2").await.unwrap();
        assert!(left.why.contains("TooManyRequestsException"), "{left}");
        let waited = world.clock().now().since(begun);
        assert!(waited >= Duration::from_secs(240) && waited < Duration::from_secs(360), "{waited:?}");
        let asked = world.asked.lock().unwrap();
        assert!(asked.len() >= 9 && asked.iter().all(|asked| asked.starts_with("DELETE /restapis/a2 ")), "{asked:?}");
    });
    with(
        |_| (404, r#"{"__type":"NotFoundException"}"#),
        async |world| {
            for (kind, id) in [(OrphanKind::Api, "a2"), (OrphanKind::Key, "k"), (OrphanKind::Template, "EXT2")] {
                assert_eq!(world.remove(kind, id).await, None, "what is gone is gone");
            }
        },
    );
}

#[test]
fn a_role_loses_every_policy_first() {
    let policies: Answer = |asked| match asked {
        asked if asked.contains("ListRolePolicies") && !asked.contains("Marker") => (
            200,
            "<R><PolicyNames><member>one</member></PolicyNames><IsTruncated>true</IsTruncated><Marker>m</Marker></R>",
        ),
        asked if asked.contains("ListRolePolicies") => {
            (200, "<R><PolicyNames><member>two</member></PolicyNames><IsTruncated>false</IsTruncated></R>")
        }
        asked if asked.contains("ListAttachedRolePolicies") => (
            200,
            "<R><AttachedPolicies><member><PolicyName>x</PolicyName><PolicyArn>arn:x</PolicyArn></member>\
             </AttachedPolicies></R>",
        ),
        _ => (200, "<R/>"),
    };
    with(policies, async |world| {
        assert_eq!(world.remove(OrphanKind::Role, "r").await, None);
        let asked = world.asked.lock().unwrap().join("\n");
        let order = ["PolicyName=one", "PolicyName=two", "PolicyArn=arn%3Ax", "Action=DeleteRole&"];
        let at: Vec<usize> = order.iter().map(|part| asked.find(part).unwrap_or_else(|| panic!("{asked}"))).collect();
        assert!(at.is_sorted(), "{asked}");
    });
}

#[test]
fn the_console_is_named_only_where_there_is_one() {
    with(
        |_| (403, r#"{"__type":"AccessDenied","message":"no"}"#),
        async |mut world| {
            for is_emulator in [false, true] {
                world.is_emulator = is_emulator;
                let orphan = world.remove(OrphanKind::Topic, "arn:t").await.unwrap();
                let error = DeployError::Zone { zone: "Z".to_owned(), what: "AccessDenied".to_owned() };
                let stack = remove::of_stack(&world, "s", US, "AccessDenied".to_owned());
                for way_out in [&orphan.way_out, &stack.way_out] {
                    assert_eq!(way_out.contains("in the console"), !is_emulator, "{way_out}");
                    assert_eq!(way_out.contains("restart the emulator"), is_emulator, "{way_out}");
                }
                let bucket = down::of_bucket(&world, "b", US, &error).way_out;
                assert_eq!(bucket.contains("--endpoint-url"), is_emulator, "{bucket}");
            }
        },
    );
}
