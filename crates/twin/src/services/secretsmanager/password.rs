//! Passwords as GetRandomPassword and GenerateSecretString make them, drawn from the seed.

use rand::Rng;
use serde_json::{Value, json};
use std::sync::PoisonError;

use super::{SecretsManager, invalid_parameter};
use crate::gateway::Call;
use crate::wire::{AwsError, Members};

/// The punctuation GetRandomPassword draws from (API reference, ExcludePunctuation).
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
const LENGTH_DEFAULT: i64 = 32;
const LENGTH_MAX: i64 = 4_096;

pub(super) fn random(call: &Call, input: &Members) -> Result<Value, AwsError> {
    call.authorize("secretsmanager:GetRandomPassword", "*")?;
    Ok(json!({"RandomPassword": draw(&call.cloud.secretsmanager, input)?}))
}

/// A password by the members that GetRandomPassword and GenerateSecretString share.
pub(super) fn draw(secrets: &SecretsManager, input: &Members) -> Result<String, AwsError> {
    let length = input.integer("PasswordLength").unwrap_or(LENGTH_DEFAULT);
    let excluded = input.text("ExcludeCharacters").unwrap_or_default();
    let kinds = [
        ("ExcludeLowercase", "abcdefghijklmnopqrstuvwxyz", false),
        ("ExcludeUppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", false),
        ("ExcludeNumbers", "0123456789", false),
        ("ExcludePunctuation", PUNCTUATION, false),
        ("IncludeSpace", " ", true),
    ];
    let alphabets: Vec<Vec<char>> = kinds
        .into_iter()
        .filter(|(flag, _, wanted)| input.flag(flag) == *wanted)
        .map(|(_, characters, _)| characters.chars().filter(|c| !excluded.contains(*c)).collect::<Vec<char>>())
        .filter(|characters| !characters.is_empty())
        .collect();
    let each = input.get("RequireEachIncludedType").and_then(Value::as_bool).unwrap_or(true);
    let least = if each { alphabets.len() } else { 1 };
    if !(1..=LENGTH_MAX).contains(&length) || (length as usize) < least || alphabets.is_empty() {
        let message = format!("no password of length {length} (1 to {LENGTH_MAX}) can hold what is asked for");
        return Err(invalid_parameter(message));
    }
    let mut rng = secrets.passwords.lock().unwrap_or_else(PoisonError::into_inner);
    let mut below = |bound: usize| (rng.next_u64() % bound as u64) as usize;
    let all = alphabets.concat();
    let mut password: Vec<char> = Vec::new();
    if each {
        password.extend(alphabets.iter().map(|alphabet| alphabet[below(alphabet.len())]));
    }
    while password.len() < length as usize {
        password.push(all[below(all.len())]);
    }
    for i in (1..password.len()).rev() {
        password.swap(i, below(i + 1));
    }
    Ok(password.into_iter().collect())
}
