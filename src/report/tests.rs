//! The reports of made-up days, as they look.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::{Paint, Progress, Report, Schema, markdown, schema, terminal, verdict_json};
use crate::judge::day::{self, Day, END, EU, Lost, US, plan};
use crate::judge::{Interval, ShareSeen, SplitSeen, Verdict};
use crate::region::Region;
use crate::scenario::{Behaviour, Plan};

fn shipped() -> Plan {
    Plan { source: Some("scenarios/lose-us-east-1.yaml".into()), ..plan() }
}

fn shown(verdict: &Verdict) -> String {
    let text = terminal(Report { plan: &shipped(), verdict, folder: Some("runs/r1") }, Paint::default());
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
        assert_eq!(line, line.trim_end(), "trailing space");
    }
    text
}

#[test]
fn a_good_day_on_a_terminal() {
    let verdict = Verdict { wall_ms: Some(3_210), ..Day::default().judged() };
    insta::assert_snapshot!(shown(&verdict));
}

#[test]
fn a_bad_day_on_a_terminal() {
    insta::assert_snapshot!(shown(&Day { moved: END, telemetry: false, ..Day::default() }.judged()));
}

#[test]
fn a_vacuous_day_on_a_terminal() {
    insta::assert_snapshot!(shown(&Day { effect: false, telemetry: false, ..Day::default() }.judged()));
}

#[test]
fn a_day_with_data_on_a_terminal() {
    insta::assert_snapshot!(shown(&Day { data: Some(Lost::Nothing), ..Day::default() }.judged()));
}

/// Two kinds of clients, of which one never leaves, and a split by weight.
fn mixed() -> Verdict {
    let interval = |share, low, high| Some(Interval { share, low, high });
    let share = |region: Region, weight: u64, by_answers, by_requests| ShareSeen {
        id: region.to_string(),
        region,
        weight,
        declared: weight as f64,
        answers: weight,
        by_answers,
        requests: 10 * weight,
        by_requests,
    };
    let shares = vec![
        share(EU, 25, interval(22.0, 14.330, 31.391), interval(24.6, 21.957, 27.4)),
        share(US, 75, interval(78.0, 68.609, 85.670), interval(75.4, 72.6, 78.043)),
    ];
    let (from_ms, until_ms) = (1_000, 299_000);
    let population = "north-america".to_owned();
    let split = SplitSeen { population, from_ms, until_ms, answers: 100, left_out: 12, requests: 1_000, shares };
    let judged = Day { stayers: 8, ..Day::default() }.judged_by(&day::mixed(Behaviour::NeverReResolves));
    Verdict { splits: vec![split], ..judged }
}

#[test]
fn kinds_of_clients_and_a_split_on_a_terminal() {
    insta::assert_snapshot!(shown(&mixed()));
}

#[test]
fn kinds_of_clients_and_a_split_in_markdown() {
    insta::assert_snapshot!(markdown(Report { plan: &shipped(), verdict: &mixed(), folder: None }));
}

#[test]
fn a_day_that_lost_data_in_markdown() {
    let verdict = Day { data: Some(Lost::One), ..Day::default() }.judged();
    insta::assert_snapshot!(markdown(Report { plan: &shipped(), verdict: &verdict, folder: None }));
}

#[test]
fn without_a_fault_that_users_feel_the_first_line_is_about_the_data() {
    let plan = Plan { timeline: Vec::new(), ..plan() };
    let headline = |lost| {
        let mut records = Day { effect: false, data: lost, ..Day::default() }.records();
        records.retain(|record| !matches!(record.event, crate::history::Event::Fault { .. }));
        let text = shown(&crate::judge::judge(&plan, &records));
        text.lines().nth(3).unwrap().to_owned()
    };
    let [fine, lost] = [headline(Some(Lost::Nothing)), headline(Some(Lost::One))];
    assert!(
        fine.ends_with("none of 1,323 acknowledged writes was lost, and the Regions had caught up after 0s"),
        "{fine}"
    );
    assert!(lost.ends_with("1 of 1,323 acknowledged writes was lost"), "{lost}");
    assert!(headline(None).ends_with("no fault that users could feel was injected"));
}

#[test]
fn a_good_day_in_markdown() {
    let verdict = Day::default().judged();
    insta::assert_snapshot!(markdown(Report { plan: &shipped(), verdict: &verdict, folder: None }));
}

#[test]
fn colours_are_only_painted_when_asked_for() {
    let verdict = Day::default().judged();
    let report = Report { plan: &shipped(), verdict: &verdict, folder: None };
    assert!(!terminal(report, Paint { colour: false }).contains('\u{1b}'));
    assert!(terminal(report, Paint { colour: true }).contains("\u{1b}[32;1mPASS\u{1b}[0m"));
}

#[test]
fn progress_is_a_line_a_minute_away_from_terminals() {
    let written: Arc<Mutex<Vec<u8>>> = Arc::default();
    let mut progress = Progress::new(written.clone() as Arc<Mutex<dyn Write + Send>>, false);
    Day::default().records().iter().for_each(|record| progress.observe(record));
    let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().filter(|line| line.contains(" requests")).count() as u64, END / 60);
    assert!(text.contains("00:06:00  region-outage-1 injected"), "{text}");
    assert!(text.contains("00:11:00  fault          12,000 requests  us-east-1 2,600 failed"), "{text}");
    assert!(!text.contains('\r'));
}

#[test]
fn schemas_in_the_repository_are_current() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    for of in Schema::ALL {
        let file = folder.join(of.file());
        if std::env::var_os("BLACKSTART_WRITE_SCHEMAS").is_some() {
            std::fs::write(&file, schema(of)).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(kept, schema(of), "write it anew: BLACKSTART_WRITE_SCHEMAS=1 cargo test schemas_in_the_repository");
    }
}

#[test]
fn verdicts_and_histories_fit_their_schemas() {
    let parse = |text: &str| -> serde_json::Value { serde_json::from_str(text).unwrap() };
    let validator = |of| jsonschema::validator_for(&parse(&schema(of))).unwrap();
    let verdict = validator(Schema::Verdict);
    let with_data = Day { data: Some(Lost::One), ..Day::default() };
    for day in [
        Day::default(),
        with_data,
        Day { effect: false, telemetry: false, heals: false, ends: false, ..Day::default() },
    ] {
        let instance = parse(&verdict_json(&day.judged()));
        let errors: Vec<String> = verdict.iter_errors(&instance).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    assert!(!verdict.is_valid(&parse(r#"{"verdict": "pass"}"#)));
    let history = validator(Schema::History);
    for record in Day::default().records().iter().step_by(97) {
        let instance = serde_json::to_value(record).unwrap();
        let errors: Vec<String> = history.iter_errors(&instance).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}\n{instance}");
    }
}

/// A good day on a target whose alarms reach nobody.
fn left_out() -> Verdict {
    use crate::capability::{Capability, Standing};
    use crate::history::{Event, Record};
    let mut records = Day::default().records();
    for capability in Capability::ALL {
        let lacking = *capability == Capability::AlarmActions;
        let (standing, evidence) = if lacking {
            let why =
                "the alarm is in ALARM, its topic leads to a function in eu-west-1; 300 s later it was not invoked";
            (Standing::Lie, why)
        } else {
            (Standing::Proven, "it works")
        };
        let event = Event::Capability { capability: *capability, standing, evidence: evidence.to_owned() };
        records.insert(1, Record { at_us: 0, event });
    }
    crate::judge::judge(&shipped(), &records)
}

#[test]
fn what_the_target_lacks_is_said_with_what_it_leaves_open() {
    let verdict = left_out();
    let text = shown(&verdict);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = "alarm-actions (a lie): the alarm is in ALARM, its topic leads to a function in eu-west-1; 300 s later it was \
                not invoked; left open: failover-within, served-by, failback-within";
    assert!(words(&text).contains(&format!("Left out {said}")), "{text}");
    let text = markdown(Report { plan: &shipped(), verdict: &verdict, folder: None });
    assert!(text.contains(&format!("## Left out\n\n- {said}\n")), "{text}");
}

#[test]
fn a_replay_goes_where_the_run_went() {
    let verdict = Day::default().judged();
    let mut plan = crate::judge::day::plan();
    plan.source = Some("scenarios/lose.yaml".into());
    let seed = verdict.seed;
    let replay = |plan: &Plan| Report { plan, verdict: &verdict, folder: None }.replay();
    assert_eq!(replay(&plan), format!("blackstart run scenarios/lose.yaml --seed {seed}"));
    plan.target.name = "endpoint".to_owned();
    plan.target.reached.config = Some("lab.yaml".into());
    plan.target.reached.endpoint_url = Some("http://127.0.0.1:4566".to_owned());
    let there = "--target endpoint --config lab.yaml --endpoint-url http://127.0.0.1:4566";
    assert_eq!(replay(&plan), format!("blackstart run scenarios/lose.yaml --seed {seed} {there}"));
    // What came from the file comes from there again, and from the environment the same; a shell reads all of it as it is.
    plan.target.reached.endpoint_url = None;
    plan.target.reached.variables.insert("AWS_ENDPOINT_URL_S3".to_owned(), "http://s3.lab:1".to_owned());
    plan.source = Some("it's/lose it.yaml".into());
    let said = format!("'it'\\''s/lose it.yaml' --seed {seed} --target endpoint --config lab.yaml");
    assert_eq!(replay(&plan), format!("AWS_ENDPOINT_URL_S3=http://s3.lab:1 blackstart run {said}"));
}
