//! What the twin says of itself, by the suite that every target is surveyed with.

use blackstart::capability::{Capability, Standing, Survey};
use blackstart::cli::{self, Captured, Console, Engine};

/// Exit code, stdout, stderr.
fn say(more: &[&str]) -> (u8, String, String) {
    let said = Captured::default();
    let folder = tempfile::tempdir().unwrap();
    let args = ["blackstart", "capabilities", "--out", folder.path().to_str().unwrap()];
    let args = args.iter().chain(more).map(Into::into).collect::<Vec<std::ffi::OsString>>();
    let code = cli::main(args, &mut Console::captured(&said), &Engine::BUILT_IN);
    assert!(!folder.path().join("capabilities").exists(), "the embedded twin is probed anew each time");
    (code, said.out(), said.err())
}

/// What the twin does not model, and says so.
const ABSENT: [Capability; 2] = [Capability::Experiments, Capability::Tags];

#[test]
fn the_twin_is_proven_where_it_models_something_and_honest_where_not() {
    let (code, out, err) = say(&["--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let survey: Survey = serde_json::from_str(&out).unwrap();
    assert_eq!(survey.left_behind, [""; 0]);
    let found: Vec<Capability> = survey.findings.iter().map(|found| found.capability).collect();
    assert_eq!(found, Capability::ALL);
    for found in &survey.findings {
        let expected = if ABSENT.contains(&found.capability) { Standing::Absent } else { Standing::Proven };
        assert_eq!(found.standing, expected, "{found:#?}");
    }
    let schema: serde_json::Value = serde_json::from_str(&cli_schema()).unwrap();
    let instance = serde_json::from_str(&out).unwrap();
    let errors: Vec<_> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&instance).map(|e| e.to_string()).collect();
    assert_eq!(errors, [""; 0]);
}

fn cli_schema() -> String {
    let said = Captured::default();
    let args = ["blackstart", "schema", "capabilities"].map(Into::into);
    assert_eq!(cli::main(args, &mut Console::captured(&said), &Engine::BUILT_IN), 0);
    said.out()
}

/// Times are redacted: a new probe beside another one moves them. Everything else is the same in every run.
#[test]
fn the_twins_table_as_it_looks() {
    let (code, out, _) = say(&[]);
    assert_eq!(code, 0);
    for line in out.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
    let took = |line: &str| -> String {
        // The third column of a line that begins with a capability.
        let named = Capability::ALL.iter().any(|capability| line.split(' ').next() == Some(capability.as_str()));
        if named { format!("{}   [took]{}", &line[..32], &line[41..]) } else { line.to_owned() }
    };
    let table: Vec<String> = out.lines().map(took).collect();
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn one_capability_alone_is_reported_alone() {
    let (code, out, _) = say(&["--only", "identity,function-alias"]);
    assert_eq!(code, 0);
    let lines: Vec<&str> = out.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(lines.len(), 3, "{out}");
    assert!(lines[0].starts_with("identity ") && lines[1].starts_with("function-alias "), "{out}");
    assert!(lines[2].ends_with("2 proven, 0 absent, 0 lies, 0 unknown"), "{out}");
    let (code, out, err) = say(&["--only", "tabel"]);
    assert_eq!((code, out.as_str()), (64, ""));
    assert!(err.contains("did you mean \"table\"?"), "{err}");
}
