//! One certificate: what it covers, what would prove it, and the watcher that looks for the proof.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::Cloud;
use crate::clock::Timestamp;
use crate::dns::{Data, RecordType, normal};
use crate::region::Region;
use crate::world::network::Origin;

/// How often the twin looks for the validation records, and how long ACM takes once they are there: modelled. The
/// user guide says only that validation can take up to 30 minutes.
const LOOK_EVERY: Duration = Duration::from_secs(60);
const ISSUE_MEDIAN_MS: f64 = 60_000.0;
const ISSUE_SIGMA: f64 = 0.4;
/// User guide, "DNS validation": a request that is not validated within 72 hours times out.
pub const TIMEOUT: Duration = Duration::from_secs(72 * 3_600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pending,
    Issued,
    TimedOut,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING_VALIDATION",
            Self::Issued => "ISSUED",
            Self::TimedOut => "VALIDATION_TIMED_OUT",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Certificate {
    pub arn: String,
    pub status: Status,
    /// Every name covered, the certificate's own first.
    pub names: Vec<Name>,
    pub created_at: Timestamp,
    pub issued_at: Option<Timestamp>,
    pub tags: Vec<(String, String)>,
    pub idempotency_token: Option<String>,
}

/// A name and the record that proves its owner asked.
#[derive(Clone, Debug)]
pub struct Name {
    pub name: String,
    /// Without trailing dots.
    pub record_name: String,
    pub record_value: String,
}

impl Certificate {
    pub fn new(cloud: &Cloud, region: Region, names: Vec<String>) -> Self {
        let mut covered: Vec<Name> = Vec::new();
        for name in names {
            let name = normal(&name);
            let base = name.strip_prefix("*.").unwrap_or(&name).to_owned();
            if covered.iter().any(|known| known.name == name) {
                continue;
            }
            // A wildcard and the name under it are proved by one record.
            let suffix = format!(".{base}");
            let same = covered.iter().find(|known| {
                known.record_name.split_once('.').is_some_and(|(_, rest)| suffix.strip_prefix('.') == Some(rest))
            });
            let (record_name, record_value) = match same {
                Some(known) => (known.record_name.clone(), known.record_value.clone()),
                None => (
                    format!("_{}.{base}", cloud.ids.lower(32)),
                    format!("_{}.{}.acm-validations.aws", cloud.ids.lower(32), cloud.ids.lower(10)),
                ),
            };
            covered.push(Name { name, record_name, record_value });
        }
        Self {
            arn: format!("arn:aws:acm:{region}:{}:certificate/{}", cloud.account, cloud.ids.uuid()),
            status: Status::Pending,
            names: covered,
            created_at: cloud.clock.now(),
            issued_at: None,
            tags: Vec::new(),
            idempotency_token: None,
        }
    }

    /// Whether a TLS client would accept the certificate for this host name.
    pub fn covers(&self, host: &str) -> bool {
        let host = normal(host);
        self.names.iter().any(|Name { name, .. }| match name.strip_prefix("*.") {
            Some(base) => host.split_once('.').is_some_and(|(_, rest)| rest == base),
            None => *name == host,
        })
    }

    fn is_proved(&self, cloud: &Cloud) -> bool {
        let origin = Origin::Region(cloud.home());
        self.names.iter().all(|name| match cloud.dns.ask(cloud, origin, &name.record_name, RecordType::CNAME).data {
            Data::Values(values) => values.iter().any(|value| normal(value) == name.record_value),
            _ => false,
        })
    }
}

/// Looks until the certificate is proved, gone or too late.
pub async fn watch(cloud: Weak<Cloud>, region: Region, arn: String) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(cloud) = cloud.upgrade() else { return };
        let Some(certificate) = cloud.acm.certificate(region, &arn) else { return };
        if cloud.clock.now().since(certificate.created_at) >= TIMEOUT {
            cloud.acm.change(region, &arn, |certificate| certificate.status = Status::TimedOut);
            return;
        }
        if cloud.faults.region_is_down(region) || !certificate.is_proved(&cloud) {
            continue;
        }
        issue(cloud, region, &arn).await;
        return;
    }
}

async fn issue(cloud: Arc<Cloud>, region: Region, arn: &str) {
    let takes = cloud.latency.around(ISSUE_MEDIAN_MS, ISSUE_SIGMA);
    tokio::time::sleep(takes).await;
    let now = cloud.clock.now();
    cloud.acm.change(region, arn, |certificate| {
        certificate.status = Status::Issued;
        certificate.issued_at = Some(now);
    });
}
