//! Real accounts. `access.rs` builds what reaches them, `guard.rs` lets nothing through that `blackstart.yaml` does not
//! allow, `asking.rs` puts a question to a name server, `names.rs` finds the one to ask, `internet.rs` is how users get
//! there.
//!
//! Everything is deployed by the same calls as anywhere else. What can be broken is what one call undoes: see [`can`].

mod access;
mod asking;
pub mod guard;
mod internet;
mod names;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use aws_config::BehaviorVersion;
use futures_util::future::BoxFuture;
use tokio_rustls::rustls::ClientConfig;

use super::{Breakage, BreakageId, Clients, Injector, Internet, Mode, Packaging, Roles, Target, TargetError, tls};
use crate::clock::Clock;
use crate::region::Region;
use crate::scenario::Settings;
use access::Http;
pub use guard::{Account, Checked, Refusal, Unchecked};
use internet::AwsInternet;
use names::Names;

/// Accounts and Regions that the guard let through.
pub struct Aws {
    clock: Clock,
    accounts: Vec<Account>,
    clients: Vec<(Region, Clients)>,
    regions: Vec<Region>,
    settings: Settings,
    resolvers: Vec<SocketAddr>,
    tls: Arc<ClientConfig>,
}

impl Aws {
    /// Finds out whose credentials there are, and refuses those that are not allowed. Call it inside a runtime with IO.
    pub async fn start(settings: &Settings, regions: &[Region]) -> Result<Self, TargetError> {
        let clock = Clock::system();
        let checked = check(settings, regions, clock).await?;
        let resolvers = names::resolvers(&settings.aws.resolvers)?;
        let tls = tls::trusting(settings.ca_bundle.as_deref())?;
        Ok(Self::of(&checked, settings, clock, resolvers, Arc::new(tls)))
    }

    /// What the guard let through, as a target.
    fn of(
        checked: &Checked,
        settings: &Settings,
        clock: Clock,
        resolvers: Vec<SocketAddr>,
        tls: Arc<ClientConfig>,
    ) -> Self {
        let clients = checked.clients();
        Self {
            clock,
            accounts: checked.accounts().to_vec(),
            regions: clients.iter().map(|(region, _)| *region).collect(),
            clients,
            settings: settings.clone(),
            resolvers,
            tls,
        }
    }

    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }
}

/// Whose credentials there are in each Region, where they are allowed: STS is asked, and nobody else.
pub async fn accounts(settings: &Settings, regions: &[Region]) -> Result<Vec<Account>, TargetError> {
    Ok(check(settings, regions, Clock::system()).await?.accounts().to_vec())
}

async fn check(settings: &Settings, regions: &[Region], clock: Clock) -> Result<Checked, TargetError> {
    let variables: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    access::endpoints_are_awss(variables.iter().map(String::as_str))?;
    let (http, load) = (Http::tls(settings)?, || aws_config::defaults(BehaviorVersion::latest()));
    let unchecked = access::unchecked(settings, regions, clock, &http, load).await;
    Ok(unchecked.check(&settings.aws.allow).await?)
}

impl Target for Aws {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn clock(&self) -> Clock {
        self.clock
    }

    fn regions(&self) -> &[Region] {
        &self.regions
    }

    fn clients(&self, region: Region) -> Option<&Clients> {
        self.clients.iter().find(|(known, _)| *known == region).map(|(_, clients)| clients)
    }

    fn packaging(&self) -> Packaging {
        Packaging::Bootstrap { folder: self.settings.functions() }
    }

    fn version(&self) -> BoxFuture<'_, String> {
        // AWS has none; what was found out about one account's settings and quotas says nothing of another's.
        let mut ids: Vec<&str> = self.accounts.iter().map(|account| account.id.as_str()).collect();
        ids.dedup();
        let version = format!("accounts {}", ids.join(" "));
        Box::pin(async move { version })
    }

    fn internet(&self, roles: Roles<'_>) -> Arc<dyn Internet> {
        let primary = self.primary();
        let route53 = self.clients(primary).map(|clients| clients.route53.clone());
        let zone = route53.zip(roles("hosted-zone", primary));
        let names = Names::new(self.resolvers.clone(), zone, self.clock);
        Arc::new(AwsInternet::new(names, internet::by_name(&self.regions, roles), Some(self.tls.clone())))
    }

    fn injector(&self) -> Arc<dyn Injector> {
        Arc::new(Nothing)
    }

    fn throttles_functions(&self) -> bool {
        true
    }
}

/// Why a real account cannot be broken so, by anything of this target's own.
pub fn can(breakage: &Breakage) -> Result<(), String> {
    let why = match breakage {
        Breakage::Application { mode: Mode::Errors, .. } => {
            "AWS has no switch for it; reserved concurrency 0 of its functions does it"
        }
        Breakage::Application { .. } => {
            "on AWS an application can be made to answer 5xx (mode: 5xx, by reserved concurrency 0); nothing that one \
             call undoes makes it hang or refuse"
        }
        Breakage::Region { .. } => {
            "nobody can take away a whole Region of AWS; scope: application takes its application"
        }
        Breakage::Service { .. } => {
            "AWS's own APIs cannot be broken from outside; actions of FIS, which the harness does not start, cover EC2 and \
             Kinesis alone"
        }
        Breakage::NameServers { .. } => "nobody can take away Route 53's name servers",
        Breakage::Partition { .. } => {
            "nothing partitions Regions for API Gateway and Lambda outside a VPC; FIS's network actions are for VPCs, and \
             the harness does not start them"
        }
        Breakage::Replication { .. } => {
            "pausing replication needs an experiment of FIS, which the harness does not start yet"
        }
        Breakage::Replicator(_) => "only the twin's replicators can be told to break their promises",
        Breakage::ClockSkew { .. } => "AWS's clocks are its own",
        Breakage::Degraded { .. } => {
            "bad and late answers need FIS's extension on the functions, which the harness does not put there yet"
        }
    };
    Err(why.to_owned())
}

/// What AWS lets nobody break, or not by one call that another one undoes.
struct Nothing;

impl Injector for Nothing {
    fn can(&self, breakage: &Breakage) -> Result<(), String> {
        can(breakage)
    }

    fn inject(&self, breakage: Breakage) -> BoxFuture<'_, Result<BreakageId, TargetError>> {
        Box::pin(async move {
            let why = can(&breakage).err().unwrap_or_default();
            Err(TargetError(format!("this fault cannot be injected on aws: {why}")))
        })
    }

    fn heal_all(&self) -> BoxFuture<'_, Result<(), TargetError>> {
        // What was changed is in the undo log.
        Box::pin(async { Ok(()) })
    }

    fn heal(&self, _: BreakageId) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async { Ok(()) })
    }
}
