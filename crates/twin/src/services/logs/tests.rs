//! Logs through their unmodified SDK client.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;

use super::group::EVENTS_KEPT;
use crate::clock::Clock;
use crate::region::Region;
use crate::seed::Seed;
use crate::world::network::Origin;
use crate::{Cloud, Config, gateway};

const GROUP: &str = "/aws/lambda/failover";

fn start() -> (Arc<Cloud>, Client) {
    let cloud = Cloud::start(Config {
        seed: Seed(1),
        clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
        account: "123456789012".to_owned(),
        regions: vec![Region::US_EAST_1, Region::EU_WEST_1],
        code: Default::default(),
    });
    let account = gateway::Credentials::account();
    let client = Client::new(&gateway::sdk_config(&cloud, Origin::Operator, Region::US_EAST_1, &account));
    (cloud, client)
}

fn write(cloud: &Cloud, stream: &str, line: &str) {
    cloud.logs.append(Region::US_EAST_1, GROUP, stream, cloud.clock.now(), line);
}

#[tokio::test(start_paused = true)]
async fn lines_of_functions_are_found_page_by_page() {
    let (cloud, client) = start();
    for number in 0..10 {
        let stream = if number % 2 == 0 { "a" } else { "b" };
        write(&cloud, stream, &format!(r#"{{"number":{number},"kind":"decision"}}"#));
        write(&cloud, stream, "REPORT RequestId: x");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let mut pages = client
        .filter_log_events()
        .log_group_name(GROUP)
        .filter_pattern(r#"{ $.kind = "decision" }"#)
        .limit(3)
        .into_paginator()
        .send();
    let (mut lines, mut count) = (Vec::new(), 0);
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        assert!(page.events().len() <= 3);
        lines.extend(page.events().iter().map(|event| event.message().unwrap().to_owned()));
        count += 1;
    }
    assert_eq!(count, 4);
    let expected: Vec<String> = (0..10).map(|n| format!(r#"{{"number":{n},"kind":"decision"}}"#)).collect();
    assert_eq!(lines, expected, "over both streams, in the order of time");

    let from = (Clock::EMBEDDED_EPOCH + Duration::from_secs(5)).millis();
    let since = client.filter_log_events().log_group_name(GROUP).filter_pattern("REPORT").start_time(from);
    assert_eq!(since.send().await.unwrap().events().len(), 5);
    let until = client.filter_log_events().log_group_name(GROUP).filter_pattern("REPORT").end_time(from);
    assert_eq!(until.send().await.unwrap().events().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_read_from_either_end() {
    let (cloud, client) = start();
    for number in 0..5 {
        write(&cloud, "a", &number.to_string());
    }
    let read = |from_head, token: Option<String>| {
        let get = client.get_log_events().log_group_name(GROUP).log_stream_name("a").limit(2);
        get.start_from_head(from_head).set_next_token(token).send()
    };
    let lines = |page: &aws_sdk_cloudwatchlogs::operation::get_log_events::GetLogEventsOutput| {
        page.events().iter().map(|event| event.message().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = read(true, None).await.unwrap();
    assert_eq!(lines(&first), ["0", "1"]);
    let second = read(true, first.next_forward_token().map(str::to_owned)).await.unwrap();
    assert_eq!(lines(&second), ["2", "3"]);
    let third = read(true, second.next_forward_token().map(str::to_owned)).await.unwrap();
    assert_eq!(lines(&third), ["4"]);
    let end = read(true, third.next_forward_token().map(str::to_owned)).await.unwrap();
    assert!(end.events().is_empty());
    assert_eq!(end.next_forward_token(), third.next_forward_token(), "the end gives the token back");
    assert_eq!(lines(&read(false, None).await.unwrap()), ["3", "4"]);
    let back = read(true, second.next_backward_token().map(str::to_owned)).await.unwrap();
    assert_eq!(lines(&back), ["0", "1"]);
}

#[tokio::test(start_paused = true)]
async fn a_busy_stream_keeps_its_newest_lines() {
    let (cloud, client) = start();
    for number in 0..EVENTS_KEPT + 10 {
        write(&cloud, "a", &number.to_string());
    }
    let get = client.get_log_events().log_group_name(GROUP).log_stream_name("a").start_from_head(true).send();
    let events = get.await.unwrap();
    assert_eq!(events.events().len(), EVENTS_KEPT);
    assert_eq!(events.events()[0].message(), Some("10"));
}

#[tokio::test(start_paused = true)]
async fn groups_are_made_kept_and_removed_by_hand() {
    let (cloud, client) = start();
    client.create_log_group().log_group_name("app").send().await.unwrap();
    let again = client.create_log_group().log_group_name("app").send().await.unwrap_err();
    assert!(again.into_service_error().is_resource_already_exists_exception());
    client.create_log_stream().log_group_name("app").log_stream_name("s").send().await.unwrap();
    let event = |at, line: &str| InputLogEvent::builder().timestamp(at).message(line).build().unwrap();
    let put = |events: Vec<InputLogEvent>| {
        client.put_log_events().log_group_name("app").log_stream_name("s").set_log_events(Some(events)).send()
    };
    let now = cloud.clock.now().millis();
    put(vec![event(now, "late")]).await.unwrap();
    put(vec![event(now - 5_000, "early")]).await.unwrap();
    assert!(put(vec![event(now, "b"), event(now - 1, "a")]).await.is_err());
    let found = client.filter_log_events().log_group_name("app").send().await.unwrap();
    let lines: Vec<&str> = found.events().iter().filter_map(|event| event.message()).collect();
    assert_eq!(lines, ["early", "late"]);

    client.put_retention_policy().log_group_name("app").retention_in_days(1).send().await.unwrap();
    assert!(client.put_retention_policy().log_group_name("app").retention_in_days(2).send().await.is_err());
    let groups = client.describe_log_groups().log_group_name_prefix("a").send().await.unwrap();
    assert_eq!(groups.log_groups()[0].retention_in_days(), Some(1));
    tokio::time::sleep(Duration::from_secs(90_000)).await;
    assert!(client.filter_log_events().log_group_name("app").send().await.unwrap().events().is_empty());
    let streams = client.describe_log_streams().log_group_name("app").send().await.unwrap();
    assert_eq!(streams.log_streams().len(), 1);

    client.delete_log_group().log_group_name("app").send().await.unwrap();
    let gone = client.filter_log_events().log_group_name("app").send().await.unwrap_err();
    assert!(gone.into_service_error().is_resource_not_found_exception());
}
