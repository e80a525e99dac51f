//! Runs the order API on AWS Lambda: reads the environment, builds the SDK configuration, hands over.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::SdkConfig;
use aws_types::region::Region;
use bytes::Bytes;
use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn};
use orders::{Config, Orders};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let variables: BTreeMap<String, String> = std::env::vars().collect();
    // What `main` ends with is shown as its Debug: a text says more than a variant.
    let config = Config::from_variables(&variables).map_err(|why| why.to_string())?;
    let sdk = sdk_config(&variables, &config.region);
    let orders = Arc::new(Orders::new(config, &sdk, Arc::new(|line: &str| println!("{line}"))));
    run(service_fn(move |request| {
        let orders = orders.clone();
        async move { answer(&orders, request).await }
    }))
    .await
}

async fn answer(orders: &Orders, request: Request) -> Result<Response<Body>, Error> {
    // The runtime puts the stage in front of the path; the routes know nothing of stages.
    let path = request.raw_http_path().to_owned();
    let (mut parts, body) = request.into_parts();
    parts.uri = path.parse().unwrap_or(parts.uri);
    let body = match body {
        Body::Text(text) => Bytes::from(text),
        Body::Binary(bytes) => Bytes::from(bytes),
        _ => Bytes::new(),
    };
    let response = orders.handle(http::Request::from_parts(parts, body)).await;
    Ok(response.map(|body| match String::from_utf8(body.to_vec()) {
        Ok(text) => Body::Text(text),
        Err(bytes) => Body::Binary(bytes.into_bytes()),
    }))
}

/// An SDK configuration from what Lambda puts into the environment.
fn sdk_config(variables: &BTreeMap<String, String>, region: &str) -> SdkConfig {
    let variable = |name: &str| variables.get(name).cloned().unwrap_or_default();
    let credentials = Credentials::new(
        variable("AWS_ACCESS_KEY_ID"),
        variable("AWS_SECRET_ACCESS_KEY"),
        variables.get("AWS_SESSION_TOKEN").cloned(),
        None,
        "environment",
    );
    let mut sdk = SdkConfig::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https());
    // Where an emulator runs this same binary; AWS sets none.
    sdk.set_endpoint_url(variables.get("AWS_ENDPOINT_URL").filter(|url| !url.is_empty()).cloned());
    sdk.build()
}
