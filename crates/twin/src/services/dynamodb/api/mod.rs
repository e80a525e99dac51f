//! The API, one file for each family of operations: what a request may say, and what is answered.
//!
//! Members the twin does not model are not in these shapes, and so are refused by name.

mod backups;
mod batch;
mod capacity;
mod describe;
mod items;
mod partiql;
mod query;
mod replicas;
mod request;
mod shapes;
mod streams;
mod tables;
mod tags;
mod transact;
mod ttl;
mod update_table;
mod write;

pub use shapes::CreateTable;
pub use tables::{create_table, delete_table};
pub use transact::Token;
pub use update_table::{UpdateTable, update_table};

use super::DynamoDb;
use crate::gateway::Call;
use crate::wire::{AwsError, Request, Response, json};

/// Answers a request.
pub fn handle(dynamodb: &DynamoDb, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    if target.starts_with("DynamoDBStreams_") {
        return streams::handle(dynamodb, call, request);
    }
    match json::operation(request) {
        "PutItem" => items::put(dynamodb, call, request),
        "GetItem" => items::get(dynamodb, call, request),
        "UpdateItem" => items::update(dynamodb, call, request),
        "DeleteItem" => items::delete(dynamodb, call, request),
        "Query" => query::query(dynamodb, call, request),
        "Scan" => query::scan(dynamodb, call, request),
        "BatchGetItem" => batch::get(dynamodb, call, request),
        "BatchWriteItem" => batch::write(dynamodb, call, request),
        "TransactGetItems" => transact::get(dynamodb, call, request),
        "TransactWriteItems" => transact::write(dynamodb, call, request),
        "CreateTable" => tables::create(dynamodb, call, request),
        "DescribeTable" => tables::describe(dynamodb, call, request),
        "UpdateTable" => update_table::update(dynamodb, call, request),
        "DeleteTable" => tables::delete(dynamodb, call, request),
        "ListTables" => tables::list(dynamodb, call, request),
        "DescribeTimeToLive" => ttl::describe(dynamodb, call, request),
        "UpdateTimeToLive" => ttl::update(dynamodb, call, request),
        "DescribeContinuousBackups" => backups::describe(dynamodb, call, request),
        "UpdateContinuousBackups" => backups::update(dynamodb, call, request),
        "TagResource" => tags::tag(dynamodb, call, request),
        "UntagResource" => tags::untag(dynamodb, call, request),
        "ListTagsOfResource" => tags::list(dynamodb, call, request),
        "ExecuteStatement" => partiql::execute(dynamodb, call, request),
        "BatchExecuteStatement" => partiql::batch(dynamodb, call, request),
        "ExecuteTransaction" => partiql::transact(dynamodb, call, request),
        operation => Err(AwsError::not_implemented("dynamodb", operation)),
    }
}
