//! The grammar of the command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::report::Schema;

/// Rehearse losing an AWS Region, and prove with evidence how fast users got back.
#[derive(Debug, Parser)]
#[command(name = "blackstart", version, about, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 pass, 1 fail, 2 inconclusive, 64 usage or bad scenario, 70 crash.")]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario and judge it.
    Run(RunArgs),
    /// Release a new version by a scenario's canary, and judge it: says first what its steps can find.
    Canary(RunArgs),
    /// Run a scenario under each guard (lambda, health-check, both) and show their hops side by side.
    ///
    /// Exit code 0 where each of them could be judged, 2 where one is inconclusive: a comparison fails nobody.
    Guards(RunArgs),
    /// Judge a stored run again and show its report.
    Report(ReportArgs),
    /// Check a scenario without running it.
    Validate { scenario: PathBuf },
    /// Print a JSON Schema.
    Schema {
        #[arg(value_enum, default_value = "scenario")]
        of: Schema,
    },
    /// Deploy the stack and show its outputs.
    Up(UpArgs),
    /// Take the stack down.
    Down {
        #[arg(long, value_enum, default_value = "embedded")]
        target: Target,
    },
    /// Show what is deployed.
    Status {
        #[arg(long, value_enum, default_value = "embedded")]
        target: Target,
    },
}

#[derive(Debug, clap::Args)]
pub struct RunArgs {
    pub scenario: PathBuf,
    /// Where to run it; the scenario's own target otherwise.
    #[arg(long, value_enum)]
    pub target: Option<Target>,
    /// Another seed than the scenario's.
    #[arg(long)]
    pub seed: Option<u64>,
    /// The folder that gets a folder for each run.
    #[arg(long, default_value = "runs")]
    pub out: PathBuf,
    /// Print verdict.json on stdout, and nothing else there.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// The folder of a run, or its name in the folder of runs, such as latest.
    pub run: PathBuf,
    /// The folder of runs.
    #[arg(long, default_value = "runs")]
    pub out: PathBuf,
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct UpArgs {
    #[arg(long, value_enum, default_value = "embedded")]
    pub target: Target,
    /// The directory of the templates.
    #[arg(long, default_value = "stack")]
    pub stack: PathBuf,
}

/// Where stacks can be deployed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// The twin in this process, on virtual time.
    Embedded,
}

impl Target {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
        }
    }
}
