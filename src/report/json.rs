//! The machine formats: `verdict.json`, and the schemas of all that a run reads and writes.

use schemars::schema_for;

use crate::capability::Survey;
use crate::history::Record;
use crate::judge::Verdict;
use crate::scenario::{File, Settings};

/// What has a schema; each is kept in `schema/` too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Schema {
    Scenario,
    History,
    Verdict,
    Capabilities,
    /// Of blackstart.yaml.
    Settings,
}

impl Schema {
    pub const ALL: [Self; 5] = [Self::Scenario, Self::History, Self::Verdict, Self::Capabilities, Self::Settings];

    /// Its file in `schema/`.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Scenario => "scenario.schema.json",
            Self::History => "history.schema.json",
            Self::Verdict => "verdict.schema.json",
            Self::Capabilities => "capabilities.schema.json",
            Self::Settings => "settings.schema.json",
        }
    }
}

pub fn schema(of: Schema) -> String {
    let schema = match of {
        Schema::Scenario => schema_for!(File),
        Schema::History => schema_for!(Record),
        Schema::Verdict => schema_for!(Verdict),
        Schema::Capabilities => schema_for!(Survey),
        Schema::Settings => schema_for!(Settings),
    };
    pretty(&schema)
}

pub fn verdict_json(verdict: &Verdict) -> String {
    pretty(verdict)
}

pub fn capabilities_json(survey: &Survey) -> String {
    pretty(survey)
}

fn pretty(value: &impl serde::Serialize) -> String {
    // Neither schemas nor verdicts hold anything JSON cannot: no maps with odd keys, no failing serialisers.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
