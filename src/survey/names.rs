//! Route 53: records that are kept, changes that spread, answers that follow weights.

use std::collections::BTreeMap;

use aws_sdk_route53::Client;
use aws_sdk_route53::error::ProvideErrorMetadata;
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecord, ResourceRecordSet, ResourceRecordSetRegion,
    RrType, Tag, TagResourceType,
};

use super::bench::{Bench, TAG, minutes, patience, seconds, until};
use super::checks;
use super::miss::{Miss, Probed, lie, refused, unbuilt};
use crate::capability::Capability;
use crate::region::Place;
use crate::target::{Source, said};
use crate::wait::Look;

const TTL: i64 = 1;
/// Where name servers are asked from.
const FROM: &str = "north-america";
/// TEST-NET-1 (RFC 5737): addresses that are nobody's.
const ONE: &str = "192.0.2.1";
const TWO: &str = "192.0.2.2";
/// How often a name of weights 3 to 1 is asked: that one of them never answers happens once in 10^7.
const ASKED: usize = 60;
/// How often a name is asked that has one answer only.
const SURE: usize = 10;

pub async fn probe(bench: &Bench<'_>) {
    // Route 53 takes 5 requests a second of an account (quotas): one after another, in one zone.
    let zone = async {
        let zone = Zone::create(bench).await;
        bench.attempt(Capability::Records, minutes(5), async { kept(bench, &zone.clone()?).await }).await;
        bench.attempt(Capability::ChangeInsync, minutes(8), async { insync(&zone.clone()?).await }).await;
        bench.attempt(Capability::DnsAnswers, minutes(15), async { answers(bench, &zone.clone()?).await }).await;
    };
    if bench.wants(&[Capability::Records, Capability::ChangeInsync, Capability::DnsAnswers]) {
        zone.await;
    }
}

/// A hosted zone of this survey's own.
#[derive(Clone)]
struct Zone {
    client: Client,
    id: String,
    name: String,
}

impl Zone {
    async fn create(bench: &Bench<'_>) -> Probed<Self> {
        let client = bench.ours()?.route53.clone();
        // Reserved for tests (RFC 6761): nobody's name is touched.
        let name = format!("{}.test", bench.name("zone"));
        let made = client.create_hosted_zone().name(&name).caller_reference(&name).send().await;
        let made = made.map_err(refused("CreateHostedZone"))?;
        let id = made.hosted_zone().map(|zone| zone.id()).unwrap_or_default();
        let id = id.trim_start_matches("/hostedzone/").to_owned();
        let zone = Self { client: client.clone(), id: id.clone(), name };
        let remover = zone.clone();
        bench.undo("names", format!("the hosted zone {id}"), async move { remover.remove().await });
        // Set once: a survey has one zone.
        let _ = bench.zone.set(id.clone());
        let tag = Tag::builder().key(TAG).value(&bench.run).build();
        let tags = client.change_tags_for_resource().resource_type(TagResourceType::Hostedzone).resource_id(&id);
        tags.add_tags(tag).send().await.map_err(refused("ChangeTagsForResource"))?;
        Ok(zone)
    }

    async fn change(&self, action: ChangeAction, sets: Vec<ResourceRecordSet>) -> Probed<String> {
        let sent = self.send(sets.into_iter().map(|set| (action.clone(), set)).collect()).await?;
        sent.map_err(|error| Miss::Absent(format!("ChangeResourceRecordSets: {error}")))
    }

    /// Sends a batch; gives the change's id, or what was said of it.
    async fn send(&self, changes: Vec<(ChangeAction, ResourceRecordSet)>) -> Probed<Result<String, String>> {
        let changes: Result<Vec<Change>, _> = changes
            .into_iter()
            .map(|(action, set)| Change::builder().action(action).resource_record_set(set).build())
            .collect();
        let batch = ChangeBatch::builder().set_changes(Some(changes.map_err(unbuilt)?)).build().map_err(unbuilt)?;
        let look = async || {
            let call = self.client.change_resource_record_sets().hosted_zone_id(&self.id).change_batch(batch.clone());
            match call.send().await {
                Ok(sent) => {
                    let id = sent.change_info().map(|info| info.id()).unwrap_or_default();
                    Ok(Look::Ready(Ok(id.trim_start_matches("/change/").to_owned())))
                }
                // Another change of the zone is being taken in.
                Err(error) if error.code() == Some("PriorRequestNotComplete") => Ok(Look::NotYet(said(&error))),
                Err(error) if error.raw_response().is_some() => Ok(Look::Ready(Err(said(&error)))),
                Err(error) => Err(refused("ChangeResourceRecordSets")(error)),
            }
        };
        until(minutes(1), seconds(1), look).await?.map_err(Miss::Absent)
    }

    async fn list(&self) -> Probed<Vec<ResourceRecordSet>> {
        let listed = self.client.list_resource_record_sets().hosted_zone_id(&self.id).send().await;
        Ok(listed.map_err(refused("ListResourceRecordSets"))?.resource_record_sets)
    }

    async fn remove(&self) -> Result<(), String> {
        let as_text = |miss: Miss| miss.evidence().to_owned();
        let sets = self.list().await.map_err(as_text)?;
        // The zone's own records go with it.
        let sets: Vec<_> = sets.into_iter().filter(|set| !matches!(set.r#type(), RrType::Ns | RrType::Soa)).collect();
        if !sets.is_empty() {
            self.change(ChangeAction::Delete, sets).await.map_err(as_text)?;
        }
        let look = async || match self.client.delete_hosted_zone().id(&self.id).send().await {
            Ok(_) => Ok(Look::Ready(())),
            Err(error) if error.code() == Some("PriorRequestNotComplete") => Ok(Look::NotYet(said(&error))),
            Err(error) => Err(said(&error)),
        };
        crate::wait::until("its removal", patience(minutes(1)), seconds(1), look)
            .await?
            .map_err(|gave_up| gave_up.to_string())
    }

    fn set(
        &self,
        label: &str,
        id: &str,
        address: &str,
    ) -> Probed<aws_sdk_route53::types::builders::ResourceRecordSetBuilder> {
        let record = ResourceRecord::builder().value(address).build().map_err(unbuilt)?;
        let name = format!("{label}.{}.", self.name);
        Ok(ResourceRecordSet::builder()
            .name(name)
            .r#type(RrType::A)
            .ttl(TTL)
            .set_identifier(id)
            .resource_records(record))
    }
}

/// Records with everything a stack gives them are listed as they were written, and a bad batch changes nothing.
async fn kept(bench: &Bench<'_>, zone: &Zone) -> Probed {
    let check = checks::nobody(bench, &zone.client, "recorded").await?;
    let region = ResourceRecordSetRegion::from(bench.here.as_str());
    let wanted = vec![
        zone.set("weighted", "one", ONE)?.weight(3).health_check_id(&check).build().map_err(unbuilt)?,
        zone.set("weighted", "two", TWO)?.weight(1).build().map_err(unbuilt)?,
        zone.set("latency", "here", ONE)?.region(region).build().map_err(unbuilt)?,
    ];
    zone.change(ChangeAction::Create, wanted.clone()).await?;
    let listed = zone.list().await?;
    for set in &wanted {
        let same = |listed: &&ResourceRecordSet| {
            listed.name() == set.name() && listed.set_identifier() == set.set_identifier()
        };
        let id = set.set_identifier().unwrap_or_default();
        let Some(seen) = listed.iter().find(same) else {
            return lie(format!("the record set {id:?} was accepted and is not listed"));
        };
        let parts = [
            ("weight", seen.weight() == set.weight()),
            ("Region", seen.region() == set.region()),
            ("health check", seen.health_check_id() == set.health_check_id()),
            ("values", seen.resource_records() == set.resource_records()),
        ];
        if let Some((part, _)) = parts.iter().find(|(_, same)| !same) {
            return lie(format!("the record set {id:?} was accepted and is listed with another {part}"));
        }
    }
    if zone.send(vec![(ChangeAction::Create, wanted[1].clone())]).await?.is_ok() {
        return lie("a record set that is there already is created once more");
    }
    let fresh = zone.set("batch", "new", ONE)?.weight(1).build().map_err(unbuilt)?;
    let missing = zone.set("batch", "missing", TWO)?.weight(1).build().map_err(unbuilt)?;
    let sent = zone.send(vec![(ChangeAction::Create, fresh.clone()), (ChangeAction::Delete, missing)]).await?;
    if sent.is_ok() {
        return lie("a batch that deletes a record set that is not there is accepted");
    }
    if zone.list().await?.iter().any(|set| set.name() == fresh.name()) {
        return lie("of a batch that was refused, half is there: batches are not atomic");
    }
    Ok("set identifiers, weights, Region and health check are listed as written; half a batch changes nothing"
        .to_owned())
}

async fn insync(zone: &Zone) -> Probed {
    let change =
        zone.change(ChangeAction::Create, vec![zone.set("synced", "one", ONE)?.weight(1).build().map_err(unbuilt)?]);
    let change = change.await?;
    let begun = tokio::time::Instant::now();
    let status = async |id: &str| {
        let told = zone.client.get_change().id(id).send().await;
        told.map(|told| told.change_info().map(|info| info.status().clone()))
    };
    let look = async || {
        Ok(match status(&change).await.map_err(refused("GetChange"))? {
            Some(ChangeStatus::Insync) => Look::Ready(()),
            status => Look::NotYet(format!("{change} is {status:?}")),
        })
    };
    // No name server learns of a change within a second: what says so counts the looks, or nothing.
    let at_once = async || {
        Ok(match status(&change).await.map_err(refused("GetChange"))? {
            Some(ChangeStatus::Insync) => Look::Ready(()),
            status => Look::NotYet(format!("{status:?}")),
        })
    };
    if until(std::time::Duration::from_millis(600), std::time::Duration::from_millis(200), at_once).await?.is_ok() {
        let took = begun.elapsed().as_millis();
        return lie(format!("a change is INSYNC {took} ms after it was made: it is canned, or counts the looks"));
    }
    // "Changes generally propagate to all Route 53 name servers within 60 seconds" (GetChange, API reference).
    if let Err(last) = until(minutes(5), seconds(2), look).await? {
        return lie(format!("a change was accepted; {last}"));
    }
    let took = begun.elapsed().as_secs_f64();
    // A well-formed id of a change that nobody made.
    let never: String = change.chars().rev().collect();
    if never != change && status(&never).await.is_ok() {
        return lie(format!("{never}, a change that nobody made, has a status too: it is canned"));
    }
    Ok(format!("a change was INSYNC {took:.1} s later, and one that nobody made is not known"))
}

async fn answers(bench: &Bench<'_>, zone: &Zone) -> Probed {
    let name = format!("turned.{}", zone.name);
    let set =
        |id: &str, address: &str, weight: i64| zone.set("turned", id, address)?.weight(weight).build().map_err(unbuilt);
    zone.change(ChangeAction::Create, vec![set("one", ONE, 3)?, set("two", TWO, 1)?]).await?;
    let by = Answerer::find(bench, zone, &name).await?;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..ASKED {
        let answer = by.ask(bench, zone, &name).await?.unwrap_or_else(|| "nothing".to_owned());
        *seen.entry(answer).or_default() += 1;
    }
    let (one, two) = (seen.get(ONE).copied().unwrap_or(0), seen.get(TWO).copied().unwrap_or(0));
    if one + two != ASKED || one <= two || two == 0 {
        return lie(format!("two record sets of weights 3 and 1 are accepted; {ASKED} answers of {by} were {seen:?}"));
    }
    zone.change(ChangeAction::Upsert, vec![set("one", ONE, 0)?, set("two", TWO, 1)?]).await?;
    let look = async || {
        for _ in 0..SURE {
            if by.ask(bench, zone, &name).await?.as_deref() != Some(TWO) {
                return Ok(Look::NotYet("weight 0 is still answered".to_owned()));
            }
        }
        Ok(Look::Ready(()))
    };
    match until(minutes(5), seconds(5), look).await? {
        Ok(()) => {
            Ok(format!("{one} and {two} of {ASKED} answers of {by} by weights 3 and 1; weight 0 is answered no more"))
        }
        Err(last) => lie(format!("weights were turned; {last} by {by}")),
    }
}

/// What the name servers say of a name, if they say anything.
pub async fn address(bench: &Bench<'_>, name: &str) -> Option<String> {
    let place = Place::parse(FROM).ok()?;
    let asked = bench.internet().authoritative(place, name).await;
    asked.addresses.first().map(ToString::to_string)
}

/// Who is asked what a name leads to.
enum Answerer {
    NameServers,
    TestDnsAnswer,
}

impl Answerer {
    async fn find(bench: &Bench<'_>, zone: &Zone, name: &str) -> Probed<Self> {
        let mut why = "the harness evaluates the record sets itself".to_owned();
        if bench.internet().source() == Source::NameServers {
            let servers = Self::NameServers;
            let look = async || {
                Ok(match servers.ask(bench, zone, name).await? {
                    Some(_) => Look::Ready(()),
                    None => Look::NotYet("they know nothing of a new zone".to_owned()),
                })
            };
            match until(minutes(3), seconds(5), look).await? {
                Ok(()) => {
                    // Set once: a survey asks one name only.
                    let _ = bench.answered.set(name.to_owned());
                    return Ok(servers);
                }
                Err(last) => why = last,
            }
        }
        match Self::TestDnsAnswer.ask(bench, zone, name).await {
            Ok(_) => Ok(Self::TestDnsAnswer),
            Err(miss) => Err(Miss::Absent(format!("no name servers answer: {why}; {}", miss.evidence()))),
        }
    }

    async fn ask(&self, bench: &Bench<'_>, zone: &Zone, name: &str) -> Probed<Option<String>> {
        match self {
            Self::NameServers => Ok(address(bench, name).await),
            Self::TestDnsAnswer => {
                let asked = zone.client.test_dns_answer().hosted_zone_id(&zone.id).record_name(name);
                let told = asked.record_type(RrType::A).send().await.map_err(refused("TestDNSAnswer"))?;
                Ok(told.record_data().first().cloned())
            }
        }
    }
}

impl std::fmt::Display for Answerer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NameServers => "name servers",
            Self::TestDnsAnswer => "TestDNSAnswer",
        })
    }
}
