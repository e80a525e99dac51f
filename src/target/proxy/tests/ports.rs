//! Ports that are really closed, and open again.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

fn refuse(region: Region) -> Rule {
    Rule::new(Traffic::Everything, Effect::Refuse).in_region(region)
}

async fn connect(proxy: &Proxy, region: Region) -> Result<TcpStream, ErrorKind> {
    TcpStream::connect(proxy.address(region).unwrap()).await.map_err(|error| error.kind())
}

#[tokio::test]
async fn a_refused_region_refuses_connections_and_heals_on_the_same_port() {
    let (proxy, _) = proxy().await;
    let (us, eu) = (dynamodb(&proxy, US), dynamodb(&proxy, EU));
    let address = proxy.address(US);
    for _ in 0..3 {
        assert_eq!(get_item(&us).await, Ok(()));
        let mut open = connect(&proxy, US).await.unwrap();
        // Accepted, and not only in the kernel's queue.
        open.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        assert_ne!(open.read(&mut [0; 64]).await.unwrap(), 0);

        let id = proxy.inject(refuse(US)).unwrap();
        assert_eq!(connect(&proxy, US).await.err(), Some(ErrorKind::ConnectionRefused));
        let mut rest = Vec::new();
        let cut = open.read_to_end(&mut rest).await.map_err(|error| error.kind());
        assert_eq!(cut, Err(ErrorKind::ConnectionReset), "{}", String::from_utf8_lossy(&rest));
        // The client's kept connection is cut too, and a new one is refused.
        let error = get_item(&us).await.unwrap_err();
        assert!(error.contains("refused") || error.contains("reset") || error.contains("closed"), "{error}");
        let error = get_item(&us).await.unwrap_err();
        assert!(error.contains("Connection refused"), "{error}");
        assert_eq!(get_item(&eu).await, Ok(()), "the other Region");

        proxy.heal(id);
        assert_eq!(proxy.address(US), address);
        assert_eq!(get_item(&us).await, Ok(()));
    }
    let audit = proxy.audit();
    assert!(audit.rules.iter().all(|rule| rule.fired == 1 && rule.matched == 0 && rule.connections_reset >= 2));
    assert_eq!(audit.regions[&US].trouble, None);
}

#[tokio::test]
async fn a_port_opens_when_the_last_rule_lets_go_of_it() {
    let (proxy, _) = proxy().await;
    let first = proxy.inject(refuse(US)).unwrap();
    let both = proxy.inject(Rule::new(Traffic::Everything, Effect::Refuse)).unwrap();
    proxy.heal(first);
    assert_eq!(connect(&proxy, US).await.err(), Some(ErrorKind::ConnectionRefused));
    assert_eq!(connect(&proxy, EU).await.err(), Some(ErrorKind::ConnectionRefused));
    proxy.heal(both);
    connect(&proxy, US).await.unwrap();
    connect(&proxy, EU).await.unwrap();
    let fired: Vec<u64> = proxy.audit().rules.iter().map(|rule| rule.fired).collect();
    assert_eq!(fired, [1, 1], "a port that is closed cannot be closed again");
}

#[tokio::test]
async fn a_scheduled_refusal_closes_and_opens_by_itself() {
    let (proxy, _) = proxy().await;
    let clock = Clock::system();
    let injected = clock.now();
    let (from, until) = (Duration::from_millis(20), Duration::from_millis(200));
    proxy.inject(refuse(US).between(from, until)).unwrap();
    connect(&proxy, US).await.expect("it has not begun");
    let closed_at = loop {
        let before = clock.now().since(injected);
        if connect(&proxy, US).await.is_err() {
            break before;
        }
        assert!(before < Duration::from_secs(5), "it never closed");
        tokio::task::yield_now().await;
    };
    while connect(&proxy, US).await.is_err() {
        assert!(clock.now().since(injected) < Duration::from_secs(5), "it never opened");
        tokio::task::yield_now().await;
    }
    let opened_at = clock.now().since(injected);
    assert!(closed_at + Duration::from_millis(1) >= from && opened_at >= until, "{closed_at:?} {opened_at:?}");
}

#[tokio::test]
async fn a_rule_healed_before_its_time_never_closes() {
    let (proxy, _) = proxy().await;
    let id = proxy.inject(refuse(US).between(Duration::from_millis(10), Duration::from_secs(60))).unwrap();
    proxy.heal(id);
    // Longer than the schedule: nothing may come late.
    let late = proxy.inject(refuse(EU).between(Duration::from_millis(15), Duration::from_secs(60))).unwrap();
    while connect(&proxy, EU).await.is_ok() {
        tokio::task::yield_now().await;
    }
    connect(&proxy, US).await.unwrap();
    assert_eq!(proxy.audit().rules.iter().map(|rule| (rule.id, rule.fired)).collect::<Vec<_>>(), [(id, 0), (late, 1)]);
}

#[tokio::test]
async fn a_stopped_proxy_refuses_and_its_connections_are_gone() {
    let (proxy, _) = proxy().await;
    let address = proxy.address(US).unwrap();
    let mut open = TcpStream::connect(address).await.unwrap();
    let us = dynamodb(&proxy, US);
    assert_eq!(get_item(&us).await, Ok(()));
    proxy.stop().await;
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert!(open.read(&mut [0; 1]).await.map_or(true, |read| read == 0));

    let (dropped, _) = self::proxy().await;
    let address = dropped.address(US).unwrap();
    drop(dropped);
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
