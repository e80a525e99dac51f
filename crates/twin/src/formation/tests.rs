//! The engine through an unmodified SDK client, over resource types made for the purpose.

mod edges;
mod real;
mod stacks;
mod types;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_cloudformation::types::{
    Capability, ChangeAction, ChangeSetStatus, ChangeSetType, Parameter, Replacement, Stack, Tag,
};

use crate::clock::Clock;
use crate::gateway::{self, Credentials};
use crate::region::Region;
use crate::seed::Seed;
use crate::services::lambda::Code;
use crate::world::network::Origin;
use crate::{Cloud, Config};

struct World {
    cloud: Arc<Cloud>,
    client: Client,
    log: types::Log,
}

fn world() -> World {
    let log = types::Log::default();
    World::start(Some(log), BTreeMap::new())
}

impl World {
    /// A cloud whose resource types are the tests' own where there is a log for them, else the real ones.
    fn start(log: Option<types::Log>, code: BTreeMap<String, Arc<dyn Code>>) -> Self {
        let clock = Clock::starting_at(Clock::EMBEDDED_EPOCH);
        let regions = vec![Region::US_EAST_1, Region::EU_WEST_1];
        let account = "123456789012".to_owned();
        let cloud = Cloud::start(Config { seed: Seed(7), clock, account, regions, code });
        if let Some(log) = &log {
            let installed = cloud.cloudformation.registry.set(super::Registry::new(types::handlers(log)));
            assert!(installed.is_ok());
        }
        let config = gateway::sdk_config(&cloud, Origin::Operator, Region::US_EAST_1, &Credentials::account());
        Self { client: Client::new(&config), cloud, log: log.unwrap_or_default() }
    }

    /// Makes a change set and waits until it is worked out.
    async fn change(
        &self,
        stack: &str,
        kind: ChangeSetType,
        body: &str,
        parameters: &[(&str, &str)],
    ) -> ChangeSetStatus {
        let parameters = parameters.iter().map(|(key, value)| match *value {
            "<previous>" => Parameter::builder().parameter_key(*key).use_previous_value(true).build(),
            value => Parameter::builder().parameter_key(*key).parameter_value(value).build(),
        });
        let made = self.client.create_change_set().stack_name(stack).change_set_name("change");
        let made = made.change_set_type(kind).template_body(body).set_parameters(Some(parameters.collect()));
        let made = made.capabilities(Capability::CapabilityIam).tags(Tag::builder().key("Project").value("p").build());
        made.send().await.unwrap_or_else(|error| panic!("{}", DisplayErrorContext(error)));
        loop {
            let set =
                self.client.describe_change_set().stack_name(stack).change_set_name("change").send().await.unwrap();
            match set.status() {
                Some(ChangeSetStatus::CreateInProgress) => tokio::time::sleep(Duration::from_secs(1)).await,
                status => return status.unwrap().clone(),
            }
        }
    }

    /// Deploys a template and gives the stack as it comes to rest.
    async fn deploy(&self, stack: &str, kind: ChangeSetType, body: &str, parameters: &[(&str, &str)]) -> Stack {
        assert_eq!(self.change(stack, kind, body, parameters).await, ChangeSetStatus::CreateComplete);
        self.client.execute_change_set().stack_name(stack).change_set_name("change").send().await.unwrap();
        self.rest(stack).await
    }

    async fn rest(&self, stack: &str) -> Stack {
        loop {
            let found = self.client.describe_stacks().stack_name(stack).send().await.unwrap();
            let found = found.stacks()[0].clone();
            if !found.stack_status().unwrap().as_str().ends_with("IN_PROGRESS") {
                return found;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// The message with which a template is refused.
    async fn refusal(&self, body: &str) -> String {
        let made = self.client.create_change_set().stack_name("refused").change_set_name("change");
        let made = made.change_set_type(ChangeSetType::Create).template_body(body);
        let error = made.send().await.unwrap_err();
        format!("{}: {}", error.code().unwrap(), error.message().unwrap())
    }

    /// `LogicalId STATUS` of every event, oldest first.
    async fn events(&self, stack: &str) -> Vec<String> {
        let events = self.client.describe_stack_events().stack_name(stack).send().await.unwrap();
        let line = |event: &aws_sdk_cloudformation::types::StackEvent| {
            format!("{} {}", event.logical_resource_id().unwrap(), event.resource_status().unwrap())
        };
        events.stack_events().iter().rev().map(line).collect()
    }
}

fn output<'s>(stack: &'s Stack, key: &str) -> &'s str {
    stack.outputs().iter().find(|output| output.output_key() == Some(key)).unwrap().output_value().unwrap()
}

fn status(stack: &Stack) -> &str {
    stack.stack_status().unwrap().as_str()
}

const TWO: &str = r#"
Description: two things
Parameters:
  Size: {Type: Number, Default: 3, MinValue: 1}
  Secret: {Type: String, NoEcho: true, Default: hush}
  Stage: {Type: String, AllowedValues: [prod, test], Default: test}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
Mappings:
  Names: {us-east-1: {Short: use1}}
Resources:
  Consumer:
    Type: Test::Thing
    Properties:
      Name: !Sub "${Producer}-${Producer.Arn}-${!Kept}"
      Size: !Ref Size
      Extra: !If [IsProd, yes-prod, !Ref AWS::NoValue]
      Tags: [{Key: a, Value: !FindInMap [Names, !Ref AWS::Region, Short]}]
  Producer:
    Type: Test::Thing
    Properties:
      Name: !Join ["-", [!Select [1, !Split [",", "x,y"]], producer]]
  ProdOnly:
    Type: Test::Thing
    Condition: IsProd
    Properties: {Name: prod-only}
Outputs:
  ConsumerArn: {Value: !GetAtt Consumer.Arn, Export: {Name: !Sub "${AWS::StackName}-arn"}}
  Prod: {Value: !Ref ProdOnly, Condition: IsProd}
"#;

#[tokio::test(start_paused = true)]
async fn a_stack_is_made_in_order_with_outputs_and_events() {
    let world = world();
    let before = world.cloud.clock.now();
    let stack = world.deploy("two", ChangeSetType::Create, TWO, &[("Size", "5")]).await;
    assert_eq!(status(&stack), "CREATE_COMPLETE");
    assert!(world.cloud.clock.now().since(before) >= Duration::from_secs(8), "two in a row take two times");
    assert_eq!(output(&stack, "ConsumerArn"), "arn:thing/y-producer-arn:thing/y-producer-${Kept}");
    assert_eq!(stack.outputs().len(), 1, "the output of a false condition is absent");
    let shown = stack.parameters().iter().find(|p| p.parameter_key() == Some("Secret")).unwrap();
    assert_eq!(shown.parameter_value(), Some("****"));
    assert_eq!(
        world.log.lines(),
        [
            r#"create Producer {"Name":"y-producer"}"#,
            r#"create Consumer {"Name":"y-producer-arn:thing/y-producer-${Kept}","Size":5,"Tags":[{"Key":"a","Value":"use1"}]}"#,
        ]
    );
    let expected = [
        "two REVIEW_IN_PROGRESS",
        "two CREATE_IN_PROGRESS",
        "Producer CREATE_IN_PROGRESS",
        "Producer CREATE_IN_PROGRESS",
        "Producer CREATE_COMPLETE",
        "Consumer CREATE_IN_PROGRESS",
        "Consumer CREATE_IN_PROGRESS",
        "Consumer CREATE_COMPLETE",
        "two CREATE_COMPLETE",
    ];
    assert_eq!(world.events("two").await, expected);
    let exports = world.client.list_exports().send().await.unwrap();
    assert_eq!(exports.exports()[0].name(), Some("two-arn"));
}

#[tokio::test(start_paused = true)]
async fn an_update_modifies_replaces_adds_and_removes() {
    let world = world();
    world.deploy("two", ChangeSetType::Create, TWO, &[]).await;
    let body = TWO.replace("producer]]", "maker]]").replace("ConsumerArn:", "Arn:");
    let made = world.change("two", ChangeSetType::Update, &body, &[("Stage", "prod"), ("Size", "<previous>")]).await;
    assert_eq!(made, ChangeSetStatus::CreateComplete);
    let set = world.client.describe_change_set().stack_name("two").change_set_name("change").send().await.unwrap();
    let change = |id: &str| {
        let found = set.changes().iter().filter_map(|c| c.resource_change());
        let found = found.into_iter().find(|c| c.logical_resource_id() == Some(id)).unwrap();
        (found.action().cloned().unwrap(), found.replacement().cloned())
    };
    assert_eq!(change("Producer"), (ChangeAction::Modify, Some(Replacement::True)));
    assert_eq!(change("Consumer"), (ChangeAction::Modify, Some(Replacement::Conditional)));
    assert_eq!(change("ProdOnly"), (ChangeAction::Add, None));
    world.client.execute_change_set().stack_name("two").change_set_name("change").send().await.unwrap();
    let stack = world.rest("two").await;
    assert_eq!(status(&stack), "UPDATE_COMPLETE");
    assert_eq!(output(&stack, "Prod"), "prod-only");
    let events = world.events("two").await;
    let at = |line: &str| events.iter().rposition(|event| event == line).unwrap_or_else(|| panic!("no {line}"));
    assert!(at("two UPDATE_COMPLETE_CLEANUP_IN_PROGRESS") < at("Producer DELETE_COMPLETE"));
    assert!(world.log.lines().contains(&"delete y-producer".to_owned()));
    assert!(!world.log.lines().contains(&"delete y-maker".to_owned()));
    let set = world.client.describe_change_set().stack_name("two").change_set_name("change").send().await.unwrap();
    assert_eq!(set.execution_status().unwrap().as_str(), "EXECUTE_COMPLETE");

    // Back to the first template: what the condition drops is removed.
    let stack = world.deploy("two", ChangeSetType::Update, &body, &[("Stage", "test")]).await;
    assert_eq!(status(&stack), "UPDATE_COMPLETE");
    assert!(world.log.lines().contains(&"delete prod-only".to_owned()));
    let resources = world.client.describe_stack_resources().stack_name("two").send().await.unwrap();
    assert_eq!(resources.stack_resources().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_update_without_effect_fails_its_change_set() {
    let world = world();
    world.deploy("two", ChangeSetType::Create, TWO, &[]).await;
    assert_eq!(world.change("two", ChangeSetType::Update, TWO, &[]).await, ChangeSetStatus::Failed);
    let set = world.client.describe_change_set().stack_name("two").change_set_name("change").send().await.unwrap();
    assert!(set.status_reason().unwrap().starts_with("The submitted information didn't contain changes."));
    let executed = world.client.execute_change_set().stack_name("two").change_set_name("change").send().await;
    assert_eq!(executed.unwrap_err().code(), Some("InvalidChangeSetStatus"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_creation_rolls_back_with_its_reason() {
    let world = world();
    let body = TWO.replace("Size: !Ref Size", "Size: 13");
    let stack = world.deploy("two", ChangeSetType::Create, &body, &[]).await;
    assert_eq!(status(&stack), "ROLLBACK_COMPLETE");
    let events = world.client.describe_stack_events().stack_name("two").send().await.unwrap();
    let reason = |status: &str, id: &str| {
        let found = events.stack_events().iter().find(|event| {
            event.resource_status().unwrap().as_str() == status && event.logical_resource_id() == Some(id)
        });
        found.unwrap_or_else(|| panic!("no {id} {status}")).resource_status_reason().unwrap_or_default().to_owned()
    };
    assert!(reason("CREATE_FAILED", "Consumer").contains("thirteen is unlucky"));
    let expected = "The following resource(s) failed to create: [Consumer]. Rollback requested by user.";
    assert_eq!(reason("ROLLBACK_IN_PROGRESS", "two"), expected);
    assert_eq!(world.log.lines().last().unwrap(), "delete y-producer");
    let again = world.client.create_change_set().stack_name("two").change_set_name("b").template_body(TWO);
    let error = again.change_set_type(ChangeSetType::Update).send().await.unwrap_err();
    assert!(error.message().unwrap().contains("is in ROLLBACK_COMPLETE state and can not be updated"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_update_goes_back_to_what_was() {
    let world = world();
    world.deploy("two", ChangeSetType::Create, TWO, &[]).await;
    let body = TWO.replace("producer]]", "maker]]").replace("Size: !Ref Size", "Size: 13");
    let stack = world.deploy("two", ChangeSetType::Update, &body, &[("Stage", "prod")]).await;
    assert_eq!(status(&stack), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(output(&stack, "ConsumerArn"), "arn:thing/y-producer-arn:thing/y-producer-${Kept}");
    assert_eq!(
        stack.parameters().iter().find(|p| p.parameter_key() == Some("Stage")).unwrap().parameter_value(),
        Some("test")
    );
    let lines = world.log.lines();
    assert!(lines.contains(&"delete y-maker".to_owned()), "{lines:?}");
    assert!(!lines.contains(&"delete y-producer".to_owned()), "{lines:?}");
    // And it can be deployed again from there.
    let body = TWO.replace("Size: !Ref Size", "Size: 4");
    assert_eq!(status(&world.deploy("two", ChangeSetType::Update, &body, &[]).await), "UPDATE_COMPLETE");
}

#[tokio::test(start_paused = true)]
async fn a_stack_is_deleted_backwards_unless_its_exports_are_in_use() {
    let world = world();
    world.deploy("two", ChangeSetType::Create, TWO, &[]).await;
    let user = "Resources: {A: {Type: Test::Thing, Properties: {Name: !ImportValue two-arn}}}";
    world.deploy("user", ChangeSetType::Create, user, &[]).await;
    world.client.delete_stack().stack_name("two").send().await.unwrap();
    let stack = world.rest("two").await;
    assert_eq!(status(&stack), "DELETE_FAILED");
    assert!(stack.stack_status_reason().unwrap().contains("in use by user"));
    world.client.delete_stack().stack_name("user").send().await.unwrap();
    let error = loop {
        match world.client.describe_stacks().stack_name("user").send().await {
            Ok(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            Err(error) => break error,
        }
    };
    assert_eq!(error.message(), Some("Stack with id user does not exist"));
    world.client.delete_stack().stack_name(stack.stack_id().unwrap()).send().await.unwrap();
    let gone = world.rest(stack.stack_id().unwrap()).await;
    assert_eq!(status(&gone), "DELETE_COMPLETE");
    let lines = world.log.lines();
    assert_eq!(lines[lines.len() - 2..], ["delete y-producer-arn:thing/y-producer-${Kept}", "delete y-producer"]);
}

#[tokio::test(start_paused = true)]
async fn mistakes_are_refused_with_place_and_nearest_name() {
    let world = world();
    let thing = |properties: &str| format!("Resources:\n  A:\n    Type: Test::Thing\n    Properties:\n{properties}");
    let cases = [
        (
            thing("      Nmae: x\n"),
            r#"template line 5:7: Resources/A/Properties/Nmae: unknown property of Test::Thing, did you mean "Name"?"#,
        ),
        (thing("      Size: 1\n"), "missing required property Name of Test::Thing"),
        (
            thing("      Name: x\n      Size: big\n"),
            r#"template line 6:13: Resources/A/Properties/Size: expected an integer, found "big""#,
        ),
        (
            thing("      Name: x\n      Tags: [{Kee: a}]\n"),
            r#"Resources/A/Properties/Tags/0/Kee: unknown property of Test::Thing, did you mean "Key"?"#,
        ),
        (
            thing("      Name: !GetAtt B.Arm\n  B: {Type: Test::Thing, Properties: {Name: b}}\n"),
            r#"no such attribute, did you mean "Arn"?"#,
        ),
        (
            thing("      Name: !Ref Bee\n  Beee: {Type: Test::Thing, Properties: {Name: b}}\n"),
            r#"did you mean "Beee"?"#,
        ),
        (thing("      Name: {Fn::Subb: x}\n"), r#"unknown intrinsic function Fn::Subb, did you mean "Fn::Sub"?"#),
        (thing("      Name: x\n      Tags: !Sub x\n"), "expected a list, found Fn::Sub, which gives text"),
        (thing("      Name: x\n    DependsOn: B\n"), r#"Resources/A/DependsOn: unknown resource "B""#),
        (thing("      Name: x\n    Condtion: B\n"), r#"unknown attribute of a resource, did you mean "Condition"?"#),
        (
            "Resources: {A: {Type: Test::Thign}}".to_owned(),
            r#"the twin has no resource type Test::Thign, did you mean "Test::Thing"?"#,
        ),
        (
            "Resorces: {A: {Type: Test::Thing}}".to_owned(),
            r#"template line 1:1: Resorces: unknown section, did you mean "Resources"?"#,
        ),
        (
            thing(
                "      Name: !Ref B\n  B: {Type: Test::Thing, Properties: {Name: !Ref A}}\n  C: {Type: Test::Thing, Properties: {Name: !Ref A}}\n",
            ),
            "Circular dependency between resources: [A, B]",
        ),
        (thing("      Name: !ImportValue nothing\n"), "No export named nothing found."),
        (thing("      Name: '{{resolve:ssm:x}}'\n"), "does not model dynamic references"),
    ];
    for (body, expected) in cases {
        let refusal = world.refusal(&body).await;
        assert!(refusal.starts_with("ValidationError: ") && refusal.contains(expected), "{refusal}\n≠ {expected}");
    }
    assert!(world.client.describe_stacks().send().await.unwrap().stacks().is_empty(), "a refusal leaves no stack");
}

#[tokio::test(start_paused = true)]
async fn parameters_capabilities_and_names_are_checked() {
    let world = world();
    let create = |parameters: Vec<(&str, &str)>, body: &str| {
        let parameters: Vec<Parameter> = parameters
            .into_iter()
            .map(|(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build())
            .collect();
        let made = world.client.create_change_set().stack_name("two").change_set_name("c").template_body(body);
        let made = made.change_set_type(ChangeSetType::Create).set_parameters(Some(parameters));
        async move { made.send().await.unwrap_err() }
    };
    let message = |error: &dyn ProvideErrorMetadata| error.message().unwrap().to_owned();
    let error = create(vec![("Stage", "dev")], TWO).await;
    assert_eq!(message(&error), "Parameter Stage failed to satisfy constraint: must be one of AllowedValues");
    let error = create(vec![("Sizee", "1")], TWO).await;
    assert!(message(&error).contains("Parameters: [Sizee] do not exist in the template, did you mean \"Size\"?"));
    let error = create(vec![("Size", "0")], TWO).await;
    assert!(message(&error).contains("must be a number not less than 1"));
    let role = "Resources: {R: {Type: AWS::IAM::Role, Properties: {Name: r}}}";
    let error = create(vec![], role).await;
    assert_eq!(error.code(), Some("InsufficientCapabilitiesException"));
    assert_eq!(message(&error), "Requires capabilities : [CAPABILITY_IAM]");
    let missing = world.client.describe_stacks().stack_name("nope").send().await.unwrap_err();
    assert_eq!(
        (missing.code(), missing.message()),
        (Some("ValidationError"), Some("Stack with id nope does not exist"))
    );
    world.change("two", ChangeSetType::Create, TWO, &[]).await;
    let missing = world.client.describe_change_set().stack_name("two").change_set_name("nope").send().await;
    assert!(missing.unwrap_err().into_service_error().is_change_set_not_found_exception());
    let twice = world.client.create_change_set().stack_name("two").change_set_name("change").template_body(TWO);
    let twice = twice.change_set_type(ChangeSetType::Create).send().await.unwrap_err();
    assert!(twice.into_service_error().is_already_exists_exception());
}

#[tokio::test(start_paused = true)]
async fn templates_can_be_asked_about() {
    let world = world();
    let valid = world.client.validate_template().template_body(TWO).send().await.unwrap();
    assert_eq!(valid.parameters().len(), 3);
    let summary = world.client.get_template_summary().template_body(TWO).send().await.unwrap();
    assert_eq!(summary.resource_types(), ["Test::Thing"]);
    world.deploy("two", ChangeSetType::Create, TWO, &[]).await;
    let template = world.client.get_template().stack_name("two").send().await.unwrap();
    assert_eq!(template.template_body(), Some(TWO));
    let listed = world.client.list_stack_resources().stack_name("two").send().await.unwrap();
    assert_eq!(listed.stack_resource_summaries().len(), 2);
    assert_eq!(world.client.list_stacks().send().await.unwrap().stack_summaries().len(), 1);
    let updated = world.client.update_stack().stack_name("two").template_body(TWO).send().await.unwrap_err();
    assert_eq!(updated.message(), Some("No updates are to be performed."));
}

#[test]
fn the_same_seed_gives_the_same_events() {
    let history = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = world();
            world.deploy("two", ChangeSetType::Create, TWO, &[("Stage", "prod")]).await;
            let events = world.client.describe_stack_events().stack_name("two").send().await.unwrap();
            format!("{:?}", events.stack_events())
        })
    };
    let first = history();
    assert!(first.contains("CreateComplete"), "{first}");
    assert_eq!(first, history());
}
