//! `AWS::ApiGateway::Method`: what a path does with one HTTP method.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{TEXT_MAP, TEXTS, gone, refuse};
use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};
use crate::services::apigateway::integration::Integration;

pub struct MethodResource;

static SPEC: Spec = Spec {
    name: "AWS::ApiGateway::Method",
    properties: &[
        Property::new("ApiKeyRequired", Kind::Boolean),
        Property::new("AuthorizationScopes", TEXTS),
        Property::new("AuthorizationType", Kind::Text),
        Property::new("AuthorizerId", Kind::Text),
        Property::new("HttpMethod", Kind::Text).required().replaces(),
        Property::new("Integration", Kind::Object(INTEGRATION)),
        Property::new("MethodResponses", Kind::List(&Kind::Object(METHOD_RESPONSE))),
        Property::new("OperationName", Kind::Text),
        Property::new("RequestModels", TEXT_MAP),
        Property::new("RequestParameters", Kind::Map(&Kind::Any)),
        Property::new("RequestValidatorId", Kind::Text),
        Property::new("ResourceId", Kind::Text).required().replaces(),
        Property::new("RestApiId", Kind::Text).required().replaces(),
    ],
    attributes: &[],
};

const INTEGRATION: &[Property] = &[
    Property::new("CacheKeyParameters", TEXTS),
    Property::new("CacheNamespace", Kind::Text),
    Property::new("ConnectionId", Kind::Text),
    Property::new("ConnectionType", Kind::Text),
    Property::new("ContentHandling", Kind::Text),
    Property::new("Credentials", Kind::Text),
    Property::new("IntegrationHttpMethod", Kind::Text),
    Property::new("IntegrationResponses", Kind::List(&Kind::Object(INTEGRATION_RESPONSE))),
    Property::new("IntegrationTarget", Kind::Text),
    Property::new("PassthroughBehavior", Kind::Text),
    Property::new("RequestParameters", TEXT_MAP),
    Property::new("RequestTemplates", TEXT_MAP),
    Property::new("ResponseTransferMode", Kind::Text),
    Property::new("TimeoutInMillis", Kind::Integer),
    Property::new("Type", Kind::Text).required(),
    Property::new("Uri", Kind::Text),
];

const INTEGRATION_RESPONSE: &[Property] = &[
    Property::new("ContentHandling", Kind::Text),
    Property::new("ResponseParameters", TEXT_MAP),
    Property::new("ResponseTemplates", TEXT_MAP),
    Property::new("SelectionPattern", Kind::Text),
    Property::new("StatusCode", Kind::Text).required(),
];

const METHOD_RESPONSE: &[Property] = &[
    Property::new("ResponseModels", TEXT_MAP),
    Property::new("ResponseParameters", Kind::Map(&Kind::Any)),
    Property::new("StatusCode", Kind::Text).required(),
];

const HTTP_METHODS: &[&str] = &["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

impl MethodResource {
    fn put(cx: &ResourceContext, properties: &Value) -> Result<Created, ResourceError> {
        refuse(properties, &["ApiKeyRequired", "AuthorizerId", "RequestValidatorId"])?;
        let authorization = optional_text(properties, "AuthorizationType").unwrap_or("NONE");
        if authorization != "NONE" {
            return Err(ResourceError(format!("the embedded twin does not model AuthorizationType {authorization}")));
        }
        let method = text(properties, "HttpMethod");
        if !HTTP_METHODS.contains(&method) {
            return Err(ResourceError(format!(
                "Invalid HTTP method {method:?}; it is one of {}",
                HTTP_METHODS.join(", ")
            )));
        }
        let resource_id = text(properties, "ResourceId");
        let place = format!("{} {method}", cx.logical_id);
        let integration = properties.get("Integration");
        let integration = integration.map(|given| Integration::of_template(given, &place)).transpose()?;
        let api_id = text(properties, "RestApiId");
        cx.cloud.apigateway.with(cx.region, api_id, |api| api.put_method(resource_id, method, integration))?;
        Ok(Created::new(format!("{api_id}|{resource_id}|{method}")))
    }
}

impl ResourceHandler for MethodResource {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move { Self::put(cx, properties) })
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        _physical_id: &'a str,
        _old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move { Self::put(cx, new) })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        _physical_id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            let (resource_id, method) = (text(properties, "ResourceId"), text(properties, "HttpMethod"));
            gone(cx.cloud.apigateway.with(cx.region, text(properties, "RestApiId"), |api| {
                if let Some(methods) = api.resources.get(resource_id).and_then(|path| api.paths.get_mut(path)) {
                    methods.remove(method);
                }
                Ok(())
            }))
        })
    }
}
