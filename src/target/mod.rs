//! Where a scenario runs: what every target offers, whoever answers behind it.
//!
//! The only home of SDK clients' construction. A target gives clients, a way to meet its users' internet, and a way
//! to break things; it never judges and never writes history.

pub mod aws;
pub mod embedded;
pub mod emulator;
pub mod evaluated;
pub mod functions;
pub mod live;
mod localstack;
pub mod proxy;
mod raw;
mod socket;
pub mod tls;
mod way;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use bytes::Bytes;
use futures_util::future::BoxFuture;

pub use raw::{Raw, RawError, element};
pub use way::{Way, is_throttling, way};

use crate::clock::{Clock, Timestamp};
use crate::region::{Place, Region};
use crate::store::Store;

/// The name that plays a role, such as `table` or `public-name`, in a Region.
pub type Roles<'a> = &'a dyn Fn(&str, Region) -> Option<String>;

/// One place a scenario can run.
pub trait Target: Send + Sync {
    fn name(&self) -> &'static str;
    fn clock(&self) -> Clock;
    /// The Regions, the primary one first.
    fn regions(&self) -> &[Region];
    /// The clients of a Region of this target.
    fn clients(&self, region: Region) -> Option<&Clients>;
    fn packaging(&self) -> Packaging;
    /// What answers there, and which version of it, as far as it says.
    fn version(&self) -> BoxFuture<'_, String>;
    /// How users reach what was deployed.
    fn internet(&self, roles: Roles<'_>) -> Arc<dyn Internet>;
    fn injector(&self) -> Arc<dyn Injector>;
    /// What else than its version decides what it can do: how it is reached, as text.
    fn settings(&self) -> String {
        String::new()
    }
    /// What passed through the harness's own hands so far; nothing where calls go straight to the target.
    fn passing(&self) -> Vec<Passing> {
        Vec::new()
    }
    /// Whether it imitates AWS from near, in real time: quicker than AWS, and not whole.
    fn is_emulator(&self) -> bool {
        false
    }
    /// Whether a function whose reserved concurrency is 0 is invoked by nobody there, as on AWS: the application of a
    /// Region is lost by it where the injector has no other means.
    fn throttles_functions(&self) -> bool {
        false
    }

    /// The Region that is deployed to first and holds what exists once.
    fn primary(&self) -> Region {
        self.regions().first().copied().unwrap_or(Region::US_EAST_1)
    }

    /// The clients of a Region, or the error that names the Regions there are.
    fn clients_in(&self, region: Region) -> Result<&Clients, TargetError> {
        self.clients(region)
            .ok_or_else(|| TargetError(format!("the target has no Region {region}; it has {:?}", self.regions())))
    }
}

/// The SDK clients of one Region.
#[derive(Clone, Debug)]
pub struct Clients {
    pub cloudformation: aws_sdk_cloudformation::Client,
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub lambda: aws_sdk_lambda::Client,
    pub route53: aws_sdk_route53::Client,
    pub s3: aws_sdk_s3::Client,
    pub secretsmanager: aws_sdk_secretsmanager::Client,
    /// For services without a crate here.
    pub raw: Raw,
}

impl Clients {
    pub fn new(config: &SdkConfig, raw: Raw) -> Self {
        Self {
            raw,
            cloudformation: aws_sdk_cloudformation::Client::new(config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            route53: aws_sdk_route53::Client::new(config),
            s3: aws_sdk_s3::Client::from_conf(s3_config(config)),
            secretsmanager: aws_sdk_secretsmanager::Client::new(config),
        }
    }
}

/// Where an endpoint is given, buckets are asked for by path: their names resolve at AWS alone.
fn s3_config(config: &SdkConfig) -> aws_sdk_s3::Config {
    aws_sdk_s3::config::Builder::from(config).force_path_style(config.endpoint_url().is_some()).build()
}

/// What a function's package must hold for this target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packaging {
    /// The crate's manifest and sources: the functions themselves are linked into this process.
    Linked,
    /// `<folder>/<crate>/bootstrap`, as cargo-lambda builds it, and the manifest.
    Bootstrap { folder: PathBuf },
}

/// What a name led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookup {
    pub addresses: Vec<Ipv4Addr>,
    pub ttl: Duration,
    /// Name servers were asked; nothing came from a cache alone.
    pub fresh: bool,
}

/// Whose word an answer to a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Name servers answered.
    NameServers,
    /// The harness evaluated the deployed record sets itself: the target has no DNS.
    Evaluated,
}

/// The internet between users and the target.
pub trait Internet: Send + Sync {
    /// Where the answers to names come from.
    fn source(&self) -> Source {
        Source::NameServers
    }
    /// A recursive resolver near `place`, with a cache of its own that honours TTLs.
    fn resolver(&self, place: Place) -> Arc<dyn Resolver>;
    /// What the authoritative name servers say to someone at `place`; nothing cached.
    fn authoritative<'a>(&'a self, place: Place, name: &'a str) -> BoxFuture<'a, Lookup>;
    /// The Region whose edge has this address, where that can be told.
    fn region_of(&self, address: Ipv4Addr) -> Option<Region>;
    /// Opens a connection to `host` at this address, ready for requests. The caller brings the timeout.
    fn connect<'a>(
        &'a self,
        place: Place,
        address: Ipv4Addr,
        host: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, SendError>>;
}

/// An open connection; several requests may be under way on it.
pub trait Connection: Send + Sync {
    /// Whether the other side has left it open, as far as it is known.
    fn is_open(&self) -> bool {
        true
    }
    /// Sends a request. The caller brings the timeout.
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>>;
}

/// A recursive resolver.
pub trait Resolver: Send + Sync {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Lookup>;
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("connection refused")]
    Refused,
    #[error("timed out")]
    TimedOut,
    /// The connection ended before the answer did: nobody knows how far the request came.
    #[error("connection reset")]
    Reset,
    #[error("no route to host")]
    NoRoute,
}

/// How a broken thing shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Refuse,
    Hang,
    Errors,
}

/// What a target can break.
#[derive(Clone, Debug, PartialEq)]
pub enum Breakage {
    /// The functions of the Region's application, by name; with [`Mode::Refuse`], the API edge in front of them.
    Application { region: Region, mode: Mode, functions: Vec<String> },
    /// Everything in the Region.
    Region { region: Region, mode: Mode },
    /// One service's API, by SigV4 name.
    Service { region: Option<Region>, service: String, operations: Vec<String>, mode: Mode },
    /// The name servers of the stack's zones; what changes records stays up.
    NameServers { mode: Mode },
    /// Nothing passes between two Regions.
    Partition { between: (Region, Region) },
    /// What a store of this name replicates waits, or takes `times` as long; both Regions given: in that direction.
    Replication { of: Store, name: String, from: Option<Region>, to: Option<Region>, times: Option<u32> },
    /// A replicator breaks its promises; only a twin's can be told to.
    Replicator(Defect),
    /// A Region's services stamp writes this far ahead of the truth.
    ClockSkew { region: Region, ahead_ms: i64 },
    /// The application answers, and a share of its answers (0 to 1) is bad, or they are late by so much in the mean.
    Degraded {
        region: Option<Region>,
        /// The version that is bad, as it names itself.
        release: Option<String>,
        only: Option<String>,
        except: Option<String>,
        errors: f64,
        crashes: f64,
        delay: Duration,
    },
}

/// What a broken replicator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    DropsOneIn(u32),
    EarlierWins,
    LocalWins,
    ForgetsDeletes,
    CompletesWithoutCopy,
    PublishesPending,
}

/// What a breakage did to the requests that met it, as whoever made it counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// Where they were met: `users` or `services`.
    pub place: &'static str,
    /// What was done to them: `503 ServiceUnavailable`, `hang`.
    pub effect: String,
    pub matched: u64,
    /// Those it was done to; of what refuses, how often a port was closed.
    pub fired: u64,
    /// Connections that were open and were reset.
    pub resets: u64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    /// The first few of them: `us-east-1 dynamodb PutItem`, `us-east-1 GET /whoami`.
    pub samples: Vec<String>,
}

/// What passed through something of the harness's own on its way to the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passing {
    /// `users` or `services`.
    pub place: &'static str,
    pub region: Region,
    pub requests: u64,
    pub answered: u64,
    /// Those that the target did not answer, though nobody had broken it.
    pub unanswered: u64,
    /// Those for a host that is not known there.
    pub unknown_hosts: u64,
}

/// Names a breakage until it is healed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakageId(pub u64);

/// Breaks and heals.
pub trait Injector: Send + Sync {
    /// Whether this target can be broken so, or why not.
    fn can(&self, breakage: &Breakage) -> Result<(), String>;
    fn inject(&self, breakage: Breakage) -> BoxFuture<'_, Result<BreakageId, TargetError>>;
    /// Heals whatever is broken, at the end of a run that ended early.
    fn heal_all(&self) -> BoxFuture<'_, Result<(), TargetError>>;
    /// What a breakage in force did so far, where that is counted.
    fn met(&self, _: BreakageId) -> Vec<Met> {
        Vec::new()
    }
    /// Heals; healing twice is no error.
    fn heal(&self, id: BreakageId) -> BoxFuture<'_, Result<(), TargetError>>;
}

/// What a service said, for people: its code and message, or how the call failed on the way.
pub fn said<E>(error: &E) -> String
where
    E: aws_sdk_s3::error::ProvideErrorMetadata + std::error::Error + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => plain(&format!("{code}: {message}")),
        (Some(code), None) => plain(code),
        _ => causes(error),
    }
}

/// An error and all that caused it, on one line, each said once.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        // Many an error repeats what caused it.
        if !said.last().is_some_and(|last| last.contains(&text)) {
            said.push(text);
        }
        next = cause.source();
    }
    plain(&said.join(": "))
}

/// What a service said, as it may be shown and kept: of some length, and with nothing in it that a terminal obeys.
fn plain(text: &str) -> String {
    let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID).collect();
    if text.chars().nth(SAID).is_some() { format!("{shown}...") } else { shown }
}

/// How many characters of what a service said are kept.
const SAID: usize = 1_000;

/// What a target could not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TargetError(pub String);
