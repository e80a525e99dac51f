//! `AWS::CertificateManager::Certificate`: requested, proved by records CloudFormation itself puts into the hosted
//! zones the template names, and there when it is issued.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::certificate::{Certificate, Status};
use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};
use crate::services::route53::{Action, Draft};

const OPTION: Kind = Kind::Object(&[
    Property::new("DomainName", Kind::Text).required(),
    Property::new("HostedZoneId", Kind::Text),
    Property::new("ValidationDomain", Kind::Text),
]);
const TAG: Kind =
    Kind::Object(&[Property::new("Key", Kind::Text).required(), Property::new("Value", Kind::Text).required()]);

static SPEC: Spec = Spec {
    name: "AWS::CertificateManager::Certificate",
    properties: &[
        Property::new("CertificateAuthorityArn", Kind::Text).replaces(),
        Property::new("CertificateExport", Kind::Text),
        Property::new("CertificateTransparencyLoggingPreference", Kind::Text),
        Property::new("DomainName", Kind::Text).required().replaces(),
        Property::new("DomainValidationOptions", Kind::List(&OPTION)).replaces(),
        Property::new("KeyAlgorithm", Kind::Text).replaces(),
        Property::new("SubjectAlternativeNames", Kind::List(&Kind::Text)).replaces(),
        Property::new("Tags", Kind::List(&TAG)),
        Property::new("ValidationMethod", Kind::Text).replaces(),
    ],
    attributes: &[],
};

/// How often CloudFormation looks whether the certificate is issued; modelled.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// The TTL of the validation records CloudFormation makes.
const RECORD_TTL: i64 = 300;

pub struct CertificateResource;

fn tags(cx: &ResourceContext, properties: &Value) -> Vec<(String, String)> {
    let declared = properties.get("Tags").and_then(Value::as_array).into_iter().flatten();
    let declared = declared.map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned()));
    cx.stack_tags.iter().cloned().chain(declared).collect()
}

/// Puts the validation record of every name whose option has a hosted zone into that zone.
fn prove(cx: &ResourceContext, certificate: &Certificate, properties: &Value) -> Result<(), ResourceError> {
    let options = properties.get("DomainValidationOptions").and_then(Value::as_array).into_iter().flatten();
    for option in options {
        let Some(zone) = optional_text(option, "HostedZoneId") else { continue };
        let wanted = crate::dns::normal(text(option, "DomainName"));
        let Some(name) = certificate.names.iter().find(|name| name.name == wanted) else {
            let message = format!("DomainValidationOptions names {wanted}, which the certificate does not cover");
            return Err(ResourceError(message));
        };
        let draft = Draft {
            name: name.record_name.clone(),
            kind: "CNAME".to_owned(),
            ttl: Some(RECORD_TTL),
            values: vec![format!("{}.", name.record_value)],
            ..Draft::default()
        };
        let change = draft.check(Action::Upsert)?;
        cx.cloud.route53.change_records(&cx.cloud, zone.trim_start_matches("/hostedzone/"), vec![change], None)?;
    }
    Ok(())
}

async fn issued(cx: &ResourceContext, arn: &str) -> Result<(), ResourceError> {
    loop {
        let failed = match cx.cloud.acm.certificate(cx.region, arn).map(|certificate| certificate.status) {
            Some(Status::Issued) => return Ok(()),
            Some(Status::Pending) => None,
            Some(Status::TimedOut) => Some(format!(
                "certificate {arn} was not validated within 72 hours: create the CNAME records that \
                 DescribeCertificate shows, or give HostedZoneId in DomainValidationOptions"
            )),
            None => Some(format!("certificate {arn} was deleted before it was issued")),
        };
        if let Some(reason) = failed {
            return Err(ResourceError(reason));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn create(cx: &ResourceContext, properties: &Value) -> Result<Created, ResourceError> {
    if let Some(name) = ["CertificateAuthorityArn"].into_iter().find(|name| properties.get(name).is_some()) {
        return Err(ResourceError(format!("the embedded twin does not model {name}; see docs/fidelity.md")));
    }
    if optional_text(properties, "ValidationMethod") != Some("DNS") {
        let message = "the embedded twin validates certificates by DNS only: set ValidationMethod to DNS";
        return Err(ResourceError(message.to_owned()));
    }
    let others = properties.get("SubjectAlternativeNames").and_then(Value::as_array).into_iter().flatten();
    let names = std::iter::once(text(properties, "DomainName")).chain(others.filter_map(Value::as_str));
    let made = cx.cloud.acm.request(&cx.cloud, cx.region, names.map(str::to_owned).collect());
    cx.cloud.acm.change(cx.region, &made.arn, |certificate| certificate.tags = tags(cx, properties));
    let proved = match prove(cx, &made, properties) {
        Ok(()) => issued(cx, &made.arn).await,
        Err(error) => Err(error),
    };
    if let Err(error) = proved {
        cx.cloud.acm.delete(cx.region, &made.arn);
        return Err(error);
    }
    Ok(Created::new(made.arn))
}

impl ResourceHandler for CertificateResource {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(create(cx, properties))
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let known = cx.cloud.acm.change(cx.region, physical_id, |certificate| certificate.tags = tags(cx, new));
            if !known {
                return Err(ResourceError(format!("certificate {physical_id} does not exist in {}", cx.region)));
            }
            Ok(Created::new(physical_id))
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            cx.cloud.acm.delete(cx.region, physical_id);
            Ok(())
        })
    }
}
