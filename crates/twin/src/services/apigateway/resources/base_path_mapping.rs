//! `AWS::ApiGateway::BasePathMapping`: which API answers below a custom domain's base path.

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};
use crate::services::apigateway::domain::Mapping;

pub struct BasePathMappingResource;

static SPEC: Spec = Spec {
    name: "AWS::ApiGateway::BasePathMapping",
    properties: &[
        Property::new("BasePath", Kind::Text).replaces(),
        Property::new("DomainName", Kind::Text).required().replaces(),
        Property::new("Id", Kind::Text).replaces(),
        Property::new("RestApiId", Kind::Text),
        Property::new("Stage", Kind::Text),
    ],
    attributes: &[],
};

impl BasePathMappingResource {
    fn put(cx: &ResourceContext, properties: &Value, create: bool) -> Result<Created, ResourceError> {
        let (domain, base) = (text(properties, "DomainName"), base(properties));
        let api_id = text(properties, "RestApiId");
        let stage = optional_text(properties, "Stage").map(str::to_owned);
        let missing = |message: &str| ResourceError(message.to_owned());
        cx.cloud.apigateway.with(cx.region, api_id, |api| match &stage {
            Some(stage) if !api.stages.contains_key(stage) => {
                Err(super::super::bad_request(format!("Invalid stage identifier specified: {stage} of {api_id}")))
            }
            _ => Ok(()),
        })?;
        let mut state = cx.cloud.apigateway.state();
        let known = state.edges.entry(cx.region).or_default().domains.get_mut(domain);
        let known = known.ok_or_else(|| missing(&format!("Invalid domain name identifier specified: {domain}")))?;
        if create && known.mappings.contains_key(base) {
            return Err(missing(&format!("Base path already exists for this domain name: {domain}/{base}")));
        }
        known.mappings.insert(base.to_owned(), Mapping { api_id: api_id.to_owned(), stage });
        Ok(Created::new(format!("{domain}|{}", if base.is_empty() { "(none)" } else { base })))
    }
}

impl ResourceHandler for BasePathMappingResource {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move { Self::put(cx, properties, true) })
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        _physical_id: &'a str,
        _old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move { Self::put(cx, new, false) })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        _physical_id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            let mut state = cx.cloud.apigateway.state();
            let edge = state.edges.get_mut(&cx.region);
            if let Some(domain) = edge.and_then(|edge| edge.domains.get_mut(text(properties, "DomainName"))) {
                domain.mappings.remove(base(properties));
            }
            Ok(())
        })
    }
}

fn base(properties: &Value) -> &str {
    optional_text(properties, "BasePath").filter(|base| *base != "(none)").unwrap_or_default()
}
