//! `AWS::DynamoDB::Table`.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{refuse, settings, spec, steps};
use crate::formation::{Created, ResourceContext, ResourceError, ResourceHandler, Spec, optional_text};

pub struct TableHandler;

const REFUSED: &[(&str, &str)] = &[
    ("ImportSourceSpecification", "tables start empty"),
    ("KinesisStreamSpecification", "there is no Kinesis"),
    ("ResourcePolicy", "access is decided by identity policies alone"),
];

impl ResourceHandler for TableHandler {
    fn spec(&self) -> &'static Spec {
        &spec::TABLE
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            refuse(properties, REFUSED)?;
            let name = optional_text(properties, "TableName").map_or_else(|| cx.generated_name(), str::to_owned);
            steps::create(cx, request(properties, &name)).await?;
            settings::apply_time_to_live(cx, &name, properties)?;
            settings::apply(cx, &name, cx.region, properties)?;
            steps::created(cx, &name)
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
            refuse(new, REFUSED)?;
            let changed = |names: &[&str]| names.iter().any(|name| old.get(name) != new.get(name));
            if changed(&["StreamSpecification"]) {
                if old.get("StreamSpecification").is_some() {
                    let off = json!({ "TableName": physical_id, "StreamSpecification": { "StreamEnabled": false } });
                    steps::update(cx, off).await?;
                }
                if let Some(stream) = settings::stream(new) {
                    steps::update(cx, json!({ "TableName": physical_id, "StreamSpecification": stream })).await?;
                }
            }
            if changed(&["BillingMode", "ProvisionedThroughput"]) {
                let mut request = steps::pick(new, &["BillingMode", "ProvisionedThroughput"]);
                request.insert("TableName".to_owned(), physical_id.into());
                steps::update(cx, request.into()).await?;
            }
            if let Some(update) = settings::index_update(old, new)? {
                let definitions = new.get("AttributeDefinitions").cloned().unwrap_or_else(|| json!([]));
                let request = json!({
                    "TableName": physical_id,
                    "AttributeDefinitions": definitions,
                    "GlobalSecondaryIndexUpdates": [update],
                });
                steps::update(cx, request).await?;
            }
            if changed(&["SSESpecification"]) {
                let sse = sse(new).unwrap_or_else(|| json!({ "Enabled": false }));
                steps::update(cx, json!({ "TableName": physical_id, "SSESpecification": sse })).await?;
            }
            settings::apply_time_to_live(cx, physical_id, new)?;
            settings::apply(cx, physical_id, cx.region, new)?;
            steps::created(cx, physical_id)
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(steps::delete(cx, physical_id))
    }
}

/// CreateTable's members, from the template's.
fn request(properties: &Value, name: &str) -> Value {
    let same = ["AttributeDefinitions", "KeySchema", "BillingMode", "ProvisionedThroughput", "TableClass"];
    let mut request = steps::pick(properties, &same);
    request.insert("TableName".to_owned(), name.into());
    request.entry("AttributeDefinitions").or_insert_with(|| json!([]));
    for indexes in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        request.insert(indexes.to_owned(), settings::indexes(properties, indexes).into());
    }
    request.extend(settings::stream(properties).map(|stream| ("StreamSpecification".to_owned(), stream)));
    request.extend(sse(properties).map(|sse| ("SSESpecification".to_owned(), sse)));
    request.into()
}

/// SSESpecification as the API has it: `SSEEnabled` is called `Enabled` there.
fn sse(properties: &Value) -> Option<Value> {
    let given = properties.get("SSESpecification")?;
    let mut sse = steps::pick(given, &["SSEType", "KMSMasterKeyId"]);
    sse.insert("Enabled".to_owned(), settings::flag(Some(given), "SSEEnabled").into());
    Some(sse.into())
}
