//! The command line, in this process, with an engine that tells a made-up day.

use std::path::{Path, PathBuf};

use super::{Captured, Console, Engine, exit, runs};
use crate::capability::{Capability, Finding, Standing, Survey};
use crate::deploy::{Draft, Guess};
use crate::history::Journal;
use crate::judge::day::{Day, END, Lost};
use crate::region::Region;
use crate::run::{Ask, Chore, RunError, UpStack};
use crate::scenario::{Plan, Resource, Settings};

pub(super) struct Said {
    pub code: u8,
    pub out: String,
    pub err: String,
}

pub(super) fn say(engine: Engine, args: &[&str]) -> Said {
    answering(engine, args, None)
}

/// With somebody at the terminal who answers so.
pub(super) fn answering(engine: Engine, args: &[&str], answer: Option<&'static str>) -> Said {
    let said = Captured::default();
    let mut console = Console::captured(&said);
    if let Some(answer) = answer {
        console = console.asking(Box::new(answer.as_bytes()));
    }
    let args = std::iter::once("blackstart").chain(args.iter().copied()).map(Into::into);
    let code = super::main(args, &mut console, &engine);
    Said { code, out: said.out(), err: said.err() }
}

fn tell(day: &Day, journal: &Journal) -> Result<(), RunError> {
    day.records().iter().for_each(|record| journal.record(record));
    Ok(())
}

fn chore(_: &Plan, chore: Chore) -> Result<Vec<String>, RunError> {
    Ok(vec![format!("{chore:?}")])
}

fn up(_: &Plan) -> Result<Vec<UpStack>, RunError> {
    let outputs = vec![("ApiHost".to_owned(), "a.example".to_owned())];
    Ok(vec![UpStack { stack: "region".into(), region: Region::EU_WEST_1, took_ms: 1_500, left_out: None, outputs }])
}

fn draft(plan: &Plan) -> Result<Draft, RunError> {
    let table = Guess {
        role: "table",
        resource: Resource::Output { stack: "data".into(), output: "Table".into() },
        why: format!("the only one on {}", plan.target.name),
        also: vec!["another: it has a replica too".into()],
    };
    Ok(Draft { guesses: vec![table], ..Draft::default() })
}

/// A target that has one thing, pretends another, and lacks the rest.
fn survey(_: &Plan, ask: &Ask) -> Result<Survey, RunError> {
    let found = |capability: Capability| Finding {
        capability,
        standing: match capability {
            Capability::Table => Standing::Proven,
            Capability::TableReplication => Standing::Lie,
            _ => Standing::Absent,
        },
        evidence: format!(
            "of {capability} this was seen, which takes more words than a terminal has room for in one line"
        ),
        took_ms: 1_250,
        at: "2026-01-05T00:00:00.000Z".to_owned(),
        age_s: (!ask.fresh).then_some(7_200),
    };
    let asked = ask.only.clone().unwrap_or_else(|| Capability::ALL.to_vec());
    Ok(Survey {
        target: "made-up".to_owned(),
        version: "3".to_owned(),
        regions: vec![Region::US_EAST_1, Region::EU_WEST_1],
        findings: asked.into_iter().map(found).collect(),
        left_behind: vec!["the table t: busy".to_owned()],
        unkept: None,
    })
}

/// A day on which everything the shipped scenario claims is true, and is seen.
fn good() -> Day {
    Day { data: Some(Lost::Nothing), ..Day::default() }
}

pub(super) const GOOD: Engine = Engine {
    run: |_, journal| tell(&good(), journal),
    up,
    chore,
    draft,
    survey,
    accounts: |_| Ok(Vec::new()),
    put_back: |_, _| Ok(Vec::new()),
};
const BAD: Engine =
    Engine { run: |_, journal| tell(&Day { moved: END, telemetry: false, ..Day::default() }, journal), ..GOOD };
const VACUOUS: Engine = Engine { run: |_, journal| tell(&Day { effect: false, ..Day::default() }, journal), ..GOOD };
const INCOMPLETE: Engine = Engine { run: |_, _| Err(RunError::NoRole("public-name")), ..GOOD };
const BROKEN: Engine = Engine { run: |_, _| Err(RunError::Crashed), ..GOOD };
const PANICS: Engine = Engine { run: |_, _| panic!("out of cheese"), ..GOOD };

pub(super) struct Place(pub tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(place.0.path().join("stack")).unwrap();
        std::fs::create_dir(place.0.path().join("scenarios")).unwrap();
        // The made-up day has ten requests a second for each population.
        let text = include_str!("../../scenarios/lose-us-east-1.yaml");
        std::fs::write(place.scenario(), text.replace("30/s", "10/s").replace("20/s", "10/s")).unwrap();
        place
    }

    pub fn scenario(&self) -> PathBuf {
        self.0.path().join("scenarios/x.yaml")
    }

    pub fn out(&self) -> PathBuf {
        self.0.path().join("runs")
    }

    pub fn run(&self, engine: Engine, more: &[&str]) -> Said {
        let (scenario, out) = (self.scenario(), self.out());
        let args = [&["run", scenario.to_str().unwrap(), "--out", out.to_str().unwrap()], more].concat();
        say(engine, &args)
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.out().join("latest").join(file)).unwrap()
    }
}

#[test]
fn exit_codes_tell_verdicts_apart() {
    let place = Place::new();
    assert_eq!(place.run(GOOD, &[]).code, exit::PASS);
    assert_eq!(place.run(BAD, &[]).code, exit::FAIL);
    assert_eq!(place.run(VACUOUS, &[]).code, exit::INCONCLUSIVE);
    let incomplete = place.run(INCOMPLETE, &[]);
    assert_eq!((incomplete.code, incomplete.out.as_str()), (exit::USAGE, ""));
    assert!(incomplete.err.contains("name no public-name: its layout.yaml must give this role"), "{}", incomplete.err);
    let broken = place.run(BROKEN, &[]);
    assert_eq!((broken.code, broken.out.as_str()), (exit::CRASH, ""));
    assert!(
        broken.err.ends_with("blackstart: the run crashed; what it panicked with stands above\n"),
        "{}",
        broken.err
    );
    assert_eq!(place.run(PANICS, &[]).code, exit::CRASH);
}

#[test]
fn a_run_that_never_began_leaves_the_latest_as_it_was() {
    let place = Place::new();
    let refused = place.run(INCOMPLETE, &[]);
    assert_eq!(refused.code, exit::USAGE);
    assert_eq!(std::fs::read_dir(place.out()).unwrap().count(), 0, "no run, and no latest one");
    place.run(GOOD, &["--seed", "9"]);
    let latest = || std::fs::read_link(place.out().join("latest")).unwrap();
    let first = latest();
    place.run(INCOMPLETE, &[]);
    assert_eq!((latest(), std::fs::read_dir(place.out()).unwrap().count()), (first.clone(), 2));
    // What died half-way has something to tell.
    let died = Engine {
        run: |_, journal| {
            journal.record(&good().records()[0]);
            Err(RunError::Crashed)
        },
        ..GOOD
    };
    assert_eq!(place.run(died, &[]).code, exit::CRASH);
    assert_ne!(latest(), first);
}

#[test]
fn nothing_of_an_adopted_stack_goes_up_or_down() {
    let place = Place::new();
    let config = place.0.path().join("adopted.yaml");
    std::fs::write(&config, "endpoint: { url: 'http://127.0.0.1:9' }\nadopted: { roles: { table: t } }\n").unwrap();
    let never = Engine { up: |_| panic!("it went up"), chore: |_, _| panic!("it went down"), ..GOOD };
    for command in ["up", "down"] {
        for more in [&[][..], &["--dry-run"]] {
            let at = ["--target", "endpoint", "--config", config.to_str().unwrap()];
            let said = say(never, &[&[command][..], &at, more].concat());
            assert_eq!((said.code, said.out.as_str()), (exit::USAGE, ""), "{command} {more:?}: {}", said.err);
            assert!(said.err.contains("adopts a stack that stands"), "{}", said.err);
        }
    }
}

#[test]
fn a_run_leaves_its_files() {
    let place = Place::new();
    let said = place.run(GOOD, &["--seed", "9"]);
    assert!(said.out.contains("PASS  users got over losing us-east-1"), "{}", said.out);
    assert!(said.err.contains("requests  us-east-1"), "{}", said.err);
    let plan: Plan = serde_json::from_str(&place.read(runs::PLAN)).unwrap();
    assert_eq!(plan.seed.0, 9);
    assert!(place.read(runs::REPORT).starts_with("# lose-us-east-1: pass"));
    assert_eq!(place.read(runs::HISTORY).lines().count(), good().records().len());
    assert!(std::fs::read_link(place.out().join("latest")).unwrap().to_string_lossy().starts_with("lose-us-east-1-9-"));
}

#[test]
fn json_prints_the_verdict_and_nothing_else() {
    let place = Place::new();
    let said = place.run(GOOD, &["--json"]);
    assert_eq!(said.out, place.read(runs::VERDICT));
    let verdict: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(verdict["failover"]["rto_ms"], 259_910);
    assert!(verdict["wall_ms"].is_u64());
}

#[test]
fn judging_again_gives_the_same_verdict() {
    let place = Place::new();
    for engine in [GOOD, BAD] {
        let first = place.run(engine, &["--json"]);
        let out = place.out();
        for run in [Path::new("latest"), &out.join("latest")] {
            let again = say(GOOD, &["report", run.to_str().unwrap(), "--out", out.to_str().unwrap(), "--json"]);
            assert_eq!((again.code, &again.out), (first.code, &first.out));
        }
    }
}

#[test]
fn a_cut_off_history_is_judged_and_doubted() {
    let place = Place::new();
    place.run(GOOD, &[]);
    let history = place.read(runs::HISTORY);
    std::fs::write(place.out().join("latest").join(runs::HISTORY), &history[..history.len() - 20]).unwrap();
    let said = say(GOOD, &["report", "latest", "--out", place.out().to_str().unwrap()]);
    assert_eq!(said.code, exit::INCONCLUSIVE);
    assert!(said.err.contains("the last line is cut off"), "{}", said.err);
    assert!(said.out.contains("the history is cut off"), "{}", said.out);
}

#[test]
fn a_second_run_does_not_replace_the_first() {
    let place = Place::new();
    place.run(GOOD, &[]);
    place.run(BAD, &[]);
    let mut names: Vec<String> = std::fs::read_dir(place.out())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 3);
    assert_eq!((names[0].as_str(), names[2] == format!("{}.2", names[1])), ("latest", true));
    let missing = say(GOOD, &["report", "nothing", "--out", place.out().to_str().unwrap()]);
    assert_eq!(missing.code, exit::USAGE);
    assert!(missing.err.contains(&names[1]), "{}", missing.err);
}

#[test]
fn bad_scenarios_and_usage_exit_64() {
    let place = Place::new();
    let text = std::fs::read_to_string(place.scenario()).unwrap();
    std::fs::write(place.scenario(), text.replace("region-outage", "region-outtage")).unwrap();
    let file = place.scenario();
    let said = say(GOOD, &["validate", file.to_str().unwrap()]);
    let expected =
        format!("{}:41:12: unknown fault \"region-outtage\", did you mean \"region-outage\"?\n", file.display());
    assert_eq!((said.code, said.err), (exit::USAGE, expected));
    assert_eq!(place.run(GOOD, &[]).code, exit::USAGE);
    assert!(!place.out().exists());
    assert_eq!(say(GOOD, &["run"]).code, exit::USAGE);
    assert_eq!(say(GOOD, &["run", "x.yaml", "--target", "aws"]).code, exit::USAGE);
    std::fs::write(place.scenario(), text.replace("../stack", "../stuck")).unwrap();
    let said = place.run(GOOD, &[]);
    assert!(said.code == exit::USAGE && said.err.contains("x.yaml:9:10: no directory"), "{}", said.err);
    let missing = say(GOOD, &["run", "nowhere.yaml"]);
    assert_eq!(missing.code, exit::USAGE);
    assert!(missing.err.starts_with("nowhere.yaml: cannot be read"), "{}", missing.err);
}

#[test]
fn help_schemas_and_stacks() {
    let help = say(GOOD, &["--help"]);
    assert_eq!(help.code, exit::PASS);
    assert!(help.out.contains("Exit codes: 0 pass, 1 fail, 2 inconclusive"), "{}", help.out);
    let schema: serde_json::Value = serde_json::from_str(&say(GOOD, &["schema", "verdict"]).out).unwrap();
    assert!(schema["properties"]["assertions"].is_object());
    let up = say(GOOD, &["up"]);
    assert_eq!((up.code, up.out.contains("ApiHost = a.example")), (exit::PASS, true));
    assert!(up.err.contains("it is gone when this command ends"), "{}", up.err);
    assert_eq!(say(GOOD, &["down"]).code, exit::PASS);
    assert_eq!(say(GOOD, &["status"]).out, "embedded: nothing deployed\n");
    let place = Place::new();
    assert_eq!(say(GOOD, &["validate", place.scenario().to_str().unwrap()]).code, exit::PASS);
}

#[test]
fn adopt_prints_a_file_that_can_be_used_as_it_is() {
    let said = say(GOOD, &["adopt"]);
    assert_eq!(said.code, exit::PASS);
    assert!(
        said.out.contains("# the only one on embedded\n    # also: another: it has a replica too\n"),
        "{}",
        said.out
    );
    let adopted = Settings::parse(&said.out).unwrap().adopted.unwrap();
    assert_eq!(adopted.roles["table"], Resource::Output { stack: "data".into(), output: "Table".into() });
    assert!(said.err.contains("nothing was changed"), "{}", said.err);
    let nothing = say(Engine { draft: |_| Ok(Draft::default()), ..GOOD }, &["adopt"]);
    assert_eq!(nothing.code, exit::INCONCLUSIVE);
}

#[test]
fn capabilities_are_one_line_each_with_their_evidence_and_age() {
    let said = say(GOOD, &["capabilities", "--only", "table,table-replication,logs"]);
    assert_eq!(said.code, exit::PASS);
    assert!(said.out.lines().all(|line| line.chars().count() <= 100), "{}", said.out);
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(
        lines[0].starts_with("table              proven     1.3s  of table this was seen, which takes"),
        "{}",
        said.out
    );
    assert!(lines.iter().any(|line| line.starts_with("table-replication  a lie ")), "{}", said.out);
    assert!(lines.iter().any(|line| line.ends_with("(found out 2h00m00s ago)")), "{}", said.out);
    let counts = "made-up 3 in us-east-1 and eu-west-1: 1 proven, 1 absent, 1 lie, 0 unknown";
    assert_eq!(lines.last(), Some(&counts));
    assert_eq!(said.err, "left behind: the table t: busy\n");
    let fresh = say(GOOD, &["capabilities", "--only", "table", "--fresh", "--json"]);
    let survey: Survey = serde_json::from_str(&fresh.out).unwrap();
    assert_eq!((survey.findings.len(), survey.findings[0].age_s), (1, None));
}
