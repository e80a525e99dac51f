//! Templates in the shapes that public two-Region and serverless stacks have, each made, changed and removed on the
//! real resource types.

use super::*;

/// A template, and the parameter whose change updates it.
struct Case {
    stack: &'static str,
    body: &'static str,
    given: &'static [(&'static str, &'static str)],
    changed: (&'static str, &'static str),
    /// An output and what it must begin with.
    output: (&'static str, &'static str),
}

const ZONE: Case = Case {
    stack: "zone",
    body: include_str!("stacks/zone.yaml"),
    given: &[],
    changed: ("Comment", "second"),
    output: ("CertificateArn", "arn:aws:acm:"),
};

const CASES: &[Case] = &[
    Case {
        stack: "regional",
        body: include_str!("stacks/regional-api.yaml"),
        given: &[],
        changed: ("Memory", "512"),
        output: ("Url", "https://api.shop.example/items"),
    },
    Case {
        stack: "classic",
        body: include_str!("stacks/classic-api.json"),
        given: &[],
        changed: ("Suffix", "renamed"),
        output: ("Root", "https://"),
    },
    Case {
        stack: "dns",
        body: include_str!("stacks/failover-dns.yaml"),
        given: &[],
        changed: ("Weight", "50"),
        output: ("Check", ""),
    },
    Case {
        stack: "tables",
        body: include_str!("stacks/tables.yaml"),
        given: &[],
        changed: ("Attribute", "gone"),
        output: ("Name", "tables-orders"),
    },
    Case {
        stack: "buckets",
        body: include_str!("stacks/buckets.yaml"),
        given: &[],
        changed: ("Days", "60"),
        output: ("Domain", "buckets-123456789012-source.s3"),
    },
    Case {
        stack: "secrets",
        body: include_str!("stacks/secrets.yaml"),
        given: &[],
        changed: ("Level", "debug"),
        output: ("SecretArn", "arn:aws:secretsmanager:"),
    },
    Case {
        stack: "alarms",
        body: include_str!("stacks/alarms.yaml"),
        given: &[],
        changed: ("Threshold", "7"),
        output: ("Topic", "alarms-alarms"),
    },
    Case {
        stack: "implicit",
        body: include_str!("stacks/implicit-api.yaml"),
        given: &[],
        changed: ("Seconds", "5"),
        output: ("Url", "https://"),
    },
];

impl World {
    /// The same cloud, deployed to in another Region.
    fn in_region(&self, region: Region) -> World {
        let config = gateway::sdk_config(&self.cloud, Origin::Operator, region, &Credentials::account());
        World { cloud: self.cloud.clone(), client: Client::new(&config), log: self.log.clone() }
    }

    /// Deploys, and fails with what the events say unless it went well.
    async fn must(&self, case: &Case, kind: ChangeSetType, given: &[(&str, &str)], wanted: &str) -> Stack {
        let stack = self.deploy(case.stack, kind, case.body, given).await;
        self.held(case.stack, &stack, wanted).await;
        stack
    }

    async fn held(&self, name: &str, stack: &Stack, wanted: &str) {
        let id = stack.stack_id().unwrap();
        let events = self.client.describe_stack_events().stack_name(id).send().await.unwrap();
        let failed = events.stack_events().iter().rev().filter_map(|event| {
            let told = event.resource_status().unwrap().as_str().ends_with("FAILED");
            told.then(|| format!("{}: {:?}", event.logical_resource_id().unwrap(), event.resource_status_reason()))
        });
        let failed: Vec<_> = failed.collect();
        assert!(status(stack) == wanted && failed.is_empty(), "{name}: {}: {failed:#?}", status(stack));
    }

    async fn remove(&self, name: &str) {
        let stack = self.client.describe_stacks().stack_name(name).send().await.unwrap().stacks()[0].clone();
        self.client.delete_stack().stack_name(name).send().await.unwrap();
        let gone = self.rest(stack.stack_id().unwrap()).await;
        self.held(name, &gone, "DELETE_COMPLETE").await;
    }
}

async fn through(world: &World, case: &Case) {
    let stack = world.must(case, ChangeSetType::Create, case.given, "CREATE_COMPLETE").await;
    let (key, begins) = case.output;
    assert!(output(&stack, key).starts_with(begins), "{}: {stack:?}", case.stack);
    let again = world.change(case.stack, ChangeSetType::Update, case.body, case.given).await;
    assert_eq!(again, ChangeSetStatus::Failed, "{}: nothing changed", case.stack);
    world.client.delete_change_set().stack_name(case.stack).change_set_name("change").send().await.unwrap();
    let changed: Vec<_> = case.given.iter().copied().chain([case.changed]).collect();
    world.must(case, ChangeSetType::Update, &changed, "UPDATE_COMPLETE").await;
}

#[tokio::test(start_paused = true)]
async fn stacks_as_others_write_them_come_and_change_and_go() {
    let world = World::start(None, BTreeMap::new());
    through(&world, &ZONE).await;
    for case in CASES {
        through(&world, case).await;
    }
    for case in CASES.iter().rev() {
        world.remove(case.stack).await;
    }
    // As on AWS, the records that validated the certificate are nobody's, and keep their zone from going.
    world.client.delete_stack().stack_name(ZONE.stack).send().await.unwrap();
    assert_eq!(status(&world.rest(ZONE.stack).await), "DELETE_FAILED");
    assert!(world.events(ZONE.stack).await.contains(&"Certificate DELETE_COMPLETE".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn one_template_serves_both_regions() {
    let here = World::start(None, BTreeMap::new());
    let there = here.in_region(Region::EU_WEST_1);
    let (api, secrets) = (&CASES[0], CASES.iter().find(|case| case.stack == "secrets").unwrap());
    let mut found = Vec::new();
    for (world, zone, name) in
        [(&here, "shop.example", "api.shop.example"), (&there, "shop-eu.example", "api.shop-eu.example")]
    {
        world.must(&ZONE, ChangeSetType::Create, &[("Domain", zone)], "CREATE_COMPLETE").await;
        found.push(world.must(api, ChangeSetType::Create, &[("Domain", name)], "CREATE_COMPLETE").await);
    }
    assert_eq!((output(&found[0], "Weight"), output(&found[1], "Weight")), ("100", "50"));
    let leads = |stack: &Stack| stack.outputs().iter().any(|output| output.output_key() == Some("Lead"));
    assert!(leads(&found[0]) && !leads(&found[1]), "an output's condition holds in one Region");
    let primary = here.must(secrets, ChangeSetType::Create, &[], "CREATE_COMPLETE").await;
    let arn = output(&primary, "KeyArn").to_owned();
    let body = include_str!("stacks/replica-key.yaml");
    let replica = Case { stack: "replica", body, given: &[], changed: ("", ""), output: ("", "") };
    let stack = there.must(&replica, ChangeSetType::Create, &[("PrimaryKeyArn", &arn)], "CREATE_COMPLETE").await;
    assert_eq!(output(&stack, "Arn"), arn.replace("us-east-1", "eu-west-1"));
    let changed = [("PrimaryKeyArn", arn.as_str()), ("Text", "other")];
    there.must(&replica, ChangeSetType::Update, &changed, "UPDATE_COMPLETE").await;
    there.remove("replica").await;
    here.remove("secrets").await;
}

#[tokio::test(start_paused = true)]
async fn the_second_of_three_fails_and_the_first_goes_again() {
    let world = World::start(None, BTreeMap::new());
    let body = "
Resources:
  First: {Type: AWS::SNS::Topic, Properties: {TopicName: first}}
  Second:
    Type: AWS::Lambda::Permission
    DependsOn: First
    Properties: {Action: lambda:InvokeFunction, FunctionName: nobody, Principal: sns.amazonaws.com}
  Third: {Type: AWS::SNS::Topic, DependsOn: [First, Second], Properties: {TopicName: third}}
";
    let stack = world.deploy("three", ChangeSetType::Create, body, &[]).await;
    assert_eq!(status(&stack), "ROLLBACK_COMPLETE");
    let events = world.events("three").await;
    assert!(events.contains(&"Second CREATE_FAILED".to_owned()), "{events:?}");
    assert!(events.contains(&"First DELETE_COMPLETE".to_owned()), "{events:?}");
    assert!(!events.iter().any(|event| event.starts_with("Third CREATE")), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn source_text_deploys_and_says_why_it_cannot_run() {
    use crate::gateway::Principal;
    use crate::services::lambda::Event;
    let world = World::start(None, BTreeMap::new());
    let body = "
Resources:
  F:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: inline
      Runtime: nodejs20.x
      Handler: index.handler
      Role: arn:aws:iam::123456789012:role/service
      Code: {ZipFile: 'exports.handler = async () => 1;'}
";
    assert_eq!(status(&world.deploy("inline", ChangeSetType::Create, body, &[]).await), "CREATE_COMPLETE");
    let event = Event::Json(serde_json::json!({}));
    let answer = world.cloud.lambda.invoke(&world.cloud, Region::US_EAST_1, "inline", &Principal::Account, event).await;
    let said = format!("{:?}", answer.map(|answer| answer.err()));
    assert!(said.contains("runs only Rust functions that are linked into it"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_parameter_may_lie_in_parameter_store() {
    let world = World::start(None, BTreeMap::new());
    let store = "
Parameters: {Level: {Type: String, Default: info}}
Resources:
  Level: {Type: AWS::SSM::Parameter, Properties: {Name: /shop/level, Type: String, Value: !Ref Level}}
  Regions: {Type: AWS::SSM::Parameter, Properties: {Name: /shop/regions, Type: StringList, Value: 'us-east-1,eu-west-1'}}
";
    let body = "
Parameters:
  Level: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /shop/level}
  Regions: {Type: 'AWS::SSM::Parameter::Value<List<String>>', Default: /shop/regions}
Resources:
  T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Sub '${Level} ${AWS::Region}'}}
Outputs:
  Said: {Value: !Join ['/', [!Ref Level, !Select [1, !Ref Regions]]]}
";
    let refusal = world.refusal(body).await;
    assert!(refusal.contains("Parameter Level: Parameter Store of this Region has no parameter"), "{refusal}");
    world.deploy("store", ChangeSetType::Create, store, &[]).await;
    let stack = world.deploy("user", ChangeSetType::Create, body, &[]).await;
    assert_eq!(output(&stack, "Said"), "info/eu-west-1");
    let level = stack.parameters().iter().find(|parameter| parameter.parameter_key() == Some("Level")).unwrap();
    assert_eq!((level.parameter_value(), level.resolved_value()), (Some("/shop/level"), Some("info")));
    // The template of an update reads the store again.
    world.deploy("store", ChangeSetType::Update, store, &[("Level", "debug")]).await;
    let stack = world.deploy("user", ChangeSetType::Update, body, &[]).await;
    assert_eq!((status(&stack), output(&stack, "Said")), ("UPDATE_COMPLETE", "debug/eu-west-1"));
}

/// Templates that are refused before anything is made, and what the refusal says.
const REFUSED: &[(&str, &str)] = &[
    (
        "Resources: {A: {Type: AWS::SQS::Queue}}",
        "template line 1:23: Resources/A/Type: the twin has no resource type AWS::SQS::Queue",
    ),
    ("Resources: {A: {Type: AWS::CloudWatch::Alram}}", "did you mean \"AWS::CloudWatch::Alarm\"?"),
    ("Resources: {A: {Type: AWS::CloudWatch::CompositeAlarm}}", "Resources/A/Type: the twin has no resource type"),
    ("Resources: {A: {Type: Custom::Thing}}", "Resources/A/Type: the twin runs no custom resources (Custom::Thing)"),
    (
        "Resources: {A: {Type: AWS::SNS::Topic, Properties: {TopicNam: x}}}",
        "Resources/A/Properties/TopicNam: unknown property of AWS::SNS::Topic, did you mean \"TopicName\"?",
    ),
    (
        "Resources: {A: {Type: AWS::DynamoDB::GlobalTable, Properties: {KeySchema: [], AttributeDefinitions: [], Replicas: [{Regon: x}]}}}",
        "Resources/A/Properties/Replicas/0/Regon: unknown property of AWS::DynamoDB::GlobalTable, did you mean \"Region\"?",
    ),
    (
        "Resources: {A: {Type: AWS::SNS::Topic, Properties: {TopicName: {Fn::Jion: ['', []]}}}}",
        "unknown intrinsic function Fn::Jion, did you mean \"Fn::Join\"?",
    ),
    (
        "Resources: {A: {Type: AWS::SNS::Topic, Properties: {TopicName: {Fn::ToJsonString: {}}}}}",
        "the twin does not implement Fn::ToJsonString",
    ),
    (
        "Resources: {A: {Type: AWS::SNS::Topic}}\nOutputs: {O: {Value: !GetAtt A.TopicNme}}",
        "Outputs/O/Value: Fn::GetAtt of A.TopicNme: AWS::SNS::Topic has no such attribute, did you mean \"TopicName\"?",
    ),
    (
        "Resources: {A: {Type: AWS::SNS::Topic, Properties: {DisplayName: '{{resolve:secretsmanager:x}}'}}}",
        "Resources/A/Properties/DisplayName: the twin does not model dynamic references",
    ),
    ("Transform: AWS::LanguageExtensions\nResources: {A: {Type: AWS::SNS::Topic}}", "the twin has no transform"),
    ("Rules: {}\nResources: {A: {Type: AWS::SNS::Topic}}", "template line 1:1: Rules: the twin does not model"),
    (
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      InlineCode: x\n      Events:\n        Tick: {Type: Schedule, Properties: {Schedule: rate(1 minute)}}\n",
        "template line 8:9: Resources/F/Properties/Events/Tick: the twin's SAM models events of type Api and SNS, not Schedule",
    ),
    (
        "Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: AWS::Serverless::Function, Properties: {InlineCode: x, Events: {Q: {Type: SQS, Properties: {Queue: x}}}}}}",
        "Resources/F/Properties/Events/Q: the twin's SAM models events of type Api and SNS, not SQS",
    ),
    (
        "Parameters: {S: {Type: String, Default: dev, AllowedValues: [prod, test]}}\nResources: {A: {Type: AWS::SNS::Topic}}",
        "Parameter S failed to satisfy constraint: must be one of AllowedValues",
    ),
];

#[tokio::test(start_paused = true)]
async fn what_the_twin_has_not_is_refused_with_its_place() {
    let world = World::start(None, BTreeMap::new());
    for (body, expected) in REFUSED {
        let refusal = world.refusal(body).await;
        assert!(refusal.contains(expected), "{refusal}\n≠ {expected}");
    }
}
