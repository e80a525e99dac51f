//! The words and forms that `blackstart.yaml` takes. Each is checked where it is read: only there has an error its place.

use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serializer};

use super::error::hint;
use super::quantity::{duration, format_duration};
use super::settings::{KINDS, ROLES, Resource, SERVICES};
use crate::region::Region;

/// Text that was checked, and its written form in the JSON Schema.
macro_rules! checked {
    ($($(#[$doc:meta])* $name:ident: $check:path, $schema:tt;)*) => {$(
        $(#[$doc])*
        #[derive(PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                $check(&text).map_err(D::Error::custom)?;
                Ok(Self(text))
            }
        }

        as_checked!($name, $schema);
    )*};
}

macro_rules! as_checked {
    ($name:ident, $schema:tt) => {
        impl From<$name> for String {
            fn from(checked: $name) -> Self {
                checked.0
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

checked! {
    /// A role that is assumed, by its ARN.
    RoleArn: role_arn, { "type": "string", "pattern": "^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$" };
    /// Where an endpoint is.
    Url: check_url, { "type": "string", "pattern": "^https?://[^/?#@]+/?$", "examples": ["http://127.0.0.1:4566"] };
    /// A service, by its SigV4 name.
    Service: service, { "type": "string", "enum": (SERVICES.map(|(name, _)| name)) };
    /// What a resource of somebody's own stack is for.
    Role: role, { "type": "string", "enum": (ROLES) };
    /// What the search by tag looks for.
    Kind: kind, { "type": "string", "enum": (KINDS) };
}

/// An account, which must be written as text: a number loses the zeros it begins with.
pub struct Account(String);

as_checked!(Account, { "type": "string", "pattern": "^[0-9]{12}$", "examples": ["123456789012"] });

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Digits)
    }
}

/// What an account is, in words.
const ACCOUNT: &str = "an account id of twelve digits in quotes, like \"123456789012\"";

struct Digits;

impl Visitor<'_> for Digits {
    type Value = Account;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ACCOUNT)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Account, E> {
        if is_account(text) {
            return Ok(Account(text.to_owned()));
        }
        Err(E::custom(format!("bad account {text:?}: expected {ACCOUNT}")))
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn role_arn(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let fits = match parts.as_slice() {
        ["arn", partition, "iam", "", account, rest] => {
            let is_partition =
                partition.starts_with("aws") && partition.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            let name = rest.strip_prefix("role/").unwrap_or_default();
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic()) && !name.ends_with('/');
            is_partition && is_account(account) && is_name
        }
        _ => false,
    };
    let expected = || format!("bad role {text:?}: expected its ARN, like arn:aws:iam::123456789012:role/gameday");
    fits.then_some(()).ok_or_else(expected)
}

/// Whether it is `http://host:port` or `https://host:port`: the port may be left out, and nothing may follow it.
pub fn check_url(text: &str) -> Result<(), String> {
    let fits = |uri: http::Uri| {
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let is_place = uri.authority().is_some_and(|at| {
            let has_port = at.port_u16().is_some();
            !at.host().is_empty() && !at.as_str().contains('@') && (has_port || at.host() == at.as_str())
        });
        is_web && is_place && uri.path().trim_matches('/').is_empty() && uri.query().is_none()
    };
    // What stands behind a `#` is dropped by the parser.
    let uri = text.parse().ok().filter(|_| !text.contains('#'));
    uri.is_some_and(fits).then_some(()).ok_or_else(|| {
        format!(
            "{text:?} is no URL of an endpoint: expected http://host:port or https://host:port, with no path after it"
        )
    })
}

fn service(text: &str) -> Result<(), String> {
    if SERVICES.iter().any(|(name, _)| *name == text) {
        return Ok(());
    }
    // Named as its SDK is, and not as its calls are signed: cloudwatch is monitoring there.
    let sdk = text.replace(['-', ' '], "_");
    let signed = SERVICES.iter().find(|(_, identifier)| identifier.eq_ignore_ascii_case(&sdk));
    let hint = signed.map_or_else(
        || hint(text, SERVICES.iter().map(|(name, _)| *name)),
        |(name, _)| format!(", did you mean {name:?}?"),
    );
    Err(format!("unknown service {text:?}{hint}"))
}

fn role(text: &str) -> Result<(), String> {
    let known = ROLES.contains(&text).then_some(());
    known.ok_or_else(|| format!("unknown role {text:?}{}", hint(text, ROLES)))
}

fn kind(text: &str) -> Result<(), String> {
    let known = KINDS.contains(&text).then_some(());
    known.ok_or_else(|| format!("unknown kind {text:?}: expected one of {}", KINDS.join(", ")))
}

/// Reads what may be left out.
pub fn maybe<'de, T, D>(deserializer: D) -> Result<Option<String>, D::Error>
where
    T: Deserialize<'de> + Into<String>,
    D: Deserializer<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.map(Into::into))
}

/// Reads a list whose elements are checked.
pub fn list<'de, T, D>(deserializer: D) -> Result<Vec<String>, D::Error>
where
    T: Deserialize<'de> + Into<String>,
    D: Deserializer<'de>,
{
    Ok(Vec::<T>::deserialize(deserializer)?.into_iter().map(Into::into).collect())
}

/// Reads a map whose keys or values are checked.
pub fn map<'de, A, B, K, V, D>(deserializer: D) -> Result<IndexMap<K, V>, D::Error>
where
    A: Deserialize<'de> + Into<K> + Eq + Hash,
    B: Deserialize<'de> + Into<V>,
    K: Eq + Hash,
    D: Deserializer<'de>,
{
    let checked = IndexMap::<A, B>::deserialize(deserializer)?;
    Ok(checked.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
}

/// Durations above zero, as people write them.
pub mod above_zero {
    use super::{Deserializer, Duration, Error, Serializer, duration, format_duration};

    pub fn serialize<S: Serializer>(length: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        duration::serialize(length, serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let length = duration::deserialize(deserializer)?;
        if length.is_zero() {
            let what = format!("bad duration {:?}: expected more than 0s, like 3s", format_duration(length));
            return Err(D::Error::custom(what));
        }
        Ok(length)
    }
}

/// Writes the names and keeps the values to itself: what a container is given may be a secret, and plan.json is kept.
pub fn masked<S: Serializer>(values: &IndexMap<String, String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(values.keys().map(|name| (name, "***")))
}

/// The forms of a resource, in words.
const FORMS: &str = "one of four forms: a name in quotes, the same in every Region; a name in each Region, \
                     { regions: { us-east-1: a, eu-west-1: b } }; an output of a stack, { stack: s, output: o }; \
                     or a tag, { tag: t, value: v, kind: \"dynamodb:table\" }";

impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Form)
    }
}

/// Every key that some form has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    regions: Option<IndexMap<Region, String>>,
    stack: Option<String>,
    output: Option<String>,
    tag: Option<String>,
    value: Option<String>,
    kind: Option<Kind>,
}

struct Form;

impl<'de> Visitor<'de> for Form {
    type Value = Resource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FORMS)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Resource, E> {
        Ok(Resource::Name(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Resource, A::Error> {
        let Keys { regions, stack, output, tag, value, kind } = Keys::deserialize(MapAccessDeserializer::new(map))?;
        match (regions, (stack, output), (tag, value, kind)) {
            (Some(regions), (None, None), (None, None, None)) => Ok(Resource::Names { regions }),
            (None, (Some(stack), Some(output)), (None, None, None)) => Ok(Resource::Output { stack, output }),
            (None, (None, None), (Some(tag), Some(value), Some(kind))) => {
                Ok(Resource::Tag { tag, value, kind: kind.into() })
            }
            _ => Err(A::Error::custom(format!("expected {FORMS}"))),
        }
    }
}
