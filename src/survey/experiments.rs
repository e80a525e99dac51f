//! Fault Injection Service: whether it knows what its actions are.

use serde_json::{Value, json};

use super::bench::{Bench, TAG, minutes};
use super::miss::{Probed, lie, refused_raw};
use crate::capability::Capability;

/// An action there is ("AWS FIS actions reference"), and one there is not.
const REAL: &str = "aws:dynamodb:global-table-pause-replication";
const BOGUS: &str = "aws:dynamodb:no-such-action";

pub async fn probe(bench: &Bench<'_>) {
    bench.attempt(Capability::Experiments, minutes(2), experiments(bench)).await;
}

async fn experiments(bench: &Bench<'_>) -> Probed {
    let raw = bench.ours()?.raw.clone();
    let known = raw.rest("fis", http::Method::GET, &format!("/actions/{}", escaped(REAL)), &Value::Null).await;
    known.map_err(refused_raw("GetAction"))?;
    let template = json!({
        "clientToken": bench.name("experiment"),
        "description": "an action that does not exist",
        "roleArn": "arn:aws:iam::000000000000:role/blackstart-probe",
        "stopConditions": [{ "source": "none" }],
        "targets": {},
        "actions": { "nothing": { "actionId": BOGUS } },
        "tags": { TAG: bench.run },
    });
    match raw.rest("fis", http::Method::POST, "/experimentTemplates", &template).await {
        Err(error) if error.status.is_some_and(|status| status < 500) => {
            Ok(format!("it knows {REAL}, and refuses {BOGUS}: {}", error.code))
        }
        Err(error) => Err(refused_raw("CreateExperimentTemplate")(error)),
        Ok(made) => {
            let id = made["experimentTemplate"]["id"].as_str().unwrap_or_default().to_owned();
            bench.undo("experiments", format!("the experiment template {id}"), async move {
                let path = format!("/experimentTemplates/{id}");
                let deleted = raw.rest("fis", http::Method::DELETE, &path, &Value::Null).await;
                deleted.map(|_| ()).map_err(|why| why.to_string())
            });
            lie(format!("an experiment with the action {BOGUS} is accepted"))
        }
    }
}

fn escaped(id: &str) -> String {
    id.replace(':', "%3A")
}
