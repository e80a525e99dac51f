//! `blackstart guards`: one scenario under each guard of the stack, the hop timelines side by side.

use serde_json::{Map, json};

use super::args::RunArgs;
use super::consent::{self, Act};
use super::run::{carry_out, store};
use super::{Console, Engine, Stop, exit, runs, settings};
use crate::judge::{Outcome, Verdict};
use crate::report::guards;
use crate::scenario;
use crate::seed::Seed;

/// The stack's parameter, and what it can be.
const PARAMETER: &str = "Guard";
const GUARDS: [&str; 3] = ["lambda", "health-check", "both"];

pub(crate) fn compare(args: &RunArgs, console: &mut Console, engine: &Engine) -> Result<u8, Stop> {
    let mut plan = scenario::load(&args.scenario).map_err(|error| Stop::Usage(error.into()))?;
    if let Some(seed) = args.seed {
        plan.seed = Seed(seed);
    }
    settings::aim(&mut plan, &args.at).map_err(Stop::Usage)?;
    if !consent::given(Act::Guards, &plan, &args.at, console, engine)? {
        return Ok(exit::PASS);
    }
    let mut judged: Vec<(&str, Verdict)> = Vec::new();
    for guard in GUARDS {
        plan.target.parameters.insert(PARAMETER.to_owned(), guard.to_owned());
        let folder = runs::create(&args.out, &runs::run_id(&plan))?;
        console.complain(&format!("{} guarded by {guard}: {}\n", plan.scenario, folder.display()));
        let verdict = carry_out(&plan, &folder, console, engine)?;
        store(&plan, &verdict, &folder)?;
        judged.push((guard, verdict));
    }
    if args.json {
        let verdicts: Map<_, _> = judged.iter().map(|(guard, verdict)| ((*guard).to_owned(), json!(verdict))).collect();
        console.print(&format!("{}\n", serde_json::to_string_pretty(&json!({ "guards": verdicts }))?));
    } else {
        let text = guards(&judged, console.paint);
        console.print(&text);
    }
    // A comparison is no claim: it fails nobody, but what could not be judged compares with nothing.
    let unjudged = judged.iter().any(|(_, verdict)| verdict.verdict == Outcome::Inconclusive);
    Ok(if unjudged { exit::INCONCLUSIVE } else { exit::PASS })
}
