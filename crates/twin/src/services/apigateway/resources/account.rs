//! `AWS::ApiGateway::Account`: the role API Gateway writes its logs with. Recorded by the stack; the twin has no
//! execution logs to write.

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::formation::{Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec};

pub struct AccountResource;

static SPEC: Spec = Spec {
    name: "AWS::ApiGateway::Account",
    properties: &[Property::new("CloudWatchRoleArn", Kind::Text)],
    attributes: &["Id"],
};

impl ResourceHandler for AccountResource {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let id = cx.generated_name();
            Ok(Created::new(id.clone()).with("Id", id))
        })
    }

    fn update<'a>(
        &'a self,
        _cx: &'a ResourceContext,
        physical_id: &'a str,
        _old: &'a Value,
        _new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move { Ok(Created::new(physical_id).with("Id", physical_id)) })
    }

    fn delete<'a>(
        &'a self,
        _cx: &'a ResourceContext,
        _physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move { Ok(()) })
    }
}
