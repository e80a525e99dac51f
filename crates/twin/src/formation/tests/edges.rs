//! Policies, intrinsics and requests at the edges.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_is_retained_stays_when_its_stack_goes() {
    let world = world();
    let body = "
Resources:
  Kept: {Type: Test::Thing, DeletionPolicy: Retain, Properties: {Name: kept}}
  Gone: {Type: Test::Thing, DeletionPolicy: Delete, Properties: {Name: gone}}
";
    let stack = world.deploy("s", ChangeSetType::Create, body, &[]).await;
    world.client.delete_stack().stack_name("s").send().await.unwrap();
    let gone = world.rest(stack.stack_id().unwrap()).await;
    assert_eq!(status(&gone), "DELETE_COMPLETE");
    let lines = world.log.lines();
    assert!(lines.contains(&"delete gone".to_owned()) && !lines.contains(&"delete kept".to_owned()), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn intrinsics_nest_and_conditions_combine() {
    let world = world();
    let body = r#"
Parameters:
  Zones: {Type: CommaDelimitedList, Default: "a, b"}
  Stage: {Type: String, Default: prod}
Conditions:
  Prod: !Equals [!Ref Stage, prod]
  Test: !Not [!Condition Prod]
  Both: !And [!Condition Prod, !Not [{Condition: Test}]]
  None: !Or [!Condition Test, !Equals [a, b]]
Resources:
  A:
    Type: Test::Thing
    Properties:
      Name: !Join ["+", !Ref Zones]
      Size: "7"
      Extra: !Sub ["${Zone}/${AWS::AccountId}/${B.Endpoint.Address}", {Zone: !Select [0, !GetAZs ""]}]
      Body:
        Encoded: {Fn::Base64: hello}
        Dropped: !Ref AWS::NoValue
        Chosen: !If [Both, !If [None, x, [1, !Ref B]], y]
        Version: 2012-10-17
        Condition: {StringEquals: {k: v}}
  B: {Type: Test::Thing, DependsOn: C, Properties: {Name: b}}
  C: {Type: Test::Thing, Properties: {Name: c}}
"#;
    let stack = world.deploy("s", ChangeSetType::Create, body, &[]).await;
    assert_eq!(status(&stack), "CREATE_COMPLETE");
    let lines = world.log.lines();
    assert!(lines[0].starts_with("create C") && lines[1].starts_with("create B"), "{lines:?}");
    let properties: serde_json::Value = serde_json::from_str(lines[2].strip_prefix("create A ").unwrap()).unwrap();
    let expected = serde_json::json!({
        "Name": "a+b",
        "Size": 7,
        "Extra": "us-east-1a/123456789012/e",
        "Body": {
            "Encoded": "aGVsbG8=",
            "Chosen": [1, "b"],
            "Version": "2012-10-17",
            "Condition": {"StringEquals": {"k": "v"}},
        },
    });
    assert_eq!(properties, expected);
}

#[tokio::test(start_paused = true)]
async fn a_reference_to_what_a_condition_leaves_out_is_refused() {
    let world = world();
    let body = "
Conditions: {Never: !Equals [a, b]}
Resources:
  A: {Type: Test::Thing, Properties: {Name: !Ref B}}
  B: {Type: Test::Thing, Condition: Never, Properties: {Name: b}}
";
    let refusal = world.refusal(body).await;
    assert!(
        refusal.contains("Resources/A/Properties/Name: refers to the resource B, whose condition is false"),
        "{refusal}"
    );
}

#[tokio::test(start_paused = true)]
async fn stacks_are_made_and_updated_directly_too() {
    let world = world();
    let body = "{\"Resources\": {\"A\": {\"Type\": \"Test::Thing\", \"Properties\": {\"Name\": \"a\"}}}}";
    world.client.create_stack().stack_name("s").template_body(body).send().await.unwrap();
    assert_eq!(status(&world.rest("s").await), "CREATE_COMPLETE");
    let twice = world.client.create_stack().stack_name("s").template_body(body).send().await.unwrap_err();
    assert!(twice.into_service_error().is_already_exists_exception());
    let more = body.replace("\"a\"", "\"a\", \"Size\": 2");
    world.client.update_stack().stack_name("s").template_body(more).send().await.unwrap();
    assert_eq!(status(&world.rest("s").await), "UPDATE_COMPLETE");
    assert_eq!(world.log.lines()[1], r#"update A {"Name":"a","Size":2}"#);
    // New tags of the stack touch every resource that takes tags, and the template may stay.
    let tag = Tag::builder().key("Project").value("p").build();
    world.client.update_stack().stack_name("s").use_previous_template(true).tags(tag).send().await.unwrap();
    assert_eq!(status(&world.rest("s").await), "UPDATE_COMPLETE");
    assert_eq!(world.log.lines().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_the_twin_does_not_do_is_never_a_silent_success() {
    let world = world();
    let call = world
        .client
        .create_stack()
        .stack_name("s")
        .template_body("Resources: {}")
        .role_arn("arn:aws:iam::1:role/rrrrrrrrr");
    assert_eq!(call.send().await.unwrap_err().code(), Some("NotImplemented"));
    let call = world.client.set_stack_policy().stack_name("s").send().await.unwrap_err();
    assert_eq!(call.code(), Some("NotImplemented"));
    let unsaid =
        world.refusal("Transform: AWS::Serverless-2016-10-31\nResources: {A: {Type: AWS::Serverless::HttpApi}}").await;
    assert!(unsaid.contains("the twin's SAM has no type AWS::Serverless::HttpApi"), "{unsaid}");
    let unknown = world.refusal("Transform: MyMacro\nResources: {A: {Type: Test::Thing}}").await;
    assert!(unknown.contains("the twin has no transform \"MyMacro\""), "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn a_stack_of_one_region_is_unknown_in_the_other() {
    let world = world();
    world.deploy("two", ChangeSetType::Create, TWO, &[]).await;
    let config = gateway::sdk_config(&world.cloud, Origin::Operator, Region::EU_WEST_1, &Credentials::account());
    let there = Client::new(&config).describe_stacks().stack_name("two").send().await.unwrap_err();
    assert_eq!(there.message(), Some("Stack with id two does not exist"));
}

#[tokio::test(start_paused = true)]
async fn a_secret_parameter_is_in_no_answer() {
    let world = world();
    let parameter = Parameter::builder().parameter_key("Secret").parameter_value("swordfish").build();
    let misfit = TWO.replace("Size: !Ref Size", "Size: !Ref Secret");
    let refused = world.client.create_change_set().stack_name("one").change_set_name("c").template_body(misfit);
    let refused = refused.change_set_type(ChangeSetType::Create).parameters(parameter).send().await.unwrap_err();
    let expected = "template line 16:7: Resources/Consumer/Properties/Size: expected an integer";
    assert_eq!(refused.message(), Some(expected));
    let body =
        TWO.replace("Size: !Ref Size", "Size: 13").replace("Extra: !If [IsProd, yes-prod, ", "Extra: !If [IsProd, x, ");
    let body = body.replace("!Ref AWS::NoValue]", "!Ref Secret]");
    let stack = world.deploy("two", ChangeSetType::Create, &body, &[("Secret", "swordfish")]).await;
    assert_eq!(status(&stack), "ROLLBACK_COMPLETE");
    assert!(world.log.lines().iter().any(|line| line.contains("swordfish")), "the handler does get it");
    let events = world.client.describe_stack_events().stack_name("two").send().await.unwrap();
    let set = world.client.describe_change_set().stack_name("two").change_set_name("change").send().await.unwrap();
    let said = format!("{events:?} {set:?} {stack:?}");
    assert!(said.contains("thirteen is unlucky") && !said.contains("swordfish"), "{said}");
}
