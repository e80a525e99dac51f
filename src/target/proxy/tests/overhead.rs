//! What a request costs through the proxy, against the same request without it.

use super::*;
use crate::clock::WallClock;

const REQUESTS: u32 = 2_000;

async fn microseconds(client: &aws_sdk_dynamodb::Client) -> f64 {
    let began = WallClock::start();
    for _ in 0..REQUESTS {
        get_item(client).await.unwrap();
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(REQUESTS)
}

/// `cargo test --lib target::proxy -- --ignored --nocapture`
#[tokio::test]
#[ignore = "measures; run it alone"]
async fn what_a_proxied_request_costs() {
    let (address, seen) = upstream(canned).await;
    let proxy = proxy_before(address).await;
    let direct = aws_sdk_dynamodb::Client::new(&config(address, US));
    let proxied = dynamodb(&proxy, US);
    for pass in 1..=3 {
        let (without, with) = (microseconds(&direct).await, microseconds(&proxied).await);
        println!("pass {pass}: direct {without:.0} us, proxied {with:.0} us, ratio {:.2}", with / without);
    }
    proxy.inject(Rule::new(Traffic::service("s3"), Effect::Throttle)).unwrap();
    println!("with a rule for something else: {:.0} us", microseconds(&proxied).await);
    assert_eq!(seen.lock().unwrap().len(), 7 * REQUESTS as usize);
}
