//! Certificate Manager: certificates validated by DNS.
//!
//! A certificate asks for a CNAME per name, a watcher looks for them in DNS as everyone is told it, and issues the
//! certificate when all are there. Nothing in here makes keys or signs anything.

mod api;
mod certificate;
mod resource;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use crate::Cloud;
use crate::formation::ResourceHandler;
use crate::gateway::Call;
use crate::region::Region;
use crate::services::Service;
use crate::wire::{AwsError, Protocol, Request, Response, json};

pub use certificate::{Certificate, Status};

/// By Region, then by ARN.
type Certificates = BTreeMap<Region, BTreeMap<String, Certificate>>;

#[derive(Default)]
pub struct Acm(Mutex<Certificates>);

impl Acm {
    /// The certificate a Region has under this ARN; whether it may be used is in its status.
    pub fn certificate(&self, region: Region, arn: &str) -> Option<Certificate> {
        self.lock().get(&region)?.get(arn).cloned()
    }

    /// Asks for a certificate and starts to watch for its validation records.
    pub fn request(&self, cloud: &Arc<Cloud>, region: Region, names: Vec<String>) -> Certificate {
        let certificate = Certificate::new(cloud, region, names);
        let arn = certificate.arn.clone();
        self.lock().entry(region).or_default().insert(arn.clone(), certificate.clone());
        tokio::spawn(certificate::watch(Arc::downgrade(cloud), region, arn));
        certificate
    }

    fn lock(&self) -> MutexGuard<'_, Certificates> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a certificate that is there; false where it is gone.
    fn change(&self, region: Region, arn: &str, change: impl FnOnce(&mut Certificate)) -> bool {
        let mut all = self.lock();
        let found = all.get_mut(&region).and_then(|certificates| certificates.get_mut(arn));
        found.map(change).is_some()
    }
}

impl Service for Acm {
    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.1" }
    }

    fn operation(&self, request: &Request) -> String {
        json::operation(request).to_owned()
    }

    fn handle<'a>(&'a self, call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { api::handle(self, call, request) })
    }
}

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    vec![Box::new(resource::CertificateResource)]
}
