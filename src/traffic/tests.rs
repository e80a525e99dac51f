//! Each kind of client over a made-up internet: a name that moves from one Region's address to the other's.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use indexmap::IndexMap;
use tokio::sync::watch;
use tokio::time::Instant;

use super::clients::Clients;
use super::{Destination, drive};
use crate::clock::Clock;
use crate::history::{Event, Journal, Record, Recorder};
use crate::region::{Place, Region};
use crate::scenario::{Behaviour, Operation, Plan, Population, Rate, STRETCHED};
use crate::seed::Seed;
use crate::target::{Connection, Internet, Lookup, Resolver, SendError};

const OLD: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const NEW: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const TTL: Duration = Duration::from_secs(60);

/// What the name servers say and the servers answer; 0 is no answer at all.
struct Net {
    moved: AtomicU32,
    status: AtomicU16,
    sent: AtomicU32,
}

#[derive(Clone)]
struct Made(Arc<Net>);

struct Kept {
    net: Made,
    answer: Mutex<Option<(Ipv4Addr, Instant)>>,
}

impl Made {
    fn new() -> Self {
        Self(Arc::new(Net { moved: AtomicU32::new(0), status: AtomicU16::new(200), sent: AtomicU32::new(0) }))
    }

    fn moves(&self) {
        self.0.moved.store(1, Ordering::Relaxed);
    }

    fn current(&self) -> Ipv4Addr {
        if self.0.moved.load(Ordering::Relaxed) == 0 { OLD } else { NEW }
    }
}

impl Resolver for Kept {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Lookup> {
        Box::pin(async move {
            let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = answer.filter(|(_, until)| Instant::now() < *until);
            let (address, until) = kept.unwrap_or((self.net.current(), Instant::now() + TTL));
            *answer = Some((address, until));
            Lookup { addresses: vec![address], ttl: until - Instant::now(), fresh: kept.is_none() }
        })
    }
}

impl Connection for Made {
    fn send(&self, _: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async move {
            self.0.sent.fetch_add(1, Ordering::Relaxed);
            let mut answer = http::Response::new(Bytes::new());
            match self.0.status.load(Ordering::Relaxed) {
                0 => return Err(SendError::Refused),
                status => *answer.status_mut() = http::StatusCode::from_u16(status).unwrap(),
            }
            Ok(answer)
        })
    }
}

impl Internet for Made {
    fn resolver(&self, _: Place) -> Arc<dyn Resolver> {
        Arc::new(Kept { net: self.clone(), answer: Mutex::new(None) })
    }

    fn authoritative<'a>(&'a self, _: Place, _: &'a str) -> BoxFuture<'a, Lookup> {
        Box::pin(async { Lookup { addresses: vec![self.current()], ttl: TTL, fresh: true } })
    }

    fn region_of(&self, address: Ipv4Addr) -> Option<Region> {
        Some(if address == OLD { Region::US_EAST_1 } else { Region::EU_WEST_1 })
    }

    fn connect<'a>(
        &'a self,
        _: Place,
        _: Ipv4Addr,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, SendError>> {
        Box::pin(async { Ok(Arc::new(self.clone()) as Arc<dyn Connection>) })
    }
}

/// A pen, and what it wrote.
fn pen() -> (Recorder, Clock, Arc<Mutex<Vec<Record>>>) {
    let records: Arc<Mutex<Vec<Record>>> = Arc::default();
    let (journal, kept) = (Journal::unwritten(), records.clone());
    journal.watch(Box::new(move |record: &Record| kept.lock().unwrap().push(record.clone())));
    let clock = Clock::starting_at(Clock::EMBEDDED_EPOCH);
    (Recorder::new(clock, journal, 1), clock, records)
}

fn people(behaviour: Behaviour) -> Population {
    let model = Plan::default().traffic[0].clone();
    Population { clients: 4, resolvers: 2, behaviours: IndexMap::from([(behaviour, 1)]), ..model }
}

fn destination(net: &Made) -> Destination {
    Destination { internet: Arc::new(net.clone()), name: "api.example".into(), base_path: "/".into() }
}

async fn address(clients: &Clients) -> Ipv4Addr {
    let mut to = None;
    clients.connection(0, &mut to).await.map(|_| ()).unwrap();
    to.unwrap()
}

/// Asks every 20 s from the move on; after how many seconds the client was at the new address, within an hour.
async fn moved_after(behaviour: Behaviour, breaks: bool) -> Option<u64> {
    let (net, (recorder, ..)) = (Made::new(), pen());
    let clients = Clients::new(destination(&net), &people(behaviour), recorder, Seed(3));
    assert_eq!(address(&clients).await, OLD);
    net.moves();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3_600) {
        if breaks {
            clients.broke(0);
        }
        if address(&clients).await == NEW {
            return Some(began.elapsed().as_secs());
        }
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    None
}

#[tokio::test(start_paused = true)]
async fn who_follows_a_record_that_moved_and_when() {
    for behaviour in [Behaviour::HonoursTtl, Behaviour::HappyEyeballs, Behaviour::RetriesAll] {
        assert_eq!(moved_after(behaviour, false).await, Some(60), "{behaviour:?}");
    }
    let stretched = moved_after(Behaviour::StretchesTtl, false).await.unwrap();
    let (least, most) = (STRETCHED.start().as_secs(), STRETCHED.end().as_secs() + 20);
    assert!((least..=most).contains(&stretched), "{stretched} s");
    assert_eq!(moved_after(Behaviour::NeverReResolves, true).await, None);
    assert_eq!(moved_after(Behaviour::KeepAlive, false).await, None);
    assert_eq!(moved_after(Behaviour::KeepAlive, true).await, Some(60));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_idle_for_too_long_is_opened_anew() {
    let (net, (recorder, ..)) = (Made::new(), pen());
    let clients = Clients::new(destination(&net), &people(Behaviour::KeepAlive), recorder, Seed(3));
    assert_eq!(address(&clients).await, OLD);
    net.moves();
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(address(&clients).await, OLD);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(address(&clients).await, NEW);
}

/// What a population did in 30 s at 10 requests/s.
async fn drove(behaviour: Behaviour, operation: &str, status: u16) -> (Vec<Record>, u32) {
    let (net, (recorder, clock, records)) = (Made::new(), pen());
    net.0.status.store(status, Ordering::Relaxed);
    let requests = IndexMap::from([(Operation::parse(operation).unwrap(), 1)]);
    let population = Population { rate: Rate::per_second(10.0).unwrap(), requests, ..people(behaviour) };
    let (stop, stopped) = watch::channel(false);
    let driving = tokio::spawn(drive(population, destination(&net), clock, recorder, Seed(3), stopped));
    tokio::time::sleep(Duration::from_secs(30)).await;
    stop.send(true).unwrap();
    driving.await.unwrap();
    let records = records.lock().unwrap().clone();
    (records, net.0.sent.load(Ordering::Relaxed))
}

fn attempts(records: &[Record]) -> Vec<u32> {
    let of = |record: &Record| match record.event {
        Event::Request { attempts, .. } => Some(attempts),
        _ => None,
    };
    records.iter().filter_map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn a_request_is_written_once_with_its_attempts() {
    for (behaviour, operation, status, each) in [
        (Behaviour::HonoursTtl, "GET /whoami", 503, 1),
        (Behaviour::RetriesIdempotent, "GET /whoami", 503, 3),
        (Behaviour::RetriesIdempotent, "GET /whoami", 0, 3),
        (Behaviour::RetriesIdempotent, "GET /whoami", 404, 1),
        (Behaviour::RetriesIdempotent, "POST /orders", 503, 1),
        (Behaviour::RetriesAll, "POST /orders", 503, 3),
    ] {
        let (records, sent) = drove(behaviour, operation, status).await;
        let attempts = attempts(&records);
        assert!(attempts.len() > 200, "{} requests", attempts.len());
        assert!(attempts.iter().all(|attempts| *attempts == each), "{behaviour:?} {operation} {status}");
        assert_eq!(attempts.iter().sum::<u32>(), sent, "{behaviour:?} {operation} {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retried_put_is_one_write() {
    let (records, sent) = drove(Behaviour::RetriesIdempotent, "PUT /orders/{id}", 503).await;
    let writes = records.iter().filter(|record| matches!(record.event, Event::Write { .. })).count();
    assert_eq!((writes, writes * 3), (attempts(&records).len(), sent as usize));
}

#[tokio::test(start_paused = true)]
async fn resolvers_tell_when_they_asked_and_not_when_they_knew() {
    let (records, _) = drove(Behaviour::HonoursTtl, "GET /whoami", 200).await;
    let told =
        |record: &&Record| matches!(&record.event, Event::Resolved { ttl_s: 60, regions, .. } if regions.len() == 1);
    assert_eq!(records.iter().filter(told).count(), 2, "one answer each of two resolvers in 30 s");
}

#[tokio::test(start_paused = true)]
async fn a_generator_that_was_held_up_says_so() {
    let (net, (recorder, clock, records)) = (Made::new(), pen());
    let (stop, stopped) = watch::channel(false);
    let population = people(Behaviour::HonoursTtl);
    let driving = tokio::spawn(drive(population, destination(&net), clock, recorder, Seed(3), stopped));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let trouble = |record: &&Record| matches!(&record.event, Event::Trouble { stage, .. } if stage == "traffic");
    let troubles = || records.lock().unwrap().iter().filter(trouble).count();
    assert_eq!(troubles(), 0);
    // The clock goes on while the generator does not get to run.
    tokio::time::advance(Duration::from_secs(5)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(troubles() > 0);
    stop.send(true).unwrap();
    driving.await.unwrap();
}
