//! Custom domains: a name, the Regional target DNS points it to, and the APIs behind its base paths.

use std::collections::BTreeMap;

use crate::Cloud;
use crate::region::Region;
use crate::services::acm::Status;
use crate::wire::AwsError;

/// Hosted zones of the Regional endpoints ("Amazon API Gateway endpoints and quotas", AWS General Reference).
const HOSTED_ZONES: &[(&str, &str)] = &[
    ("us-east-1", "Z1UJRXOUMOOFQ8"),
    ("us-east-2", "ZOJJZC49E0EPZ"),
    ("us-west-1", "Z2MUQ32089INYE"),
    ("us-west-2", "Z2OJLYMUO9EFXC"),
    ("af-south-1", "Z2DHW2332DAMTN"),
    ("ap-east-1", "Z3FD1VL90ND7K5"),
    ("ap-northeast-1", "Z1YSHQZHG15GKL"),
    ("ap-northeast-2", "Z20JF4UZKIW1U8"),
    ("ap-northeast-3", "Z22ILHG95FLSZ2"),
    ("ap-south-1", "Z3VO1THU9YC4UR"),
    ("ap-southeast-1", "ZL327KTPIQFUL"),
    ("ap-southeast-2", "Z2RPCDW04V8134"),
    ("ca-central-1", "Z19DQILCV0OWEC"),
    ("eu-central-1", "Z1U9ULNL0V5AJ3"),
    ("eu-north-1", "Z3UWIKFBOOGXPP"),
    ("eu-south-1", "Z3BT4WSQ9TDYZV"),
    ("eu-south-2", "Z02499852UI5HEQ5JVWX3"),
    ("eu-west-1", "ZLY8HYME6SFDD"),
    ("eu-west-2", "ZJ5UAJN8Y3Z2Q"),
    ("eu-west-3", "Z3KY65QIEKYHQQ"),
    ("me-central-1", "Z08780021BKYYY8U0YHTV"),
    ("me-south-1", "Z20ZBPC0SS8806"),
    ("sa-east-1", "ZCMLWB8V5SYIT"),
];

/// A Regional custom domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// `d-….execute-api.<region>.amazonaws.com`
    pub target: String,
    pub certificate_arn: String,
    /// API and stage by base path, "" for the path without one. Without a stage, the path names it.
    pub mappings: BTreeMap<String, Mapping>,
    pub security_policy: String,
    pub tags: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub api_id: String,
    pub stage: Option<String>,
}

impl Domain {
    /// The mapping for a path, and what of the path comes after its base path.
    pub fn mapping<'a>(&self, path: &'a str) -> Option<(&Mapping, &'a str)> {
        let below = path.strip_prefix('/').unwrap_or(path);
        let (first, _) = below.split_once('/').unwrap_or((below, ""));
        match self.mappings.get(first).filter(|_| !first.is_empty()) {
            Some(mapping) => Some((mapping, &below[first.len()..])),
            None => self.mappings.get("").map(|mapping| (mapping, path)),
        }
    }
}

/// The hosted zone of the Region's endpoints; for Regions the table does not name, one of the same form.
pub fn hosted_zone(region: Region) -> String {
    let found = HOSTED_ZONES.iter().find(|(name, _)| *name == region.as_str());
    found.map_or_else(
        || format!("Z{}", region.as_str().replace('-', "").to_ascii_uppercase()),
        |(_, zone)| (*zone).to_owned(),
    )
}

/// The one place where a domain looks at its certificate: it must be of the same Region, as for every Regional
/// domain, issued, and for this name.
pub fn check_certificate(cloud: &Cloud, region: Region, arn: &str, name: &str) -> Result<(), AwsError> {
    let mut parts = arn.split(':').skip(2);
    if parts.next() != Some("acm") || parts.next() != Some(region.as_str()) {
        return Err(super::bad_request(format!(
            "Invalid certificate ARN: {arn}. Certificate must be in '{region}': a Regional domain takes one of its own \
             Region."
        )));
    }
    let refused = match cloud.acm.certificate(region, arn) {
        None => "there is no such certificate",
        Some(certificate) if certificate.status != Status::Issued => "it has not been issued",
        Some(certificate) if !certificate.covers(name) => "it is for other names",
        Some(_) => return Ok(()),
    };
    Err(super::bad_request(format!("Certificate {arn} cannot serve {name}: {refused}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_paths_are_taken_off() {
        let mapping = |api: &str| Mapping { api_id: api.to_owned(), stage: None };
        let mut domain = Domain {
            target: String::new(),
            certificate_arn: String::new(),
            mappings: BTreeMap::from([("v1".to_owned(), mapping("one"))]),
            security_policy: String::new(),
            tags: Vec::new(),
        };
        assert_eq!(domain.mapping("/v1/orders"), Some((&mapping("one"), "/orders")));
        assert_eq!(domain.mapping("/orders"), None);
        domain.mappings.insert(String::new(), mapping("root"));
        assert_eq!(domain.mapping("/orders"), Some((&mapping("root"), "/orders")));
        assert_eq!(domain.mapping("/v1"), Some((&mapping("one"), "")));
    }
}
