//! Whether a request names a resource, by the places each protocol has for names.
//!
//! JSON: the members below wherever they stand, the tables of batches, and the table of a PartiQL statement. Query: the
//! parameters of the same names. S3: the bucket. REST: any part of the path. CBOR: no place is known, so that no rule
//! for a resource ever matches.

use bytes::Bytes;
use http::Request;
use serde_json::Value;

use super::Protocol;
use super::call::{bucket_and_key, decoded};

/// Members and parameters that name what a call is about.
const MEMBERS: &[&str] = &[
    "TableName",
    "SecretId",
    "KeyId",
    "FunctionName",
    "logGroupName",
    "logGroupIdentifier",
    "StackName",
    "ChangeSetName",
    "TopicArn",
    "TargetArn",
    "QueueUrl",
    "RoleName",
    "Name",
];

/// Whether a request names the resource: as itself, in an ARN, with a qualifier or as a URL's last part.
pub(super) fn is_named(protocol: Protocol, request: &Request<Bytes>, name: &str) -> bool {
    match protocol {
        Protocol::Json { .. } => {
            let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            is_member(&body, name)
        }
        Protocol::Query | Protocol::Ec2 => {
            let query = request.uri().query().unwrap_or_default();
            let of = |form: &[u8]| {
                form_urlencoded::parse(form).any(|(key, value)| MEMBERS.contains(&&*key) && is_it(&value, name))
            };
            of(request.body()) || of(query.as_bytes())
        }
        Protocol::S3 => is_it(&bucket_and_key(request).0, name),
        Protocol::RestXml | Protocol::RestJson => {
            request.uri().path().split('/').any(|part| is_it(&decoded(part), name))
        }
        Protocol::RpcV2Cbor | Protocol::Edge => false,
    }
}

fn is_member(value: &Value, name: &str) -> bool {
    match value {
        Value::Array(entries) => entries.iter().any(|entry| is_member(entry, name)),
        Value::Object(members) => members.iter().any(|(member, value)| match value {
            Value::String(text) if member == "Statement" => is_in_statement(text, name),
            Value::String(text) => MEMBERS.contains(&member.as_str()) && is_it(text, name),
            Value::Object(tables) if member == "RequestItems" => tables.keys().any(|table| is_it(table, name)),
            other => is_member(other, name),
        }),
        _ => false,
    }
}

/// The name stands in a PartiQL statement as a word, which quotes may surround.
fn is_in_statement(statement: &str, name: &str) -> bool {
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    statement.split(|c| !part_of_name(c)).any(|word| word == name)
}

fn is_it(value: &str, name: &str) -> bool {
    if value == name {
        return true;
    }
    if value.starts_with("http") {
        return value.rsplit('/').next() == Some(name);
    }
    if !value.starts_with("arn:") {
        // A function's name may carry a qualifier.
        return value.split_once(':').is_some_and(|(head, _)| head == name);
    }
    // An ARN has five parts before its resource, which may have a type before it and a part of itself behind it.
    let rest = value.splitn(6, ':').nth(5).unwrap_or_default();
    let Some(at) = rest.find([':', '/']) else { return rest == name };
    let (kind, separator, tail) = (&rest[..at], &rest[at..=at], &rest[at + 1..]);
    let whole = tail == name || tail.split(separator).next() == Some(name);
    whole || rest == name || (kind == "secret" && secret_of(tail) == Some(name))
}

/// The name of a secret whose ARN ends in `-` and six characters of its own.
fn secret_of(part: &str) -> Option<&str> {
    let (name, suffix) = part.rsplit_once('-')?;
    (suffix.len() == 6 && suffix.chars().all(|c| c.is_ascii_alphanumeric())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(body: &str, name: &str) -> bool {
        let request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
        is_named(Protocol::Json { version: "1.0" }, &request, name)
    }

    #[test]
    fn tables_are_named_by_members_batches_and_statements_and_not_by_items() {
        assert!(json(r#"{"TableName":"orders","Item":{"id":{"S":"1"}}}"#, "orders"));
        assert!(json(r#"{"TableName":"arn:aws:dynamodb:eu-west-1:000000000000:table/orders"}"#, "orders"));
        assert!(json(r#"{"TransactItems":[{"Put":{"TableName":"a"}},{"Put":{"TableName":"orders"}}]}"#, "orders"));
        assert!(json(r#"{"RequestItems":{"orders":[]}}"#, "orders"));
        assert!(json(r#"{"Statement":"UPDATE \"orders\" SET a=1"}"#, "orders"));
        assert!(!json(r#"{"Statement":"UPDATE \"orders-old\" SET a=1"}"#, "orders"));
        assert!(!json(r#"{"TableName":"a","Item":{"TableName":{"S":"orders"}}}"#, "orders"));
        assert!(!json(r#"{"TableName":"orders-backup"}"#, "orders"));
        assert!(!json(r#"{"TableName":"arn:aws:dynamodb:eu-west-1:000000000000:table/orders-backup"}"#, "orders"));
        assert!(json(r#"{"TableName":"arn:aws:dynamodb:eu-west-1:000000000000:table/orders/index/by-day"}"#, "orders"));
        assert!(!json("no json", "orders"));
    }

    #[test]
    fn secrets_functions_and_paths_are_named_in_arns_too() {
        let arn = r#"{"SecretId":"arn:aws:secretsmanager:eu-west-1:000000000000:secret:app/signing-AbC123"}"#;
        assert!(json(arn, "app/signing") && !json(arn, "app"));
        let rest = |path: &str, name| {
            let request = Request::builder().uri(path).body(Bytes::new()).unwrap();
            is_named(Protocol::RestJson, &request, name)
        };
        assert!(rest("/2015-03-31/functions/orders/invocations", "orders"));
        assert!(rest("/2015-03-31/functions/orders:live/invocations", "orders"));
        let function = "arn%3Aaws%3Alambda%3Aeu-west-1%3A000000000000%3Afunction%3Aorders";
        assert!(rest(&format!("/2015-03-31/functions/{function}/invocations"), "orders"));
        assert!(!rest("/2015-03-31/functions/orders-old/invocations", "orders"));
        let query = Request::new(Bytes::from_static(b"Action=Publish&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A0%3At"));
        assert!(is_named(Protocol::Query, &query, "t") && !is_named(Protocol::Query, &query, "sns"));
    }
}
