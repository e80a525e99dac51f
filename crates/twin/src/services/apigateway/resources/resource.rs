//! `AWS::ApiGateway::Resource`: one part of a path.

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::gone;
use crate::formation::{Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, text};

pub struct ResourceResource;

static SPEC: Spec = Spec {
    name: "AWS::ApiGateway::Resource",
    properties: &[
        Property::new("ParentId", Kind::Text).required().replaces(),
        Property::new("PathPart", Kind::Text).required().replaces(),
        Property::new("RestApiId", Kind::Text).required().replaces(),
    ],
    attributes: &["ResourceId"],
};

impl ResourceHandler for ResourceResource {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let (parent, part) = (text(properties, "ParentId"), text(properties, "PathPart"));
            let id = cx
                .cloud
                .apigateway
                .with(cx.region, text(properties, "RestApiId"), |api| api.add_resource(&cx.cloud.ids, parent, part))?;
            Ok(Created::new(id.clone()).with("ResourceId", id))
        })
    }

    fn update<'a>(
        &'a self,
        _cx: &'a ResourceContext,
        physical_id: &'a str,
        _old: &'a Value,
        _new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move { Ok(Created::new(physical_id).with("ResourceId", physical_id)) })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            gone(cx.cloud.apigateway.with(cx.region, text(properties, "RestApiId"), |api| {
                if let Some(path) = api.resources.remove(physical_id) {
                    api.paths.remove(&path);
                }
                Ok(())
            }))
        })
    }
}
