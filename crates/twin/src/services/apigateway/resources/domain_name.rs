//! `AWS::ApiGateway::DomainName`: a Regional custom domain.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{TAGS, TEXTS, refuse, strings, tags};
use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};
use crate::services::apigateway::domain::{Domain, check_certificate, hosted_zone};

pub struct DomainNameResource;

static SPEC: Spec = Spec {
    name: "AWS::ApiGateway::DomainName",
    properties: &[
        Property::new("CertificateArn", Kind::Text),
        Property::new("DomainName", Kind::Text).required().replaces(),
        Property::new("EndpointAccessMode", Kind::Text),
        Property::new("EndpointConfiguration", Kind::Object(ENDPOINT)),
        Property::new("MutualTlsAuthentication", Kind::Any),
        Property::new("OwnershipVerificationCertificateArn", Kind::Text),
        Property::new("RegionalCertificateArn", Kind::Text),
        Property::new("RoutingMode", Kind::Text),
        Property::new("SecurityPolicy", Kind::Text),
        Property::new("Tags", TAGS),
    ],
    attributes: &[
        "DistributionDomainName",
        "DistributionHostedZoneId",
        "DomainNameArn",
        "RegionalDomainName",
        "RegionalHostedZoneId",
    ],
};

const ENDPOINT: &[Property] = &[Property::new("IpAddressType", Kind::Text), Property::new("Types", TEXTS)];

impl ResourceHandler for DomainNameResource {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let name = text(properties, "DomainName");
            let certificate_arn = certificate(cx, properties)?;
            let target = format!("d-{}.execute-api.{}.amazonaws.com", cx.cloud.ids.lower(10), cx.region);
            let domain = Domain {
                target,
                certificate_arn,
                mappings: BTreeMap::new(),
                security_policy: optional_text(properties, "SecurityPolicy").unwrap_or("TLS_1_2").to_owned(),
                tags: tags(cx, properties),
            };
            let created = created(cx, name, &domain);
            let mut state = cx.cloud.apigateway.state();
            let domains = &mut state.edges.entry(cx.region).or_default().domains;
            if domains.contains_key(name) {
                return Err(ResourceError(format!(
                    "The domain name you provided already exists. (Service: ApiGateway; Domain: {name})"
                )));
            }
            domains.insert(name.to_owned(), domain);
            Ok(created)
        })
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let certificate_arn = certificate(cx, new)?;
            let mut state = cx.cloud.apigateway.state();
            let domain = state.edges.entry(cx.region).or_default().domains.get_mut(physical_id);
            let domain =
                domain.ok_or_else(|| ResourceError(format!("Invalid domain name identifier: {physical_id}")))?;
            domain.certificate_arn = certificate_arn;
            domain.security_policy = optional_text(new, "SecurityPolicy").unwrap_or("TLS_1_2").to_owned();
            domain.tags = tags(cx, new);
            Ok(created(cx, physical_id, domain))
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            if let Some(edge) = cx.cloud.apigateway.state().edges.get_mut(&cx.region) {
                edge.domains.remove(physical_id);
            }
            Ok(())
        })
    }
}

fn certificate(cx: &ResourceContext, properties: &Value) -> Result<String, ResourceError> {
    refuse(properties, &["CertificateArn", "EndpointAccessMode", "MutualTlsAuthentication"])?;
    let types: Vec<&str> = strings(properties.pointer("/EndpointConfiguration/Types")).collect();
    if types != ["REGIONAL"] {
        return Err(ResourceError(format!(
            "the embedded twin has Regional domains only: EndpointConfiguration.Types must be [REGIONAL], not {types:?} \
             (EDGE where it is not given)"
        )));
    }
    if optional_text(properties, "RoutingMode").is_some_and(|mode| mode != "BASE_PATH_MAPPING_ONLY") {
        return Err(ResourceError("the embedded twin routes by base path mappings only".to_owned()));
    }
    let arn = optional_text(properties, "RegionalCertificateArn")
        .ok_or_else(|| ResourceError("a Regional domain needs a RegionalCertificateArn".to_owned()))?;
    check_certificate(&cx.cloud, cx.region, arn, text(properties, "DomainName"))?;
    Ok(arn.to_owned())
}

fn created(cx: &ResourceContext, name: &str, domain: &Domain) -> Created {
    Created::new(name)
        .with("DomainNameArn", format!("arn:aws:apigateway:{}::/domainnames/{name}", cx.region))
        .with("RegionalDomainName", domain.target.clone())
        .with("RegionalHostedZoneId", hosted_zone(cx.region))
}
