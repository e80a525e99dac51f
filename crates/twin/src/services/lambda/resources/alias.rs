//! `AWS::Lambda::Alias`.

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::formation::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text, text,
};
use crate::services::lambda::control::AliasChange;
use crate::services::lambda::target::Target;

pub struct AliasResource;

static SPEC: Spec = Spec {
    name: "AWS::Lambda::Alias",
    properties: &[
        Property::new("Description", Kind::Text),
        Property::new("FunctionName", Kind::Text).required().replaces(),
        Property::new("FunctionVersion", Kind::Text).required(),
        Property::new("Name", Kind::Text).required().replaces(),
        Property::new("ProvisionedConcurrencyConfig", Kind::Any),
        Property::new("RoutingConfig", Kind::Object(&[Property::new("AdditionalVersionWeights", WEIGHTS)])),
    ],
    attributes: &["AliasArn"],
};

const WEIGHTS: Kind = Kind::List(&Kind::Object(&[
    Property::new("FunctionVersion", Kind::Text).required(),
    Property::new("FunctionWeight", Kind::Number).required(),
]));

impl AliasResource {
    fn put(cx: &ResourceContext, properties: &Value, create: bool) -> Result<Created, ResourceError> {
        if properties.get("ProvisionedConcurrencyConfig").is_some() {
            let message = "the embedded twin does not model ProvisionedConcurrencyConfig of an alias";
            return Err(ResourceError(message.to_owned()));
        }
        let weights = properties.pointer("/RoutingConfig/AdditionalVersionWeights").and_then(Value::as_array);
        let routing: Vec<(String, f64)> = weights
            .into_iter()
            .flatten()
            .map(|entry| {
                let weight = entry.get("FunctionWeight").and_then(Value::as_f64).unwrap_or(-1.0);
                (text(entry, "FunctionVersion").to_owned(), weight)
            })
            .collect();
        let change = AliasChange {
            version: optional_text(properties, "FunctionVersion"),
            description: optional_text(properties, "Description"),
            routing: Some(&routing),
            revision: None,
        };
        let name = Target::parse(text(properties, "FunctionName")).name;
        let alias = text(properties, "Name");
        let shown = cx.cloud.lambda.put_alias(&cx.cloud, cx.region, name, alias, &change, create)?;
        let arn = text(&shown, "AliasArn");
        Ok(Created::new(arn).with("AliasArn", arn))
    }
}

impl ResourceHandler for AliasResource {
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
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            let target = Target::parse(physical_id);
            let removed = cx.cloud.lambda.with(&cx.cloud, cx.region, target.name, |function| {
                function.aliases.remove(target.qualifier.unwrap_or_default());
                Ok(())
            });
            // Where the function is gone, its aliases are too.
            removed.or_else(|error| if error.status == 404 { Ok(()) } else { Err(error.into()) })
        })
    }
}
