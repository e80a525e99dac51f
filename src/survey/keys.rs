//! KMS: a key is its Region's.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::bench::{Bench, TAG, minutes};
use super::miss::{Miss, Probed, lie, refused_raw};
use crate::capability::Capability;
use crate::target::RawError;

/// ScheduleKeyDeletion waits 7 days at least (KMS API reference).
const DAYS: u32 = 7;
const TEXT: &str = "blackstart probe";

pub async fn probe(bench: &Bench<'_>) {
    bench.attempt(Capability::Keys, minutes(2), keys(bench)).await;
}

async fn keys(bench: &Bench<'_>) -> Probed {
    let ours = bench.ours()?.raw.clone();
    let tags = json!([{ "TagKey": TAG, "TagValue": bench.run }]);
    let wanted = json!({ "Description": bench.name("key"), "Tags": tags });
    let made = ours.json("kms", "TrentService.CreateKey", &wanted).await.map_err(refused_raw("CreateKey"))?;
    let metadata = &made["KeyMetadata"];
    let id = text(&metadata["KeyId"]);
    let (raw, key) = (ours.clone(), id.clone());
    bench.undo("keys", format!("the key {id} in {}", bench.here), async move {
        let body = json!({ "KeyId": key, "PendingWindowInDays": DAYS });
        raw.json("kms", "TrentService.ScheduleKeyDeletion", &body).await.map(|_| ()).map_err(|why| why.to_string())
    });
    let plain = BASE64_STANDARD.encode(TEXT);
    let sealed = ours.json("kms", "TrentService.Encrypt", &json!({ "KeyId": id, "Plaintext": plain })).await;
    let sealed = text(&sealed.map_err(refused_raw("Encrypt"))?["CiphertextBlob"]);
    if sealed == plain {
        return lie("Encrypt gives back what it was given");
    }
    let open = json!({ "CiphertextBlob": sealed });
    let opened = ours.json("kms", "TrentService.Decrypt", &open).await.map_err(refused_raw("Decrypt"))?;
    if text(&opened["Plaintext"]) != plain {
        return lie("Decrypt gives something else than was encrypted");
    }
    let (there, clients) = bench.theirs()?;
    let elsewhere = clients.raw.json("kms", "TrentService.Decrypt", &open).await;
    told(elsewhere, &format!("{there} decrypts what a key of {} encrypted", bench.here))?;
    let elsewhere = clients.raw.json("kms", "TrentService.DescribeKey", &json!({ "KeyId": id })).await;
    told(elsewhere, &format!("{there} has the key that was made in {}", bench.here))?;
    let deleted = format!("its deletion is due in {DAYS} days, as soon as KMS allows");
    Ok(format!("a key of {} encrypts and decrypts; {there} does not know it; {deleted}", bench.here))
}

/// The other Region must refuse; that it does not answer shows nothing.
fn told(answer: Result<Value, RawError>, otherwise: &str) -> Probed<()> {
    match answer {
        Ok(_) => lie(otherwise),
        Err(RawError { status: None, code, message }) => Err(Miss::Unknown(format!("{code}: {message}"))),
        Err(_) => Ok(()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
