//! What the target's injector can break: each fault is injected, seen, healed, and seen to be over.
//!
//! They come last and one after another, because each breaks what the other probes look at.

use std::sync::Arc;
use std::time::Duration;

use super::apis::{Api, Said, api, get, path};
use super::bench::{Bench, FAULTS, minutes, seconds, until};
use super::functions::function;
use super::miss::{Miss, Probed, lie, unknown};
use super::tables::{Replicated, arrival, delete, put, replicated};
use super::{names, tables};
use crate::capability::Capability;
use crate::region::Region;
use crate::store::Store;
use crate::target::{Breakage, BreakageId, Defect, Injector, Mode, TargetError, Way, way};
use crate::wait::Look;

/// How long a write must not arrive for its replication to count as standing still: ten times the usual.
const STILL: Duration = seconds(20);
/// How long a fault may take to be felt, or to be over.
const FELT: Duration = minutes(2);
const AHEAD_MS: i64 = 3_600_000;

pub async fn probe(bench: &Bench<'_>) {
    bench.attempt(Capability::FaultService, minutes(6), service(bench)).await;
    bench.attempt(Capability::FaultRegion, minutes(6), region(bench)).await;
    bench.attempt(Capability::FaultNameServers, minutes(6), name_servers(bench)).await;
    bench.attempt(Capability::FaultApplication, minutes(6), application(bench)).await;
    bench.attempt(Capability::FaultDegraded, minutes(6), degraded(bench)).await;
    bench.attempt(Capability::FaultPartition, minutes(10), partition(bench)).await;
    bench.attempt(Capability::FaultReplication, minutes(10), paused(bench)).await;
    bench.attempt(Capability::FaultClockSkew, minutes(10), skewed(bench)).await;
    bench.attempt(Capability::FaultBrokenReplicator, minutes(10), forgetful(bench)).await;
}

/// A fault in force.
enum Broken {
    Injected {
        injector: Arc<dyn Injector>,
        id: BreakageId,
    },
    /// The probes' own function has no concurrency left.
    Throttled {
        lambda: aws_sdk_lambda::Client,
        function: String,
    },
}

impl Broken {
    async fn inject(bench: &Bench<'_>, breakage: Breakage) -> Probed<Self> {
        let injector = bench.target.injector();
        let way = way(bench.target, &breakage).map_err(Miss::Absent)?;
        if let (Way::Throttle, Breakage::Application { region, functions, .. }) = (way, &breakage) {
            return Self::throttle(bench, *region, functions.first().cloned().unwrap_or_default()).await;
        }
        let what = format!("the fault {breakage:?}");
        let id = injector.inject(breakage).await.map_err(|TargetError(why)| Miss::Absent(why))?;
        let healer = injector.clone();
        bench.undo(FAULTS, what, async move { healer.heal(id).await.map_err(|error| error.to_string()) });
        Ok(Self::Injected { injector, id })
    }

    async fn throttle(bench: &Bench<'_>, region: Region, function: String) -> Probed<Self> {
        let lambda = bench.target.clients_in(region).map_err(|TargetError(why)| Miss::Absent(why))?.lambda.clone();
        let (client, name) = (lambda.clone(), function.clone());
        // The function goes with the survey too; this way it is whole should the probe hang.
        let whole = async move {
            let call = client.delete_function_concurrency().function_name(name);
            call.send().await.map(|_| ()).map_err(|error| crate::target::said(&error))
        };
        bench.undo(FAULTS, format!("the reserved concurrency of {function}"), whole);
        let call = lambda.put_function_concurrency().function_name(&function).reserved_concurrent_executions(0);
        call.send().await.map_err(|error| Miss::Absent(crate::target::said(&error)))?;
        Ok(Self::Throttled { lambda, function })
    }

    async fn heal(self) -> Probed<()> {
        let healed = match self {
            Self::Injected { injector, id } => injector.heal(id).await.map_err(|error| error.to_string()),
            Self::Throttled { lambda, function } => {
                let call = lambda.delete_function_concurrency().function_name(function);
                call.send().await.map(|_| ()).map_err(|error| crate::target::said(&error))
            }
        };
        healed.map_err(|why| Miss::Unknown(format!("it cannot be healed: {why}")))
    }
}

/// Injects, waits until `broken` is seen, heals, and waits until it is not.
async fn felt(bench: &Bench<'_>, breakage: Breakage, mut broken: impl AsyncFnMut() -> Option<String>) -> Probed {
    if let Some(already) = broken().await {
        return unknown(format!("it was broken before the fault: {already}"));
    }
    let fault = Broken::inject(bench, breakage).await?;
    let look =
        async || Ok(broken().await.map_or_else(|| Look::NotYet("everything still works".to_owned()), Look::Ready));
    let seen = until(FELT, seconds(2), look).await?;
    fault.heal().await?;
    let look = async || Ok(broken().await.map_or(Look::Ready(()), Look::NotYet));
    let over = until(FELT, seconds(2), look).await?;
    match (seen, over) {
        (Ok(seen), Ok(())) => Ok(format!("{}; healed, it works again", shortened(&seen))),
        (Err(last), _) => lie(format!("the injector accepts it; {last}")),
        (_, Err(last)) => lie(format!("it was healed, and stays broken: {}", shortened(&last))),
    }
}

/// How a call ends that only reads.
async fn reading(bench: &Bench<'_>, region: Region) -> Option<String> {
    let clients = bench.clients(region).ok()?;
    let read = tokio::time::timeout(seconds(70), clients.dynamodb.list_tables().send()).await;
    match read {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => {
            // What the SDK's own errors print of themselves after their words is for programmers.
            let said = crate::target::said(&error);
            Some(format!("ListTables in {region} fails: {}", said.split(" (").next().unwrap_or_default()))
        }
        Err(_) => Some(format!("ListTables in {region} hangs")),
    }
}

async fn service(bench: &Bench<'_>) -> Probed {
    let operations = vec!["ListTables".to_owned()];
    let service = "dynamodb".to_owned();
    let breakage = Breakage::Service { region: Some(bench.here), service, operations, mode: Mode::Errors };
    felt(bench, breakage, async || reading(bench, bench.here).await).await
}

async fn region(bench: &Bench<'_>) -> Probed {
    let (there, _) = bench.theirs()?;
    let breakage = Breakage::Region { region: there, mode: Mode::Refuse };
    let seen = felt(bench, breakage, async || reading(bench, there).await).await?;
    match reading(bench, bench.here).await {
        None => Ok(seen),
        Some(broken) => lie(format!("the other Region is broken too: {}", shortened(&broken))),
    }
}

async fn name_servers(bench: &Bench<'_>) -> Probed {
    let Some(name) = bench.answered.get() else {
        return Err(Miss::Absent("no name servers of the target answer".to_owned()));
    };
    let breakage = Breakage::NameServers { mode: Mode::Refuse };
    let broken = async || match names::address(bench, name).await {
        Some(_) => None,
        None => Some(format!("nobody answers for {name}")),
    };
    felt(bench, breakage, broken).await
}

async fn application(bench: &Bench<'_>) -> Probed {
    let api = api(bench).await?;
    let functions = vec![function(bench).await?.name];
    let breakage = Breakage::Application { region: bench.here, mode: Mode::Errors, functions };
    felt(bench, breakage, async || not_by_function(bench, &api).await).await
}

async fn not_by_function(bench: &Bench<'_>, api: &Api) -> Option<String> {
    match get(bench, &api.host, &path("/health")).await {
        Ok(said) if said.by_function() => None,
        Ok(Said { status, body }) => Some(format!("the API answers {status}: {body}")),
        Err(why) => Some(format!("the API does not answer: {why}")),
    }
}

async fn degraded(bench: &Bench<'_>) -> Probed {
    let api = api(bench).await?;
    let breakage = Breakage::Degraded {
        region: Some(bench.here),
        release: None,
        only: None,
        except: None,
        errors: 1.0,
        crashes: 0.0,
        delay: Duration::ZERO,
    };
    // The function's own answers are 503s.
    let broken = async || match get(bench, &api.host, &path("/health")).await {
        Ok(said) if said.status != 500 => None,
        Ok(_) => Some("all answers are a 500".to_owned()),
        Err(why) => Some(format!("the API does not answer: {why}")),
    };
    felt(bench, breakage, broken).await
}

/// While a fault lasts, what is written here does not arrive there; after it, it does.
async fn stands_still(bench: &Bench<'_>, table: &Replicated, breakage: Breakage, key: &str) -> Probed {
    let fault = Broken::inject(bench, breakage).await?;
    put(&table.name, &table.here, key, "1").await?;
    let look = async || {
        let seen = tables::get(&table.name, &table.there, key).await?;
        Ok(if seen.is_some() { Look::Ready(()) } else { Look::NotYet(String::new()) })
    };
    let arrived = until(STILL, seconds(1), look).await?.is_ok();
    fault.heal().await?;
    if arrived {
        return lie("the injector accepts it, and what is written arrives all the same");
    }
    match arrival(&table.name, &table.there, key, "1").await? {
        Ok(()) => Ok(format!("a write did not arrive for {} s, and did after the heal", STILL.as_secs())),
        Err(last) => lie(format!("it was healed, and what was written meanwhile never arrives: {last}")),
    }
}

async fn partition(bench: &Bench<'_>) -> Probed {
    let table = replicated(bench).await?;
    let between = (table.here.0, table.there.0);
    stands_still(bench, &table, Breakage::Partition { between }, "parted").await
}

async fn paused(bench: &Bench<'_>) -> Probed {
    let table = replicated(bench).await?;
    let (from, to) = (Some(table.here.0), Some(table.there.0));
    let breakage = Breakage::Replication { of: Store::Table, name: table.name.clone(), from, to, times: None };
    stands_still(bench, &table, breakage, "paused").await
}

/// Of two writes that cross on their way the later one wins, unless the earlier one's clock runs ahead.
async fn skewed(bench: &Bench<'_>) -> Probed {
    let table = replicated(bench).await?;
    let (name, key) = (&table.name, "skewed");
    let fault = Broken::inject(bench, Breakage::ClockSkew { region: table.here.0, ahead_ms: AHEAD_MS }).await?;
    put(name, &table.here, key, "ahead").await?;
    put(name, &table.there, key, "later").await?;
    let won = async || {
        let both = (tables::get(name, &table.here, key).await?, tables::get(name, &table.there, key).await?);
        let ended = both.0 == both.1;
        Ok(if ended { Look::Ready(both.0) } else { Look::NotYet(format!("{both:?}")) })
    };
    let won = until(FELT, seconds(1), won).await?;
    fault.heal().await?;
    match won {
        Ok(Some(won)) if won == "ahead" => {
            Ok(format!("a write of {} beat one made later in {}, on its way to it", table.here.0, table.there.0))
        }
        Ok(won) => lie(format!("the injector accepts it, and of two writes that cross {won:?} wins")),
        Err(last) => unknown(format!("of two writes that cross none wins: {last}")),
    }
}

async fn forgetful(bench: &Bench<'_>) -> Probed {
    let table = replicated(bench).await?;
    let (name, key) = (&table.name, "forgotten");
    put(name, &table.here, key, "1").await?;
    arrival(name, &table.there, key, "1").await?.map_err(Miss::Unknown)?;
    let fault = Broken::inject(bench, Breakage::Replicator(Defect::ForgetsDeletes)).await?;
    delete(name, &table.here, key).await?;
    let look = async || {
        let seen = tables::get(name, &table.there, key).await?;
        Ok(if seen.is_none() { Look::Ready(()) } else { Look::NotYet(String::new()) })
    };
    let deleted = until(STILL, seconds(1), look).await?.is_ok();
    fault.heal().await?;
    if deleted {
        return lie("the injector accepts it, and deletes replicate all the same");
    }
    Ok(format!("a delete in {} did not reach {}", table.here.0, table.there.0))
}

fn shortened(text: &str) -> String {
    text.chars().take(120).collect()
}
