//! The grammar of the command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::capability::Capability;
use crate::report::Schema;

/// Rehearse losing an AWS Region, and prove with evidence how fast users got back.
#[derive(Debug, Parser)]
#[command(name = "blackstart", version, about, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 pass, 1 fail, 2 inconclusive, 3 something could not be put back, 64 usage or bad scenario, \
                  70 crash, 130 interrupted."
)]
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
    /// Find out what a target can do, by doing it: proven, absent, a lie, or unknown.
    ///
    /// What is made for it is taken away again. Findings are kept by target and version in the folder of runs.
    Capabilities(CapabilitiesArgs),
    /// Deploy the stack and show its outputs.
    Up(StackArgs),
    /// Take the stack down, or what earlier runs left.
    Down(DownArgs),
    /// Show what is deployed.
    Status(StackArgs),
    /// Put back what a run that was killed has changed and left so, from its undo.jsonl.
    ///
    /// What somebody else changed meanwhile stays. Exit code 0 where all is what it was, 3 where something is not.
    Restore(RestoreArgs),
    /// Draft blackstart.yaml for a stack that stands already: what seems to play which role, and why.
    Adopt(StackArgs),
}

#[derive(Debug, clap::Args)]
pub struct RunArgs {
    pub scenario: PathBuf,
    #[command(flatten)]
    pub at: Where,
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
pub struct RestoreArgs {
    /// The folder of a run, or its name in the folder of runs, such as latest.
    pub run: PathBuf,
    /// The folder of runs.
    #[arg(long, default_value = "runs")]
    pub out: PathBuf,
    /// How targets are reached, and where the harness may act. Default: what the run was given.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Act on real accounts without asking.
    #[arg(long)]
    pub yes: bool,
    /// Say what would be put back, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Where to act, and how to get there.
#[derive(Debug, Default, clap::Args)]
pub struct Where {
    /// Where to run it; the scenario's own target otherwise, and embedded without one.
    #[arg(long, value_enum)]
    pub target: Option<Target>,
    /// The endpoint's URL, for --target endpoint alone. It stands for every other one: without it
    /// AWS_ENDPOINT_URL_S3 and its like lead their service, and AWS_ENDPOINT_URL stands for endpoint.url of blackstart.yaml.
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// How targets are reached, and where the harness may act. Default: blackstart.yaml, if it is there.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Act on real accounts without asking.
    #[arg(long)]
    pub yes: bool,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub struct CapabilitiesArgs {
    #[command(flatten)]
    pub at: Where,
    /// These alone, such as table-replication,health-checks.
    #[arg(long, value_delimiter = ',')]
    pub only: Option<Vec<Capability>>,
    /// Probe anew what is known from an earlier time.
    #[arg(long)]
    pub fresh: bool,
    /// The folder of runs.
    #[arg(long, default_value = "runs")]
    pub out: PathBuf,
    /// Print the findings as JSON, and nothing else on stdout.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct StackArgs {
    #[command(flatten)]
    pub at: Where,
    /// The directory of the templates.
    #[arg(long, default_value = "stack")]
    pub stack: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct DownArgs {
    #[command(flatten)]
    pub stack: StackArgs,
    /// What earlier runs left, found by its tag, in place of the stack: listed, and removed with --yes.
    #[arg(long)]
    pub orphans: bool,
}

/// Where stacks can be deployed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// The twin in this process, on virtual time.
    Embedded,
    /// LocalStack, in a container that is started and removed.
    Localstack,
    /// Anything that speaks AWS's protocols behind a URL.
    Endpoint,
    /// Real accounts: those that blackstart.yaml allows, and no other.
    Aws,
}

impl Target {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Localstack => "localstack",
            Self::Endpoint => "endpoint",
            Self::Aws => "aws",
        }
    }
}
