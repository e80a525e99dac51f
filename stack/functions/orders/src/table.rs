//! Orders in the table: who wrote them, where, with which version.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::reply::{self, Failure};

const ID_BYTES_MAX: usize = 128;

pub struct Table {
    client: aws_sdk_dynamodb::Client,
    name: String,
    region: String,
    version: String,
}

impl Table {
    pub fn new(config: &Config, sdk: &SdkConfig) -> Self {
        Self {
            client: aws_sdk_dynamodb::Client::new(sdk),
            name: config.table.clone(),
            region: config.region.clone(),
            version: config.version.clone(),
        }
    }

    /// Stores an order. The same `Idempotency-Key` again changes nothing; another one on the same order is a conflict.
    pub async fn put(&self, id: &str, request: &Request<Bytes>, bytes_max: usize) -> Result<Response<Bytes>, Failure> {
        check_id(id)?;
        let order = order(request.body(), bytes_max)?;
        let written_at = order.get("written_at").map(|at| at.as_str().map_or_else(|| at.to_string(), str::to_owned));
        let mut put = self
            .client
            .put_item()
            .table_name(&self.name)
            .item("id", AttributeValue::S(id.to_owned()))
            .item("order", AttributeValue::S(Value::Object(order).to_string()))
            .item("region", AttributeValue::S(self.region.clone()))
            .item("version", AttributeValue::S(self.version.clone()));
        if let Some(at) = &written_at {
            put = put.item("written_at", AttributeValue::S(at.clone()));
        }
        if let Some(key) = request.headers().get("idempotency-key") {
            let key = key.to_str().ok().filter(|key| !key.is_empty());
            let key = key.ok_or_else(|| Failure::new(400, "BadIdempotencyKey", "the Idempotency-Key is not text"))?;
            put = put
                .item("idempotency_key", AttributeValue::S(key.to_owned()))
                .condition_expression("attribute_not_exists(id) OR idempotency_key = :key")
                .expression_attribute_values(":key", AttributeValue::S(key.to_owned()));
        }
        match put.send().await {
            Ok(_) => {
                let written = json!({
                    "id": id, "region": self.region, "version": self.version, "written_at": written_at,
                });
                Ok(reply::json(200, &written))
            }
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Err(
                Failure::new(409, "OrderExists", format!("the order {id} was written with another Idempotency-Key")),
            ),
            Err(error) => Err(Failure::of("writing the order", &error)),
        }
    }

    pub async fn get(&self, id: &str) -> Result<Response<Bytes>, Failure> {
        check_id(id)?;
        let answer = self.read(id).await?;
        let item = answer.item().ok_or_else(|| Failure::new(404, "NoSuchOrder", format!("there is no order {id}")))?;
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
        let order: Value = text("order").and_then(|order| serde_json::from_str(order).ok()).unwrap_or_default();
        let found = json!({
            "id": id,
            "order": order,
            "region": text("region"),
            "version": text("version"),
            "written_at": text("written_at"),
        });
        Ok(reply::json(200, &found))
    }

    /// The order of an item: none where there is no item, an empty one where the item has no text for it.
    pub async fn order_of(&self, id: &str) -> Result<Option<Option<String>>, Failure> {
        let answer = self.read(id).await?;
        Ok(answer.item().map(|item| item.get("order").and_then(|order| order.as_s().ok()).cloned()))
    }

    /// Reads an item that need not be there: whether the table answers.
    pub async fn probe(&self) -> Result<(), Failure> {
        self.read("health").await.map(|_| ())
    }

    async fn read(&self, id: &str) -> Result<GetItemOutput, Failure> {
        let get = self.client.get_item().table_name(&self.name).key("id", AttributeValue::S(id.to_owned()));
        get.send().await.map_err(|error| Failure::of("reading the table", &error))
    }
}

fn check_id(id: &str) -> Result<(), Failure> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    if id.len() <= ID_BYTES_MAX && id.bytes().all(legal) {
        return Ok(());
    }
    let message =
        format!("an order's id is 1 to {ID_BYTES_MAX} letters, digits, hyphens, underscores, dots and colons");
    Err(Failure::new(400, "BadOrderId", message))
}

fn order(body: &[u8], bytes_max: usize) -> Result<Map<String, Value>, Failure> {
    if body.len() > bytes_max {
        let message = format!("an order is at most {bytes_max} bytes, this one has {}", body.len());
        return Err(Failure::new(413, "OrderTooLarge", message));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(order)) => Ok(order),
        Ok(_) => Err(Failure::new(400, "BadOrder", "the body must be a JSON object")),
        Err(error) => Err(Failure::new(400, "BadOrder", format!("the body is not JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_bodies_are_checked_before_aws_is_asked() {
        assert!(check_id("o-1_2.3:4").is_ok());
        assert_eq!(check_id("a/b").unwrap_err().status, 400);
        assert!(check_id(&"x".repeat(128)).is_ok() && check_id(&"x".repeat(129)).is_err());
        assert!(order(br#"{"sku":"a"}"#, 11).is_ok());
        assert_eq!(order(br#"{"sku":"a"}"#, 10).unwrap_err().status, 413);
        assert_eq!(order(b"[]", 10).unwrap_err().code, "BadOrder");
    }
}
