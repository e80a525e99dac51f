//! LocalStack, in containers that are started for each test and must be gone after it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use blackstart::scenario::{Containers, Plan};
use blackstart::seed::Seed;
use blackstart::target::live::{self, Live};
use blackstart::target::{Breakage, Mode};
use blackstart::wait::{self, Look};

use crate::cli::{blackstart, verdicts};
use crate::here::{containers, engine};

pub const IMAGE: &str = "localstack/localstack:4.14.0";

/// Not all of them: its table service has no server in the image of CI, and takes minutes to say so.
const ASKED: &str =
    "identity,bucket,bucket-replication,secret,secret-replication,keys,topics,records,health-checks,experiments";

/// One test at a time: each looks for containers that were left.
static ALONE: Mutex<()> = Mutex::new(());

pub fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn scenario() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/brief-outage.yaml").display().to_string()
}

#[test]
fn a_scenario_it_cannot_show_is_inconclusive_with_reasons_and_its_container_is_removed() {
    let _alone = alone();
    if !engine(IMAGE) {
        return;
    }
    let (before, folder) = (containers(), tempfile::tempdir().unwrap());
    let runs = folder.path().join("runs").display().to_string();
    let ran = blackstart(&["run", &scenario(), "--out", &runs, "--json", "--target", "localstack"]);
    assert_eq!(ran.code, 2, "{}\n{}", ran.err, ran.out);
    let seen = verdicts(&ran.out);
    for (id, (verdict, evidence)) in &seen {
        assert_eq!(verdict, "inconclusive", "{id}: {evidence}");
        assert!(evidence.contains("which this target"), "{id}: {evidence}");
    }
    assert_eq!(containers(), before);
}

#[test]
fn what_it_says_it_can_do_and_does_not_is_found() {
    let _alone = alone();
    if !engine(IMAGE) {
        return;
    }
    let (before, folder) = (containers(), tempfile::tempdir().unwrap());
    let runs = folder.path().join("runs").display().to_string();
    let asked = blackstart(&["capabilities", "--only", ASKED, "--out", &runs, "--json", "--target", "localstack"]);
    assert_eq!(asked.code, 0, "{}", asked.err);
    let survey: serde_json::Value = serde_json::from_str(&asked.out).unwrap();
    assert!(survey["version"].as_str().unwrap().contains("4.14"), "{}", survey["version"]);
    for (name, expected) in [
        ("identity", "proven"),
        ("bucket", "proven"),
        ("topics", "proven"),
        // Accepted, and never done.
        ("bucket-replication", "lie"),
        ("secret-replication", "lie"),
        ("health-checks", "lie"),
        ("experiments", "absent"),
    ] {
        let all = survey["findings"].as_array().unwrap();
        let found = all.iter().find(|found| found["capability"] == name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(found["standing"], expected, "{name}: {}", found["evidence"]);
    }
    assert_eq!(containers(), before);
}

#[test]
fn a_region_with_a_container_of_its_own_is_paused_cut_off_and_given_back() {
    let _alone = alone();
    if !engine(IMAGE) {
        return;
    }
    let before = containers();
    let mut plan = Plan::default().target;
    plan.name = "localstack".to_owned();
    plan.settings.localstack.containers = Containers::PerRegion;
    let done = live::in_real_time(move || async move {
        let live = Live::start(&plan, Seed(7)).await.unwrap();
        let [here, there] = live.target().regions() else { panic!("two Regions") };
        let (here, there) = (*here, *there);
        let asked = async |region| {
            let raw = &live.target().clients_in(region).unwrap().raw;
            let asking = raw.query("sts", "2011-06-15", "GetCallerIdentity", &[]);
            tokio::time::timeout(Duration::from_secs(5), asking).await.ok()
        };
        let injector = live.target().injector();
        for (mode, halted) in [(Mode::Hang, ["false 1", "true 1"]), (Mode::Refuse, ["false 0", "false 1"])] {
            let broken = injector.inject(Breakage::Region { region: here, mode }).await.unwrap();
            let lost = asked(here).await;
            match mode {
                Mode::Hang => assert_eq!(lost, None, "it hangs"),
                _ => assert!(lost.is_some_and(|answer| answer.is_err()), "it refuses"),
            }
            assert!(asked(there).await.is_some_and(|answer| answer.is_ok()), "the other Region serves");
            assert_eq!(standing(), halted);
            injector.heal(broken).await.unwrap();
            let back = asked(here).await;
            assert!(back.as_ref().is_some_and(Result::is_ok), "{back:?}");
            assert_eq!(standing(), ["false 1", "false 1"]);
        }
        // Somebody cleans up beside us.
        let gone = Command::new("docker").args(["rm", "--force"]).args(containers().first()).output().unwrap();
        assert!(gone.status.success());
        live.end().await
    });
    done.unwrap().blocking_recv().unwrap().unwrap();
    assert_eq!(containers(), before);
}

/// How each of this project's containers stands, as the engine itself says: whether it is paused, and on how many networks.
fn standing() -> Vec<String> {
    let format = ["inspect", "--format", "{{.State.Paused}} {{len .NetworkSettings.Networks}}"];
    let inspected = Command::new("docker").args(format).args(containers()).output().unwrap();
    let mut lines: Vec<String> = String::from_utf8_lossy(&inspected.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn ctrl_c_takes_the_container_with_it() {
    let _alone = alone();
    if !engine(IMAGE) {
        return;
    }
    let (before, folder) = (containers(), tempfile::tempdir().unwrap());
    let mut running = Command::new(env!("CARGO_BIN_EXE_blackstart"))
        .args(["run", &scenario(), "--target", "localstack", "--out"])
        .arg(folder.path().join("runs"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let look = || async {
            let more = containers().len() > before.len();
            Ok::<_, String>(if more { Look::Ready(()) } else { Look::NotYet("none".to_owned()) })
        };
        wait::until("a container", Duration::from_secs(60), Duration::from_millis(100), look).await.unwrap().unwrap();
    });
    let interrupted = Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let ended = running.wait().unwrap();
    assert_eq!(ended.code(), Some(130));
    assert_eq!(containers(), before);
}
