//! What AWS documents and the harness relies on, held against any target: one body for the twin, for LocalStack and for
//! ministack. Where two of them differ, AWS's documentation decides; docs/fidelity.md has the table.

use blackstart::region::Region;
use blackstart::target::{Clients, Target};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

mod names;
mod places;
mod services;
mod stores;

/// What a check meets: the clients of the primary Region and of the other one, and a name nobody else uses.
pub struct Bench<'a> {
    pub home: &'a Clients,
    pub other: &'a Clients,
    pub name: String,
}

/// Ok, or in what the target differs.
type Held = Result<(), String>;
type Check = for<'a> fn(&'a Bench<'a>) -> LocalBoxFuture<'a, Held>;

/// Every check, by what it says of AWS.
pub const CHECKS: &[(&str, Check)] = &[
    ("s3: If-None-Match makes one writer of two win", |b| stores::one_object_writer(b).boxed_local()),
    ("s3: a deleted key is gone, and its version is not", |b| stores::delete_marker(b).boxed_local()),
    ("s3: a bucket that is not empty is not deleted", |b| stores::not_empty(b).boxed_local()),
    ("dynamodb: a condition that does not hold is refused", |b| stores::condition(b).boxed_local()),
    ("dynamodb: numbers of 38 digits come back as they were", |b| stores::exact_numbers(b).boxed_local()),
    ("dynamodb: a key is its Region's own", |b| stores::table_of_one_region(b).boxed_local()),
    ("secretsmanager: a token names one value", |b| stores::one_value_a_token(b).boxed_local()),
    ("secretsmanager: the version before is AWSPREVIOUS", |b| stores::previous(b).boxed_local()),
    ("secretsmanager: a secret is its Region's own", |b| stores::secret_of_one_region(b).boxed_local()),
    ("kms: a key decrypts in its own Region alone", |b| places::key(b).boxed_local()),
    ("sts: an account has twelve digits", |b| places::account(b).boxed_local()),
    ("sns: nothing is published to a topic that is not there", |b| places::no_topic(b).boxed_local()),
    ("route53: a batch with one bad change changes nothing", |b| names::atomic(b).boxed_local()),
    ("route53: a record is deleted only as it is", |b| names::as_it_is(b).boxed_local()),
    ("route53: weights and identifiers come back", |b| names::weights(b).boxed_local()),
    ("route53: a change nobody made is unknown", |b| names::no_change(b).boxed_local()),
    ("cloudformation: a stack that is not there does not exist", |b| services::no_stack(b).boxed_local()),
    ("cloudformation: an unknown resource type is refused", |b| services::unknown_type(b).boxed_local()),
    ("cloudformation: a change set without changes fails and says so", |b| services::no_changes(b).boxed_local()),
    ("lambda: a function that is not there is not found", |b| services::no_function(b).boxed_local()),
    ("logs: nothing is read from a group that is not there", |b| services::no_group(b).boxed_local()),
    ("cloudwatch: a metric is told apart by its dimensions", |b| services::dimensions(b).boxed_local()),
];

/// What the target differs in, by check.
pub async fn differences(target: &dyn Target) -> Vec<(&'static str, String)> {
    let clients = |region: Region| target.clients(region).expect("the clients of a Region");
    let (home, other) = (clients(target.regions()[0]), clients(target.regions()[1]));
    let mut found = Vec::new();
    for (number, (check, body)) in CHECKS.iter().enumerate() {
        let name = format!("blackstart-conformance-{}-{number}", target.clock().now().millis());
        let bench = Bench { home, other, name };
        if let Err(difference) = body(&bench).await {
            found.push((*check, difference));
        }
    }
    found
}

/// Ok where a call failed with one of these codes.
pub fn refused<T, E>(called: Result<T, E>, codes: &[&str]) -> Held
where
    E: aws_sdk_s3::error::ProvideErrorMetadata + std::error::Error + 'static,
{
    match called {
        Err(error) if error.code().is_some_and(|code| codes.contains(&code)) => Ok(()),
        Err(error) => Err(format!("expected {}, got {}", codes.join(" or "), blackstart::target::said(&error))),
        Ok(_) => Err(format!("expected {}, and it was done", codes.join(" or "))),
    }
}

/// The answer of a call that has to go well before anything can be checked.
pub fn done<T, E>(called: Result<T, E>) -> Result<T, String>
where
    E: aws_sdk_s3::error::ProvideErrorMetadata + std::error::Error + 'static,
{
    called.map_err(|error| format!("it cannot be tried: {}", blackstart::target::said(&error)))
}

/// Ok where it holds, or what was seen instead.
pub fn holds(is: bool, seen: impl FnOnce() -> String) -> Held {
    if is { Ok(()) } else { Err(seen()) }
}
