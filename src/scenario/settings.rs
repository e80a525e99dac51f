//! `blackstart.yaml`: how targets other than the twin are reached, where the harness may act, and which resources of
//! somebody's own stack play which role. Names of environment variables stand in for secrets: no secret is in here.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::duration;
use crate::region::Region;

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
    /// Passed to the container as they are.
    pub environment: IndexMap<String, String>,
    /// Variables of this process whose values are passed on under the same name, such as LOCALSTACK_AUTH_TOKEN.
    pub pass: Vec<String>,
    /// How long it may take until its health says ready.
    #[serde(with = "duration")]
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

/// An AWS-compatible endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Endpoint {
    /// For every Region and service that has none of its own. Default: AWS_ENDPOINT_URL.
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
    pub url: Option<String>,
    /// By SigV4 name, such as dynamodb.
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
    pub roles: IndexMap<Region, String>,
    /// Recursive resolvers that users' look-ups go through, by IPv4 address. Default: the machine's own.
    pub resolvers: Vec<std::net::Ipv4Addr>,
}

/// Where the harness may act: both lists must name what it finds, and an empty list allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Allow {
    /// Account ids of twelve digits.
    pub accounts: Vec<String>,
    pub regions: Vec<Region>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    #[serde(with = "duration")]
    #[schemars(with = "super::vocabulary::Duration")]
    pub connect: Duration,
    /// Of one attempt of a call to a service.
    #[serde(with = "duration")]
    #[schemars(with = "super::vocabulary::Duration")]
    pub attempt: Duration,
}

/// The roles of a stack that was not deployed from the harness's templates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adopted {
    /// By role, as layout.yaml calls them: `table`, `bucket`, `secret`, `public-name`, `api-host` and so on.
    pub roles: IndexMap<String, Resource>,
}

/// What plays a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum Resource {
    /// The same name in every Region.
    Name(String),
    /// A name in each Region.
    Names { regions: IndexMap<Region, String> },
    /// An output of a stack, the same in every Region.
    Output { stack: String, output: String },
    /// The one resource of this type, by its CloudFormation-like `service:type`, that carries this tag.
    Tag { tag: String, value: String, kind: String },
}

impl Default for Localstack {
    fn default() -> Self {
        Self {
            image: "localstack/localstack".to_owned(),
            tag: "4.14.0".to_owned(),
            containers: Containers::One,
            environment: IndexMap::new(),
            pass: vec!["LOCALSTACK_AUTH_TOKEN".to_owned()],
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

impl Settings {
    /// Reads `blackstart.yaml`; an error names the line, the column and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }

    pub fn is_default(&self) -> bool {
        is_default(self)
    }

    pub fn functions(&self) -> PathBuf {
        self.functions.clone().unwrap_or_else(|| PathBuf::from("target/lambda"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_written_is_all_defaults_and_allows_nothing() {
        let settings = Settings::parse("{}").unwrap();
        assert_eq!(settings, Settings::default());
        assert!(settings.aws.allow.accounts.is_empty() && settings.aws.allow.regions.is_empty());
        assert_eq!(serde_json::to_string(&settings).unwrap(), "{}");
    }

    #[test]
    fn every_part_is_read() {
        let text = "
localstack: { tag: 4.9.0, containers: per-region, environment: { DEBUG: '1' }, ready_within: 90s }
endpoint:
  url: http://127.0.0.1:4566
  regions: { eu-west-1: { url: http://127.0.0.1:4567, services: { dynamodb: http://127.0.0.1:8000 } } }
aws: { allow: { accounts: ['123456789012'], regions: [us-east-1, eu-west-1] }, profile: gameday }
timeouts: { connect: 1s, attempt: 5s }
adopted:
  roles:
    table: orders
    bucket: { regions: { us-east-1: a, eu-west-1: b } }
    public-name: { stack: routing, output: PublicName }
    secret: { tag: role, value: credentials, kind: 'secretsmanager:secret' }
";
        let settings = Settings::parse(text).unwrap();
        assert_eq!(settings.localstack.ready_within, Duration::from_secs(90));
        let adopted = settings.adopted.as_ref().unwrap();
        assert_eq!(adopted.roles["table"], Resource::Name("orders".into()));
        assert!(matches!(&adopted.roles["secret"], Resource::Tag { tag, .. } if tag == "role"));
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&json).unwrap(), settings);
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        let error = Settings::parse("aws:\n  alow: {}\n").unwrap_err();
        assert!(error.contains("alow") && error.contains('2'), "{error}");
    }
}
