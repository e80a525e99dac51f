//! Keys, accounts and topics.

use serde_json::{Value, json};

use super::{Bench, Held, holds};
use blackstart::target::element;

fn said(error: &blackstart::target::RawError) -> String {
    format!("it cannot be tried: {error}")
}

pub async fn key(bench: &Bench<'_>) -> Held {
    let home = &bench.home.raw;
    let made = home.json("kms", "TrentService.CreateKey", &json!({})).await.map_err(|error| said(&error))?;
    let id = made["KeyMetadata"]["KeyId"].as_str().unwrap_or_default().to_owned();
    let plain = json!({ "KeyId": id, "Plaintext": "aGVsbG8=" });
    let came = async {
        let sealed = home.json("kms", "TrentService.Encrypt", &plain).await.map_err(|error| said(&error))?;
        let blob = json!({ "CiphertextBlob": sealed["CiphertextBlob"] });
        let opened = home.json("kms", "TrentService.Decrypt", &blob).await.map_err(|error| said(&error))?;
        holds(opened["Plaintext"] == "aGVsbG8=", || "what was decrypted is something else".to_owned())?;
        let elsewhere: Result<Value, _> = bench.other.raw.json("kms", "TrentService.Decrypt", &blob).await;
        holds(elsewhere.is_err(), || "the other Region decrypts it too".to_owned())
    };
    let came = came.await;
    let gone = json!({ "KeyId": id, "PendingWindowInDays": 7 });
    home.json("kms", "TrentService.ScheduleKeyDeletion", &gone).await.map_err(|error| said(&error))?;
    came
}

pub async fn account(bench: &Bench<'_>) -> Held {
    let xml =
        bench.home.raw.query("sts", "2011-06-15", "GetCallerIdentity", &[]).await.map_err(|error| said(&error))?;
    let account = element(&xml, "Account").unwrap_or_default();
    holds(account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()), || format!("it is {account:?}"))
}

pub async fn no_topic(bench: &Bench<'_>) -> Held {
    let arn = format!("arn:aws:sns:us-east-1:000000000000:{}", bench.name);
    let parameters = [("TopicArn", arn.as_str()), ("Message", "hello")];
    match bench.home.raw.query("sns", "2010-03-31", "Publish", &parameters).await {
        Err(error) if error.code == "NotFound" => Ok(()),
        Err(error) => Err(format!("expected NotFound, got {error}")),
        Ok(_) => Err("expected NotFound, and it was done".to_owned()),
    }
}
