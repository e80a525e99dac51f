//! `blackstart.yaml`: how targets other than the twin are reached, where the harness may act, and which resources of
//! somebody's own stack play which role. Names of environment variables stand in for secrets: no secret is in here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::ScenarioError;
use super::settings_check as check;
use super::settings_check::{Account, Kind, Role, RoleArn, Service, Url};
use crate::region::Region;

/// The file's own name, where no other is given.
pub const SETTINGS_FILE: &str = "blackstart.yaml";

/// Every role there is, as layout.yaml names them.
pub const ROLES: [&str; 18] = [
    "public-name",
    "base-path",
    "endpoint",
    "api-host",
    "stage",
    "api",
    "alarm",
    "function",
    "alias",
    "api-source",
    "hosted-zone",
    "guard-log",
    "table",
    "bucket",
    "secret",
    "rotation-function",
    "rotation-log",
    "credentials",
];

/// What the search by tag can look for and the harness can call by name, as `service:type` (Resource Groups Tagging API
/// reference, GetResources).
pub const KINDS: [&str; 9] = [
    "s3",
    "s3:bucket",
    "dynamodb:table",
    "secretsmanager:secret",
    "route53:hostedzone",
    "cloudwatch:alarm",
    "logs:log-group",
    "lambda:function",
    "apigateway:restapis",
];

/// The services that the harness calls: the SigV4 name, and what stands for it in `AWS_ENDPOINT_URL_<SERVICE>` (AWS SDKs
/// and Tools reference guide, identifiers for service-specific endpoints).
pub const SERVICES: [(&str, &str); 15] = [
    ("apigateway", "API_GATEWAY"),
    ("cloudformation", "CLOUDFORMATION"),
    ("dynamodb", "DYNAMODB"),
    ("fis", "FIS"),
    ("iam", "IAM"),
    ("kms", "KMS"),
    ("lambda", "LAMBDA"),
    ("logs", "CLOUDWATCH_LOGS"),
    ("monitoring", "CLOUDWATCH"),
    ("route53", "ROUTE_53"),
    ("s3", "S3"),
    ("secretsmanager", "SECRETS_MANAGER"),
    ("sns", "SNS"),
    ("sts", "STS"),
    ("tagging", "RESOURCE_GROUPS_TAGGING_API"),
];

/// Passed on to LocalStack where it is set, and nothing else was asked for.
const TOKEN: &str = "LOCALSTACK_AUTH_TOKEN";

/// What `blackstart.yaml` says; all of it has a default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "Blackstart settings")]
pub struct Settings {
    #[serde(skip_serializing_if = "is_default")]
    pub localstack: Localstack,
    #[serde(skip_serializing_if = "is_default")]
    pub endpoint: Endpoint,
    #[serde(skip_serializing_if = "is_default")]
    pub aws: Aws,
    /// Values of the stack's parameters on this target, under those that the scenario gives.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub parameters: IndexMap<String, String>,
    /// Where the functions' packages are: `<folder>/<crate>/bootstrap`. Default: target/lambda, where cargo-lambda builds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub functions: Option<PathBuf>,
    #[serde(skip_serializing_if = "is_default")]
    pub timeouts: Timeouts,
    /// Certificates (PEM) that are trusted beside the machine's own, by calls and by users alike. Default: AWS_CA_BUNDLE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<PathBuf>,
    /// Somebody's own stack in place of the shipped one: nothing is deployed, and each role names what is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
}

/// The container, by its image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Localstack {
    pub image: String,
    pub tag: String,
    /// One for all Regions, or one for each, so that a Region can be paused.
    pub containers: Containers,
    /// Passed to the container as they are. plan.json keeps the names, with `***` for each value.
    #[serde(serialize_with = "check::masked")]
    pub environment: IndexMap<String, String>,
    /// Variables of this process whose values are passed on under the same name; each must be set. Default:
    /// LOCALSTACK_AUTH_TOKEN, if it is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass: Option<Vec<String>>,
    /// How long it may take until its health says ready; more than 0s.
    #[serde(with = "check::above_zero")]
    #[schemars(with = "super::vocabulary::Duration")]
    pub ready_within: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Containers {
    #[default]
    One,
    PerRegion,
}

/// An AWS-compatible endpoint. Each URL is `http://host:port` or `https://host:port`, with no path after it.
///
/// A service in a Region is called at the first of these that is given:
///
/// 1. `--endpoint-url`, which stands for every URL in here and in the environment;
/// 2. `AWS_ENDPOINT_URL_<SERVICE>`, such as AWS_ENDPOINT_URL_DYNAMODB, for that service in every Region;
/// 3. `regions.<region>.services.<service>`;
/// 4. `regions.<region>.url`;
/// 5. AWS_ENDPOINT_URL;
/// 6. `url`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Endpoint {
    /// For every Region and service that has none of its own. AWS_ENDPOINT_URL comes before it.
    #[serde(deserialize_with = "check::maybe::<Url, _>")]
    #[schemars(with = "Option<Url>")]
    pub url: Option<String>,
    pub regions: IndexMap<Region, RegionEndpoint>,
    /// How a deployed API is asked for; `{api}` and `{stage}` stand for its id and stage. Default: by the Host header
    /// `{api}.execute-api.{region}.amazonaws.com`, at the endpoint itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_host: Option<String>,
    /// What stands before the path there. Default: `/{stage}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_path: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegionEndpoint {
    /// Of every service that has none of its own.
    #[serde(deserialize_with = "check::maybe::<Url, _>")]
    #[schemars(with = "Option<Url>")]
    pub url: Option<String>,
    /// By SigV4 name, such as dynamodb.
    #[serde(deserialize_with = "check::map::<Service, Url, _, _, _>")]
    #[schemars(with = "IndexMap<Service, Url>")]
    pub services: IndexMap<String, String>,
}

/// Real accounts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Aws {
    pub allow: Allow,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The role that is assumed in a Region, by ARN.
    #[serde(deserialize_with = "check::map::<Region, RoleArn, _, _, _>")]
    #[schemars(with = "IndexMap<Region, RoleArn>")]
    pub roles: IndexMap<Region, String>,
    /// Recursive resolvers that users' look-ups go through, by IPv4 address. Default: the machine's own.
    pub resolvers: Vec<std::net::Ipv4Addr>,
}

/// Where the harness may act: both lists must name what it finds, and an empty list allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Allow {
    /// Account ids of twelve digits, in quotes.
    #[serde(deserialize_with = "check::list::<Account, _>")]
    #[schemars(with = "Vec<Account>")]
    pub accounts: Vec<String>,
    pub regions: Vec<Region>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// Of one connection; more than 0s.
    #[serde(with = "check::above_zero")]
    #[schemars(with = "super::vocabulary::Duration")]
    pub connect: Duration,
    /// Of one attempt of a call to a service; more than 0s.
    #[serde(with = "check::above_zero")]
    #[schemars(with = "super::vocabulary::Duration")]
    pub attempt: Duration,
}

/// The roles of a stack that was not deployed from the harness's templates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adopted {
    /// By role, as layout.yaml calls them: `table`, `bucket`, `secret`, `public-name`, `api-host` and so on.
    #[serde(deserialize_with = "check::map::<Role, Resource, _, _, _>")]
    #[schemars(with = "IndexMap<Role, Resource>")]
    pub roles: IndexMap<String, Resource>,
}

// Read in `settings_check.rs`: what serde derives for an untagged enum says neither which key is wrong nor where.
/// What plays a role.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum Resource {
    /// The same name in every Region.
    Name(String),
    /// A name in each Region.
    Names { regions: IndexMap<Region, String> },
    /// An output of a stack, the same in every Region.
    Output { stack: String, output: String },
    /// The one resource of this kind, as `service:type` of the search by tag, that carries this tag.
    Tag {
        tag: String,
        value: String,
        #[schemars(with = "Kind")]
        kind: String,
    },
}

impl Default for Localstack {
    fn default() -> Self {
        Self {
            image: "localstack/localstack".to_owned(),
            tag: "4.14.0".to_owned(),
            containers: Containers::One,
            environment: IndexMap::new(),
            pass: None,
            ready_within: Duration::from_secs(120),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), attempt: Duration::from_secs(20) }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Localstack {
    /// The variables of this process that are passed on where they are set.
    pub fn passed(&self) -> impl Iterator<Item = &str> {
        let default = self.pass.is_none().then_some(TOKEN);
        default.into_iter().chain(self.pass.iter().flatten().map(String::as_str))
    }
}

impl Endpoint {
    /// Whether any URL is given.
    fn has_url(&self) -> bool {
        let own = |region: &RegionEndpoint| region.url.is_some() || !region.services.is_empty();
        self.url.is_some() || self.regions.values().any(own)
    }
}

impl Settings {
    /// Reads the text of `blackstart.yaml`; an error names the line, the column, what was expected and the way out.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        Self::parse_as(Path::new(SETTINGS_FILE), text)
    }

    /// Reads the text of a file of this name.
    pub fn parse_as(file: &Path, text: &str) -> Result<Self, ScenarioError> {
        let options = serde_saphyr::options! { with_snippet: false };
        serde_saphyr::from_str_with_options(text, options).map_err(|error| ScenarioError::of_yaml(file, &error))
    }

    /// These in place of those a run was given: where these name no URL of an endpoint, the run's own are kept.
    #[must_use]
    pub fn over(mut self, recorded: &Self) -> Self {
        if !self.endpoint.has_url() {
            let recorded = recorded.endpoint.clone();
            let Endpoint { api_host, api_path, .. } = std::mem::take(&mut self.endpoint);
            self.endpoint = Endpoint {
                api_host: api_host.or(recorded.api_host),
                api_path: api_path.or(recorded.api_path),
                url: recorded.url,
                regions: recorded.regions,
            };
        }
        self
    }

    pub fn is_default(&self) -> bool {
        is_default(self)
    }

    pub fn functions(&self) -> PathBuf {
        self.functions.clone().unwrap_or_else(|| PathBuf::from("target/lambda"))
    }
}

#[cfg(test)]
mod tests;
