//! Route 53's records.

use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType};

use super::{Bench, Held, done, holds, refused};

fn record(name: &str, id: &str, weight: i64, value: &str) -> Result<ResourceRecordSet, String> {
    let value = ResourceRecord::builder().value(value).build().map_err(|why| why.to_string())?;
    let set = ResourceRecordSet::builder().name(name).r#type(RrType::Cname).ttl(60).set_identifier(id).weight(weight);
    set.resource_records(value).build().map_err(|why| why.to_string())
}

fn batch(changes: Vec<(ChangeAction, ResourceRecordSet)>) -> Result<ChangeBatch, String> {
    let change = |(action, set)| Change::builder().action(action).resource_record_set(set).build();
    let changes: Result<Vec<Change>, _> = changes.into_iter().map(change).collect();
    let batch = ChangeBatch::builder().set_changes(Some(changes.map_err(|why| why.to_string())?)).build();
    batch.map_err(|why| why.to_string())
}

/// In a zone of its own, which is emptied and deleted.
async fn zone(bench: &Bench<'_>, check: impl AsyncFnOnce(&str, &str) -> Held) -> Held {
    let (client, domain) = (&bench.home.route53, format!("{}.example", bench.name));
    let made = done(client.create_hosted_zone().name(&domain).caller_reference(&bench.name).send().await)?;
    let zone =
        made.hosted_zone().map(|zone| zone.id().trim_start_matches("/hostedzone/").to_owned()).unwrap_or_default();
    let came = check(&zone, &format!("api.{domain}")).await;
    let left = sets(bench, &zone).await?;
    if !left.is_empty() {
        let deletes = left.into_iter().map(|set| (ChangeAction::Delete, set)).collect();
        let call = client.change_resource_record_sets().hosted_zone_id(&zone).change_batch(batch(deletes)?);
        done(call.send().await)?;
    }
    done(client.delete_hosted_zone().id(&zone).send().await)?;
    came
}

/// The records that a check made.
async fn sets(bench: &Bench<'_>, zone: &str) -> Result<Vec<ResourceRecordSet>, String> {
    let listed = done(bench.home.route53.list_resource_record_sets().hosted_zone_id(zone).send().await)?;
    let own = listed.resource_record_sets().iter().filter(|set| *set.r#type() == RrType::Cname);
    Ok(own.cloned().collect())
}

pub async fn atomic(bench: &Bench<'_>) -> Held {
    zone(bench, async |zone, name| {
        let good = record(name, "good", 1, "a.example")?;
        let missing = record(name, "missing", 1, "b.example")?;
        let bad = batch(vec![(ChangeAction::Create, good), (ChangeAction::Delete, missing)])?;
        let call = bench.home.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(bad);
        refused(call.send().await, &["InvalidChangeBatch"])?;
        let left = sets(bench, zone).await?;
        holds(left.is_empty(), || "the good change was made".to_owned())
    })
    .await
}

pub async fn as_it_is(bench: &Bench<'_>) -> Held {
    zone(bench, async |zone, name| {
        let change =
            |changes| bench.home.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(changes);
        let made = batch(vec![(ChangeAction::Create, record(name, "a", 1, "a.example")?)])?;
        done(change(made).send().await)?;
        let other = batch(vec![(ChangeAction::Delete, record(name, "a", 2, "a.example")?)])?;
        refused(change(other).send().await, &["InvalidChangeBatch"])
    })
    .await
}

pub async fn weights(bench: &Bench<'_>) -> Held {
    zone(bench, async |zone, name| {
        let both = [("a", 75, "a.example"), ("b", 25, "b.example")];
        let records = both.map(|(id, weight, value)| record(name, id, weight, value));
        let records: Result<Vec<_>, String> = records.into_iter().collect();
        let made = batch(records?.into_iter().map(|set| (ChangeAction::Create, set)).collect())?;
        let call = bench.home.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(made);
        done(call.send().await)?;
        let listed = sets(bench, zone).await?;
        let mut seen: Vec<_> = listed.iter().map(|set| (set.set_identifier(), set.weight(), set.ttl())).collect();
        seen.sort();
        let expected = [(Some("a"), Some(75), Some(60)), (Some("b"), Some(25), Some(60))];
        holds(seen == expected, || format!("they came back as {seen:?}"))
    })
    .await
}

pub async fn no_change(bench: &Bench<'_>) -> Held {
    refused(bench.home.route53.get_change().id("C0000000000000000000A").send().await, &["NoSuchChange"])
}
