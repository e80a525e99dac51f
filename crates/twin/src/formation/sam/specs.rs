//! What SAM's resource types accept, as the SAM specification documents them.

use crate::formation::handler::{Kind, Property};

/// The types of this subset.
pub const TYPES: &[(&str, &[Property])] =
    &[("AWS::Serverless::Api", API), ("AWS::Serverless::Function", FUNCTION), ("AWS::Serverless::SimpleTable", TABLE)];

/// What SAM has and this subset has not: known names, so the error says so instead of guessing another.
pub const NOT_MODELLED: &[(&str, &str)] = &[
    ("AWS::Serverless::Api", "ApiKeySourceType"),
    ("AWS::Serverless::Api", "Auth"),
    ("AWS::Serverless::Api", "GatewayResponses"),
    ("AWS::Serverless::Api", "Models"),
    ("AWS::Serverless::Function", "CapacityProviderConfig"),
    ("AWS::Serverless::Function", "CodeSigningConfigArn"),
    ("AWS::Serverless::Function", "DeploymentPreference"),
    ("AWS::Serverless::Function", "DurableConfig"),
    ("AWS::Serverless::Function", "EventInvokeConfig"),
    ("AWS::Serverless::Function", "FileSystemConfigs"),
    ("AWS::Serverless::Function", "FunctionUrlConfig"),
];

const FUNCTION: &[Property] = &[
    Property::new("Architectures", Kind::List(&Kind::Text)),
    Property::new("AssumeRolePolicyDocument", Kind::Any),
    Property::new("AutoPublishAlias", Kind::Text),
    Property::new("AutoPublishAliasAllProperties", Kind::Boolean),
    Property::new("AutoPublishCodeSha256", Kind::Text),
    Property::new("CapacityProviderConfig", Kind::Any),
    Property::new("CodeSigningConfigArn", Kind::Any),
    Property::new("CodeUri", Kind::Any),
    Property::new("DeadLetterQueue", Kind::Any),
    Property::new("DeploymentPreference", Kind::Any),
    Property::new("Description", Kind::Text),
    Property::new("DurableConfig", Kind::Any),
    Property::new("Environment", Kind::Object(&[Property::new("Variables", Kind::Map(&Kind::Text))])),
    Property::new("EphemeralStorage", Kind::Any),
    Property::new("EventInvokeConfig", Kind::Any),
    Property::new("Events", Kind::Map(&Kind::Any)),
    Property::new("FileSystemConfigs", Kind::Any),
    Property::new("FunctionName", Kind::Text),
    Property::new("FunctionUrlConfig", Kind::Any),
    Property::new("Handler", Kind::Text),
    Property::new("ImageConfig", Kind::Any),
    Property::new("ImageUri", Kind::Text),
    Property::new("InlineCode", Kind::Text),
    Property::new("KmsKeyArn", Kind::Text),
    Property::new("Layers", Kind::List(&Kind::Text)),
    Property::new("LoggingConfig", Kind::Any),
    Property::new("MemorySize", Kind::Integer),
    Property::new("PackageType", Kind::Text),
    Property::new("PermissionsBoundary", Kind::Text),
    Property::new("Policies", Kind::Any),
    Property::new("PropagateTags", Kind::Boolean),
    Property::new("ProvisionedConcurrencyConfig", Kind::Any),
    Property::new("RecursiveLoop", Kind::Text),
    Property::new("ReservedConcurrentExecutions", Kind::Integer),
    Property::new("Role", Kind::Text),
    Property::new("RolePath", Kind::Text),
    Property::new("Runtime", Kind::Text),
    Property::new("RuntimeManagementConfig", Kind::Any),
    Property::new("SnapStart", Kind::Any),
    Property::new("Tags", Kind::Map(&Kind::Text)),
    Property::new("Timeout", Kind::Integer),
    Property::new("Tracing", Kind::Text),
    Property::new("VersionDescription", Kind::Text),
    Property::new("VpcConfig", Kind::Any),
];

const API: &[Property] = &[
    Property::new("AccessLogSetting", Kind::Any),
    Property::new("AlwaysDeploy", Kind::Boolean),
    Property::new("ApiKeySourceType", Kind::Text),
    Property::new("Auth", Kind::Any),
    Property::new("BinaryMediaTypes", Kind::List(&Kind::Text)),
    Property::new("CacheClusterEnabled", Kind::Boolean),
    Property::new("CacheClusterSize", Kind::Text),
    Property::new("CanarySetting", Kind::Any),
    Property::new("Cors", Kind::Any),
    Property::new("DefinitionBody", Kind::Any),
    Property::new("DefinitionUri", Kind::Any),
    Property::new("Description", Kind::Text),
    Property::new("DisableExecuteApiEndpoint", Kind::Boolean),
    Property::new("Domain", Kind::Object(DOMAIN)),
    Property::new("EndpointConfiguration", Kind::Any),
    Property::new("FailOnWarnings", Kind::Boolean),
    Property::new("GatewayResponses", Kind::Any),
    Property::new("MethodSettings", Kind::Any),
    Property::new("MinimumCompressionSize", Kind::Integer),
    Property::new("Models", Kind::Any),
    Property::new("Name", Kind::Text),
    Property::new("OpenApiVersion", Kind::Text),
    Property::new("PropagateTags", Kind::Boolean),
    Property::new("StageName", Kind::Text).required(),
    Property::new("Tags", Kind::Map(&Kind::Text)),
    Property::new("TracingEnabled", Kind::Boolean),
    Property::new("Variables", Kind::Map(&Kind::Text)),
];

const DOMAIN: &[Property] = &[
    Property::new("BasePath", Kind::List(&Kind::Text)),
    Property::new("CertificateArn", Kind::Text).required(),
    Property::new("DomainName", Kind::Text).required(),
    Property::new("EndpointConfiguration", Kind::Text),
    Property::new("NormalizeBasePath", Kind::Boolean),
    Property::new("Route53", Kind::Object(ROUTE_53)),
    Property::new("SecurityPolicy", Kind::Text),
];

const ROUTE_53: &[Property] = &[
    Property::new("DistributionDomainName", Kind::Text),
    Property::new("EvaluateTargetHealth", Kind::Boolean),
    Property::new("HostedZoneId", Kind::Text),
    Property::new("HostedZoneName", Kind::Text),
    Property::new("IpV6", Kind::Boolean),
    Property::new("Region", Kind::Text),
    Property::new("SetIdentifier", Kind::Text),
];

const TABLE: &[Property] = &[
    Property::new("PointInTimeRecoverySpecification", Kind::Any),
    Property::new(
        "PrimaryKey",
        Kind::Object(&[Property::new("Name", Kind::Text), Property::new("Type", Kind::Text).required()]),
    ),
    Property::new("ProvisionedThroughput", Kind::Any),
    Property::new("SSESpecification", Kind::Any),
    Property::new("TableName", Kind::Text),
    Property::new("Tags", Kind::Map(&Kind::Text)),
];

/// What an event of type Api says.
pub const API_EVENT: &[&str] = &["Method", "Path", "RestApiId"];
/// What an event of type SNS says.
pub const SNS_EVENT: &[&str] = &["FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "Region", "Topic"];
