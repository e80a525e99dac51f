//! The features on another target than the twin: `BLACKSTART_TARGET=localstack cargo test --test bdd`.
//!
//! What the target can do is found out once. A `Then` that needs what it lacks is inconclusive: it is noted, and nothing is
//! run for it; the last line of the features says how many there were, and why.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::capability::{Standing, Survey};
use crate::cli::{self, Where};
use crate::history::{Event, Journal, Record};
use crate::run::{self, Ask};
use crate::scenario::{Plan, Requirements};

const TARGET: &str = "BLACKSTART_TARGET";

static SURVEY: tokio::sync::OnceCell<Survey> = tokio::sync::OnceCell::const_new();
/// Why, and how often.
static NOTED: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

/// The target that was asked for in place of the twin.
pub fn target() -> Option<String> {
    std::env::var(TARGET).ok().filter(|name| !name.is_empty() && name != "embedded")
}

/// Puts the target, and how it is reached, into a plan.
pub fn aim(plan: &mut Plan) {
    let Some(name) = target() else { return };
    let target = cli::target_named(&name).unwrap_or_else(|| panic!("{TARGET}={name} is no target"));
    let at = Where { target: Some(target), ..Where::default() };
    cli::aim(plan, &at).unwrap_or_else(|why| panic!("{why:#}"));
}

/// Where the run of a scenario writes. Elsewhere that is a file, beside which it is kept what the target can do.
pub fn journal() -> Journal {
    if target().is_none() {
        return Journal::unwritten();
    }
    let run = runs().join("scenario");
    std::fs::create_dir_all(&run).unwrap_or_else(|why| panic!("{}: {why}", run.display()));
    Journal::create(&run.join("history.jsonl")).unwrap_or_else(|why| panic!("{why}"))
}

fn runs() -> PathBuf {
    std::env::temp_dir().join(format!("blackstart-bdd-{}", std::process::id()))
}

/// Why the plan's one claim cannot be shown on this target; nothing on the twin.
pub async fn lacking(plan: &Plan) -> Option<String> {
    target()?;
    let ask = Ask { only: None, fresh: false, folder: runs().join("capabilities"), told: None };
    let found = SURVEY.get_or_try_init(async || run::survey_async(plan, &ask).await).await;
    let found = found.unwrap_or_else(|why| panic!("what the target can do cannot be found out: {why}"));
    let (_, needs) = Requirements::of(plan).assertions.into_iter().next()?;
    let missing = found.findings.iter().find(|one| needs.contains(&one.capability) && one.standing != Standing::Proven);
    missing.map(|one| format!("{} ({})", one.capability, one.standing.as_str()))
}

/// What was found out, as a history tells it.
pub fn told() -> Vec<Record> {
    let found = SURVEY.get().map(|survey| survey.findings.clone()).unwrap_or_default();
    let told = found.into_iter().map(|one| {
        let (capability, standing, evidence) = (one.capability, one.standing, one.evidence);
        Record { at_us: 0, event: Event::Capability { capability, standing, evidence } }
    });
    told.collect()
}

/// A `Then` that showed nothing.
pub fn note(why: &str) {
    *NOTED.lock().unwrap_or_else(PoisonError::into_inner).entry(why.to_owned()).or_default() += 1;
}

/// What the features end with elsewhere.
pub fn last_line() -> Option<String> {
    let name = target()?;
    let noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    let all: u32 = noted.values().sum();
    let each: Vec<String> = noted.iter().map(|(why, count)| format!("{count} for {why}")).collect();
    Some(format!("[Target] {name}: {all} Then steps were inconclusive: {}", each.join(", ")))
}
