//! What unmodified SDK clients make of the proxy's errors, protocol by protocol.

use super::*;

/// Asks every service the harness has a client for, and says what each client understood: service, code, message.
async fn everybody(config: &SdkConfig) -> Vec<(&'static str, String, String)> {
    let mut said = Vec::new();
    macro_rules! call {
        ($name:literal, $call:expr) => {{
            let error = $call.send().await.map(drop).expect_err($name);
            let (code, message) = (error.code().unwrap_or_default(), error.message().unwrap_or_default());
            use aws_sdk_s3::error::ProvideErrorMetadata as _;
            said.push(($name, code.to_owned(), message.to_owned()));
        }};
    }
    let s3 = aws_sdk_s3::Client::new(config);
    let lambda = aws_sdk_lambda::Client::new(config);
    let dynamodb = aws_sdk_dynamodb::Client::new(config);
    call!("dynamodb", dynamodb.scan().table_name("orders"));
    call!("dynamodb-control", dynamodb.describe_table().table_name("orders"));
    call!("secretsmanager", aws_sdk_secretsmanager::Client::new(config).get_secret_value().secret_id("a"));
    call!("logs", aws_sdk_cloudwatchlogs::Client::new(config).describe_log_groups());
    call!("s3", s3.get_object().bucket("b").key("k"));
    call!("s3-put", s3.put_object().bucket("b").key("k").body(Bytes::from_static(b"abc").into()));
    call!("route53", aws_sdk_route53::Client::new(config).list_hosted_zones());
    call!("cloudformation", aws_sdk_cloudformation::Client::new(config).describe_stacks());
    call!("cloudwatch", aws_sdk_cloudwatch::Client::new(config).describe_alarms());
    call!("lambda", lambda.invoke().function_name("orders"));
    call!("lambda-control", lambda.get_function_concurrency().function_name("orders"));
    said
}

#[tokio::test]
async fn every_client_reads_the_code_and_the_message_that_were_meant() {
    let (proxy, seen) = proxy().await;
    let service = Traffic::Service { service: None, operations: Vec::new(), resource: None };
    proxy.inject(Rule::new(service, error(503, "ServiceUnavailable"))).unwrap();
    let said = everybody(&sdk(&proxy, US)).await;
    for (service, code, message) in &said {
        let expected = ("ServiceUnavailable", "<ServiceUnavailable> & said so");
        assert_eq!((code.as_str(), message.as_str()), expected, "{service}");
    }
    assert_eq!(only(&proxy.audit()).fired, said.len() as u64);
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn every_client_is_throttled_in_the_words_of_its_service() {
    let (proxy, _) = proxy().await;
    proxy.inject(Rule::new(Traffic::Everything, Effect::Throttle)).unwrap();
    let said = everybody(&sdk(&proxy, US)).await;
    let said: Vec<_> = said.iter().map(|(service, code, _)| (*service, code.as_str())).collect();
    let expected = [
        ("dynamodb", "ProvisionedThroughputExceededException"),
        ("dynamodb-control", "ThrottlingException"),
        ("secretsmanager", "ThrottlingException"),
        ("logs", "ThrottlingException"),
        ("s3", "SlowDown"),
        ("s3-put", "SlowDown"),
        ("route53", "Throttling"),
        ("cloudformation", "Throttling"),
        ("cloudwatch", "ThrottlingException"),
        ("lambda", "TooManyRequestsException"),
        ("lambda-control", "TooManyRequestsException"),
    ];
    assert_eq!(said, expected);
}

#[tokio::test]
async fn a_modelled_error_arrives_as_its_own_type() {
    let (proxy, _) = proxy().await;
    let code = "ConditionalCheckFailedException";
    proxy.inject(Rule::new(Traffic::service("dynamodb"), error(400, code))).unwrap();
    let client = dynamodb(&proxy, US);
    let error = client.put_item().table_name("orders").send().await.unwrap_err().into_service_error();
    assert!(error.is_conditional_check_failed_exception(), "{error:?}");
    proxy.inject(Rule::new(Traffic::service("lambda"), Effect::Throttle)).unwrap();
    let client = aws_sdk_lambda::Client::new(&sdk(&proxy, US));
    let error = client.invoke().function_name("orders").send().await.unwrap_err().into_service_error();
    assert!(error.is_too_many_requests_exception(), "{error:?}");
}

#[tokio::test]
async fn retries_of_a_client_meet_the_rule_again_and_its_end() {
    let (proxy, _) = proxy().await;
    proxy.inject(Rule::new(Traffic::service("dynamodb"), Effect::Throttle).times(2)).unwrap();
    let retry = RetryConfig::standard().with_max_attempts(3).with_initial_backoff(std::time::Duration::from_millis(1));
    let config = sdk(&proxy, US).into_builder().retry_config(retry).build();
    assert_eq!(get_item(&aws_sdk_dynamodb::Client::new(&config)).await, Ok(()));
    let audit = proxy.audit();
    assert_eq!((only(&audit).matched, only(&audit).fired, audit.regions[&US].answered), (3, 2, 1));
}

#[tokio::test]
async fn what_is_signed_reaches_the_upstream_as_it_was_sent() {
    let (proxy, seen) = proxy().await;
    let client = aws_sdk_s3::Client::new(&sdk(&proxy, EU));
    let put = client.put_object().bucket("b").key("a b/ü").metadata("x", "y");
    put.body(Bytes::from_static(b"0123456789").into()).send().await.unwrap();
    let seen = seen.lock().unwrap();
    let request = &seen[0];
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("host"), Some(proxy.address(EU).unwrap().to_string().as_str()));
    assert_eq!(request.uri().path(), "/b/a%20b/%C3%BC");
    assert_eq!((header("x-amz-meta-x"), request.body().as_ref()), (Some("y"), &b"0123456789"[..]));
    let signed = header("authorization").unwrap().split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
    for name in signed.split(';') {
        assert!(header(name).is_some(), "{name} was signed and is gone");
    }
}

#[tokio::test]
async fn a_head_answer_keeps_its_length() {
    let answer = |_: &Request<Bytes>| Response::builder().header("content-length", "12345").body(Bytes::new()).unwrap();
    let (address, _) = upstream(answer).await;
    let proxy = proxy_before(address).await;
    let client = aws_sdk_s3::Client::new(&sdk(&proxy, US));
    let head = client.head_object().bucket("b").key("k").send().await.unwrap();
    assert_eq!(head.content_length(), Some(12_345));
    proxy.inject(Rule::new(Traffic::service("s3"), Effect::Throttle)).unwrap();
    let error = client.head_object().bucket("b").key("k").send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 503, "without a body there is no code");
}

#[tokio::test]
async fn an_unreachable_upstream_is_a_502_that_says_so_and_is_counted() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = proxy_before(gone).await;
    let error = dynamodb(&proxy, US).list_tables().send().await.unwrap_err();
    let status = error.raw_response().unwrap().status().as_u16();
    let message = aws_sdk_s3::error::ProvideErrorMetadata::message(&error).unwrap();
    assert_eq!((status, said(&error).as_str()), (502, "UpstreamUnreachable"));
    assert!(message.contains(&gone.to_string()) && message.contains("refused"), "{message}");
    let audit = proxy.audit();
    assert_eq!((audit.regions[&US].upstream_failures, audit.regions[&US].answered), (1, 0));
    assert_eq!(audit.regions[&EU], Passed::default());
}
