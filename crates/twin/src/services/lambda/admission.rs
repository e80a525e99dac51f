//! Whether an invocation may run: the function exists, the caller is allowed, there is concurrency left.

use std::sync::Arc;

use super::Lambda;
use super::environment::{Idle, Warm};
use super::function::{Function, Version, not_found};
use super::metrics::Invoked;
use super::policy::Attempt;
use super::target::Target;
use crate::Cloud;
use crate::gateway::Principal;
use crate::region::Region;
use crate::wire::AwsError;

/// Concurrent executions of an account in a Region, the default quota ("Lambda quotas", developer guide).
pub const ACCOUNT_CONCURRENCY: u32 = 1_000;
/// What reservations must leave to the functions without one (same page).
pub const UNRESERVED_MIN: u32 = 100;

/// An invocation that holds its share of the concurrency until it is dropped.
pub struct Admitted {
    pub cloud: Arc<Cloud>,
    pub region: Region,
    pub name: Arc<str>,
    pub version: Arc<Version>,
    /// The version or alias that was asked for, and whether that is an alias with weights.
    pub qualifier: Option<String>,
    pub weighted: bool,
    /// The environment it runs in; none where one has to be made.
    pub warm: Option<Warm>,
    /// How many invocations of the function run, this one included.
    pub concurrency: u32,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut state = self.cloud.lambda.state();
        let Some(functions) = state.regions.get_mut(&self.region) else { return };
        functions.running = functions.running.saturating_sub(1);
        if let Some(function) = functions.by_name.get_mut(&*self.name) {
            function.running = function.running.saturating_sub(1);
        }
    }
}

impl Admitted {
    /// What its metrics are counted under.
    pub fn invoked(&self) -> Invoked<'_> {
        let executed = self.weighted.then_some(self.version.number);
        Invoked { function: &self.name, qualifier: self.qualifier.as_deref(), executed }
    }

    /// Puts an environment back for the next invocation, unless its version is gone or has changed meanwhile.
    pub fn give_back(&self, warm: Warm) {
        let until = self.cloud.clock.now() + warm.patience;
        let mut state = self.cloud.lambda.state();
        let functions = state.regions.get_mut(&self.region);
        let Some(function) = functions.and_then(|functions| functions.by_name.get_mut(&*self.name)) else { return };
        let number = self.version.number;
        if function.numbered(number).is_some_and(|now| Arc::ptr_eq(now, &self.version)) {
            function.idle.entry(number).or_default().push(Idle { warm, until });
        }
    }
}

impl Lambda {
    /// Admits an invocation, or says why not.
    pub(super) fn admit(
        &self,
        cloud: &Arc<Cloud>,
        region: Region,
        target: Target<'_>,
        by: &Principal,
        source: Option<&str>,
    ) -> Result<Admitted, AwsError> {
        let mut state = self.state();
        let super::State { regions, rng, .. } = &mut *state;
        let functions = regions.entry(region).or_default();
        // What is not reserved is shared by the functions without a reservation.
        let (mut reserved, mut reserved_running) = (0, 0);
        for function in functions.by_name.values() {
            if let Some(share) = function.reserved {
                reserved += share;
                reserved_running += function.running;
            }
        }
        let shared_left = (ACCOUNT_CONCURRENCY - reserved.min(ACCOUNT_CONCURRENCY))
            .saturating_sub(functions.running.saturating_sub(reserved_running));
        let Some(function) = functions.by_name.get_mut(target.name) else {
            return Err(unknown(cloud, region, target));
        };
        authorize(cloud, function, target, by, source)?;
        let version = function.version(target.qualifier, || rand::RngExt::random(rng))?.clone();
        let alias = target.qualifier.and_then(|qualifier| function.aliases.get(qualifier));
        let weighted = alias.is_some_and(|alias| alias.canary.is_some());
        let qualifier = target.qualifier.map(str::to_owned);
        let refused = match function.reserved {
            Some(share) => (function.running >= share).then_some("ReservedFunctionConcurrentInvocationLimitExceeded"),
            None => (shared_left == 0).then_some("ConcurrentInvocationLimitExceeded"),
        };
        if let Some(reason) = refused {
            let name = function.name.clone();
            drop(state);
            let invoked = Invoked { function: &name, qualifier: target.qualifier, executed: None };
            super::metrics::throttled(cloud, region, invoked);
            return Err(throttled(reason));
        }
        function.running += 1;
        functions.running += 1;
        let now = cloud.clock.now();
        let warm = function.idle.get_mut(&version.number).and_then(|idle| {
            // Environments are put back in the order they end, so the ones that waited longest lie at the bottom.
            let expired = idle.iter().take_while(|idle| idle.until <= now).count();
            idle.drain(..expired);
            idle.pop_if(|top| top.until > now).map(|idle| idle.warm)
        });
        let (name, concurrency) = (function.name.clone(), function.running);
        drop(state);
        Ok(Admitted { cloud: cloud.clone(), region, name, version, qualifier, weighted, warm, concurrency })
    }

    /// Whether a service that acts for `source` may invoke the function: what services ask before they rely on it.
    pub fn permits(
        &self,
        cloud: &Cloud,
        region: Region,
        function: &str,
        by: &Principal,
        source: Option<&str>,
    ) -> Result<(), AwsError> {
        let target = Target::parse(function);
        self.check(cloud, target.region.unwrap_or(region), target, by, source)
    }

    /// Whether an asynchronous invocation may be queued.
    pub(super) fn check(
        &self,
        cloud: &Cloud,
        region: Region,
        target: Target<'_>,
        by: &Principal,
        source: Option<&str>,
    ) -> Result<(), AwsError> {
        let state = self.state();
        let found = state.regions.get(&region).and_then(|functions| functions.by_name.get(target.name));
        let function = found.ok_or_else(|| unknown(cloud, region, target))?;
        authorize(cloud, function, target, by, source)?;
        function.version(target.qualifier, || 1.0).map(|_| ())
    }
}

fn authorize(
    cloud: &Cloud,
    function: &Function,
    target: Target<'_>,
    by: &Principal,
    source: Option<&str>,
) -> Result<(), AwsError> {
    if *by == Principal::Account {
        return Ok(());
    }
    let attempt = Attempt { by, qualifier: target.qualifier, source, account: &cloud.account };
    if function.policy.iter().any(|statement| statement.allows(attempt)) {
        return Ok(());
    }
    let arn = match target.qualifier {
        Some(qualifier) => format!("{}:{qualifier}", function.arn),
        None => function.arn.to_string(),
    };
    match by {
        Principal::Role(_) if cloud.iam.allows(by, "lambda:InvokeFunction", &arn) => Ok(()),
        Principal::Role(role) => Err(AwsError::access_denied(role, "lambda:InvokeFunction", &arn)),
        _ => Err(AwsError::new(
            403,
            "AccessDeniedException",
            format!(
                "User: {by} is not authorized to perform: lambda:InvokeFunction on resource: {arn} because no \
                 resource-based policy allows the lambda:InvokeFunction action; add an AWS::Lambda::Permission for it"
            ),
        )),
    }
}

fn unknown(cloud: &Cloud, region: Region, target: Target<'_>) -> AwsError {
    not_found(&format!("arn:aws:lambda:{region}:{}:function:{}", cloud.account, target.name))
}

fn throttled(reason: &str) -> AwsError {
    AwsError::new(429, "TooManyRequestsException", "Rate Exceeded.").with("Reason", reason.into())
}
