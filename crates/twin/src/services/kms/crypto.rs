//! The calls that use a key: Encrypt, Decrypt, GenerateDataKey.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::Rng;
use serde_json::{Value, json};

use super::{Kms, cipher};
use crate::gateway::Call;
use crate::wire::{AwsError, Members, Request};

/// Encrypt takes at most 4,096 bytes (KMS API reference, Encrypt).
const PLAINTEXT_MAX: usize = 4_096;

pub(super) fn run(kms: &Kms, call: &Call, operation: &str, request: &Request) -> Result<Value, AwsError> {
    match operation {
        "Encrypt" => encrypt(kms, call, request),
        "Decrypt" => decrypt(kms, call, request),
        _ => generate(kms, call, request, operation == "GenerateDataKey"),
    }
}

fn encrypt(kms: &Kms, call: &Call, request: &Request) -> Result<Value, AwsError> {
    let input = Members::read(request, &["KeyId", "Plaintext", "EncryptionContext", "EncryptionAlgorithm"])?;
    symmetric(&input)?;
    let plain = input.bytes("Plaintext")?.unwrap_or_default();
    if plain.is_empty() || plain.len() > PLAINTEXT_MAX {
        let message = format!("Plaintext must hold 1 to {PLAINTEXT_MAX} bytes; it holds {}", plain.len());
        return Err(AwsError::validation(message));
    }
    let (arn, blob) = sealed(kms, call, "kms:Encrypt", &input, &plain)?;
    Ok(json!({"CiphertextBlob": blob, "KeyId": arn, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}))
}

fn generate(kms: &Kms, call: &Call, request: &Request, with_plaintext: bool) -> Result<Value, AwsError> {
    let input = Members::read(request, &["KeyId", "KeySpec", "NumberOfBytes", "EncryptionContext"])?;
    let length = match (input.text("KeySpec"), input.integer("NumberOfBytes")) {
        (Some("AES_256"), None) => 32,
        (Some("AES_128"), None) => 16,
        (None, Some(bytes @ 1..=1024)) => usize::try_from(bytes).unwrap_or(32),
        _ => return Err(AwsError::validation("give KeySpec (AES_128 or AES_256) or NumberOfBytes (1 to 1024)")),
    };
    let mut plain = vec![0; length];
    call.cloud.seed.stream(&format!("twin/kms/data-key/{}", call.request_id)).fill_bytes(&mut plain);
    let action = if with_plaintext { "kms:GenerateDataKey" } else { "kms:GenerateDataKeyWithoutPlaintext" };
    let (arn, blob) = sealed(kms, call, action, &input, &plain)?;
    let mut answer = json!({"CiphertextBlob": blob, "KeyId": arn});
    if with_plaintext {
        answer["Plaintext"] = STANDARD.encode(&plain).into();
    }
    Ok(answer)
}

fn decrypt(kms: &Kms, call: &Call, request: &Request) -> Result<Value, AwsError> {
    let input = Members::read(request, &["KeyId", "CiphertextBlob", "EncryptionContext", "EncryptionAlgorithm"])?;
    symmetric(&input)?;
    let invalid =
        || AwsError::bad_request("InvalidCiphertextException", "the ciphertext is not of a key of this Region");
    let blob = input.bytes("CiphertextBlob")?.unwrap_or_default();
    let parts = cipher::take_apart(&blob).ok_or_else(invalid)?;
    let cloud = &call.cloud;
    let key = kms.lock().find_mut(cloud, call.region, parts.key_id).map_err(|_| invalid())?.clone();
    if let Some(named) = input.text("KeyId")
        && kms.lock().find_mut(cloud, call.region, named)?.id != key.id
    {
        let message = "The key ID in the request does not identify a CMK that can perform this operation.";
        return Err(AwsError::bad_request("IncorrectKeyException", message));
    }
    kms.authorize(call, "kms:Decrypt", &key.id)?;
    key.check_usable(cloud)?;
    let plain = cipher::open(&key.material(cloud), &context(&input), &parts).ok_or_else(invalid)?;
    let algorithm = "SYMMETRIC_DEFAULT";
    Ok(json!({"Plaintext": STANDARD.encode(plain), "KeyId": key.arn(cloud), "EncryptionAlgorithm": algorithm}))
}

/// Encrypts under the key the input names: its ARN, and the ciphertext in base64.
fn sealed(kms: &Kms, call: &Call, action: &str, input: &Members, plain: &[u8]) -> Result<(String, String), AwsError> {
    let cloud = &call.cloud;
    let key = kms.lock().find_mut(cloud, call.region, input.require("KeyId")?)?.clone();
    kms.authorize(call, action, &key.id)?;
    key.check_usable(cloud)?;
    let mut nonce = [0; 16];
    cloud.seed.stream(&format!("twin/kms/nonce/{}", call.request_id)).fill_bytes(&mut nonce);
    let blob = cipher::seal(&key.material(cloud), &key.id, &context(input), &nonce, plain);
    Ok((key.arn(cloud), STANDARD.encode(blob)))
}

/// The encryption context as text; JSON objects keep their keys in order.
fn context(input: &Members) -> String {
    let sorted: std::collections::BTreeMap<&str, &str> = input
        .get("EncryptionContext")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .collect();
    format!("{sorted:?}")
}

fn symmetric(input: &Members) -> Result<(), AwsError> {
    match input.text("EncryptionAlgorithm") {
        None | Some("SYMMETRIC_DEFAULT") => Ok(()),
        Some(other) => Err(AwsError::validation(format!(
            "the embedded twin has symmetric keys alone: EncryptionAlgorithm {other} is not modelled"
        ))),
    }
}
