//! The properties of both types, as the CloudFormation template reference lists them.

use crate::formation::{Kind, Property, Spec};

pub static TABLE: Spec =
    Spec { name: "AWS::DynamoDB::Table", properties: TABLE_PROPERTIES, attributes: &["Arn", "StreamArn"] };

pub static GLOBAL_TABLE: Spec = Spec {
    name: "AWS::DynamoDB::GlobalTable",
    properties: GLOBAL_TABLE_PROPERTIES,
    attributes: &["Arn", "StreamArn", "TableId"],
};

const TABLE_PROPERTIES: &[Property] = &[
    Property::new("AttributeDefinitions", Kind::List(&Kind::Object(ATTRIBUTE_DEFINITION))),
    Property::new("BillingMode", Kind::Text),
    Property::new("ContributorInsightsSpecification", Kind::Object(CONTRIBUTOR_INSIGHTS)),
    Property::new("DeletionProtectionEnabled", Kind::Boolean),
    Property::new("GlobalSecondaryIndexes", Kind::List(&Kind::Object(GLOBAL_INDEX))),
    Property::new("ImportSourceSpecification", Kind::Object(IMPORT_SOURCE)).replaces(),
    Property::new("KeySchema", Kind::List(&Kind::Object(KEY))).required().replaces(),
    Property::new("KinesisStreamSpecification", Kind::Object(KINESIS_STREAM)),
    Property::new("LocalSecondaryIndexes", Kind::List(&Kind::Object(LOCAL_INDEX))).replaces(),
    Property::new("OnDemandThroughput", Kind::Object(ON_DEMAND)),
    Property::new("PointInTimeRecoverySpecification", Kind::Object(POINT_IN_TIME_RECOVERY)),
    Property::new("ProvisionedThroughput", Kind::Object(PROVISIONED)),
    Property::new("ResourcePolicy", Kind::Object(RESOURCE_POLICY)),
    Property::new("SSESpecification", Kind::Object(TABLE_SSE)),
    Property::new("StreamSpecification", Kind::Object(TABLE_STREAM)),
    Property::new("TableClass", Kind::Text),
    Property::new("TableName", Kind::Text).replaces(),
    Property::new("Tags", Kind::List(&Kind::Object(TAG))),
    Property::new("TimeToLiveSpecification", Kind::Object(TIME_TO_LIVE)),
    Property::new("WarmThroughput", Kind::Object(WARM)),
];

const GLOBAL_TABLE_PROPERTIES: &[Property] = &[
    Property::new("AttributeDefinitions", Kind::List(&Kind::Object(ATTRIBUTE_DEFINITION))),
    Property::new("BillingMode", Kind::Text),
    Property::new("GlobalSecondaryIndexes", Kind::List(&Kind::Object(GLOBAL_TABLE_INDEX))),
    Property::new("GlobalTableSettingsReplicationMode", Kind::Text),
    Property::new("GlobalTableSourceArn", Kind::Text).replaces(),
    Property::new("GlobalTableWitnesses", Kind::List(&Kind::Object(WITNESS))),
    Property::new("KeySchema", Kind::List(&Kind::Object(KEY))).replaces(),
    Property::new("LocalSecondaryIndexes", Kind::List(&Kind::Object(LOCAL_INDEX))).replaces(),
    Property::new("MultiRegionConsistency", Kind::Text),
    Property::new("ReadOnDemandThroughputSettings", Kind::Object(READ_ON_DEMAND)),
    Property::new("ReadProvisionedThroughputSettings", Kind::Object(READ_PROVISIONED)),
    Property::new("Replicas", Kind::List(&Kind::Object(REPLICA))).required(),
    Property::new("SSESpecification", Kind::Object(GLOBAL_SSE)),
    Property::new("StreamSpecification", Kind::Object(GLOBAL_STREAM)),
    Property::new("TableName", Kind::Text).replaces(),
    Property::new("TimeToLiveSpecification", Kind::Object(TIME_TO_LIVE)),
    Property::new("WarmThroughput", Kind::Object(WARM)),
    Property::new("WriteOnDemandThroughputSettings", Kind::Object(WRITE_ON_DEMAND)),
    Property::new("WriteProvisionedThroughputSettings", Kind::Object(WRITE_PROVISIONED)),
];

const ATTRIBUTE_DEFINITION: &[Property] =
    &[Property::new("AttributeName", Kind::Text).required(), Property::new("AttributeType", Kind::Text).required()];
const KEY: &[Property] =
    &[Property::new("AttributeName", Kind::Text).required(), Property::new("KeyType", Kind::Text).required()];
const PROJECTION: &[Property] =
    &[Property::new("NonKeyAttributes", Kind::List(&Kind::Text)), Property::new("ProjectionType", Kind::Text)];
const CONTRIBUTOR_INSIGHTS: &[Property] =
    &[Property::new("Enabled", Kind::Boolean).required(), Property::new("Mode", Kind::Text)];
const ON_DEMAND: &[Property] =
    &[Property::new("MaxReadRequestUnits", Kind::Integer), Property::new("MaxWriteRequestUnits", Kind::Integer)];
const PROVISIONED: &[Property] = &[
    Property::new("ReadCapacityUnits", Kind::Integer).required(),
    Property::new("WriteCapacityUnits", Kind::Integer).required(),
];
const WARM: &[Property] =
    &[Property::new("ReadUnitsPerSecond", Kind::Integer), Property::new("WriteUnitsPerSecond", Kind::Integer)];
const GLOBAL_INDEX: &[Property] = &[
    Property::new("ContributorInsightsSpecification", Kind::Object(CONTRIBUTOR_INSIGHTS)),
    Property::new("IndexName", Kind::Text).required(),
    Property::new("KeySchema", Kind::List(&Kind::Object(KEY))).required(),
    Property::new("OnDemandThroughput", Kind::Object(ON_DEMAND)),
    Property::new("Projection", Kind::Object(PROJECTION)).required(),
    Property::new("ProvisionedThroughput", Kind::Object(PROVISIONED)),
    Property::new("WarmThroughput", Kind::Object(WARM)),
];
const LOCAL_INDEX: &[Property] = &[
    Property::new("IndexName", Kind::Text).required(),
    Property::new("KeySchema", Kind::List(&Kind::Object(KEY))).required(),
    Property::new("Projection", Kind::Object(PROJECTION)).required(),
];
const IMPORT_SOURCE: &[Property] = &[
    Property::new("InputCompressionType", Kind::Text),
    Property::new("InputFormat", Kind::Text).required(),
    Property::new("InputFormatOptions", Kind::Any),
    Property::new("S3BucketSource", Kind::Any).required(),
];
const KINESIS_STREAM: &[Property] = &[
    Property::new("ApproximateCreationDateTimePrecision", Kind::Text),
    Property::new("StreamArn", Kind::Text).required(),
];
const POINT_IN_TIME_RECOVERY: &[Property] =
    &[Property::new("PointInTimeRecoveryEnabled", Kind::Boolean), Property::new("RecoveryPeriodInDays", Kind::Integer)];
const RESOURCE_POLICY: &[Property] = &[Property::new("PolicyDocument", Kind::Any).required()];
const TABLE_SSE: &[Property] = &[
    Property::new("KMSMasterKeyId", Kind::Text),
    Property::new("SSEEnabled", Kind::Boolean).required(),
    Property::new("SSEType", Kind::Text),
];
const TABLE_STREAM: &[Property] = &[
    Property::new("ResourcePolicy", Kind::Object(RESOURCE_POLICY)),
    Property::new("StreamViewType", Kind::Text).required(),
];
const TAG: &[Property] = &[Property::new("Key", Kind::Text).required(), Property::new("Value", Kind::Text).required()];
const TIME_TO_LIVE: &[Property] =
    &[Property::new("AttributeName", Kind::Text), Property::new("Enabled", Kind::Boolean).required()];

const GLOBAL_SSE: &[Property] =
    &[Property::new("SSEEnabled", Kind::Boolean).required(), Property::new("SSEType", Kind::Text)];
const GLOBAL_STREAM: &[Property] = &[Property::new("StreamViewType", Kind::Text).required()];
const WITNESS: &[Property] = &[Property::new("Region", Kind::Text)];
const READ_ON_DEMAND: &[Property] = &[Property::new("MaxReadRequestUnits", Kind::Integer)];
const WRITE_ON_DEMAND: &[Property] = &[Property::new("MaxWriteRequestUnits", Kind::Integer)];
const READ_PROVISIONED: &[Property] = &[
    Property::new("ReadCapacityAutoScalingSettings", Kind::Object(AUTO_SCALING)),
    Property::new("ReadCapacityUnits", Kind::Integer),
];
const WRITE_PROVISIONED: &[Property] = &[Property::new("WriteCapacityAutoScalingSettings", Kind::Object(AUTO_SCALING))];
const AUTO_SCALING: &[Property] = &[
    Property::new("MaxCapacity", Kind::Integer).required(),
    Property::new("MinCapacity", Kind::Integer).required(),
    Property::new("SeedCapacity", Kind::Integer),
    Property::new("TargetTrackingScalingPolicyConfiguration", Kind::Object(TARGET_TRACKING)).required(),
];
const TARGET_TRACKING: &[Property] = &[
    Property::new("DisableScaleIn", Kind::Boolean),
    Property::new("ScaleInCooldown", Kind::Integer),
    Property::new("ScaleOutCooldown", Kind::Integer),
    Property::new("TargetValue", Kind::Number).required(),
];
const GLOBAL_TABLE_INDEX: &[Property] = &[
    Property::new("IndexName", Kind::Text).required(),
    Property::new("KeySchema", Kind::List(&Kind::Object(KEY))).required(),
    Property::new("Projection", Kind::Object(PROJECTION)).required(),
    Property::new("ReadOnDemandThroughputSettings", Kind::Object(READ_ON_DEMAND)),
    Property::new("ReadProvisionedThroughputSettings", Kind::Object(READ_PROVISIONED)),
    Property::new("WarmThroughput", Kind::Object(WARM)),
    Property::new("WriteOnDemandThroughputSettings", Kind::Object(WRITE_ON_DEMAND)),
    Property::new("WriteProvisionedThroughputSettings", Kind::Object(WRITE_PROVISIONED)),
];
const REPLICA: &[Property] = &[
    Property::new("ContributorInsightsSpecification", Kind::Object(CONTRIBUTOR_INSIGHTS)),
    Property::new("DeletionProtectionEnabled", Kind::Boolean),
    Property::new("GlobalSecondaryIndexes", Kind::List(&Kind::Object(REPLICA_INDEX))),
    Property::new("GlobalTableSettingsReplicationMode", Kind::Text),
    Property::new("KinesisStreamSpecification", Kind::Object(KINESIS_STREAM)),
    Property::new("PointInTimeRecoverySpecification", Kind::Object(POINT_IN_TIME_RECOVERY)),
    Property::new("ReadOnDemandThroughputSettings", Kind::Object(READ_ON_DEMAND)),
    Property::new("ReadProvisionedThroughputSettings", Kind::Object(READ_PROVISIONED)),
    Property::new("Region", Kind::Text).required(),
    Property::new("ReplicaStreamSpecification", Kind::Object(REPLICA_STREAM)),
    Property::new("ResourcePolicy", Kind::Object(RESOURCE_POLICY)),
    Property::new("SSESpecification", Kind::Object(REPLICA_SSE)),
    Property::new("TableClass", Kind::Text),
    Property::new("Tags", Kind::List(&Kind::Object(TAG))),
];
const REPLICA_INDEX: &[Property] = &[
    Property::new("ContributorInsightsSpecification", Kind::Object(CONTRIBUTOR_INSIGHTS)),
    Property::new("IndexName", Kind::Text).required(),
    Property::new("ReadOnDemandThroughputSettings", Kind::Object(READ_ON_DEMAND)),
    Property::new("ReadProvisionedThroughputSettings", Kind::Object(READ_PROVISIONED)),
];
const REPLICA_STREAM: &[Property] = &[Property::new("ResourcePolicy", Kind::Object(RESOURCE_POLICY)).required()];
const REPLICA_SSE: &[Property] = &[Property::new("KMSMasterKeyId", Kind::Text).required()];
