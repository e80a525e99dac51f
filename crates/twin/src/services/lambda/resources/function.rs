//! `AWS::Lambda::Function`.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::formation::{Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text};
use crate::services::lambda::control::NewFunction;
use crate::services::lambda::function::Version;
use crate::services::lambda::package::Package;
use crate::services::lambda::settings::{Settings, invalid};
use crate::wire::AwsError;

pub struct FunctionResource;

const TEXTS: Kind = Kind::List(&Kind::Text);

static SPEC: Spec = Spec {
    name: "AWS::Lambda::Function",
    properties: &[
        Property::new("Architectures", TEXTS),
        Property::new("Code", Kind::Object(CODE)).required(),
        Property::new("CodeSigningConfigArn", Kind::Text),
        Property::new("DeadLetterConfig", Kind::Object(&[Property::new("TargetArn", Kind::Text)])),
        Property::new("Description", Kind::Text),
        Property::new("Environment", Kind::Object(&[Property::new("Variables", Kind::Map(&Kind::Text))])),
        Property::new("EphemeralStorage", Kind::Object(&[Property::new("Size", Kind::Integer).required()])),
        Property::new("FileSystemConfigs", Kind::List(&Kind::Any)),
        Property::new("FunctionName", Kind::Text).replaces(),
        Property::new("Handler", Kind::Text),
        Property::new("ImageConfig", Kind::Any),
        Property::new("KmsKeyArn", Kind::Text),
        Property::new("Layers", TEXTS),
        Property::new("LoggingConfig", Kind::Object(LOGGING)),
        Property::new("MemorySize", Kind::Integer),
        Property::new("PackageType", Kind::Text).replaces(),
        Property::new("RecursiveLoop", Kind::Text),
        Property::new("ReservedConcurrentExecutions", Kind::Integer),
        Property::new("Role", Kind::Text).required(),
        Property::new("Runtime", Kind::Text),
        Property::new("RuntimeManagementConfig", Kind::Any),
        Property::new("SnapStart", Kind::Object(&[Property::new("ApplyOn", Kind::Text).required()])),
        Property::new("Tags", Kind::List(&Kind::Object(TAG))),
        Property::new("TenancyConfig", Kind::Any).replaces(),
        Property::new("Timeout", Kind::Integer),
        Property::new("TracingConfig", Kind::Object(&[Property::new("Mode", Kind::Text)])),
        Property::new("VpcConfig", Kind::Object(VPC)),
    ],
    attributes: &["Arn"],
};

const CODE: &[Property] = &[
    Property::new("ImageUri", Kind::Text),
    Property::new("S3Bucket", Kind::Text),
    Property::new("S3Key", Kind::Text),
    Property::new("S3ObjectVersion", Kind::Text),
    Property::new("SourceKMSKeyArn", Kind::Text),
    Property::new("ZipFile", Kind::Text),
];

const LOGGING: &[Property] = &[
    Property::new("ApplicationLogLevel", Kind::Text),
    Property::new("LogFormat", Kind::Text),
    Property::new("LogGroup", Kind::Text),
    Property::new("SystemLogLevel", Kind::Text),
];

const VPC: &[Property] = &[
    Property::new("Ipv6AllowedForDualStack", Kind::Boolean),
    Property::new("SecurityGroupIds", TEXTS),
    Property::new("SubnetIds", TEXTS),
];

const TAG: &[Property] = &[Property::new("Key", Kind::Text).required(), Property::new("Value", Kind::Text).required()];

impl ResourceHandler for FunctionResource {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            let name = match optional_text(properties, "FunctionName") {
                Some(name) => name.to_owned(),
                None => shortened(cx.generated_name()),
            };
            let settings = Settings::create(properties)?;
            let package = Package::of_template(&cx.cloud, code(properties)?)?;
            let tags = tags(cx, properties);
            let share = reservation(properties)?;
            let new = NewFunction { name: name.clone(), settings, package, tags };
            cx.cloud.lambda.create(&cx.cloud, cx.region, new)?;
            if let Err(error) = cx.cloud.lambda.reserve(&cx.cloud, cx.region, &name, share) {
                // A function that could not get its reservation does not stay behind.
                cx.cloud.lambda.remove(cx.region, &name, None)?;
                return Err(error.into());
            }
            Ok(created(cx, &name))
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
            let settings = Settings::create(new)?;
            let package = Package::of_template(&cx.cloud, code(new)?)?;
            let share = reservation(new)?;
            let change = |now: &Version| {
                // The same code under the same key stays as it is, as CloudFormation does not look at the object.
                let same = old.get("Code") == new.get("Code");
                Ok((settings, if same { now.package.clone() } else { package }))
            };
            cx.cloud.lambda.change(&cx.cloud, cx.region, physical_id, change)?;
            cx.cloud.lambda.reserve(&cx.cloud, cx.region, physical_id, share)?;
            let tags = tags(cx, new);
            cx.cloud.lambda.with(&cx.cloud, cx.region, physical_id, |function| {
                function.tags = tags;
                Ok(())
            })?;
            Ok(created(cx, physical_id))
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            cx.cloud.lambda.remove(cx.region, physical_id, None)?;
            Ok(())
        })
    }
}

fn created(cx: &ResourceContext, name: &str) -> Created {
    Created::new(name).with("Arn", cx.arn("lambda", &format!("function:{name}")))
}

/// A generated name cut to the 64 characters a function may have; the random end stays.
fn shortened(name: String) -> String {
    const NAME_MAX: usize = 64;
    const RANDOM_END: usize = 13;
    if name.len() <= NAME_MAX {
        return name;
    }
    let (start, end) = name.split_at(name.len() - RANDOM_END);
    format!("{}{end}", &start[..NAME_MAX - RANDOM_END])
}

fn code(properties: &Value) -> Result<&Value, AwsError> {
    for name in ["TenancyConfig"] {
        if properties.get(name).is_some() {
            return Err(invalid(format!("the embedded twin does not model {name} of a function")));
        }
    }
    properties.get("Code").ok_or_else(|| invalid("Code is mandatory"))
}

fn reservation(properties: &Value) -> Result<Option<u32>, AwsError> {
    let Some(share) = properties.get("ReservedConcurrentExecutions") else { return Ok(None) };
    let number = share.as_u64().and_then(|share| u32::try_from(share).ok());
    number.map(Some).ok_or_else(|| invalid(format!("ReservedConcurrentExecutions is {share}: it must be 0 or more")))
}

fn tags(cx: &ResourceContext, properties: &Value) -> BTreeMap<String, String> {
    let own = properties.get("Tags").and_then(Value::as_array).into_iter().flatten();
    let own =
        own.filter_map(|tag| Some((tag.get("Key")?.as_str()?.to_owned(), tag.get("Value")?.as_str()?.to_owned())));
    cx.stack_tags.iter().cloned().chain(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_generated_names_keep_their_random_end() {
        let name = format!("{}-ABCDEFGHIJKL", "x".repeat(90));
        let short = shortened(name);
        assert!(short.len() == 64 && short.ends_with("x-ABCDEFGHIJKL"), "{short}");
        assert_eq!(shortened("a-b-C".to_owned()), "a-b-C");
    }
}
