//! What is said and asked before anything is done, and what is put back after a run that died.

use serde_json::json;

use super::consent::{Act, text};
use super::tests::{GOOD, Place, answering, say};
use super::{Engine, exit};
use crate::history::UndoLog;
use crate::region::Region;
use crate::run::{Intent, PutBack, RunError};
use crate::scenario::{self, Plan};
use crate::target::TargetError;
use crate::target::aws::Account;

fn accounts(plan: &Plan) -> Result<Vec<Account>, RunError> {
    let account = |region: &Region| Account {
        region: *region,
        id: "111122223333".to_owned(),
        arn: "arn:aws:iam::111122223333:user/ops".to_owned(),
    };
    Ok(plan.target.regions.iter().map(account).collect())
}

fn refused(_: &Plan) -> Result<Vec<Account>, RunError> {
    Err(RunError::Refused(TargetError("aws: nothing was done: blackstart.yaml does not allow it.".to_owned())))
}

/// An engine that must not get as far as doing anything.
const UNTOUCHED: Engine = Engine {
    run: |_, _| panic!("nobody agreed to a run"),
    up: |_| panic!("nobody agreed to a deployment"),
    chore: |_, _| panic!("nobody agreed to a teardown"),
    draft: |_| panic!("nobody asked for a draft"),
    survey: |_, _| panic!("nobody agreed to probes"),
    accounts,
    put_back: |_, _| panic!("nobody agreed to put anything back"),
};

fn shipped(scenario: &str) -> Plan {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(scenario);
    scenario::load(&file).unwrap()
}

fn shown(act: Act, target: &str, mut plan: Plan) -> String {
    plan.target.name = target.to_owned();
    let found = if target == "aws" { accounts(&plan).unwrap() } else { Vec::new() };
    text(act, &plan, &Intent::of(&plan, found).unwrap())
}

/// Every line must be in the text, one after the other.
fn in_order(text: &str, lines: &[&str]) {
    let mut rest = text;
    for line in lines {
        let Some((_, after)) = rest.split_once(line) else { panic!("{line:?} is missing or out of order in:\n{text}") };
        rest = after;
    }
}

#[test]
fn a_game_day_on_real_accounts_in_words() {
    let text = shown(Act::Run, "aws", shipped("lose-us-east-1.yaml"));
    let lines = [
        "lose-us-east-1 on aws, seed 7\n",
        "  us-east-1  account 111122223333, as arn:aws:iam::111122223333:user/ops\n",
        "  eu-west-1  account 111122223333, as arn:aws:iam::111122223333:user/ops\n",
        "blackstart-probe-*",
        "  blackstart-gameday-storage",
        "  blackstart-gameday-routing",
        "region-outage-1 at ",
        " for 15m00s: the application of us-east-1 answers 5xx\n",
        "    by    reserved concurrency 0",
        "    undo  the number it had is put back",
        "Time and traffic\n",
        "deployment and teardown on top; 50 requests a second\n",
        "Cost\n  AWS bills it to these accounts",
    ];
    in_order(&text, &lines);
    let twice = text.matches("blackstart-gameday-storage ").count();
    assert_eq!(twice, 1, "a stack that is deployed in two steps is one stack: {text}");
}

#[test]
fn a_canary_on_real_accounts_in_words() {
    let text = shown(Act::Run, "aws", shipped("canary-by-weight.yaml"));
    in_order(&text, &["Faults", "  none\n", "Canary at ", "by route53", "    undo  aliases, weights and parameters"]);
}

#[test]
fn what_cannot_be_done_there_is_said() {
    let partition = shown(Act::Run, "aws", shipped("partition-between-regions.yaml"));
    assert!(partition.contains("cannot be done on aws: nothing partitions Regions"), "{partition}");
    let hang = shown(Act::Run, "aws", shipped("hang-us-east-1.yaml"));
    assert!(hang.contains("cannot be done on aws: on AWS an application can be made to answer 5xx"), "{hang}");
    let twin = shown(Act::Guards, "embedded", shipped("lose-us-east-1.yaml"));
    assert!(twin.contains("the world ends with the run") && !twin.contains("Cost"), "{twin}");
}

/// A scenario of its own with the shipped stack in its place.
fn place() -> Place {
    let place = Place::new();
    let stack = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("stack");
    for file in ["layout.yaml", "parameters.json"] {
        std::fs::copy(stack.join(file), place.0.path().join("stack").join(file)).unwrap();
    }
    place
}

#[test]
fn real_accounts_are_acted_on_only_after_a_yes() {
    let place = place();
    let (scenario, out, stack) = (place.scenario(), place.out(), place.0.path().join("stack"));
    let run = ["run", scenario.to_str().unwrap(), "--out", out.to_str().unwrap(), "--target", "aws"];
    for command in ["run", "guards"] {
        let args = [&[command], &run[1..]].concat();
        let silent = say(UNTOUCHED, &args);
        assert_eq!(silent.code, exit::USAGE, "{}", silent.err);
        assert!(silent.err.contains("account 111122223333") && silent.err.contains("give --yes"), "{}", silent.err);
        for answer in ["no\n", "y\n", "\n", ""] {
            let said = answering(UNTOUCHED, &args, Some(answer));
            assert_eq!((said.code, said.err.contains("the answer was not yes")), (exit::USAGE, true), "{}", said.err);
        }
    }
    assert!(!out.exists(), "not even a folder was made");
    for command in ["up", "down"] {
        let args = [command, "--target", "aws", "--stack", stack.to_str().unwrap()];
        assert_eq!(say(UNTOUCHED, &args).code, exit::USAGE);
        assert_eq!(answering(Engine { accounts, ..GOOD }, &args, Some("yes\n")).code, exit::PASS);
    }
    assert_eq!(say(UNTOUCHED, &["capabilities", "--target", "aws"]).code, exit::USAGE);
    let agreed = Engine { accounts, ..GOOD };
    assert_eq!(answering(agreed, &run, Some("yes\n")).code, exit::PASS);
    assert_eq!(say(agreed, &[&run[..], &["--yes"]].concat()).code, exit::PASS);
}

#[test]
fn what_is_not_allowed_is_refused_whoever_agrees() {
    let place = place();
    let scenario = place.scenario();
    for more in ["--yes", "--dry-run"] {
        let args = ["run", scenario.to_str().unwrap(), "--target", "aws", more];
        let said = answering(Engine { accounts: refused, ..UNTOUCHED }, &args, Some("yes\n"));
        assert_eq!((said.code, said.out.as_str()), (exit::USAGE, ""));
        assert_eq!(said.err, "aws: nothing was done: blackstart.yaml does not allow it.\n");
    }
}

#[test]
fn a_dry_run_says_the_plan_and_does_nothing_on_every_target() {
    let place = place();
    let (scenario, out) = (place.scenario(), place.out());
    for target in ["embedded", "localstack", "endpoint", "aws"] {
        let args = ["run", scenario.to_str().unwrap(), "--out", out.to_str().unwrap(), "--target", target, "--dry-run"];
        let url: &[&str] = if target == "endpoint" { &["--endpoint-url", "http://127.0.0.1:4566"] } else { &[] };
        let said = say(UNTOUCHED, &[&args[..], url].concat());
        assert_eq!((said.code, said.err.as_str()), (exit::PASS, ""));
        assert!(
            said.out.contains("blackstart-gameday-region") && said.out.ends_with("Nothing was done.\n"),
            "{}",
            said.out
        );
    }
    assert!(!out.exists());
}

/// A run of `target` that died with two changes in its log.
fn died(place: &Place, target: &str) -> std::path::PathBuf {
    let mut plan = shipped("lose-us-east-1.yaml");
    plan.target.name = target.to_owned();
    let folder = place.out().join("died");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("plan.json"), serde_json::to_string(&plan).unwrap()).unwrap();
    let log = UndoLog::at(&folder.join("undo.jsonl"));
    log.before("weights of api.orders.example", json!({"us-east-1": 100})).unwrap();
    log.before("reserved concurrency of orders in us-east-1", json!(null)).unwrap();
    folder
}

fn all_put_back(_: &Plan, log: &UndoLog) -> Result<Vec<PutBack>, RunError> {
    let put = |left: crate::history::Left| {
        log.undone(left.undo).unwrap();
        PutBack { what: left.what, failed: None }
    };
    Ok(log.left_over().into_iter().map(put).collect())
}

fn one_put_back(_: &Plan, log: &UndoLog) -> Result<Vec<PutBack>, RunError> {
    let mut left = log.left_over();
    log.undone(left[0].undo).unwrap();
    let failed = Some("somebody else set it to 7".to_owned());
    let last = PutBack { what: left.remove(1).what, failed };
    Ok(vec![PutBack { what: left.remove(0).what, failed: None }, last])
}

#[test]
fn restore_puts_back_what_a_run_left_and_says_each() {
    let place = Place::new();
    let folder = died(&place, "aws");
    let args = ["restore", "died", "--out", place.0.path().join("runs").to_str().unwrap().to_owned().leak()];
    assert_eq!(say(UNTOUCHED, &args).code, exit::USAGE, "real accounts: somebody must agree");
    let dry = say(UNTOUCHED, &[&args[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, exit::PASS);
    let newest_first = "  reserved concurrency of orders in us-east-1: it was null\n  weights of api.orders.example";
    assert!(dry.out.contains(newest_first), "{}", dry.out);

    let yes = [&args[..], &["--yes"]].concat();
    let half = say(Engine { accounts, put_back: one_put_back, ..UNTOUCHED }, &yes);
    let expected = "reserved concurrency of orders in us-east-1: what it was\n\
                    weights of api.orders.example: NOT put back: somebody else set it to 7\n";
    assert_eq!((half.code, half.out.as_str()), (exit::NOT_UNDONE, expected));
    let rest = say(Engine { accounts, put_back: all_put_back, ..UNTOUCHED }, &yes);
    assert_eq!((rest.code, rest.out.as_str()), (exit::PASS, "weights of api.orders.example: what it was\n"));
    let again = say(UNTOUCHED, &yes);
    assert_eq!((again.code, again.out.contains("nothing to restore")), (exit::PASS, true), "{}", again.out);
    std::fs::write(folder.join("undo.jsonl"), "what is this\n").unwrap();
    assert_eq!(say(UNTOUCHED, &yes).code, exit::USAGE, "what cannot be read may be a change");
}

#[test]
fn a_target_that_died_with_its_run_has_nothing_to_restore() {
    for target in ["embedded", "localstack"] {
        let place = Place::new();
        let folder = died(&place, target);
        let said = say(UNTOUCHED, &["restore", folder.to_str().unwrap()]);
        assert_eq!((said.code, said.out.contains("nothing to restore")), (exit::PASS, true), "{}", said.out);
    }
}

#[test]
fn an_undo_that_failed_has_an_exit_code_of_its_own() {
    let place = Place::new();
    let left = || RunError::NotUndone("reserved concurrency of orders in us-east-1: AccessDenied".to_owned());
    let said = place.run(Engine { run: |_, _| Err(RunError::NotUndone("x".to_owned())), ..GOOD }, &[]);
    assert_eq!(said.code, exit::NOT_UNDONE);
    let both = RunError::Left { first: Box::new(RunError::Interrupted), then: Box::new(left()) };
    assert!(both.is_undo() && !RunError::Crashed.is_undo());
    let nested = RunError::Left { first: Box::new(both), then: Box::new(RunError::Crashed) };
    assert!(nested.is_undo() && nested.to_string().contains("AccessDenied"), "{nested}");
}
