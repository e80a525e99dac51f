//! The embedded twin: an AWS of two or more Regions, and the world between them, in one process.
//!
//! ```text
//! SDK clients ─→ gateway (SigV4 scope → service, Region) ─→ services ─┐
//! users ─→ world::network (address → Regional edge) ─→ apigateway ─→ lambda ─→ functions (linked in)
//! templates ─→ formation ─→ the services' resource handlers
//! ```
//!
//! It is an AWS and does not know who is looking: nothing of the harness is imported here, only the ground
//! (`blackstart_ground`). No socket is opened, no thread started, no real clock
//! read; every draw comes from the seed, every map is ordered, so one seed gives one history.

pub(crate) use blackstart_ground::{clock, dns, region, rest, seed, store};

pub mod formation;
pub mod gateway;
mod ids;
pub mod services;
pub mod wire;
pub mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Clock;
use crate::region::Region;
use crate::seed::Seed;
use services::lambda::Code;

pub use ids::Ids;

/// What a twin is made of before it starts.
#[derive(Clone)]
pub struct Config {
    pub seed: Seed,
    pub clock: Clock,
    pub account: String,
    /// The Regions that exist; the first is the one global services live in.
    pub regions: Vec<Region>,
    /// The functions linked into this process, by the name of their crate.
    pub code: BTreeMap<String, Arc<dyn Code>>,
}

/// Everything there is. Services reach each other through it; background tasks hold it weakly.
pub struct Cloud {
    pub seed: Seed,
    pub clock: Clock,
    pub account: String,
    pub regions: Vec<Region>,
    pub ids: Ids,
    pub faults: world::faults::Faults,
    pub latency: world::latency::Latency,
    pub dns: world::dns::Dns,
    pub health: world::health::HealthCheckers,
    pub acm: services::acm::Acm,
    pub apigateway: services::apigateway::ApiGateway,
    pub cloudformation: formation::CloudFormation,
    pub cloudwatch: services::cloudwatch::CloudWatch,
    pub dynamodb: services::dynamodb::DynamoDb,
    pub iam: services::iam::Iam,
    pub kms: services::kms::Kms,
    pub lambda: services::lambda::Lambda,
    pub logs: services::logs::Logs,
    pub route53: services::route53::Route53,
    pub s3: services::s3::S3,
    pub secretsmanager: services::secretsmanager::SecretsManager,
    pub sns: services::sns::Sns,
    pub ssm: services::ssm::Ssm,
    pub sts: services::sts::Sts,
}

impl Cloud {
    /// Builds the cloud and starts what runs in its background; call it inside a tokio runtime.
    pub fn start(config: Config) -> Arc<Self> {
        let Config { seed, clock, account, regions, code } = config;
        let cloud = Arc::new(Self {
            ids: Ids::new(seed),
            faults: world::faults::Faults::default(),
            latency: world::latency::Latency::new(seed),
            dns: world::dns::Dns::new(seed),
            health: world::health::HealthCheckers::new(seed),
            acm: services::acm::Acm::default(),
            apigateway: services::apigateway::ApiGateway::default(),
            cloudformation: formation::CloudFormation::default(),
            cloudwatch: services::cloudwatch::CloudWatch::default(),
            dynamodb: services::dynamodb::DynamoDb::new(seed),
            iam: services::iam::Iam::default(),
            kms: services::kms::Kms::default(),
            lambda: services::lambda::Lambda::new(seed, code),
            logs: services::logs::Logs::default(),
            route53: services::route53::Route53::new(seed),
            s3: services::s3::S3::new(seed),
            secretsmanager: services::secretsmanager::SecretsManager::new(seed),
            sns: services::sns::Sns::default(),
            ssm: services::ssm::Ssm::default(),
            sts: services::sts::Sts,
            seed,
            clock,
            account,
            regions,
        });
        services::cloudwatch::start(&cloud);
        services::s3::start(&cloud);
        world::health::start(&cloud);
        cloud
    }

    /// The Region global services (Route 53, IAM) have their control plane and their metrics in: us-east-1, or the
    /// first Region of a twin that has none.
    pub fn home(&self) -> Region {
        let known = self.regions.iter().copied().find(|region| *region == Region::US_EAST_1);
        known.or(self.regions.first().copied()).unwrap_or(Region::US_EAST_1)
    }
}
