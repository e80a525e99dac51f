//! `AWS::Lambda::Permission`: one statement of a function's resource policy.

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::formation::{Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, text};
use crate::services::lambda::api::statement;
use crate::services::lambda::target::Target;

pub struct PermissionResource;

static SPEC: Spec = Spec {
    name: "AWS::Lambda::Permission",
    properties: &[
        Property::new("Action", Kind::Text).required().replaces(),
        Property::new("EventSourceToken", Kind::Text).replaces(),
        Property::new("FunctionName", Kind::Text).required().replaces(),
        Property::new("FunctionUrlAuthType", Kind::Text).replaces(),
        Property::new("InvokedViaFunctionUrl", Kind::Boolean).replaces(),
        Property::new("Principal", Kind::Text).required().replaces(),
        Property::new("PrincipalOrgID", Kind::Text).replaces(),
        Property::new("SourceAccount", Kind::Text).replaces(),
        Property::new("SourceArn", Kind::Text).replaces(),
    ],
    attributes: &["Id"],
};

impl ResourceHandler for PermissionResource {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let target = Target::parse(text(properties, "FunctionName"));
            let sid = cx.generated_name();
            let statement = statement(properties, &sid, target.qualifier)?;
            cx.cloud.lambda.add_permission(&cx.cloud, cx.region, target.name, statement)?;
            Ok(Created::new(sid.clone()).with("Id", sid))
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
        cx: &'a ResourceContext,
        physical_id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            let name = Target::parse(text(properties, "FunctionName")).name;
            let removed = cx.cloud.lambda.remove_permission(&cx.cloud, cx.region, name, physical_id);
            removed.or_else(|error| if error.status == 404 { Ok(()) } else { Err(error.into()) })
        })
    }
}
