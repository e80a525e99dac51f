//! Users' requests: whose hosts they may ask for, and what they get instead of an answer.

use super::*;

const FORBIDDEN: &str = r#"{"message":"Forbidden"}"#;

fn hosts() -> Vec<Host> {
    let host = |region, name: &str, id: &str| Host {
        region,
        name: name.to_owned(),
        upstream_host: format!("{id}.execute-api.localhost:4566"),
        path_prefix: "/prod".to_owned(),
    };
    vec![
        host(US, "api.orders.example", "us1"),
        host(US, "US1.execute-api.us-east-1.amazonaws.com", "us1"),
        host(EU, "api.orders.example", "eu1"),
    ]
}

#[tokio::test]
async fn hosts_are_rewritten_as_their_region_knows_them() {
    let (proxy, seen) = proxy().await;
    proxy.set_hosts(hosts()).unwrap();
    for (region, host) in [(US, "api.orders.example"), (US, "us1.execute-api.us-east-1.amazonaws.com:443")] {
        assert_eq!(ask(&proxy, region, host, "/orders/7?x=1").await.2, "hello");
    }
    assert_eq!(ask(&proxy, EU, "API.orders.example", "/health").await.2, "hello");
    let sent: Vec<(String, String)> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|request| (request.headers()["host"].to_str().unwrap().to_owned(), request.uri().to_string()))
        .collect();
    let us = ("us1.execute-api.localhost:4566".to_owned(), "/prod/orders/7?x=1".to_owned());
    let eu = ("eu1.execute-api.localhost:4566".to_owned(), "/prod/health".to_owned());
    assert_eq!(sent, [us.clone(), us, eu]);
}

#[tokio::test]
async fn unknown_hosts_are_forbidden_as_api_gateway_says_it() {
    let (proxy, seen) = proxy().await;
    proxy.set_hosts(hosts()).unwrap();
    let forbidden = (403, "ForbiddenException".to_owned(), FORBIDDEN.to_owned());
    assert_eq!(ask(&proxy, EU, "us1.execute-api.us-east-1.amazonaws.com", "/").await, forbidden);
    assert_eq!(ask(&proxy, US, "other.example", "/").await, forbidden);
    proxy.set_hosts(Vec::new()).unwrap();
    assert_eq!(ask(&proxy, US, "api.orders.example", "/").await, forbidden);
    assert!(seen.lock().unwrap().is_empty());
    let audit = proxy.audit();
    assert_eq!((audit.regions[&US].unknown_hosts, audit.regions[&EU].unknown_hosts), (2, 1));
}

#[tokio::test]
async fn users_get_api_gateways_words_on_the_paths_that_are_meant() {
    let (proxy, _) = proxy().await;
    proxy.set_hosts(hosts()).unwrap();
    let orders = Traffic::Edge { only: Some("/orders".to_owned()), except: Some("/orders/health".to_owned()) };
    proxy.inject(Rule::new(orders, error(500, "Whatever")).in_region(US)).unwrap();
    let ask = async |region, path| ask(&proxy, region, "api.orders.example", path).await;
    let broken = r#"{"message":"Internal server error"}"#;
    let expected = (500, "InternalServerErrorException".to_owned(), broken.to_owned());
    assert_eq!(ask(US, "/orders/7?x=1").await, expected);
    for (region, path) in [(US, "/orders/health"), (US, "/ordersx"), (EU, "/orders/7")] {
        assert_eq!(ask(region, path).await.2, "hello", "{region} {path}");
    }
    assert_eq!(get_item(&dynamodb(&proxy, US)).await, Ok(()), "the services are up");
    proxy.heal_all();
    for (status, words) in
        [(502, "Internal server error"), (503, "Service Unavailable"), (504, "Endpoint request timed out")]
    {
        let id = proxy.inject(Rule::new(Traffic::edge(), error(status, "Whatever"))).unwrap();
        let (seen, _, body) = ask(EU, "/").await;
        assert_eq!((seen, body), (status, format!(r#"{{"message":"{words}"}}"#)));
        proxy.heal(id);
    }
    proxy.inject(Rule::new(Traffic::edge(), Effect::Throttle)).unwrap();
    let (status, kind, body) = ask(US, "/orders").await;
    assert_eq!((status, kind.as_str()), (429, "TooManyRequestsException"));
    assert_eq!(body, r#"{"message":"Too Many Requests"}"#);
}
