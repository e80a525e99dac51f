//! Losing an application by reserved concurrency 0, on the twin's Lambda: what a run on real accounts does, end to end.
//! The undo is on disk before the fault; a run that was killed is put back from it; what somebody else changed stays.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use blackstart::clock::Clock;
use blackstart::deploy::{self, Deployment, StackDirectory};
use blackstart::fault::{self, Guard, Place as Where};
use blackstart::history::{self, Event, Journal, Recorder, UndoLog};
use blackstart::judge::{Judgement, Verdict, judge};
use blackstart::region::{Place, Region};
use blackstart::run::{Extent, restore, run_on};
use blackstart::scenario::{Fault, Mode, Plan, Rate, Scope, TimedFault};
use blackstart::seed::Seed;
use blackstart::shift::{Alias, Versions, Weights};
use blackstart::target::embedded::{Embedded, in_virtual_time};
use blackstart::target::{Breakage, BreakageId, Clients, Injector, Internet, Packaging, Roles, Target, TargetError};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::json;

const US: Region = Region::US_EAST_1;
const EU: Region = Region::EU_WEST_1;
const NOT_THERE: &str = "not there: deleted since, or not on this target";

/// The twin as an account is: nothing of it can be broken but by its own API.
struct Account(Embedded);

struct Nothing;

impl Injector for Nothing {
    fn can(&self, _: &Breakage) -> Result<(), String> {
        Err("no switch".to_owned())
    }

    fn inject(&self, _: Breakage) -> BoxFuture<'_, Result<BreakageId, TargetError>> {
        Box::pin(async { Err(TargetError("no switch".to_owned())) })
    }

    fn heal_all(&self) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async { Ok(()) })
    }

    fn heal(&self, _: BreakageId) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Target for Account {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }

    fn regions(&self) -> &[Region] {
        self.0.regions()
    }

    fn clients(&self, region: Region) -> Option<&Clients> {
        self.0.clients(region)
    }

    fn packaging(&self) -> Packaging {
        self.0.packaging()
    }

    fn version(&self) -> BoxFuture<'_, String> {
        self.0.version()
    }

    fn internet(&self, roles: Roles<'_>) -> Arc<dyn Internet> {
        self.0.internet(roles)
    }

    fn injector(&self) -> Arc<dyn Injector> {
        Arc::new(Nothing)
    }

    fn throttles_functions(&self) -> bool {
        true
    }
}

struct World {
    target: Account,
    deployment: Deployment,
    folder: tempfile::TempDir,
    recorder: Recorder,
}

impl World {
    async fn up() -> Self {
        let target = Account(Embedded::start(Seed(7), &[US, EU]));
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("stack");
        let mut directory = StackDirectory::read(&root).unwrap();
        deploy::override_parameters(&mut directory, [("Routing", "weighted")]).unwrap();
        let mut deployment = Deployment::default();
        deploy::up(&target, &directory, &deploy::Options::default(), &mut deployment, |_| {}).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::create(&folder.path().join("history.jsonl")).unwrap();
        let recorder = Recorder::new(target.clock(), journal, 1);
        Self { target, deployment, folder, recorder }
    }

    fn undo(&self) -> std::path::PathBuf {
        self.folder.path().join("undo.jsonl")
    }

    fn role(&self, role: &str, region: Region) -> &str {
        self.deployment.role(role, region).unwrap()
    }

    fn lambda(&self) -> &aws_sdk_lambda::Client {
        &self.target.clients(US).unwrap().lambda
    }

    async fn reserved(&self) -> Option<i32> {
        let call = self.lambda().get_function_concurrency().function_name(self.role("function", US));
        call.send().await.unwrap().reserved_concurrent_executions()
    }

    async fn reserve(&self, reserved: i32) {
        let call = self.lambda().put_function_concurrency().function_name(self.role("function", US));
        call.reserved_concurrent_executions(reserved).send().await.unwrap();
    }

    /// The status a user of a Region gets.
    async fn status(&self, region: Region) -> u16 {
        let place = Place::parse("europe").unwrap();
        let internet = self.target.internet(&|_, _| None);
        let address = internet.resolver(place).resolve(self.role("endpoint", region)).await.addresses[0];
        let host = self.role("public-name", region);
        let line = internet.connect(place, address, host).await.unwrap();
        let request = http::Request::get(format!("https://{host}/whoami")).header("host", host);
        line.send(request.body(Bytes::new()).unwrap()).await.unwrap().status().as_u16()
    }

    async fn inject(&self, recorder: &Recorder, mode: Mode) -> Result<Guard, TargetError> {
        let role = |role: &str, region| self.deployment.role(role, region).map(str::to_owned);
        let place = Where { target: &self.target, role: &role, recorder };
        fault::inject(&place, &Fault::RegionOutage { region: US, scope: Scope::Application, mode }).await
    }

    async fn heal(&self, guard: Guard) -> Result<(), TargetError> {
        let role = |role: &str, region| self.deployment.role(role, region).map(str::to_owned);
        guard.heal(&Where { target: &self.target, role: &role, recorder: &self.recorder }).await
    }

    /// As the next process does it: from what is on disk.
    async fn restore(&self) -> Vec<Option<String>> {
        let log = UndoLog::resume(&self.undo()).unwrap();
        let done = restore(&self.target, &log, Extent::All).await;
        done.into_iter().map(|put| put.failed).collect()
    }

    fn left(&self) -> usize {
        UndoLog::resume(&self.undo()).unwrap().left_over().len()
    }
}

/// A whole game day on what can be broken by its own API alone: its capabilities are probed first, the Region is lost and
/// given back by reserved concurrency, and nothing stays behind.
#[test]
fn a_whole_day_on_an_account() {
    let day = in_virtual_time(|| async {
        let account = Account(Embedded::start(Seed(7), &[US, EU]));
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("runs/day");
        std::fs::create_dir_all(&run).unwrap();
        let mut plan = Plan::lose_region(US);
        plan.target.stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("stack");
        plan.steady_state.duration = Duration::from_secs(120);
        for population in &mut plan.traffic {
            population.rate = Rate::per_second(4.0).unwrap();
        }
        // What an account has no switch for is left open, and everything else is judged.
        let fault = Fault::Partition { between: (US, EU) };
        let minute = Duration::from_secs(60);
        let partition = TimedFault { id: "parted".to_owned(), at: Duration::ZERO, lasts: minute, fault };

        let verdict = carried_out(&plan, &account, &run).await;
        let lost: Vec<String> = verdict.assertions.iter().map(told).filter(|line| !line.starts_with("pass")).collect();
        assert_eq!(lost, [""; 0]);
        assert!(verdict.assertions.len() > 5);
        let kept = UndoLog::resume(&run.join("undo.jsonl")).unwrap();
        assert!(kept.path().unwrap().is_file() && kept.left_over().is_empty());
        assert!(folder.path().join("runs/capabilities").read_dir().unwrap().next().is_some());
        nothing_stands(&account).await;

        plan.timeline.push(partition);
        let again = folder.path().join("runs/again");
        std::fs::create_dir_all(&again).unwrap();
        let verdict = carried_out(&plan, &account, &again).await;
        let open: Vec<String> = verdict.assertions.iter().map(told).filter(|line| !line.starts_with("pass")).collect();
        assert!(!open.is_empty());
        for line in &open {
            assert!(line.starts_with("inconclusive") && line.contains("fault-partition"), "{line}");
        }
        nothing_stands(&account).await;
    });
    day.unwrap().blocking_recv().unwrap();
}

async fn carried_out(plan: &Plan, account: &Account, run: &Path) -> Verdict {
    let file = run.join("history.jsonl");
    let journal = Journal::create(&file).unwrap();
    run_on(plan, account, journal.clone()).await.unwrap();
    journal.finish().unwrap();
    let mut records = Vec::new();
    history::read(&file, |record| records.push(record)).unwrap();
    let throttled =
        records.iter().any(|record| matches!(&record.event, Event::Fault { kind, .. } if kind == "region-outage"));
    let found = records.iter().filter(|record| matches!(record.event, Event::Capability { .. })).count();
    assert!(throttled && found > 10, "{throttled} {found}");
    judge(plan, &records)
}

fn told(judgement: &Judgement) -> String {
    format!("{} {}: {}", judgement.verdict, judgement.id, judgement.evidence)
}

async fn nothing_stands(account: &Account) {
    for region in [US, EU] {
        let stacks = account.clients(region).unwrap().cloudformation.describe_stacks().send().await.unwrap();
        let names: Vec<_> = stacks.stacks().iter().filter_map(|stack| stack.stack_name()).collect();
        assert_eq!(names, [""; 0], "{region}");
    }
}

fn in_world(story: impl AsyncFnOnce(World) + Send + 'static) {
    let ended = in_virtual_time(|| async {
        let world = World::up().await;
        story(world).await;
    });
    ended.unwrap().blocking_recv().unwrap();
}

#[test]
fn a_throttled_application_answers_5xx_until_it_is_healed() {
    in_world(async |world| {
        for before in [None, Some(5)] {
            if let Some(before) = before {
                world.reserve(before).await;
            }
            assert_eq!((world.status(US).await, world.reserved().await), (200, before));
            let guard = world.inject(&world.recorder, Mode::Status5xx).await.unwrap();
            assert_eq!((world.status(US).await, world.status(EU).await), (500, 200));
            assert_eq!((world.reserved().await, world.left()), (Some(0), 1));
            world.heal(guard).await.unwrap();
            assert_eq!((world.status(US).await, world.reserved().await, world.left()), (200, before, 0));
        }
        // A function without concurrency hangs nobody, and says so before anything is done.
        let refused = world.inject(&world.recorder, Mode::Hang).await.err().unwrap();
        assert_eq!((refused.0.as_str(), world.left()), ("no switch", 0));
    });
}

#[test]
fn nothing_is_throttled_that_cannot_be_undone() {
    in_world(async |world| {
        let full = Recorder::new(world.target.clock(), unwritable(), 1);
        let refused = world.inject(&full, Mode::Status5xx).await.err().unwrap();
        assert!(refused.0.contains("nothing was throttled"), "{refused}");
        assert_eq!((world.status(US).await, world.reserved().await), (200, None));
    });
}

/// A journal whose folder was removed behind it.
fn unwritable() -> Journal {
    let folder = tempfile::tempdir().unwrap();
    Journal::create(&folder.path().join("history.jsonl")).unwrap()
}

#[test]
fn a_run_that_was_killed_is_put_back_from_its_log() {
    in_world(async |world| {
        world.reserve(5).await;
        drop(world.inject(&world.recorder, Mode::Status5xx).await.unwrap());
        assert_eq!((world.status(US).await, world.left()), (500, 1));
        assert_eq!(world.restore().await, [None]);
        assert_eq!((world.status(US).await, world.reserved().await, world.left()), (200, Some(5), 0));
        assert_eq!(world.restore().await, [], "once is enough");

        drop(world.inject(&world.recorder, Mode::Status5xx).await.unwrap());
        world.reserve(7).await;
        let failed = world.restore().await.remove(0).unwrap();
        assert!(
            failed.contains("somebody else set") && failed.contains("to 7") && failed.contains("was 5"),
            "{failed}"
        );
        assert_eq!((world.reserved().await, world.left()), (Some(7), 1), "and it is still said next time");

        deploy_gone(&world).await;
        let failed = world.restore().await.remove(0).unwrap();
        assert_eq!((failed.as_str(), world.left()), (NOT_THERE, 1), "nobody can say that it is what it was");
        let log = UndoLog::resume(&world.undo()).unwrap();
        let torn_down = restore(&world.target, &log, Extent::AllButStacks).await;
        assert_eq!((torn_down[0].failed.as_ref(), world.left()), (None, 0), "a run takes its own away, and the change");
    });
}

/// A log read on another target, where none of what it names is: nothing is put back, and nothing of the log is settled.
#[test]
fn what_is_not_there_is_said_and_stays_in_the_log() {
    in_world(async |world| {
        let log = world.recorder.undo();
        let alias = json!({"kind": "alias", "region": US, "function": "nobody", "alias": "live", "version": "1",
            "other": null});
        log.before("alias", alias).unwrap();
        let records = json!([{"set_identifier": "us-east-1", "weight": 100}]);
        let weights =
            json!({"kind": "weights", "region": US, "zone": "Z0NOBODY", "name": "a.example", "records": records});
        log.before("weights", weights).unwrap();
        let parameters = |stacks: &[&str]| json!({"kind": "parameters", "region": US, "stacks": stacks, "parameters": {"ConfigFallback": "false"}});
        log.before("parameters", parameters(&["nobodys"])).unwrap();
        let region = world.deployment.stack_name("region");
        log.before("parameters", parameters(&["nobodys", &region])).unwrap();

        let said = world.restore().await;
        let missing = Some(NOT_THERE.to_owned());
        assert_eq!(said, [Some(format!("nobodys: {NOT_THERE}")), missing.clone(), missing.clone(), missing]);
        assert_eq!(world.left(), 4);
        let put = UndoLog::look(&world.undo()).unwrap();
        assert_eq!(put.iter().map(|left| left.undo).collect::<Vec<_>>(), [4, 3, 2, 1]);
    });
}

async fn deploy_gone(world: &World) {
    let function = world.role("function", US);
    world.lambda().delete_function().function_name(function).send().await.unwrap();
}

#[test]
fn weights_aliases_and_parameters_are_put_back_and_other_peoples_stay() {
    in_world(async |world| {
        let log = world.recorder.undo();
        let weights = Weights::new(
            &world.target.clients(US).unwrap().route53,
            world.role("hosted-zone", US),
            world.role("public-name", US),
        );
        let alias = Alias::of_arn(world.lambda(), US, world.role("alias", US)).unwrap();
        let (sets, versions) = (weights.read().await.unwrap(), alias.read().await.unwrap());
        let before = sets.weights();

        // As a canary does it, and then it is killed.
        let undo = log.before("weights", weights.described(US, &sets)).unwrap();
        let mut wanted = before.clone();
        wanted.insert(US.as_str().to_owned(), 17);
        log.sets(undo, json!(wanted)).unwrap();
        weights.set(&sets, &wanted, "test").await.unwrap();
        // Without a change of the function, publishing gives the version there is.
        let changed = aws_sdk_lambda::types::Environment::builder().variables("VERSION", "2").build();
        let update = world.lambda().update_function_configuration().function_name(world.role("function", US));
        update.environment(changed).send().await.unwrap();
        let second = alias.publish().await.unwrap();
        assert_ne!(second, versions.version);
        let undo = log.before("alias", alias.described(&versions)).unwrap();
        log.sets(undo, json!(Versions::to(&versions.version, Some((&second, 0.25))))).unwrap();
        alias.set(&versions, &versions.version, Some((&second, 0.25))).await.unwrap();
        let stack = world.deployment.stack_name("region");
        let parameters =
            json!({"kind": "parameters", "region": US, "stacks": [stack], "parameters": {"ConfigFallback": "false"}});
        log.before("parameters", parameters).unwrap();

        assert_eq!(world.restore().await, [None, None, None]);
        assert_eq!(weights.read().await.unwrap().weights(), before);
        assert!(alias.read().await.unwrap().leads_like(&versions));
        let described = world.target.clients(US).unwrap().cloudformation.describe_stacks().stack_name(&stack);
        let described = described.send().await.unwrap();
        let fallback = described.stacks()[0].parameters().iter().find(|p| p.parameter_key() == Some("ConfigFallback"));
        assert_eq!(fallback.unwrap().parameter_value(), Some("false"));

        // The same again, and then somebody else takes both.
        let (sets, now) = (weights.read().await.unwrap(), alias.read().await.unwrap());
        let undo = log.before("weights", weights.described(US, &sets)).unwrap();
        log.sets(undo, json!(wanted)).unwrap();
        let mut others = before.clone();
        others.insert(US.as_str().to_owned(), 99);
        weights.set(&sets, &others, "somebody else").await.unwrap();
        let undo = log.before("alias", alias.described(&now)).unwrap();
        log.sets(undo, json!(Versions::to(&now.version, Some((&second, 0.25))))).unwrap();
        alias.set(&now, &second, None).await.unwrap();
        let failed = world.restore().await;
        assert!(
            failed.iter().all(|failed| failed.as_ref().is_some_and(|failed| failed.contains("somebody else"))),
            "{failed:?}"
        );
        assert_eq!(weights.read().await.unwrap().weights(), others);
        assert_eq!((alias.read().await.unwrap().version, world.left()), (second, 2));
    });
}
