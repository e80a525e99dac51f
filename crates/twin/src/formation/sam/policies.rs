//! `Policies` of a function: managed policies, inline statements and SAM's policy templates.

use super::{Sam, Source};
use crate::formation::template::{Entry, Node, did_you_mean};

/// A policy template: its parameters, and statements of actions on resources in which parameters stand as `${…}`.
struct PolicyTemplate {
    name: &'static str,
    parameters: &'static [&'static str],
    statements: &'static [(&'static [&'static str], &'static [&'static str])],
}

const TABLE: &[&str] = &[
    "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}",
    "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}/index/*",
];
const BUCKET: &[&str] = &["arn:${AWS::Partition}:s3:::${BucketName}", "arn:${AWS::Partition}:s3:::${BucketName}/*"];
const KEY: &[&str] = &["arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/${KeyId}"];
const TOPIC: &[&str] = &["arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:${TopicName}"];
const FUNCTION: &[&str] = &["arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${FunctionName}*"];
const STREAM: &[&str] =
    &["arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}/stream/${StreamName}"];
const BUS: &[&str] = &["arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}"];
const QUEUE: &[&str] = &["arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${QueueName}"];
const ZONE: &[&str] = &["arn:${AWS::Partition}:route53:::hostedzone/${HostedZoneId}"];
const PARAMETER: &[&str] = &["arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${ParameterName}"];

/// The templates of the SAM documentation ("Policy template list") that serverless two-Region stacks use.
const TEMPLATES: &[PolicyTemplate] = &[
    PolicyTemplate {
        name: "AWSSecretsManagerGetSecretValuePolicy",
        parameters: &["SecretArn"],
        statements: &[(&["secretsmanager:GetSecretValue"], &["${SecretArn}"])],
    },
    PolicyTemplate {
        name: "CloudWatchPutMetricPolicy",
        parameters: &[],
        statements: &[(&["cloudwatch:PutMetricData"], &["*"])],
    },
    PolicyTemplate {
        name: "DynamoDBCrudPolicy",
        parameters: &["TableName"],
        statements: &[(
            &[
                "dynamodb:GetItem",
                "dynamodb:DeleteItem",
                "dynamodb:PutItem",
                "dynamodb:Scan",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
                "dynamodb:BatchWriteItem",
                "dynamodb:BatchGetItem",
                "dynamodb:DescribeTable",
                "dynamodb:ConditionCheckItem",
            ],
            TABLE,
        )],
    },
    PolicyTemplate {
        name: "DynamoDBReadPolicy",
        parameters: &["TableName"],
        statements: &[(
            &["dynamodb:GetItem", "dynamodb:Scan", "dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:DescribeTable"],
            TABLE,
        )],
    },
    PolicyTemplate {
        name: "DynamoDBStreamReadPolicy",
        parameters: &["TableName", "StreamName"],
        statements: &[
            (&["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"], STREAM),
            (&["dynamodb:ListStreams"], &["*"]),
        ],
    },
    PolicyTemplate {
        name: "DynamoDBWritePolicy",
        parameters: &["TableName"],
        statements: &[(&["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:BatchWriteItem"], TABLE)],
    },
    PolicyTemplate {
        name: "EventBridgePutEventsPolicy",
        parameters: &["EventBusName"],
        statements: &[(&["events:PutEvents"], BUS)],
    },
    PolicyTemplate { name: "KMSDecryptPolicy", parameters: &["KeyId"], statements: &[(&["kms:Decrypt"], KEY)] },
    PolicyTemplate {
        name: "KMSEncryptPolicy",
        parameters: &["KeyId"],
        statements: &[(&["kms:Encrypt", "kms:GenerateDataKey"], KEY)],
    },
    PolicyTemplate {
        name: "LambdaInvokePolicy",
        parameters: &["FunctionName"],
        statements: &[(&["lambda:InvokeFunction"], FUNCTION)],
    },
    PolicyTemplate {
        name: "Route53ChangeResourceRecordSetsPolicy",
        parameters: &["HostedZoneId"],
        statements: &[(&["route53:ChangeResourceRecordSets"], ZONE)],
    },
    PolicyTemplate {
        name: "S3CrudPolicy",
        parameters: &["BucketName"],
        statements: &[(
            &[
                "s3:GetObject",
                "s3:ListBucket",
                "s3:GetBucketLocation",
                "s3:GetObjectVersion",
                "s3:PutObject",
                "s3:PutObjectAcl",
                "s3:GetLifecycleConfiguration",
                "s3:PutLifecycleConfiguration",
                "s3:DeleteObject",
            ],
            BUCKET,
        )],
    },
    PolicyTemplate {
        name: "S3ReadPolicy",
        parameters: &["BucketName"],
        statements: &[(
            &[
                "s3:GetObject",
                "s3:ListBucket",
                "s3:GetBucketLocation",
                "s3:GetObjectVersion",
                "s3:GetLifecycleConfiguration",
            ],
            BUCKET,
        )],
    },
    PolicyTemplate {
        name: "S3WritePolicy",
        parameters: &["BucketName"],
        statements: &[(&["s3:PutObject", "s3:PutObjectAcl", "s3:PutLifecycleConfiguration"], BUCKET)],
    },
    PolicyTemplate {
        name: "SNSPublishMessagePolicy",
        parameters: &["TopicName"],
        statements: &[(&["sns:Publish"], TOPIC)],
    },
    PolicyTemplate {
        name: "SQSSendMessagePolicy",
        parameters: &["QueueName"],
        statements: &[(&["sqs:SendMessage*"], QUEUE)],
    },
    PolicyTemplate {
        name: "SSMParameterReadPolicy",
        parameters: &["ParameterName"],
        statements: &[
            (&["ssm:DescribeParameters"], &["*"]),
            (&["ssm:GetParameters", "ssm:GetParameter", "ssm:GetParametersByPath"], PARAMETER),
        ],
    },
];

/// What a function's policies come to on its role.
#[derive(Default)]
pub struct RolePolicies {
    pub managed: Vec<Node>,
    pub inline: Vec<Node>,
}

impl Sam<'_> {
    pub(super) fn policies(&mut self, source: &Source<'_>) -> RolePolicies {
        let mut out = RolePolicies::default();
        let Some(policies) = source.get("Policies") else { return out };
        let items = policies.as_list().unwrap_or(std::slice::from_ref(policies));
        for (index, policy) in items.iter().enumerate() {
            let path = source.path(&format!("Policies/{index}"));
            if let Some(name) = policy.as_text() {
                out.managed.push(managed(policy, name));
            } else if policy.as_call().is_some() {
                out.managed.push(policy.clone());
            } else if policy.get("Statement").is_some() {
                out.inline.push(inline(source, index, policy.clone()));
            } else if let Some([only]) = policy.as_map() {
                match self.template(&path, only) {
                    Some(document) => out.inline.push(inline(source, index, document)),
                    None => continue,
                }
            } else {
                self.fail(policy.at, &path, "must be a managed policy, a policy template or a map with a Statement");
            }
        }
        out
    }

    /// A policy template with its parameters as a policy document.
    fn template(&mut self, path: &str, entry: &Entry) -> Option<Node> {
        let at = entry.key_at;
        let Some(template) = TEMPLATES.iter().find(|template| template.name == entry.key) else {
            let near = did_you_mean(&entry.key, TEMPLATES.iter().map(|template| template.name));
            self.fail(at, path, format!("the twin's SAM has no policy template {}{near}", entry.key));
            return None;
        };
        for given in entry.value.as_map().unwrap_or_default() {
            if !template.parameters.contains(&given.key.as_str()) {
                let near = did_you_mean(&given.key, template.parameters.iter().copied());
                self.fail(given.key_at, path, format!("unknown parameter {} of {}{near}", given.key, entry.key));
            }
        }
        let missing = template.parameters.iter().find(|name| entry.value.get(name).is_none());
        if let Some(missing) = missing {
            self.fail(at, path, format!("missing parameter {missing} of {}", entry.key));
            return None;
        }
        let statement = |(actions, resources): &(&[&str], &[&str])| {
            let actions = actions.iter().map(|action| Node::text(at, *action)).collect();
            let resources = resources.iter().map(|resource| match *resource {
                "*" => Node::text(at, "*"),
                arn => {
                    let used = template.parameters.iter().filter(|name| arn.contains(&format!("${{{name}}}")));
                    let variables = used.filter_map(|name| Some((*name, entry.value.get(name)?.clone())));
                    let variables = Node::map(at, variables);
                    Node::call(at, "Fn::Sub", Node::list(at, vec![Node::text(at, arn), variables]))
                }
            });
            let effect = Node::text(at, "Allow");
            let (action, resource) = (Node::list(at, actions), Node::list(at, resources.collect()));
            Node::map(at, [("Effect", effect), ("Action", action), ("Resource", resource)])
        };
        let statements = Node::list(at, template.statements.iter().map(statement).collect());
        Some(Node::map(at, [("Statement", statements)]))
    }
}

/// The ARN of a managed policy; AWS keeps those of service roles under a path of their own.
fn managed(node: &Node, name: &str) -> Node {
    if name.starts_with("arn:") {
        return node.clone();
    }
    let under = if name.starts_with("AWSLambda") && name.ends_with("Role") { "service-role/" } else { "" };
    Node::text(node.at, format!("arn:aws:iam::aws:policy/{under}{name}"))
}

fn inline(source: &Source<'_>, index: usize, mut document: Node) -> Node {
    let at = document.at;
    if document.get("Version").is_none() {
        document.set("Version", Node::text(at, "2012-10-17"));
    }
    let name = Node::text(at, format!("{}RolePolicy{index}", source.id));
    Node::map(at, [("PolicyName", name), ("PolicyDocument", document)])
}
