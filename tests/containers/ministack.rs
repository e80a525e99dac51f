//! ministack: it runs the stack's functions as processes, so users can be served, and lose a Region, in real time.

use std::path::Path;

use crate::cli::{blackstart, verdicts};
use crate::here::{Ministack, functions};

/// `blackstart.yaml` for it: how its APIs are asked for, and the one parameter of the stack it needs otherwise.
fn settings(folder: &Path) -> String {
    let path = folder.join("blackstart.yaml");
    let packages = functions(folder);
    let text = format!(
        "functions: {}\n\
         parameters: {{ ApiAlias: live }}\n\
         endpoint: {{ api_host: '{{api}}.execute-api.localhost', api_path: '/{{stage}}' }}\n",
        packages.display()
    );
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn users_of_the_real_functions_lose_a_region_and_what_cannot_be_shown_is_inconclusive() {
    let Some(ministack) = Ministack::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (config, runs) = (settings(folder.path()), folder.path().join("runs").display().to_string());
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/brief-outage.yaml").display().to_string();
    let at = ["--target", "endpoint", "--endpoint-url", &ministack.url, "--config", &config];

    let ran = blackstart(&[&["run", &scenario, "--out", &runs, "--json"][..], &at].concat());
    assert_eq!(ran.code, 2, "{}\n{}", ran.err, ran.out);
    let seen = verdicts(&ran.out);
    for id in ["steady-state-before", "fault-observed", "steady-state-after"] {
        assert_eq!(seen[id].0, "pass", "{id}: {}", seen[id].1);
    }
    assert_eq!(seen["failed-requests-at-most-europe"].0, "pass", "{:?}", seen["failed-requests-at-most-europe"]);
    // It takes no health checks and makes no replicas by template, and copies inside the write.
    for id in ["home-served", "lost-writes-at-most", "replication-lag-within-table-p99"] {
        assert_eq!(seen[id].0, "inconclusive", "{id}: {}", seen[id].1);
        assert!(seen[id].1.contains("which this target"), "{id}: {}", seen[id].1);
    }

    let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("stack").display().to_string();
    let left = blackstart(&[&["status", "--stack", &stack][..], &at].concat());
    assert_eq!((left.code, left.out.as_str()), (0, "endpoint: nothing deployed\n"), "{}", left.err);
}

#[test]
fn its_lies_are_found() {
    let Some(ministack) = Ministack::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (config, runs) = (settings(folder.path()), folder.path().join("runs").display().to_string());
    let at = ["--target", "endpoint", "--endpoint-url", &ministack.url, "--config", &config];
    let asked = blackstart(&[&["capabilities", "--out", &runs, "--json"][..], &at].concat());
    assert_eq!(asked.code, 0, "{}", asked.err);
    let survey: serde_json::Value = serde_json::from_str(&asked.out).unwrap();
    let standing = |name: &str| {
        let all = survey["findings"].as_array().unwrap().clone();
        let found = all.into_iter().find(|found| found["capability"] == name).unwrap_or_else(|| panic!("no {name}"));
        (found["standing"].as_str().unwrap().to_owned(), found["evidence"].as_str().unwrap().to_owned())
    };
    for (name, expected) in [
        ("identity", "proven"),
        ("table", "proven"),
        ("bucket", "proven"),
        // The replica is there and follows, and DescribeSecret does not name it.
        ("secret-replication", "lie"),
        ("function", "proven"),
        ("api", "proven"),
        // The variable stays in the integration's URI.
        ("stage-variables", "lie"),
        // Applied inside the write: there is no lag to measure.
        ("table-replication", "lie"),
        ("template-table", "lie"),
        ("function-alias", "lie"),
        ("metrics", "proven"),
        // They go to ALARM by another dimension's data.
        ("alarms", "lie"),
        ("dns-answers", "absent"),
        ("experiments", "absent"),
    ] {
        let (found, evidence) = standing(name);
        assert_eq!(found, expected, "{name}: {evidence}");
    }
    let left = survey["left_behind"].as_array().map_or(0, Vec::len);
    assert_eq!(left, 0, "{}", survey["left_behind"]);
}
