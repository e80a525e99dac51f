//! Whether this Region can do its job: what Route 53's checkers and the failover function ask.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::Orders;
use crate::reply::{self, Failure};

/// Health checkers wait two seconds for an answer ("How Route 53 determines the status of health checks"): a part
/// that takes longer than this is not healthy.
const PART_LIMIT: Duration = Duration::from_millis(1_500);

/// Looks at every part at once; 200 where all of them answer.
pub async fn check(orders: &Orders) -> Response<Bytes> {
    let table = tokio::time::timeout(PART_LIMIT, orders.table.probe());
    let secret = tokio::time::timeout(PART_LIMIT, async { orders.secret.held().await.map(|_| ()) });
    let config = tokio::time::timeout(PART_LIMIT, async { orders.settings.current(&orders.table).await.map(|_| ()) });
    let (table, secret, config) = tokio::join!(table, secret, config);
    let (table, secret, config) = (flat("the table", table), flat("the secret", secret), flat("the config", config));
    let healthy = table.is_ok() && secret.is_ok() && config.is_ok();
    let body = json!({
        "status": if healthy { "ok" } else { "unavailable" },
        "region": orders.config.region,
        "version": orders.config.version,
        "parts": { "table": part(table), "secret": part(secret), "config": part(config) },
    });
    reply::json(if healthy { 200 } else { 503 }, &body)
}

fn flat(what: &str, answer: Result<Result<(), Failure>, tokio::time::error::Elapsed>) -> Result<(), Failure> {
    answer.unwrap_or_else(|_elapsed| Err(Failure::timeout(what)))
}

fn part(answer: Result<(), Failure>) -> Value {
    match answer {
        Ok(()) => json!("ok"),
        Err(failure) => json!(failure.code),
    }
}
