//! `AWS::ApiGateway::RestApi`.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{TAGS, TEXT_MAP, TEXTS, gone, refuse, strings, tags};
use crate::formation::{Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text};
use crate::services::apigateway::openapi::{self, Document};
use crate::services::apigateway::rest_api::{RestApi, Settings};

pub struct RestApiResource;

static SPEC: Spec = Spec {
    name: "AWS::ApiGateway::RestApi",
    properties: &[
        Property::new("ApiKeySourceType", Kind::Text),
        Property::new("BinaryMediaTypes", TEXTS),
        Property::new("Body", Kind::Any),
        Property::new("BodyS3Location", Kind::Object(BODY_LOCATION)),
        Property::new("CloneFrom", Kind::Text),
        Property::new("Description", Kind::Text),
        Property::new("DisableExecuteApiEndpoint", Kind::Boolean),
        Property::new("EndpointAccessMode", Kind::Text),
        Property::new("EndpointConfiguration", Kind::Object(ENDPOINT)),
        Property::new("FailOnWarnings", Kind::Boolean),
        Property::new("MinimumCompressionSize", Kind::Integer),
        Property::new("Mode", Kind::Text),
        Property::new("Name", Kind::Text),
        Property::new("Parameters", TEXT_MAP),
        Property::new("Policy", Kind::Any),
        Property::new("SecurityPolicy", Kind::Text),
        Property::new("Tags", TAGS),
    ],
    attributes: &["RestApiId", "RootResourceId"],
};

const BODY_LOCATION: &[Property] = &[
    Property::new("Bucket", Kind::Text),
    Property::new("ETag", Kind::Text),
    Property::new("Key", Kind::Text),
    Property::new("Version", Kind::Text),
];

const ENDPOINT: &[Property] = &[
    Property::new("IpAddressType", Kind::Text),
    Property::new("Types", TEXTS),
    Property::new("VpcEndpointIds", TEXTS),
];

/// Properties without a model here that would change what users meet.
const UNMODELLED: &[&str] = &["CloneFrom", "Policy", "EndpointAccessMode"];

impl ResourceHandler for RestApiResource {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let document = document(cx, properties)?;
            let settings = settings(cx, properties, document.as_ref())?;
            let mut api = RestApi::new(&cx.cloud.ids, cx.region, settings, cx.cloud.clock.now());
            if let Some(document) = document {
                api.import(&cx.cloud.ids, document.paths);
            }
            let created = created(&api);
            cx.cloud.apigateway.state().apis.insert(api.id.to_string(), api);
            Ok(created)
        })
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let document = document(cx, new)?;
            let settings = settings(cx, new, document.as_ref())?;
            let same = ["Body", "BodyS3Location"].iter().all(|name| old.get(*name) == new.get(*name));
            Ok(cx.cloud.apigateway.with(cx.region, physical_id, |api| {
                api.settings = settings;
                if let Some(document) = document.filter(|_| !same) {
                    api.import(&cx.cloud.ids, document.paths);
                }
                // Stages carry the API's name with them; their deployments stay as they are.
                let stages: Vec<_> = api.stages.iter().map(|(name, s)| (name.clone(), s.settings.clone())).collect();
                for (name, settings) in stages {
                    api.put_stage(&name, settings, cx.cloud.clock.now())?;
                }
                Ok(created(api))
            })?)
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            gone(cx.cloud.apigateway.with(cx.region, physical_id, |_| Ok(())))?;
            cx.cloud.apigateway.state().apis.remove(physical_id);
            Ok(())
        })
    }
}

fn created(api: &RestApi) -> Created {
    Created::new(&*api.id).with("RestApiId", &*api.id).with("RootResourceId", api.root_id.clone())
}

fn document(cx: &ResourceContext, properties: &Value) -> Result<Option<Document>, ResourceError> {
    if let Some(body) = properties.get("Body") {
        return Ok(Some(openapi::read(body)?));
    }
    let Some(location) = properties.get("BodyS3Location") else { return Ok(None) };
    let (bucket, key) = (optional_text(location, "Bucket"), optional_text(location, "Key"));
    let (bucket, key) = (bucket.unwrap_or_default(), key.unwrap_or_default());
    let text = cx.cloud.s3.read(bucket, key);
    let text = text.ok_or_else(|| ResourceError(format!("BodyS3Location: there is no object s3://{bucket}/{key}")))?;
    Ok(Some(openapi::read(&openapi::parse(&text)?)?))
}

fn settings(cx: &ResourceContext, properties: &Value, document: Option<&Document>) -> Result<Settings, ResourceError> {
    refuse(properties, UNMODELLED)?;
    let types = properties.pointer("/EndpointConfiguration/Types");
    if strings(types).any(|kind| kind == "PRIVATE") {
        return Err(ResourceError("the embedded twin has no private APIs: use the endpoint type REGIONAL".to_owned()));
    }
    let title = document.and_then(|document| document.title.as_deref());
    let name = optional_text(properties, "Name")
        .or(title)
        .ok_or_else(|| ResourceError("Name is required for a REST API whose body has no info.title".to_owned()))?;
    Ok(Settings {
        name: name.into(),
        description: optional_text(properties, "Description").unwrap_or_default().to_owned(),
        execute_api_disabled: properties.get("DisableExecuteApiEndpoint") == Some(&Value::Bool(true)),
        tags: tags(cx, properties),
    })
}
