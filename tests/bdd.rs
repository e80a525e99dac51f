//! The features, run on the embedded target; and the proof that every `Then` can go red.
//!
//! `features/` must pass, with no step skipped; and the tags of each scenario must say what it needs of a target, so that
//! `cargo test --test bdd -- --tags 'not @needs-health-checks'` runs what a target without them can show. `tests/red/` holds scenarios with something broken in the stack or the
//! world: each must fail in a `Then`, with the text that its description promises, and between them they must cover
//! every `Then` there is.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use blackstart::steps::{NEEDS, World};
use cucumber::event::{ScenarioFinished, StepError};
use cucumber::writer::{Basic, Coloring, Stats as _, Verbosity};
use cucumber::{World as _, WriterExt as _, parser, runner, writer};

/// What a broken scenario came to.
struct Red {
    scenario: String,
    promised: String,
    /// The step that failed, by its place in the sources, and what it said.
    failed: Option<(String, String)>,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let asked = cucumber::cli::Opts::<parser::basic::Cli, runner::basic::Cli, writer::basic::Cli>::parsed();
        let some = asked.re_filter.is_some() || asked.tags_filter.is_some();
        let green = features(&root.join("features")).await;
        if let Some(line) = blackstart::steps::last_line() {
            println!("{line}");
        }
        // What is broken on purpose is broken in the twin, and all of it makes the proof.
        if some || blackstart::steps::elsewhere().is_some() {
            return if green { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        let red = red(&root.join("tests/red")).await;
        if green && red { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    })
}

/// Elsewhere one after the other: there is one target, and one clock.
fn at_once() -> usize {
    if blackstart::steps::elsewhere().is_some() {
        return 1;
    }
    std::thread::available_parallelism().map_or(1, usize::from)
}

async fn features(folder: &Path) -> bool {
    let mistagged: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = mistagged.clone();
    let ran = World::cucumber()
        .max_concurrent_scenarios(at_once())
        .before(|_, _, scenario, world| {
            world.own_seed(&scenario.name);
            Box::pin(async {})
        })
        .after(move |feature, _, scenario, ended, world| {
            if let (ScenarioFinished::StepPassed, Some(world)) = (ended, world) {
                let tags = feature.tags.iter().chain(&scenario.tags).filter(|tag| tag.starts_with(NEEDS));
                let tags: BTreeSet<String> = tags.cloned().collect();
                if tags != world.needs {
                    let at = format!("{}:{}", feature.name, scenario.position.line);
                    let said = |tags: &BTreeSet<String>| tags.iter().map(|tag| format!(" @{tag}")).collect::<String>();
                    let line = format!(
                        "TAGGED WRONG: {at}: {}: is{}, needs{}",
                        scenario.name,
                        said(&tags),
                        said(&world.needs)
                    );
                    sink.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                }
            }
            Box::pin(async {})
        })
        .fail_on_skipped()
        .run(folder)
        .await;
    let mistagged = mistagged.lock().unwrap_or_else(PoisonError::into_inner);
    mistagged.iter().for_each(|line| println!("{line}"));
    !ran.execution_has_failed() && ran.passed_steps() > 0 && mistagged.is_empty()
}

async fn red(folder: &Path) -> bool {
    let seen: Arc<Mutex<Vec<Red>>> = Arc::default();
    let sink = seen.clone();
    World::cucumber()
        .max_concurrent_scenarios(at_once())
        .before(|_, _, scenario, world| {
            world.own_seed(&scenario.name);
            Box::pin(async {})
        })
        .after(move |_, _, scenario, event, _| {
            let description = scenario.description.clone().unwrap_or_default();
            let promised = description.split("Red because:").nth(1).unwrap_or_default().trim().replace('\n', " ");
            let failed = match event {
                ScenarioFinished::StepFailed(_, Some(at), StepError::Panic(panic)) => {
                    let text = panic.downcast_ref::<String>().cloned();
                    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                    Some((format!("{}:{}", at.path, at.line), text.unwrap_or_default()))
                }
                _ => None,
            };
            let red = Red { scenario: scenario.name.clone(), promised, failed };
            sink.lock().unwrap_or_else(PoisonError::into_inner).push(red);
            Box::pin(async {})
        })
        .with_writer(Basic::raw(std::io::sink(), Coloring::Never, Verbosity::Default).normalized())
        .run(folder)
        .await;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let mut wrong = 0;
    let mut covered = BTreeSet::new();
    for Red { scenario, promised, failed } in seen.iter() {
        match failed {
            Some((at, text)) if !promised.is_empty() && text.contains(promised.as_str()) => {
                covered.insert(at.clone());
                println!("red as it must be: {scenario}: {text}");
            }
            Some((at, text)) => {
                wrong += 1;
                println!("RED FOR ANOTHER REASON: {scenario} at {at}: promised {promised:?}, said {text:?}");
            }
            None => {
                wrong += 1;
                println!("NOT RED: {scenario}");
            }
        }
    }
    let every = thens();
    let missing: Vec<&String> = every.difference(&covered).collect();
    for at in &missing {
        println!("NO SCENARIO IN WHICH THIS Then GOES RED: {at}");
    }
    let strays: Vec<&String> = covered.difference(&every).collect();
    for at in &strays {
        println!("RED IN A STEP THAT IS NO Then: {at}");
    }
    println!("[Red] {} scenarios, {} of {} Then steps went red", seen.len(), covered.len(), every.len());
    wrong == 0 && missing.is_empty() && strays.is_empty() && !seen.is_empty()
}

/// Every `Then` in the sources, as `path:line` of its attribute.
fn thens() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(root.join("steps")).expect("steps/") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a source file");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        for (number, line) in text.lines().enumerate() {
            if line.starts_with("#[then(") {
                found.insert(format!("src/../steps/{name}:{}", number + 1));
            }
        }
    }
    found
}
