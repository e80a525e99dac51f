//! The draft of the shipped stack, on the twin.

use std::path::Path;

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};

use super::*;
use crate::deploy::{Deployment, Options, StackDirectory, adopt, down, up};
use crate::scenario::Settings;
use crate::seed::Seed;
use crate::target::embedded::{Embedded, in_virtual_time};

const US: Region = Region::US_EAST_1;
const EU: Region = Region::EU_WEST_1;

#[test]
fn the_draft_of_the_shipped_stack_plays_the_roles_of_its_layout() {
    let ended = in_virtual_time(|| async {
        let target = Embedded::start(Seed(7), &[US, EU]);
        assert!(draft(&target).await.unwrap().guesses.is_empty(), "nothing is there yet");
        let directory = StackDirectory::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("stack")).unwrap();
        let mut deployed = Deployment::default();
        up(&target, &directory, &Options::default(), &mut deployed, |_| {}).await.unwrap();

        let draft = draft(&target).await.unwrap();
        assert_eq!(draft.troubles, Vec::<String>::new());
        let role = |role| deployed.role(role, US).unwrap();
        for role in [role("table"), role("bucket"), role("secret")] {
            let named = format!(" {role} of ");
            assert!(!draft.passed_over.iter().any(|line| line.contains(&named)), "{:?}", draft.passed_over);
        }
        let settings = Settings::parse(&draft.yaml()).unwrap_or_else(|error| panic!("{error}\n{}", draft.yaml()));
        let adopted = adopt(&target, &settings.adopted.unwrap()).await.unwrap();
        for (role, region) in ROLES.iter().flat_map(|role| [(role, US), (role, EU)]) {
            let both = (adopted.role(role, region), deployed.role(role, region));
            assert_eq!(both.0, both.1, "{role} in {region}:\n{}", draft.yaml());
            assert!(both.0.is_some(), "{role} in {region}");
        }

        let mut said = Vec::new();
        down(&target, &adopted, |progress| said.push(progress.status)).await.unwrap();
        assert_eq!(said, ["LEFT-ALONE"]);
        assert_eq!(Deployment::find(&target, &directory).await.unwrap().stacks().count(), deployed.stacks().count());
    });
    ended.unwrap().blocking_recv().unwrap();
}

#[test]
fn what_is_ambiguous_is_said_and_what_is_written_is_read_back() {
    let names = |pairs: &[(Region, &str)]| pairs.iter().map(|(r, name)| (*r, (*name).to_owned())).collect::<ByRegion>();
    let mut look = Look::over(&[]);
    look.note("table", vec![(names(&[(US, "a")]), "first".into()), (names(&[(US, "b")]), "second\nline".into())]);
    look.note("bucket", vec![(names(&[(US, "u"), (EU, "e: \"x\"")]), "pair".into())]);
    look.note("secret", Vec::new());
    let outputs = Outputs::from([(("s".to_owned(), "Table".to_owned()), names(&[(US, "a"), (EU, "other")]))]);
    let guesses = look.found.into_iter().map(|found| Guess {
        role: found.role,
        resource: express(&found.values, &outputs, &[US, EU]),
        why: found.why,
        also: found.also,
    });
    let passed_over = vec!["table t of us-east-1: no replica in eu-west-1".into()];
    let draft = Draft { guesses: guesses.collect(), passed_over, troubles: vec!["alarms in us-east-1: no".into()] };
    let text = draft.yaml();
    assert!(
        text.contains("# also: b: second line\n    table: \"a\"\n"),
        "an output that differs elsewhere is not it: {text}"
    );
    assert!(text.contains("# passed over: table t of us-east-1: no replica in eu-west-1\n"), "{text}");
    assert!(text.contains("# could not look at alarms in us-east-1: no\n"), "{text}");
    let adopted = Settings::parse(&text).unwrap().adopted.unwrap();
    assert_eq!(adopted.roles["bucket"], draft.guesses[1].resource);
    assert_eq!(adopted.roles.len(), 2);
    assert!(Settings::parse(&Draft::default().yaml()).unwrap().adopted.unwrap().roles.is_empty());
}

#[test]
fn what_is_passed_over_has_its_reason() {
    let ended = in_virtual_time(|| async {
        let target = Embedded::start(Seed(7), &[US, EU]);
        let us = target.clients_in(US).unwrap();
        let table = us.dynamodb.create_table().table_name("orders").billing_mode(BillingMode::PayPerRequest);
        let key = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S).build();
        let hash = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build();
        table.attribute_definitions(key.unwrap()).key_schema(hash.unwrap()).send().await.unwrap();
        us.s3.create_bucket().bucket("orders-assets").send().await.unwrap();
        for number in 0..7 {
            us.secretsmanager.create_secret().name(format!("s{number}")).secret_string("x").send().await.unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let draft = draft(&target).await.unwrap();
        assert_eq!(draft.guesses, []);
        let secret = |number| format!("secret s{number} of us-east-1: no replica in eu-west-1");
        let first = [
            "table orders of us-east-1: no replica in eu-west-1".to_owned(),
            "bucket orders-assets of us-east-1: no replication rule".to_owned(),
        ];
        let secrets = (0..5).map(secret).chain(["2 more of kind secret".to_owned()]);
        assert_eq!(draft.passed_over, first.into_iter().chain(secrets).collect::<Vec<_>>());
        assert!(draft.yaml().contains("# passed over: bucket orders-assets of us-east-1: no replication rule\n"));
    });
    ended.unwrap().blocking_recv().unwrap();
}
