//! Up in part, found again, and down whatever state it is in: the shipped stack on the twin, with something wrong.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_cloudformation::types::{ChangeSetType, StackStatus};
use aws_sdk_dynamodb::types::{CreateReplicationGroupMemberAction, ReplicationGroupUpdate};
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, HealthCheckConfig, HealthCheckType, ResourceRecord, ResourceRecordSet, RrType,
};
use blackstart::deploy::{
    self, DeployError, Deployment, LeftBehind, OnFailure, Options, Orphan, OrphanKind, Progress, StackDirectory,
};
use blackstart::region::Region;
use blackstart::seed::Seed;
use blackstart::target::embedded::{Embedded, in_virtual_time};
use blackstart::target::{Breakage, Clients, Mode, Target};
use serde_json::json;

const US: Region = Region::US_EAST_1;
const EU: Region = Region::EU_WEST_1;
const LEAVING_OUT: Options = Options {
    on_failure: OnFailure::LeaveOut { within: Duration::from_secs(900) },
    without: Vec::new(),
    sole: false,
    run: Some(7),
};
const STOPPING: Options = Options { on_failure: OnFailure::Stop, without: Vec::new(), sole: false, run: Some(7) };
/// What the stack's own schedule cannot find, so that it fails when the stack is already half made.
const FAILS_HALF_WAY: (&str, &str, &str) = ("rotation.yaml", "SecretId: !Ref SecretArn", "SecretId: no-such-secret");

struct World {
    target: Embedded,
    directory: StackDirectory,
    deployment: Deployment,
    /// What was reported on the way up.
    said: Vec<Progress>,
    _folder: tempfile::TempDir,
}

/// Runs `main` on a twin of its own and a copy of the shipped stack with these replacements.
fn with_stack<F>(changes: &'static [(&str, &str, &str)], main: impl FnOnce(World) -> F + Send + 'static)
where
    F: Future<Output = ()>,
{
    with_stack_in(&[US, EU], changes, main);
}

fn with_stack_in<F>(
    regions: &'static [Region],
    changes: &'static [(&str, &str, &str)],
    main: impl FnOnce(World) -> F + Send + 'static,
) where
    F: Future<Output = ()>,
{
    let ended = in_virtual_time(move || async move {
        let folder = tempfile::tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("stack"), folder.path());
        changes.iter().for_each(|(file, find, replace)| edit(&folder.path().join(file), find, replace));
        let directory = StackDirectory::read(folder.path()).unwrap();
        let target = Embedded::start(Seed(7), regions);
        main(World { target, directory, deployment: Deployment::default(), said: Vec::new(), _folder: folder }).await;
    });
    ended.unwrap().blocking_recv().unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name): (PathBuf, _) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

fn edit(path: &Path, find: &str, replace: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(find), "{} does not hold {find:?}", path.display());
    std::fs::write(path, text.replace(find, replace)).unwrap();
}

impl World {
    fn clients(&self, region: Region) -> &Clients {
        self.target.clients(region).unwrap()
    }

    async fn up(&mut self, options: &Options) -> Result<(), DeployError> {
        let Self { target, directory, deployment, said, .. } = self;
        deploy::up(target, directory, options, deployment, |progress| said.push(progress)).await
    }

    async fn down(&self) -> Result<(), DeployError> {
        deploy::down(&self.target, &self.deployment, |_| {}).await
    }

    /// What a down could not take away.
    async fn left_behind(&self) -> Vec<LeftBehind> {
        match self.down().await {
            Err(DeployError::LeftBehind(left)) => left,
            other => panic!("{other:?}"),
        }
    }

    async fn found(&self) -> Deployment {
        Deployment::find(&self.target, &self.directory).await.unwrap()
    }

    /// The names of the stacks that were left out, short.
    fn left_out(&self) -> Vec<(&str, Region)> {
        let left = self.deployment.left_out.iter();
        left.map(|left| (left.stack.trim_start_matches("blackstart-gameday-"), left.region)).collect()
    }

    async fn stack_status(&self, name: &str, region: Region) -> Option<StackStatus> {
        let described = self.clients(region).cloudformation.describe_stacks().stack_name(name).send().await.ok()?;
        described.stacks()[0].stack_status().cloned()
    }

    /// Everything of the kinds a deployment makes that an account may pay for or stumble over.
    async fn everything(&self) -> Vec<String> {
        let mut found = Vec::new();
        for region in self.target.regions() {
            let clients = self.clients(*region);
            let stacks = clients.cloudformation.describe_stacks().send().await.unwrap();
            found.extend(stacks.stacks().iter().map(|stack| format!("stack {}", stack.stack_name().unwrap())));
            let tables = clients.dynamodb.list_tables().send().await.unwrap();
            found.extend(tables.table_names().iter().map(|name| format!("table {name}")));
            let secrets = clients.secretsmanager.list_secrets().include_planned_deletion(true).send().await.unwrap();
            found.extend(secrets.secret_list().iter().map(|secret| format!("secret {}", secret.name().unwrap())));
            let groups = clients.logs.describe_log_groups().send().await.unwrap();
            found.extend(groups.log_groups().iter().map(|group| format!("log {}", group.log_group_name().unwrap())));
            let functions = clients.lambda.list_functions().send().await.unwrap();
            found.extend(functions.functions().iter().map(|f| format!("function {}", f.function_name().unwrap())));
        }
        let clients = self.clients(US);
        let buckets = clients.s3.list_buckets().send().await.unwrap();
        found.extend(buckets.buckets().iter().map(|bucket| format!("bucket {}", bucket.name().unwrap())));
        let zones = clients.route53.list_hosted_zones().send().await.unwrap();
        found.extend(zones.hosted_zones().iter().map(|zone| format!("zone {}", zone.name())));
        found
    }
}

#[test]
fn a_stack_the_target_does_not_know_is_left_out_alone() {
    const UNKNOWN: (&str, &str, &str) = ("rotation.yaml", "Manager::RotationSchedule", "Manager::NoSuchThing");
    with_stack(&[UNKNOWN], async |mut world: World| {
        world.up(&LEAVING_OUT).await.unwrap();
        assert_eq!(world.left_out(), [("rotation", US)]);
        let left = &world.deployment.left_out[0];
        assert!(left.why.contains("NoSuchThing") && !left.stands, "{left:?}");
        let told = world.said.iter().find(|progress| progress.status == "LEFT-OUT").unwrap();
        assert_eq!((told.stack.as_str(), told.why.as_ref()), ("blackstart-gameday-rotation", Some(&left.why)));
        for role in ["rotation-function", "rotation-log", "credentials"] {
            assert_eq!(world.deployment.role(role, US), None, "{role}");
        }
        for role in ["table", "bucket", "secret", "public-name", "function", "guard-log", "hosted-zone"] {
            assert!(world.deployment.role(role, EU).is_some(), "{role}");
        }
        world.down().await.unwrap();
        assert_eq!(world.everything().await, Vec::<String>::new());
    });
}

#[test]
fn what_needs_a_left_out_stack_is_left_out_with_it() {
    with_stack(&[("zone.yaml", "AWS::Route53::HostedZone", "AWS::Route53::NoSuchZone")], async |mut world: World| {
        world.up(&LEAVING_OUT).await.unwrap();
        let out = [("zone", US), ("region", US), ("region", EU), ("routing", US), ("guard", US), ("guard", EU)];
        assert_eq!(world.left_out(), out);
        let needs = &world.deployment.left_out[1].why;
        assert!(needs.contains("output HostedZoneId of stack zone, which was left out"), "{needs}");
        let standing: Vec<String> = world.deployment.stacks().map(|(stack, _)| stack).collect();
        let name = |short: &str| format!("blackstart-gameday-{short}");
        assert_eq!(standing, [name("storage"), name("storage"), name("data"), name("rotation")]);
    });
}

#[test]
fn a_stack_that_fails_half_way_is_removed_again() {
    with_stack(&[FAILS_HALF_WAY], async |mut world: World| {
        world.up(&LEAVING_OUT).await.unwrap();
        assert_eq!(world.left_out(), [("rotation", US)]);
        let why = &world.deployment.left_out[0].why;
        assert!(why.contains("ROLLBACK_COMPLETE") && why.contains("RotationSchedule"), "{why}");
        assert_eq!(world.stack_status("blackstart-gameday-rotation", US).await, None);
        assert_eq!(world.found().await.stacks().count(), world.deployment.stacks().count());
    });
}

#[test]
fn a_failed_update_keeps_what_stood() {
    const NO_PEER: (&str, &str, &str) =
        ("storage.yaml", "Bucket: !Ref PeerBucketArn", "Bucket: 'arn:aws:s3:::nobody-has-this-one'");
    with_stack(&[NO_PEER], async |mut world: World| {
        world.up(&LEAVING_OUT).await.unwrap();
        assert_eq!(world.left_out(), [("storage", US), ("storage", EU)]);
        assert!(world.deployment.left_out.iter().all(|left| left.stands), "{:?}", world.deployment.left_out);
        assert!(world.deployment.role("bucket", EU).is_some() && world.deployment.role("table", EU).is_some());
        world.down().await.unwrap();
        assert_eq!(world.everything().await, Vec::<String>::new());
    });
}

#[test]
fn a_failure_that_stops_leaves_a_deployment_that_goes_down_whole_and_twice() {
    with_stack(&[FAILS_HALF_WAY], async |mut world: World| {
        let error = world.up(&STOPPING).await.unwrap_err().to_string();
        assert!(error.contains("blackstart-gameday-rotation in us-east-1"), "{error}");
        let begun: Vec<String> = world.deployment.stacks().map(|(stack, _)| stack).collect();
        assert!(begun.contains(&"blackstart-gameday-rotation".to_owned()), "{begun:?}");
        assert_eq!(world.found().await.stacks().count(), begun.len(), "a later process finds the failed one too");
        world.down().await.unwrap();
        assert_eq!(world.everything().await, Vec::<String>::new());
        world.down().await.unwrap();
    });
}

#[test]
fn a_stack_that_failed_before_makes_way_for_the_next_attempt() {
    with_stack(&[FAILS_HALF_WAY], async |mut world: World| {
        world.up(&STOPPING).await.unwrap_err();
        let (file, find, replace) = FAILS_HALF_WAY;
        edit(&world.directory.root.join(file), replace, find);
        world.up(&Options { run: Some(8), ..STOPPING }).await.unwrap();
        assert!(world.deployment.role("rotation-function", US).is_some());
        // What stood already keeps the run that made it, so that nothing of it is updated.
        let stacks = world.clients(US).cloudformation.describe_stacks().send().await.unwrap();
        let run = |name: &str| {
            let stack = stacks.stacks().iter().find(|stack| stack.stack_name() == Some(name)).unwrap();
            let tag = stack.tags().iter().find(|tag| tag.key() == Some(deploy::RUN_TAG)).unwrap();
            tag.value().unwrap().to_owned()
        };
        assert_eq!((run("blackstart-gameday-data"), run("blackstart-gameday-rotation")), ("7".into(), "8".into()));
    });
}

#[test]
fn a_run_does_not_take_over_what_stands() {
    with_stack(&[], async |mut world: World| {
        deploy::nothing_stands(&world.target, &world.directory).await.unwrap();
        world.up(&STOPPING).await.unwrap();
        let error = deploy::nothing_stands(&world.target, &world.directory).await.unwrap_err().to_string();
        for part in ["blackstart-gameday-", "(UPDATE_COMPLETE, of run 7)", "blackstart down", "Environment"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        // Under another name there is room.
        let mut other = world.directory.clone();
        deploy::override_parameters(&mut other, [("Environment", "another")]).unwrap();
        deploy::nothing_stands(&world.target, &other).await.unwrap();
        world.down().await.unwrap();
        deploy::nothing_stands(&world.target, &world.directory).await.unwrap();
    });
}

#[test]
fn a_stack_that_another_run_made_meanwhile_is_left_to_it() {
    with_stack(&[], async |mut world: World| {
        world.up(&STOPPING).await.unwrap();
        let (stood, first) = (world.everything().await, std::mem::take(&mut world.deployment));
        let error = world.up(&Options { sole: true, run: Some(8), ..STOPPING }).await.unwrap_err().to_string();
        assert!(error.contains("of run 7"), "{error}");
        world.down().await.unwrap();
        assert_eq!(world.everything().await, stood, "nothing of the first run went with the second");
        world.deployment = first;
        world.down().await.unwrap();
        world.up(&Options { sole: true, run: Some(8), ..STOPPING }).await.unwrap();
        world.down().await.unwrap();
    });
}

#[test]
fn a_later_process_finds_what_was_deployed() {
    with_stack(&[], async |mut world: World| {
        assert_eq!(world.found().await.stacks().count(), 0);
        world.up(&STOPPING).await.unwrap();
        assert_eq!(world.found().await, world.deployment);
        let standing = deploy::standing(&world.target, &world.directory).await.unwrap();
        assert!(standing.iter().all(|standing| standing.status.ends_with("E_COMPLETE")), "{standing:?}");

        // A stack under review is nobody's yet, and in the way of the next one.
        world.down().await.unwrap();
        let review = world.clients(EU).cloudformation.create_change_set().change_set_name("c");
        let review = review.stack_name("blackstart-gameday-guard").change_set_type(ChangeSetType::Create);
        let template = "Resources: { T: { Type: 'AWS::SNS::Topic' } }";
        review.template_body(template).send().await.unwrap();
        world.deployment = world.found().await;
        assert_eq!(world.deployment.stacks().collect::<Vec<_>>(), [("blackstart-gameday-guard".to_owned(), EU)]);
        world.down().await.unwrap();
        assert_eq!(world.everything().await, Vec::<String>::new());
    });
}

#[test]
fn buckets_that_fill_while_they_are_emptied_go_all_the_same() {
    with_stack(&[], async |mut world: World| {
        world.up(&STOPPING).await.unwrap();
        let s3 = &world.clients(US).s3;
        let bucket = world.deployment.role("bucket", US).unwrap().to_owned();
        let put = async |key: String| s3.put_object().bucket(&bucket).key(key).body(vec![1].into()).send().await;
        // More than a page, with two versions of each and markers.
        for number in 0..700 {
            put(format!("k{number}")).await.unwrap();
            put(format!("k{number}")).await.unwrap();
        }
        s3.delete_object().bucket(&bucket).key("k0").send().await.unwrap();
        // Whoever still writes does so while the stack goes: after the bucket was emptied, before it is deleted.
        let late = async {
            while world.stack_status("blackstart-gameday-storage", US).await != Some(StackStatus::DeleteInProgress) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            put("late".to_owned()).await.unwrap();
        };
        let day = Duration::from_secs(24 * 60 * 60);
        let (down, late) = tokio::join!(world.down(), tokio::time::timeout(day, late));
        down.unwrap();
        late.unwrap();
        assert_eq!(world.everything().await, Vec::<String>::new());
    });
}

#[test]
fn a_zone_of_many_records_is_emptied() {
    with_stack(&[], async |mut world: World| {
        world.up(&STOPPING).await.unwrap();
        let zone = world.deployment.role("hosted-zone", US).unwrap().to_owned();
        let change = |number: u32| {
            let value = ResourceRecord::builder().value("192.0.2.1").build().unwrap();
            let set = ResourceRecordSet::builder().name(format!("r{number}.orders.example")).r#type(RrType::A);
            let set = set.ttl(60).resource_records(value).build().unwrap();
            Change::builder().action(ChangeAction::Create).resource_record_set(set).build().unwrap()
        };
        for from in [0, 400, 800] {
            let batch =
                ChangeBatch::builder().set_changes(Some((from..from + 400).map(change).collect())).build().unwrap();
            let call =
                world.clients(US).route53.change_resource_record_sets().hosted_zone_id(&zone).change_batch(batch);
            call.send().await.unwrap();
        }
        // A zone of somebody else's is not looked at.
        let foreign = world.clients(US).route53.create_hosted_zone().name("other.example").caller_reference("1");
        foreign.send().await.unwrap();
        world.down().await.unwrap();
        assert_eq!(world.everything().await, ["zone other.example."]);
    });
}

#[test]
fn a_region_that_does_not_answer_keeps_nothing_else_from_going() {
    with_stack(&[], async |mut world: World| {
        world.up(&STOPPING).await.unwrap();
        let service = "cloudformation".to_owned();
        let breakage = Breakage::Service { region: Some(EU), service, operations: vec![], mode: Mode::Errors };
        let broken = world.target.injector().inject(breakage).await.unwrap();
        let left = world.left_behind().await;
        assert!(left.iter().all(|left| left.region == EU && left.why.contains("ServiceUnavailable")), "{left:?}");
        let names: Vec<&str> = left.iter().map(|left| left.what.as_str()).collect();
        let name = |short: &str| format!("stack blackstart-gameday-{short}");
        assert_eq!(names, [name("guard"), name("region"), name("storage")]);
        world.target.injector().heal(broken).await.unwrap();
        assert_eq!(world.found().await.stacks().count(), 3, "nothing of us-east-1 is left");
        world.down().await.unwrap();
        assert_eq!(world.everything().await, Vec::<String>::new());
    });
}

#[test]
fn a_replica_that_may_not_go_for_a_day_is_retained_and_named() {
    let third = Region::parse("eu-central-1").unwrap();
    let regions: &'static [Region] = Box::leak(Box::new([US, EU, third]));
    with_stack_in(regions, &[], async move |mut world: World| {
        world.directory.layout.steps.retain(|step| ["storage", "data"].contains(&step.stack.as_str()));
        world.up(&STOPPING).await.unwrap();
        let table = world.deployment.role("table", US).unwrap().to_owned();
        // Somebody filled one more replica from the one in eu-west-1, which is held for a day by that.
        let action = CreateReplicationGroupMemberAction::builder().region_name(third.as_str()).build().unwrap();
        let update = ReplicationGroupUpdate::builder().create(action).build();
        let eu = &world.clients(EU).dynamodb;
        eu.update_table().table_name(&table).replica_updates(update).send().await.unwrap();
        tokio::time::sleep(Duration::from_secs(600)).await;

        let left = world.left_behind().await;
        let [left] = left.as_slice() else { panic!("{left:?}") };
        assert!(left.what.contains(&table) && left.why.contains("in the last 24 hours"), "{left}");
        assert!(left.way_out.contains("it can be deleted from 2026-01-06T0"), "{left}");
        assert_eq!(world.found().await.stacks().count(), 0, "the stack itself is gone");
        world.down().await.unwrap();

        // It carries the run's tag, and goes when its day is over.
        let orphans = deploy::orphans(&world.target).await.unwrap();
        let tables: Vec<&Orphan> = orphans.found.iter().filter(|orphan| orphan.kind == OrphanKind::Table).collect();
        assert!(!tables.is_empty() && tables.iter().all(|orphan| orphan.name == table), "{:?}", orphans.found);
        assert_eq!(tables[0].run.as_deref(), Some("7"));
        tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
        deploy::remove_orphans(&world.target, &orphans.found, |_| {}).await.unwrap();
        assert_eq!(world.everything().await, Vec::<String>::new());
    });
}

#[test]
fn orphans_are_ours_alone() {
    with_stack(&[], async |mut world: World| {
        let us = world.clients(US);
        us.s3.create_bucket().bucket("someone-artifacts-us-east-1").send().await.unwrap();
        us.secretsmanager.create_secret().name("theirs").secret_string("x").send().await.unwrap();
        us.logs.create_log_group().log_group_name("/aws/lambda/theirs").send().await.unwrap();
        us.route53.create_hosted_zone().name("other.example").caller_reference("1").send().await.unwrap();
        let foreign = world.everything().await;
        us.logs.create_log_group().log_group_name("blackstart-probe-l").send().await.unwrap();
        us.secretsmanager.create_secret().name("blackstart-probe-s").secret_string("x").send().await.unwrap();
        us.s3.create_bucket().bucket("blackstart-probe-b").send().await.unwrap();
        us.route53.create_hosted_zone().name("blackstart-probe-z.example").caller_reference("2").send().await.unwrap();
        let probes = [
            (OrphanKind::Secret, "blackstart-probe-s"),
            (OrphanKind::Bucket, "blackstart-probe-b"),
            (OrphanKind::LogGroup, "blackstart-probe-l"),
            (OrphanKind::Zone, "blackstart-probe-z.example."),
        ];
        world.up(&STOPPING).await.unwrap();

        let orphans = deploy::orphans(&world.target).await.unwrap();
        assert_eq!(orphans.unseen, Vec::<String>::new());
        let (tagged, by_prefix): (Vec<&Orphan>, Vec<&Orphan>) =
            orphans.found.iter().partition(|orphan| orphan.run.is_some());
        assert_eq!(by_prefix.iter().map(|o| (o.kind, o.name.as_str())).collect::<Vec<_>>(), probes);
        let stacks = tagged.iter().filter(|orphan| orphan.kind == OrphanKind::Stack).count();
        assert_eq!(stacks, world.deployment.stacks().count());
        let buckets = tagged.iter().filter(|orphan| orphan.kind == OrphanKind::Bucket).map(|o| o.name.as_str());
        let artifacts = ["blackstart-gameday-artifacts-eu-west-1", "blackstart-gameday-artifacts-us-east-1"];
        assert_eq!(buckets.collect::<Vec<_>>(), artifacts);
        assert_eq!(tagged.len(), stacks + 2, "{tagged:?}");
        assert!(tagged.iter().all(|orphan| orphan.run.as_deref() == Some("7")));

        deploy::remove_orphans(&world.target, &orphans.found, |_| {}).await.unwrap();
        assert_eq!(world.everything().await, foreign);
        assert_eq!(deploy::orphans(&world.target).await.unwrap().found, []);
    });
}

/// Of each kind that a survey makes outside of stacks: one of a probe's, and one of somebody else's.
async fn make_both(clients: &Clients) -> String {
    let raw = &clients.raw;
    let nobody = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
    }] });
    let policy =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Resource": "*", "Action": "s3:*" }] });
    let (trust, policy) = (nobody.to_string(), policy.to_string());
    let mut probes = String::new();
    for name in ["blackstart-probe-1-x", "my-blackstart-probe-1"] {
        raw.query("sns", "2010-03-31", "CreateTopic", &[("Name", name)]).await.unwrap();
        let role = [("RoleName", name), ("AssumeRolePolicyDocument", trust.as_str())];
        raw.query("iam", "2010-05-08", "CreateRole", &role).await.unwrap();
        let inline = [("RoleName", name), ("PolicyName", "probe"), ("PolicyDocument", policy.as_str())];
        raw.query("iam", "2010-05-08", "PutRolePolicy", &inline).await.unwrap();
        let managed = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
        let attached = [("RoleName", name), ("PolicyArn", managed)];
        raw.query("iam", "2010-05-08", "AttachRolePolicy", &attached).await.unwrap();
        let key = raw.json("kms", "TrentService.CreateKey", &json!({ "Description": name })).await.unwrap();
        if probes.is_empty() {
            probes = key["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
        }
        let config = HealthCheckConfig::builder().r#type(HealthCheckType::Http).port(80).request_interval(30);
        let config = config.fully_qualified_domain_name("nobody.invalid").resource_path("/").failure_threshold(3);
        let check = clients.route53.create_health_check().caller_reference(name);
        check.health_check_config(config.build().unwrap()).send().await.unwrap();
    }
    probes
}

#[test]
fn all_that_probes_make_outside_of_stacks_is_found_and_goes() {
    with_stack(&[], async |world: World| {
        let us = world.clients(US);
        let key = make_both(us).await;
        let topic = [("Name", "blackstart-probe-1-y")];
        world.clients(EU).raw.query("sns", "2010-03-31", "CreateTopic", &topic).await.unwrap();
        // What a probe's stack has goes with it.
        let template =
            "Resources: { T: { Type: 'AWS::SNS::Topic', Properties: { TopicName: blackstart-probe-1-held } } }";
        let stack = us.cloudformation.create_stack().stack_name("blackstart-probe-1-stack").template_body(template);
        stack.send().await.unwrap();
        tokio::time::sleep(Duration::from_secs(120)).await;

        let orphans = deploy::orphans(&world.target).await.unwrap();
        assert_eq!(orphans.unseen, Vec::<String>::new());
        let found: Vec<_> = orphans.found.iter().map(|o| (o.kind, o.name.as_str(), o.region)).collect();
        let expected = [
            (OrphanKind::Stack, "blackstart-probe-1-stack", US),
            (OrphanKind::Topic, "blackstart-probe-1-x", US),
            (OrphanKind::Topic, "blackstart-probe-1-y", EU),
            (OrphanKind::HealthCheck, "blackstart-probe-1-x", US),
            (OrphanKind::Key, "blackstart-probe-1-x", US),
            (OrphanKind::Role, "blackstart-probe-1-x", US),
        ];
        assert_eq!(found, expected);

        let mut told = Vec::new();
        deploy::remove_orphans(&world.target, &orphans.found, |progress| told.push(progress)).await.unwrap();
        let due = told.iter().find_map(|progress| progress.why.clone()).unwrap();
        assert_eq!(due, "its deletion is due in 7 days, as soon as KMS allows");
        assert_eq!(deploy::orphans(&world.target).await.unwrap().found, []);
        let described = us.raw.json("kms", "TrentService.DescribeKey", &json!({ "KeyId": key })).await.unwrap();
        assert_eq!(described["KeyMetadata"]["KeyState"], "PendingDeletion");
        let mut listed = us.raw.query("sns", "2010-03-31", "ListTopics", &[]).await.unwrap();
        listed += &us.raw.query("iam", "2010-05-08", "ListRoles", &[]).await.unwrap();
        let checks = us.route53.list_health_checks().send().await.unwrap();
        listed.extend(checks.health_checks().iter().map(|check| check.caller_reference()));
        assert!(listed.contains(":my-blackstart-probe-1<") && listed.contains("<RoleName>my-blackstart-probe-1<"));
        assert_eq!((checks.health_checks().len(), listed.contains("blackstart-probe-1-")), (1, false), "{listed}");
    });
}

#[test]
fn a_role_that_will_not_go_is_named_with_what_to_do() {
    with_stack(&[], async |world: World| {
        let us = world.clients(US);
        make_both(us).await;
        let orphans = deploy::orphans(&world.target).await.unwrap();
        let service = "iam".to_owned();
        let breakage = Breakage::Service { region: Some(US), service, operations: vec![], mode: Mode::Errors };
        let broken = world.target.injector().inject(breakage).await.unwrap();
        let unseen = deploy::orphans(&world.target).await.unwrap().unseen;
        assert!(unseen.len() == 1 && unseen[0].starts_with("roles in us-east-1: "), "{unseen:?}");
        let left = match deploy::remove_orphans(&world.target, &orphans.found, |_| {}).await {
            Err(DeployError::LeftBehind(left)) => left,
            other => panic!("{other:?}"),
        };
        let [role] = left.as_slice() else { panic!("{left:?}") };
        assert!(role.what == "role blackstart-probe-1-x" && role.way_out.contains("--orphans"), "{role}");
        world.target.injector().heal(broken).await.unwrap();
        let again = deploy::orphans(&world.target).await.unwrap().found;
        assert_eq!(again.iter().map(|orphan| orphan.kind).collect::<Vec<_>>(), [OrphanKind::Role]);
    });
}
