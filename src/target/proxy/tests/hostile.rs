//! Clients that mean no good, or speak no HTTP: the proxy serves the next one.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// Sends these bytes, half-closes where told, and reads to the end; what was read before the connection ended.
async fn send(proxy: &Proxy, bytes: &[u8], half_close: bool) -> String {
    let mut stream = TcpStream::connect(proxy.address(US).unwrap()).await.unwrap();
    // The proxy may have ended the connection before all was written.
    let _ = stream.write_all(bytes).await;
    if half_close {
        let _ = stream.shutdown().await;
    }
    let mut read = Vec::new();
    let _ = stream.read_to_end(&mut read).await;
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn garbage_huge_headers_and_half_closed_connections_harm_nobody_else() {
    let (proxy, _) = proxy().await;
    assert!(send(&proxy, &[0xff, 0x00, 0x16, 0x03, 0x01, b'\r', b'\n', b'\r', b'\n'], false).await.contains("400"));
    let huge = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "a".repeat(2_000_000));
    let answer = send(&proxy, huge.as_bytes(), false).await;
    assert!(answer.is_empty() || answer.contains("431"), "{answer}");
    send(&proxy, b"", true).await;
    send(&proxy, b"GET / HT", true).await;
    send(&proxy, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc", true).await;
    send(&proxy, b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", true).await;
    send(&proxy, b"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\nconnection: close\r\n\r\n", false).await;
    send(&proxy, b"GET / HTTP/1.0\r\nauthorization: Credential=////, \xff\r\n\r\n", false).await;
    send(&proxy, b"OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", false).await;
    assert_eq!(get_item(&dynamodb(&proxy, US)).await, Ok(()));
    proxy.stop().await;
}

#[tokio::test]
async fn a_client_that_awaits_100_continue_gets_it_and_chunks_arrive_whole() {
    let (proxy, seen) = proxy().await;
    proxy
        .set_hosts(vec![Host { region: US, name: "a".into(), upstream_host: "b".into(), path_prefix: String::new() }])
        .unwrap();
    let mut stream = TcpStream::connect(proxy.address(US).unwrap()).await.unwrap();
    let head = b"PUT /x HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].body().as_ref(), b"abcdefg");
    assert_eq!(seen[0].headers()["content-length"], "7");
    for gone in ["expect", "transfer-encoding", "connection"] {
        assert!(!seen[0].headers().contains_key(gone), "{gone} was handed on");
    }
}

#[tokio::test]
async fn one_connection_serves_many_requests_on_both_sides() {
    let (proxy, seen) = proxy().await;
    let us = dynamodb(&proxy, US);
    for _ in 0..20 {
        assert_eq!(get_item(&us).await, Ok(()));
    }
    let audit = proxy.audit();
    assert_eq!((audit.regions[&US].connections, audit.regions[&US].requests), (1, 20));
    assert_eq!(seen.lock().unwrap().len(), 20);
}
