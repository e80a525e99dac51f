//! The conformance body on targets that are not ours: what each differs in from what AWS documents. docs/fidelity.md has
//! the table; a difference that comes or goes makes this red.

use std::time::Duration;

use blackstart::region::Region;
use blackstart::scenario::{Plan, TargetPlan};
use blackstart::seed::Seed;
use blackstart::target::live::{Live, in_real_time};

use crate::body;
use crate::here::{Ministack, engine};

/// The checks in which a target differs.
fn of(target: TargetPlan) -> Vec<(&'static str, String)> {
    let found = in_real_time(|| async move {
        let live = Live::start(&target, Seed(7)).await.expect("the target starts");
        let found = body::differences(live.target()).await;
        live.end().await.expect("it is removed");
        found
    });
    found.unwrap().blocking_recv().unwrap()
}

fn plan(name: &str) -> TargetPlan {
    let regions = vec![Region::US_EAST_1, Region::EU_WEST_1];
    let mut target = TargetPlan { name: name.to_owned(), regions, ..Plan::default().target };
    // A service that is not there may take minutes to say so.
    target.settings.timeouts.attempt = Duration::from_secs(5);
    target
}

fn hold(name: &str, found: &[(&'static str, String)], known: &[&str]) {
    let checks: Vec<&str> = found.iter().map(|(check, _)| *check).collect();
    assert_eq!(checks, known, "{name} differs otherwise than docs/fidelity.md says: {found:#?}");
}

#[test]
fn ministack_differs_where_it_is_known_to() {
    let Some(ministack) = Ministack::start() else { return };
    let mut target = plan("endpoint");
    target.settings.endpoint.url = Some(ministack.url.clone());
    hold("ministack", &of(target), &["secretsmanager: a token names one value"]);
}

#[test]
fn localstack_differs_where_it_is_known_to() {
    let _alone = crate::localstack::alone();
    if !engine(crate::localstack::IMAGE) {
        return;
    }
    let mut known = vec![
        "route53: a batch with one bad change changes nothing",
        "route53: a record is deleted only as it is",
        "route53: a change nobody made is unknown",
        "cloudformation: an unknown resource type is refused",
    ];
    let found = of(plan("localstack"));
    // The image of CI has no table service; a full one has.
    let has_tables = !found.iter().any(|(check, what)| check.starts_with("dynamodb") && what.contains("timed out"));
    if !has_tables {
        known.splice(0..0, body::CHECKS.iter().map(|(check, _)| *check).filter(|check| check.starts_with("dynamodb")));
    }
    hold("localstack", &found, &known);
}
