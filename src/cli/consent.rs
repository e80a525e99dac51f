//! What is about to be done, and whether it may be: the plan in words, then a question. Real accounts are acted on only
//! where somebody said yes, at the terminal or by `--yes`. `--dry-run` prints the plan and does nothing, on every target.

use std::fmt::Write as _;
use std::time::Duration;

use super::args::{Target, Where};
use super::{Console, Engine, Stop};
use crate::run::Intent;
use crate::scenario::Plan;

/// What somebody is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Run,
    Guards,
    Up,
    Down,
    Probe,
}

/// Whether to go on. False where the plan was all that was asked for.
pub(crate) fn given(act: Act, plan: &Plan, at: &Where, console: &mut Console, engine: &Engine) -> Result<bool, Stop> {
    let real = plan.target.name == Target::Aws.as_str();
    if !real && !at.dry_run {
        return Ok(true);
    }
    let accounts = (engine.accounts)(plan)?;
    let intent = if act == Act::Probe { Intent::to_probe(plan, accounts) } else { Intent::of(plan, accounts)? };
    let text = text(act, plan, &intent);
    if at.dry_run {
        console.print(&format!("{text}Nothing was done.\n"));
        return Ok(false);
    }
    console.complain(&text);
    agreed(at.yes, console)?;
    Ok(true)
}

/// Asks, where nobody has agreed yet.
pub(crate) fn agreed(yes: bool, console: &mut Console) -> Result<(), Stop> {
    if yes {
        return Ok(());
    }
    let refused = |what: &str| Err(Stop::Usage(anyhow::anyhow!("nothing was done: {what}")));
    match console.ask("Go on? Type yes: ").as_deref() {
        Some("yes") => Ok(()),
        Some(_) => refused("the answer was not yes"),
        None => refused("nobody can be asked here (no terminal); give --yes to act on these accounts"),
    }
}

/// The plan in words.
pub(crate) fn text(act: Act, plan: &Plan, intent: &Intent) -> String {
    let mut text = match act {
        Act::Run => format!("{} on {}, seed {}\n", plan.scenario, intent.target, plan.seed),
        Act::Guards => format!("{} on {}, seed {}, once under each guard\n", plan.scenario, intent.target, plan.seed),
        Act::Up => format!("deploy {} to {}\n", plan.target.stack.display(), intent.target),
        Act::Probe => format!("probe what {} can do\n", intent.target),
        Act::Down => format!("take down what stands of {} on {}\n", plan.target.stack.display(), intent.target),
    };
    places(&mut text, intent);
    if act != Act::Up && act != Act::Down && intent.target != Target::Embedded.as_str() {
        text.push_str(
            "\nProbes, before anything else\n  what the plan needs is tried out with resources of the probes' own, \
                       named blackstart-probe-*, which are removed\n",
        );
    }
    if act != Act::Probe {
        stacks(&mut text, act, intent);
    }
    if matches!(act, Act::Run | Act::Guards) {
        day(&mut text, act, intent);
    }
    if intent.target == Target::Aws.as_str() {
        text.push_str("\nCost\n");
        text.push_str(match act {
            Act::Down => "  AWS bills nothing for the deletion itself, only what stood until then\n",
            _ => {
                "  AWS bills it to these accounts: the stacks while they stand (health checks, keys and secrets among them), \
                 every\n  request, invocation, replicated write and query, and what passes between Regions\n"
            }
        });
    }
    text
}

fn places(text: &mut String, intent: &Intent) {
    text.push_str("\nWhere\n");
    for region in &intent.regions {
        let account = intent.accounts.iter().find(|account| account.region == *region);
        let whose = account.map_or_else(String::new, |account| format!("  account {}, as {}", account.id, account.arn));
        let _ = writeln!(text, "  {region}{whose}");
    }
}

fn stacks(text: &mut String, act: Act, intent: &Intent) {
    text.push_str(match act {
        Act::Run | Act::Guards => "\nStacks, deployed in this order and taken down at the end\n",
        Act::Up => "\nStacks, deployed in this order; they stay until `blackstart down`\n",
        Act::Down | Act::Probe => "\nStacks, deleted with all they hold where they stand\n",
    });
    if intent.stacks.is_empty() {
        text.push_str("  none: blackstart.yaml adopts somebody's own, which is used as it stands\n");
    }
    let width = intent.stacks.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, regions) in &intent.stacks {
        let regions: Vec<&str> = regions.iter().map(|region| region.as_str()).collect();
        let _ = writeln!(text, "  {name:width$}  {}", regions.join(", "));
    }
}

fn day(text: &mut String, act: Act, intent: &Intent) {
    text.push_str("\nFaults, counted from the end of the first steady state\n");
    if intent.faults.is_empty() {
        text.push_str("  none\n");
    }
    for fault in &intent.faults {
        let (at, lasts) = (span(fault.at), span(fault.lasts));
        let _ = writeln!(text, "  {} at {at} for {lasts}: {}", fault.id, fault.means.what);
        match &fault.means.how {
            Ok((by, undo)) => {
                let _ = writeln!(text, "    by    {by}\n    undo  {undo}");
            }
            Err(why) => {
                let target = &intent.target;
                let _ =
                    writeln!(text, "    left out  cannot be done on {target}: {why}; what needs it is inconclusive");
            }
        }
    }
    if let Some(canary) = &intent.canary {
        let release: Vec<String> = canary.release.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let regions: Vec<&str> = canary.regions.iter().map(|region| region.as_str()).collect();
        let _ = writeln!(
            text,
            "\nCanary at {}: {} in {}, by {}, {} steps\n    undo  aliases, weights and parameters as they were, from \
             undo.jsonl, which is written first",
            span(canary.at),
            release.join(", "),
            regions.join(" and "),
            canary.by.as_str(),
            canary.steps.len()
        );
    }
    let each = if act == Act::Guards { " each" } else { "" };
    let _ = writeln!(
        text,
        "\nTime and traffic\n  {}{each} at most, and deployment and teardown on top; {} requests a second",
        span(intent.at_most),
        intent.rate
    );
}

/// `15m00s`.
fn span(span: Duration) -> String {
    format!("{}m{:02}s", span.as_secs() / 60, span.as_secs() % 60)
}
