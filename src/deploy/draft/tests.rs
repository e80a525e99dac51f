//! The draft of the shipped stack, on the twin.

use std::path::Path;

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
    let mut look = Look { regions: &[], found: Vec::new(), troubles: Vec::new() };
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
    let draft = Draft { guesses: guesses.collect(), troubles: vec!["alarms in us-east-1: no".into()] };
    let text = draft.yaml();
    assert!(
        text.contains("# also: b: second line\n    table: \"a\"\n"),
        "an output that differs elsewhere is not it: {text}"
    );
    assert!(text.contains("# could not look at alarms in us-east-1: no\n"), "{text}");
    let adopted = Settings::parse(&text).unwrap().adopted.unwrap();
    assert_eq!(adopted.roles["bucket"], draft.guesses[1].resource);
    assert_eq!(adopted.roles.len(), 2);
    assert!(Settings::parse(&Draft::default().yaml()).unwrap().adopted.unwrap().roles.is_empty());
}
