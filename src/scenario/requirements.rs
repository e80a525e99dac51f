//! What a plan needs of its target: for the run as a whole, for each fault, for each assertion. Known before anything
//! is deployed.

use std::collections::BTreeSet;

use super::assertion::{Check, Hop};
use super::canary::Shift;
use super::plan::{Fault, Operate, Plan, Poisoned, Scope};
use crate::capability::Capability::{self, *};
use crate::store::Store;

type Needs = BTreeSet<Capability>;

/// Of an adopted stack, what stands for a capability: one of these roles must be named.
const BY_ROLE: &[(Capability, &[&str])] = &[
    (Api, &["public-name", "api-host"]),
    (Records, &["hosted-zone"]),
    (Table, &["table"]),
    (TableReplication, &["table"]),
    (Bucket, &["bucket"]),
    (BucketReplication, &["bucket"]),
    (Secret, &["secret"]),
    (SecretReplication, &["secret"]),
    (Alarms, &["alarm"]),
    (Logs, &["guard-log"]),
    (FaultApplication, &["function"]),
];
/// What users' requests go through.
const USERS: &[Capability] = &[Function, Api];
/// What the shipped application's routes stand on, by how they begin. A stack of somebody's own has its own routes.
const ROUTES: &[(&str, &[Capability])] = &[("/orders", &[Table, TemplateTable]), ("/assets", &[Bucket])];
/// What only templates can lack: nothing of an adopted stack is deployed.
pub const BY_TEMPLATE: &[Capability] = &[Templates, TemplateTable, TemplateBucket, TemplateRecords, StageVariables];
/// What every stack stands on: its templates, and a bucket for what is uploaded.
const STACK: &[Capability] = &[Templates, Bucket];
/// What leads users to a Region.
const NAMES: &[Capability] = &[Records, TemplateRecords];
/// From the first failure to the function that moves the traffic, hop by hop.
const ALARM_PATH: &[Capability] = &[ApiMetrics, Metrics, Alarms, Topics, AlarmActions];

/// The capabilities that a plan stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// Without these nothing of the run is proven.
    pub run: Needs,
    /// By the fault's id.
    pub faults: Vec<(String, Needs)>,
    /// By the assertion's id, in the plan's order; those of the run and of the faults it speaks of included.
    pub assertions: Vec<(String, Needs)>,
}

impl Requirements {
    pub fn of(plan: &Plan) -> Self {
        let is_adopted = plan.target.settings.adopted.is_some();
        let run: Needs = STACK.iter().copied().filter(|_| !is_adopted).collect();
        let faults = plan.timeline.iter().map(|timed| (timed.id.clone(), of_fault(&timed.fault))).collect();
        let assertions = plan.assertions.iter();
        let assertions = assertions.map(|assertion| (assertion.id.clone(), of_assertion(plan, &assertion.check, &run)));
        Self { run: run.clone(), faults, assertions: assertions.collect() }
    }

    /// What an assertion needs and nothing of an adopted stack stands for, by the assertion's id: the roles that
    /// `blackstart.yaml` does not name.
    pub fn unnamed(&self, plan: &Plan) -> Vec<(String, Vec<&'static str>)> {
        let Some(adopted) = &plan.target.settings.adopted else { return Vec::new() };
        let named = |roles: &[&str]| roles.iter().any(|role| adopted.roles.contains_key(*role));
        let unnamed = |needs: &Needs| {
            let all = BY_ROLE.iter().filter(|(need, roles)| needs.contains(need) && !named(roles));
            let mut roles: Vec<&'static str> = all.filter_map(|(_, roles)| roles.first().copied()).collect();
            roles.dedup();
            roles
        };
        let each = self.assertions.iter().map(|(id, needs)| (id.clone(), unnamed(needs)));
        each.filter(|(_, roles)| !roles.is_empty()).collect()
    }

    /// By what its features are tagged with: the areas of what the assertions need, but for what every run does.
    pub fn areas(&self) -> BTreeSet<&'static str> {
        let needs = self.assertions.iter().flat_map(|(_, needs)| needs.difference(&self.run));
        needs.map(|need| need.area()).collect()
    }

    /// All of them: what has to be known before the run.
    pub fn all(&self) -> Vec<Capability> {
        let parts = self.faults.iter().chain(&self.assertions).flat_map(|(_, needs)| needs);
        let all: Needs = self.run.iter().chain(parts).copied().collect();
        all.into_iter().collect()
    }
}

/// What it takes to inject a fault.
pub fn of_fault(fault: &Fault) -> Needs {
    let needs: &[Capability] = match fault {
        Fault::RegionOutage { scope: Scope::Application, .. } => &[FaultApplication],
        Fault::RegionOutage { scope: Scope::Region, .. } => &[FaultRegion],
        Fault::ServiceOutage { .. } => &[FaultService],
        Fault::DnsOutage { .. } => &[FaultNameServers],
        Fault::Partition { .. } => &[FaultPartition],
        Fault::ReplicationPause { .. } | Fault::ReplicationSlow { .. } => &[FaultReplication],
        Fault::ClockSkew { .. } => &[FaultClockSkew],
        Fault::BrokenReplicator { .. } => &[FaultBrokenReplicator],
        Fault::Degraded(_) => &[FaultDegraded],
        Fault::Poison { what: Poisoned::Item { .. }, .. } => &[Table],
        Fault::Poison { what: Poisoned::Secret, .. } => &[Secret],
    };
    needs.iter().copied().collect()
}

fn of_assertion(plan: &Plan, check: &Check, run: &Needs) -> Needs {
    let mut needs = run.clone();
    needs.extend(of_check(plan, check));
    // As shipped, the API's integrations take their alias from the stage's variable.
    let by_variable = plan.target.parameters.get("ApiAlias").is_none_or(|alias| alias.contains("stageVariables"));
    if by_variable && needs.contains(&Api) {
        needs.insert(StageVariables);
    }
    if plan.target.settings.adopted.is_some() {
        needs.retain(|need| !BY_TEMPLATE.contains(need));
    } else if needs.contains(&Api) {
        needs.extend(routes(plan));
    }
    // What was true before anything was broken needs no fault.
    if !matches!(check, Check::SteadyStateBefore { .. }) {
        needs.extend(plan.timeline.iter().flat_map(|timed| of_fault(&timed.fault)));
    }
    needs
}

fn of_check(plan: &Plan, check: &Check) -> Needs {
    let groups: Vec<&[Capability]> = match check {
        Check::SteadyStateBefore { .. }
        | Check::SteadyStateAfter { .. }
        | Check::FaultObserved { .. }
        | Check::FailedRequestsAtMost { .. }
        | Check::FailedSecondsAtMost { .. } => vec![USERS],
        Check::HomeServed { .. } | Check::NotRecovered { .. } => vec![USERS, NAMES],
        Check::FailoverWithin { .. } | Check::ServedBy { .. } => vec![USERS, NAMES, guard(plan)],
        // The way back begins with the Region's own health check, whoever guards.
        Check::FailbackWithin { .. } | Check::HomeNotBefore { .. } => {
            vec![USERS, NAMES, &[HealthChecks], guard(plan)]
        }
        Check::HopWithin { hop, .. } => return hop_needs(plan, *hop),
        Check::NeverAllOff | Check::AnswersMovedAtMost { .. } => vec![NAMES, guard(plan)],
        Check::NoLostUpdates => vec![NAMES, &[Function, AlarmActions]],
        Check::GuardDecides { .. } => vec![NAMES, &[Function, Logs], ALARM_PATH],
        Check::SplitWithin { .. } => vec![NAMES, &[DnsAnswers]],
        Check::LostWritesAtMost { .. }
        | Check::RpoWithin { .. }
        | Check::StableWritesAtLeast { .. }
        | Check::ConvergedWithin { .. }
        | Check::DivergentItemsAtMost { .. }
        | Check::LastWriterWins
        | Check::StaleReadsWithin { .. }
        | Check::MonotonicReads => vec![store(Store::Table)],
        Check::ReplicationLagWithin { of, .. } => vec![store(*of)],
        Check::ObjectsReplicated { .. } | Check::CompletedObjectsReadable | Check::DivergentObjectsAtMost { .. } => {
            vec![store(Store::Bucket)]
        }
        Check::PublishedSecretsOnly | Check::SecretsAgreeWithin { .. } | Check::RejectedSecretAtMost { .. } => {
            vec![store(Store::Secret), rotation(plan)]
        }
        Check::CanaryDecides { .. }
        | Check::CanaryExposedAtMost { .. }
        | Check::CanaryFailuresAtMost { .. }
        | Check::RolledBackWithin { .. } => vec![USERS, shift(plan)],
    };
    groups.into_iter().flatten().copied().collect()
}

/// What stands behind the routes that users ask for.
fn routes(plan: &Plan) -> Needs {
    let asks = |prefix: &str| {
        let mut asked = plan.traffic.iter().flat_map(|population| population.requests.keys());
        asked.any(|operation| operation.route.starts_with(prefix))
    };
    ROUTES.iter().filter(|(prefix, _)| asks(prefix)).flat_map(|(_, needs)| *needs).copied().collect()
}

/// What a hop is seen by and comes from, with those before it on its way.
fn hop_needs(plan: &Plan, hop: Hop) -> Needs {
    let groups: Vec<&[Capability]> = match hop {
        Hop::FaultObserved => vec![USERS],
        Hop::First5xxDatapoint => vec![USERS, &[ApiMetrics]],
        Hop::AlarmInAlarm => vec![USERS, &[ApiMetrics, Metrics, Alarms]],
        Hop::FunctionInvoked => vec![USERS, ALARM_PATH, &[Logs]],
        Hop::ChangeAccepted => vec![USERS, ALARM_PATH, &[Logs], NAMES],
        Hop::Insync => vec![USERS, ALARM_PATH, &[Logs, ChangeInsync], NAMES],
        Hop::CheckersUnhealthy => vec![&[HealthChecks]],
        Hop::AnswersMoved | Hop::LastClientOff => vec![USERS, NAMES, guard(plan)],
    };
    groups.into_iter().flatten().copied().collect()
}

/// What moves the traffic: the stack's parameter `Guard`, which is `lambda` unless the plan says otherwise.
fn guard(plan: &Plan) -> &'static [Capability] {
    const BOTH: &[Capability] = &[ApiMetrics, Metrics, Alarms, Topics, AlarmActions, HealthChecks];
    match plan.target.parameters.get("Guard").map(String::as_str) {
        Some("health-check") => &[HealthChecks],
        Some("both") => BOTH,
        _ => ALARM_PATH,
    }
}

/// A store that replicates, as its template makes it.
fn store(of: Store) -> &'static [Capability] {
    match of {
        Store::Table => &[Table, TableReplication, TemplateTable],
        Store::Bucket => &[Bucket, BucketOfOneRegion, BucketReplication, TemplateBucket],
        Store::Secret => &[Keys, Secret, SecretReplication],
    }
}

/// What rotates a secret is a function.
fn rotation(plan: &Plan) -> &'static [Capability] {
    let rotates = plan.operations.iter().any(|timed| match timed.operation {
        Operate::RotateSecret => true,
    });
    if rotates { &[Function, SecretRotation] } else { &[] }
}

fn shift(plan: &Plan) -> &'static [Capability] {
    match plan.canary.as_ref().map(|canary| canary.by) {
        // A Region's canary is led to by its alias.
        Some(Shift::Route53) => &[Records, TemplateRecords, FunctionAlias],
        Some(Shift::Alias) => &[FunctionAlias],
        Some(Shift::Stage) | None => &[],
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::region::Region;
    use crate::scenario::{Mode, Percent, TimedFault};

    fn plan(checks: impl IntoIterator<Item = Check>) -> Plan {
        let mut plan = Plan::lose_region(Region::US_EAST_1);
        plan.assertions = checks.into_iter().map(Check::into_assertion).collect();
        plan
    }

    fn needs(plan: &Plan) -> Needs {
        Requirements::of(plan).assertions.remove(0).1
    }

    const WITHIN: Duration = Duration::from_secs(60);

    #[test]
    fn a_failover_needs_what_its_guard_goes_by() {
        let mut plan = plan([Check::FailoverWithin { behaviour: None, within: WITHIN }]);
        let lambda = needs(&plan);
        for needed in [Templates, Api, Records, ApiMetrics, Alarms, AlarmActions, Function, FaultApplication] {
            assert!(lambda.contains(&needed), "{needed}");
        }
        assert!(!lambda.contains(&HealthChecks));
        plan.target.parameters.insert("Guard".into(), "health-check".into());
        let checks = needs(&plan);
        assert!(checks.contains(&HealthChecks) && !checks.contains(&AlarmActions));
        plan.target.parameters.insert("Guard".into(), "both".into());
        assert!(needs(&plan).is_superset(&lambda) && needs(&plan).contains(&HealthChecks));
    }

    #[test]
    fn what_users_ask_for_needs_what_stands_behind_it() {
        let mut plan = plan([Check::SteadyStateAfter { at_least: Percent::ALL }]);
        assert!(needs(&plan).contains(&TemplateTable), "the shipped mix writes orders");
        for population in &mut plan.traffic {
            population.requests.retain(|operation, _| operation.route == "/whoami");
            assert!(!population.requests.is_empty());
        }
        assert!(!needs(&plan).contains(&Table));
    }

    #[test]
    fn nothing_of_an_adopted_stack_comes_from_a_template() {
        let mut plan = Plan::lose_region(Region::US_EAST_1);
        assert!(Requirements::of(&plan).all().iter().any(|need| BY_TEMPLATE.contains(need)));
        plan.target.settings.adopted = Some(crate::scenario::Adopted::default());
        let all = Requirements::of(&plan).all();
        assert!(!all.iter().any(|need| BY_TEMPLATE.contains(need)), "{all:?}");
        assert!(all.contains(&Alarms));
        let unnamed = |plan: &Plan| {
            let unnamed = Requirements::of(plan).unnamed(plan);
            unnamed.into_iter().map(|(id, roles)| format!("{id}: {}", roles.join(" "))).collect::<Vec<_>>()
        };
        plan.assertions.truncate(1);
        assert_eq!(unnamed(&plan), ["steady-state-before: public-name"]);
        if let Some(adopted) = &mut plan.target.settings.adopted {
            adopted.roles.insert("api-host".to_owned(), crate::scenario::Resource::Name("api".to_owned()));
        }
        assert_eq!(unnamed(&plan), [""; 0]);
    }

    #[test]
    fn features_are_tagged_by_what_not_every_run_needs() {
        let areas = |check| Requirements::of(&plan([check])).areas();
        let before = areas(Check::SteadyStateBefore { at_least: Percent::ALL });
        assert_eq!(before, BTreeSet::from(["apis", "functions", "tables"]));
        let diverged = areas(Check::DivergentObjectsAtMost { at_most: 0 });
        assert_eq!(diverged, BTreeSet::from(["buckets", "fault-application"]));
    }

    #[test]
    fn what_is_true_before_the_fault_does_not_need_it() {
        let at_least = Percent::ALL;
        let before = plan([Check::SteadyStateBefore { at_least }]);
        assert!(!needs(&before).contains(&FaultApplication));
        assert!(needs(&plan([Check::SteadyStateAfter { at_least }])).contains(&FaultApplication));
    }

    #[test]
    fn a_lag_needs_its_own_store_and_the_faults_of_the_plan() {
        let lag = |of| Check::ReplicationLagWithin {
            of,
            percentile: crate::scenario::Percentile::P99,
            from: None,
            to: None,
            within: WITHIN,
        };
        let mut plan = plan([lag(Store::Table), lag(Store::Bucket), lag(Store::Secret)]);
        let fault = Fault::RegionOutage { region: Region::US_EAST_1, scope: Scope::Region, mode: Mode::Refuse };
        plan.timeline = vec![TimedFault { id: "lost".into(), at: WITHIN, lasts: WITHIN, fault }];
        let all = Requirements::of(&plan);
        assert_eq!(all.faults, [("lost".to_owned(), Needs::from([FaultRegion]))]);
        let of_store = [TableReplication, BucketReplication, SecretReplication];
        for (index, (id, needs)) in all.assertions.iter().enumerate() {
            let stores: Vec<_> = of_store.iter().filter(|store| needs.contains(store)).collect();
            assert_eq!(stores, [&of_store[index]], "{id}");
            assert!(needs.contains(&FaultRegion), "{id}");
        }
        assert!(all.all().contains(&TemplateTable) && all.all().contains(&Templates));
    }
}
