//! Drafting `blackstart.yaml` for a stack that stands already: what looks like it plays a role, and why.
//!
//! ```text
//! stores.rs     table, bucket, secret: what is replicated between the Regions
//! names.rs      hosted-zone, public-name, endpoint: records that differ by Region or weight
//! apis.rs       api, api-host, stage, base-path, alarm: what the records lead to, and who watches it
//! functions.rs  function, alias, api-source, guard-log, rotation-*: who may call them
//! ```
//!
//! Everything here reads and nothing changes anything. A guess is a comment's worth of reason, never a fact: whoever
//! adopts the stack reads the draft first.

mod apis;
mod functions;
mod names;
mod stores;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::adopted::{ByRegion, ROLES, in_region};
use super::{DeployError, stacks};
use crate::region::Region;
use crate::scenario::Resource;
use crate::target::{Clients, Target, said};

/// What was found for a role.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    pub role: &'static str,
    pub resource: Resource,
    pub why: String,
    /// What it might as well have been.
    pub also: Vec<String>,
}

/// All that was found, what was passed over and why, and what could not be looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    pub guesses: Vec<Guess>,
    /// `table orders of us-east-1: no replica in eu-west-1`.
    pub passed_over: Vec<String>,
    pub troubles: Vec<String>,
}

/// How many things of a kind are named that were passed over: an account may have thousands.
const PASSED_OVER: usize = 5;

/// Looks through an account's Regions for a stack that could be rehearsed.
pub async fn draft(target: &dyn Target) -> Result<Draft, DeployError> {
    let mut regions = Vec::new();
    for region in target.regions() {
        regions.push((*region, target.clients_in(*region)?));
    }
    let mut look = Look::over(&regions);
    stores::look(&mut look).await;
    names::look(&mut look).await;
    apis::look(&mut look).await;
    functions::look(&mut look).await;
    let outputs = look.outputs().await;
    let Look { found, passed_over, troubles, .. } = look;
    let at: Vec<Region> = regions.iter().map(|(region, _)| *region).collect();
    let mut guesses: Vec<Guess> = found
        .into_iter()
        .map(|Found { role, values, why, also }| Guess { role, resource: express(&values, &outputs, &at), why, also })
        .collect();
    guesses.sort_by_key(|guess| ROLES.iter().position(|role| *role == guess.role));
    Ok(Draft { guesses, passed_over, troubles })
}

impl Draft {
    /// The file, with the reason of each guess above it.
    pub fn yaml(&self) -> String {
        let mut text =
            "# Drafted by `blackstart adopt`: read every line before it is used. A role that is not here was \
                        not found;\n# what needs it is inconclusive, and says so.\n"
                .to_owned();
        for trouble in &self.troubles {
            text.push_str(&comment("could not look at ", trouble));
        }
        for passed in &self.passed_over {
            text.push_str(&comment("passed over: ", passed));
        }
        text.push_str("adopted:\n  roles:");
        text.push_str(if self.guesses.is_empty() { " {}\n" } else { "\n" });
        for guess in &self.guesses {
            text.push_str(&format!("    {}", comment("", &guess.why)));
            for other in &guess.also {
                text.push_str(&format!("    {}", comment("also: ", other)));
            }
            text.push_str(&format!("    {}: {}\n", guess.role, written(&guess.resource)));
        }
        text
    }
}

fn comment(before: &str, what: &str) -> String {
    format!("# {before}{}\n", what.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn written(resource: &Resource) -> String {
    // JSON's strings are YAML's double-quoted ones.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    match resource {
        Resource::Name(name) => quoted(name),
        Resource::Names { regions } => {
            let each: Vec<String> =
                regions.iter().map(|(region, name)| format!("{region}: {}", quoted(name))).collect();
            format!("{{ regions: {{ {} }} }}", each.join(", "))
        }
        Resource::Output { stack, output } => format!("{{ stack: {}, output: {} }}", quoted(stack), quoted(output)),
        Resource::Tag { tag, value, kind } => {
            format!("{{ tag: {}, value: {}, kind: {} }}", quoted(tag), quoted(value), quoted(kind))
        }
    }
}

/// Says it by a stack's output where one gives the same everywhere: that survives what a new deployment renames.
fn express(values: &ByRegion, outputs: &Outputs, regions: &[Region]) -> Resource {
    let same = |given: &ByRegion| regions.iter().all(|region| in_region(given, *region) == in_region(values, *region));
    if let Some(((stack, output), _)) = outputs.iter().find(|(_, given)| same(given)) {
        return Resource::Output { stack: stack.clone(), output: output.clone() };
    }
    let first = values.values().next().cloned().unwrap_or_default();
    if regions.iter().all(|region| in_region(values, *region) == Some(&first)) {
        return Resource::Name(first);
    }
    Resource::Names { regions: values.iter().map(|(region, name)| (*region, name.clone())).collect() }
}

/// Values by stack and output.
type Outputs = BTreeMap<(String, String), ByRegion>;

/// What was found for a role, by its own name.
struct Found {
    role: &'static str,
    values: ByRegion,
    why: String,
    also: Vec<String>,
}

struct Look<'a> {
    regions: &'a [(Region, &'a Clients)],
    found: Vec<Found>,
    passed_over: Vec<String>,
    troubles: Vec<String>,
}

impl<'a> Look<'a> {
    fn over(regions: &'a [(Region, &'a Clients)]) -> Self {
        Self { regions, found: Vec::new(), passed_over: Vec::new(), troubles: Vec::new() }
    }

    fn primary(&self) -> Option<(Region, &'a Clients)> {
        self.regions.first().copied()
    }

    fn trouble(&mut self, what: &str, region: Region, why: &str) {
        self.troubles.push(format!("{what} in {region}: {why}"));
    }

    /// Names what is no candidate, each with its reason.
    fn pass_over(&mut self, kind: &str, mut reasons: Vec<String>) {
        let more = reasons.len().saturating_sub(PASSED_OVER);
        reasons.truncate(PASSED_OVER);
        self.passed_over.extend(reasons.into_iter().map(|reason| format!("{kind} {reason}")));
        if more > 0 {
            self.passed_over.push(format!("{more} more of kind {kind}"));
        }
    }

    /// The other Regions, in words.
    fn but(&self, region: Region) -> String {
        let others = self.regions.iter().filter(|(other, _)| *other != region);
        let others: Vec<&str> = others.map(|(other, _)| other.as_str()).collect();
        if others.is_empty() { "another Region".to_owned() } else { others.join(" or ") }
    }

    /// What was found for a role already, in a Region.
    fn value(&self, role: &str, region: Region) -> Option<&str> {
        in_region(&self.found.iter().find(|found| found.role == role)?.values, region)
    }

    /// Keeps the first of several candidates, and names the others.
    fn note(&mut self, role: &'static str, mut candidates: Vec<(ByRegion, String)>) {
        if candidates.is_empty() {
            return;
        }
        let (values, why) = candidates.remove(0);
        let shown = |values: &ByRegion| {
            let mut names: Vec<&str> = values.values().map(String::as_str).collect();
            names.dedup();
            names.join(", ")
        };
        let also = candidates.iter().map(|(values, why)| format!("{}: {why}", shown(values))).collect();
        self.found.push(Found { role, values, why, also });
    }

    /// The outputs of every living stack.
    async fn outputs(&mut self) -> Outputs {
        let mut outputs = Outputs::new();
        for (region, clients) in self.regions {
            let mut pages = clients.cloudformation.describe_stacks().into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = match page {
                    Ok(page) => page,
                    Err(error) => {
                        self.trouble("stacks", *region, &said(&error));
                        break;
                    }
                };
                for stack in page.stacks().iter().filter(|stack| stacks::status(stack) != "DELETE_COMPLETE") {
                    for (output, value) in stacks::outputs(stack) {
                        let name = stack.stack_name().unwrap_or_default().to_owned();
                        outputs.entry((name, output)).or_default().insert(*region, value);
                    }
                }
            }
        }
        outputs
    }
}
