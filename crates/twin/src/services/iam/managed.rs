//! The AWS managed policies that serverless templates use, by ARN.
//!
//! Source: AWS managed policy reference; each as the actions it allows on every resource. Where the real policy is
//! narrower (conditions, single resources) the twin's is that much wider, which docs/fidelity.md says.

use super::policy::Policy;

const PREFIX: &str = "arn:aws:iam::aws:policy/";

const LOGS: &[&str] = &["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];

/// What follows the prefix, and what is allowed.
const TABLE: &[(&str, &[&str])] = &[
    ("AdministratorAccess", &["*"]),
    ("service-role/AWSLambdaBasicExecutionRole", LOGS),
    (
        "service-role/AWSLambdaVPCAccessExecutionRole",
        &[
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        ],
    ),
    (
        "service-role/AWSLambdaDynamoDBExecutionRole",
        &[
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
        ],
    ),
    ("service-role/AWSLambdaRole", &["lambda:InvokeFunction"]),
    (
        "service-role/AmazonAPIGatewayPushToCloudWatchLogs",
        &[
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogGroups",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
            "logs:GetLogEvents",
            "logs:FilterLogEvents",
        ],
    ),
    (
        "AWSXRayDaemonWriteAccess",
        &[
            "xray:PutTraceSegments",
            "xray:PutTelemetryRecords",
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
            "xray:GetSamplingStatisticSummaries",
        ],
    ),
    ("AWSXrayWriteOnlyAccess", &["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSampling*"]),
    ("CloudWatchLambdaInsightsExecutionRolePolicy", LOGS),
    ("AWSLambdaExecute", &["logs:*", "s3:GetObject", "s3:PutObject"]),
    ("AmazonDynamoDBFullAccess", &["dynamodb:*", "dax:*", "application-autoscaling:*", "cloudwatch:*", "sns:*"]),
    (
        "AmazonDynamoDBReadOnlyAccess",
        &[
            "dynamodb:BatchGetItem",
            "dynamodb:Describe*",
            "dynamodb:List*",
            "dynamodb:GetItem",
            "dynamodb:GetResourcePolicy",
            "dynamodb:Query",
            "dynamodb:Scan",
            "dynamodb:PartiQLSelect",
            "cloudwatch:Describe*",
            "cloudwatch:GetMetric*",
            "cloudwatch:ListMetrics",
        ],
    ),
    ("AmazonS3FullAccess", &["s3:*", "s3-object-lambda:*"]),
    (
        "AmazonS3ReadOnlyAccess",
        &["s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"],
    ),
    (
        "SecretsManagerReadWrite",
        &[
            "secretsmanager:*",
            "kms:DescribeKey",
            "kms:ListAliases",
            "kms:ListKeys",
            "lambda:ListFunctions",
            "tag:GetResources",
        ],
    ),
    (
        "AmazonRoute53FullAccess",
        &["route53:*", "route53domains:*", "cloudwatch:DescribeAlarms", "cloudwatch:GetMetricStatistics"],
    ),
    ("AmazonRoute53ReadOnlyAccess", &["route53:Get*", "route53:List*", "route53:TestDNSAnswer"]),
    ("AmazonSNSFullAccess", &["sns:*"]),
    ("AmazonSNSReadOnlyAccess", &["sns:GetTopicAttributes", "sns:List*"]),
    ("AmazonSSMReadOnlyAccess", &["ssm:Describe*", "ssm:Get*", "ssm:List*"]),
    (
        "CloudWatchReadOnlyAccess",
        &[
            "cloudwatch:BatchGet*",
            "cloudwatch:Describe*",
            "cloudwatch:Get*",
            "cloudwatch:List*",
            "logs:Get*",
            "logs:List*",
            "logs:Describe*",
            "logs:FilterLogEvents",
            "sns:Get*",
            "sns:List*",
        ],
    ),
    ("CloudWatchFullAccess", &["cloudwatch:*", "logs:*", "sns:*"]),
    ("CloudWatchLogsFullAccess", &["logs:*", "cloudwatch:GenerateQuery"]),
    (
        "AWSLambda_ReadOnlyAccess",
        &["lambda:Get*", "lambda:List*", "cloudwatch:GetMetricData", "logs:DescribeLogGroups"],
    ),
    (
        "AWSLambda_FullAccess",
        &["lambda:*", "iam:PassRole", "iam:GetRole", "iam:ListRoles", "cloudwatch:GetMetricData", "logs:*"],
    ),
];

/// The policy of this ARN, if the twin knows it.
pub fn find(arn: &str) -> Option<Policy> {
    let name = arn.strip_prefix(PREFIX)?;
    let (_, actions) = TABLE.iter().find(|(known, _)| *known == name)?;
    Some(Policy::allowing(actions))
}

/// The known ARN that looks most like this one, for error messages.
pub fn nearest(arn: &str) -> String {
    let name = arn.strip_prefix(PREFIX).unwrap_or(arn);
    let score = |known: &str| strsim::jaro_winkler(known, name);
    let nearest = TABLE.iter().map(|(known, _)| *known).max_by(|a, b| score(a).total_cmp(&score(b)));
    format!("{PREFIX}{}", nearest.unwrap_or_default())
}
