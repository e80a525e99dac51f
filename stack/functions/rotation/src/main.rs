//! Runs the rotation function on AWS Lambda: reads the environment, builds the SDK configuration, hands over.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::SdkConfig;
use aws_types::region::Region;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use rotation::{Config, Rotation};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let variables: BTreeMap<String, String> = std::env::vars().collect();
    // What `main` ends with is shown as its Debug: a text says more than a variant.
    let config = Config::from_variables(&variables).map_err(|why| why.to_string())?;
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
        .region(Region::new(variable("AWS_REGION")))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https());
    // Where an emulator runs this same binary; AWS sets none.
    sdk.set_endpoint_url(variables.get("AWS_ENDPOINT_URL").filter(|url| !url.is_empty()).cloned());
    let sdk = sdk.build();
    let rotation = Arc::new(Rotation::new(config, &sdk, Arc::new(|line: &str| println!("{line}"))));
    run(service_fn(move |event: LambdaEvent<Value>| {
        let rotation = rotation.clone();
        async move {
            let answer = rotation.handle(event.payload).await;
            answer.map_err(|error| Diagnostic { error_type: error.kind().to_owned(), error_message: error.to_string() })
        }
    }))
    .await
}
