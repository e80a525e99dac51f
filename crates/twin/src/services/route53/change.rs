//! One change of a record set: as it was written, and checked into the record it means.
//!
//! Both the API's XML and a template's properties become a [`Draft`], so both meet the same rules.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::clock::Timestamp;
use crate::dns::{Alias, RecordSet, RecordType, Routing, normal};
use crate::region::Region;
use crate::wire::AwsError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Create,
    Delete,
    Upsert,
}

impl Action {
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "CREATE" => Self::Create,
            "DELETE" => Self::Delete,
            "UPSERT" => Self::Upsert,
            _ => return None,
        })
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Delete => "DELETE",
            Self::Upsert => "UPSERT",
        }
    }
}

/// A change whose record is well formed; whether it fits the zone is for [`super::batch`] to say.
#[derive(Clone, Debug)]
pub struct Change {
    pub action: Action,
    pub set: RecordSet,
}

/// A change the control plane accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeInfo {
    pub id: String,
    pub submitted_at: Timestamp,
    /// When the last name server serves it.
    pub insync_at: Timestamp,
    pub comment: Option<String>,
}

impl ChangeInfo {
    pub fn is_insync(&self, now: Timestamp) -> bool {
        now >= self.insync_at
    }
}

/// A record set as a caller wrote it.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    pub name: String,
    pub kind: String,
    pub set_identifier: Option<String>,
    pub weight: Option<i64>,
    pub region: Option<String>,
    pub failover: Option<String>,
    pub multi_value: Option<bool>,
    /// Routing fields that Route 53 has and the twin does not answer by.
    pub unsupported: Option<&'static str>,
    pub ttl: Option<i64>,
    pub values: Vec<String>,
    pub alias: Option<DraftAlias>,
    pub health_check_id: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct DraftAlias {
    pub zone_id: String,
    pub name: String,
    pub evaluate_target_health: bool,
}

impl Draft {
    /// The change this means, or what is wrong with it whatever its zone holds.
    pub fn check(self, action: Action) -> Result<Change, AwsError> {
        if let Some(field) = self.unsupported {
            let message = format!(
                "the embedded twin does not answer by {field} (record {}); use Weight, Region, Failover or \
                 MultiValueAnswer; see docs/fidelity.md",
                self.name
            );
            return Err(AwsError::new(501, "NotImplemented", message));
        }
        let kind = RecordType::parse(&self.kind).ok_or_else(|| {
            let message = format!("Value '{}' at 'type' failed to satisfy constraint: unknown record type", self.kind);
            AwsError::bad_request("InvalidInput", format!("1 validation error detected: {message}"))
        })?;
        let routing = self.routing(action)?;
        let content = match (&self.alias, self.ttl, self.values.is_empty()) {
            (Some(_), None, true) | (None, Some(_), false) => None,
            (None, ..) => Some("none"),
            (Some(_), ..) => Some("more than one"),
        };
        if let Some(found) = content {
            let expected = "[AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]";
            return Err(self.invalid(action, &format!("Expected exactly one of {expected}, but found {found}")));
        }
        if self.alias.is_some() && routing == Routing::MultiValue {
            return Err(self.invalid(action, "MultiValueAnswer cannot be used with AliasTarget"));
        }
        let ttl = self.ttl.map(u32::try_from).transpose().ok().flatten().filter(|ttl| i32::try_from(*ttl).is_ok());
        if ttl.is_none() && self.ttl.is_some() {
            return Err(self.invalid(action, "TTL must be between 0 and 2147483647"));
        }
        let addresses = values(kind, &self.values)?;
        let alias = self.alias.map(|alias| Alias {
            zone_id: alias.zone_id.trim_start_matches("/hostedzone/").to_owned(),
            name: normal(&alias.name),
            evaluate_target_health: alias.evaluate_target_health,
        });
        let set = RecordSet {
            name: normal(&self.name),
            kind,
            set_identifier: self.set_identifier,
            routing,
            ttl,
            values: self.values,
            addresses,
            alias,
            health_check_id: self.health_check_id,
        };
        Ok(Change { action, set })
    }

    fn routing(&self, action: Action) -> Result<Routing, AwsError> {
        let mut given = Vec::new();
        if let Some(weight) = self.weight {
            given.push(Routing::Weighted(u8::try_from(weight).map_err(|_| {
                let message = format!(
                    "1 validation error detected: Value '{weight}' at 'resourceRecordSet.weight' failed to satisfy \
                     constraint: Member must have value between 0 and 255"
                );
                AwsError::bad_request("InvalidInput", message)
            })?));
        }
        if let Some(region) = &self.region {
            let region = Region::parse(region).map_err(|error| self.invalid(action, &error.to_string()))?;
            given.push(Routing::Latency(region));
        }
        match self.failover.as_deref() {
            None => {}
            Some("PRIMARY") => given.push(Routing::Failover { primary: true }),
            Some("SECONDARY") => given.push(Routing::Failover { primary: false }),
            Some(other) => {
                return Err(self.invalid(action, &format!("Failover {other:?} is neither PRIMARY nor SECONDARY")));
            }
        }
        if self.multi_value == Some(true) {
            given.push(Routing::MultiValue);
        }
        let expected = "Expected exactly one of [Weight, Region, Failover, GeoLocation, or MultiValueAnswer]";
        match (given.as_slice(), &self.set_identifier) {
            ([], None) => Ok(Routing::Simple),
            ([], Some(_)) => Err(self.invalid(action, &format!("{expected}, but found none"))),
            ([_], None) => Err(self.invalid(action, "Missing field 'SetIdentifier'")),
            ([routing], Some(_)) => Ok(*routing),
            _ => Err(self.invalid(action, &format!("{expected}, but found more than one"))),
        }
    }

    /// An InvalidInput in Route 53's words.
    fn invalid(&self, action: Action, problem: &str) -> AwsError {
        let set_identifier = self.set_identifier.as_deref().unwrap_or("null");
        let (action, name, kind) = (action.as_str(), &self.name, &self.kind);
        let at = format!("in Change with [Action={action}, Name={name}, Type={kind}, SetIdentifier={set_identifier}]");
        AwsError::bad_request("InvalidInput", format!("Invalid request: {problem} {at}"))
    }
}

/// The addresses of an A record set; an error where a value is none its type allows.
fn values(kind: RecordType, values: &[String]) -> Result<Vec<Ipv4Addr>, AwsError> {
    let mut addresses = Vec::new();
    let fatal = |what: &str, value: &str| {
        let message = format!("[Invalid Resource Record: 'FATAL problem: {what} encountered with '{value}'']");
        Err(AwsError::bad_request("InvalidChangeBatch", message))
    };
    for (index, value) in values.iter().enumerate() {
        if values.iter().take(index).any(|earlier| earlier == value) {
            let message = format!("[Duplicate Resource Record: '{value}']");
            return Err(AwsError::bad_request("InvalidChangeBatch", message));
        }
        match kind.as_str() {
            "A" => match value.parse() {
                Ok(address) => addresses.push(address),
                Err(_) => return fatal("ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)", value),
            },
            "AAAA" if value.parse::<Ipv6Addr>().is_err() => {
                return fatal("AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)", value);
            }
            "CNAME" if index > 0 => {
                return fatal("CNAMERRSetMultipleValues (A CNAME record set holds one value)", value);
            }
            "TXT" | "SPF" if !(value.len() >= 2 && value.starts_with('"') && value.ends_with('"')) => {
                return fatal("InvalidCharacterString (Value should be enclosed in quotation marks)", value);
            }
            _ => {}
        }
    }
    Ok(addresses)
}
