//! The service as callers meet it: item operations, tables, replication, templates, and unmodified SDK clients.

mod bench;
mod expiry;
mod faults;
mod items;
mod partiql;
mod queries;
mod replicas;
mod sdk;
mod streams;
mod strong;
mod templates;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::api;
use crate::clock::Clock;
use crate::gateway::{Call, Principal};
use crate::region::Region;
use crate::seed::Seed;
use crate::wire::AwsError;
use crate::{Cloud, Config};

pub const US: Region = Region::US_EAST_1;
pub const EU: Region = Region::EU_WEST_1;

/// A twin of two Regions, and the shortest way to its tables.
pub struct Twin(pub Arc<Cloud>);

impl Twin {
    pub fn start(seed: u64) -> Self {
        Self::in_regions(seed, &[US, EU])
    }

    pub fn in_regions(seed: u64, regions: &[Region]) -> Self {
        Self(Cloud::start(Config {
            seed: Seed(seed),
            clock: Clock::starting_at(Clock::EMBEDDED_EPOCH),
            account: "111122223333".to_owned(),
            regions: regions.to_vec(),
            code: std::collections::BTreeMap::new(),
        }))
    }

    /// One call as the gateway would hand it over.
    pub fn call(&self, region: Region, operation: &str, body: Json) -> Result<Json, AwsError> {
        let request = http::Request::builder()
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let call = Call {
            cloud: self.0.clone(),
            region,
            principal: Principal::Account,
            request_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        };
        let response = api::handle(&self.0.dynamodb, &call, &request)?;
        Ok(serde_json::from_slice(response.body()).unwrap())
    }

    pub fn ok(&self, region: Region, operation: &str, body: Json) -> Json {
        self.call(region, operation, body).unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// Code and message of a call that fails.
    pub fn fails(&self, operation: &str, body: Json) -> String {
        self.call(US, operation, body).expect_err(operation).to_string()
    }

    /// A table `orders` with keys `pk` and `sk`, or only `id`, ready in us-east-1.
    pub async fn with_table(self, is_composite: bool) -> Self {
        let mut request = json!({
            "TableName": "orders",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
            "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
        });
        if is_composite {
            request["AttributeDefinitions"] = json!([
                { "AttributeName": "pk", "AttributeType": "S" },
                { "AttributeName": "sk", "AttributeType": "N" },
            ]);
            request["KeySchema"] =
                json!([{ "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "sk", "KeyType": "RANGE" }]);
        }
        self.ok(US, "CreateTable", request);
        tokio::time::sleep(Duration::from_secs(10)).await;
        self
    }

    /// The table with key `id`, and a replica in eu-west-1.
    pub async fn with_global_table(self) -> Self {
        let twin = self.with_table(false).await;
        let create = json!({ "TableName": "orders", "ReplicaUpdates": [{ "Create": { "RegionName": "eu-west-1" } }] });
        twin.ok(US, "UpdateTable", create);
        tokio::time::sleep(Duration::from_secs(70)).await;
        twin
    }

    pub fn put(&self, region: Region, id: &str, text: &str) {
        self.ok(region, "PutItem", json!({ "TableName": "orders", "Item": { "id": { "S": id }, "v": { "S": text } } }));
    }

    /// The value `v` of an item, if it is there.
    pub fn read(&self, region: Region, id: &str) -> Option<String> {
        let got = self.ok(region, "GetItem", json!({ "TableName": "orders", "Key": { "id": { "S": id } } }));
        got["Item"]["v"]["S"].as_str().map(str::to_owned)
    }
}

pub async fn seconds(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}
