//! Real connections of users: one TCP connection, TLS where it is asked for, HTTP/1.1 on it. No pool and no cache: whoever
//! opens one decides how long to keep it, as a client would.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::{Connection, SendError};

/// The largest answer that is read: API Gateway's own limit is 10 MB.
const LARGEST: usize = 16 << 20;

/// An open connection; its requests go one after the other, as HTTP/1.1 has them.
struct Line {
    sender: Mutex<SendRequest<Full<Bytes>>>,
}

/// Connects to an address, and greets it as `host` where TLS is spoken.
pub async fn open(
    address: SocketAddr,
    host: &str,
    tls: Option<Arc<ClientConfig>>,
) -> Result<Arc<dyn Connection>, SendError> {
    let stream = TcpStream::connect(address).await.map_err(|why| unsent(&why))?;
    // A request is one write, and waits for nobody's acknowledgement.
    stream.set_nodelay(true).map_err(|why| unsent(&why))?;
    let sender = match tls {
        None => greet(TokioIo::new(stream)).await?,
        Some(config) => {
            let name = ServerName::try_from(host.to_owned()).map_err(|_| SendError::NoRoute)?;
            let stream = TlsConnector::from(config).connect(name, stream).await.map_err(|why| unsent(&why))?;
            greet(TokioIo::new(stream)).await?
        }
    };
    Ok(Arc::new(Line { sender: Mutex::new(sender) }))
}

async fn greet<T>(stream: T) -> Result<SendRequest<Full<Bytes>>, SendError>
where
    T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(stream).await.map_err(|_| SendError::Reset)?;
    tokio::spawn(async move {
        // It ends when the sender is dropped or the other side leaves; whoever sends learns of it there.
        let _ = connection.await;
    });
    Ok(sender)
}

fn unsent(why: &std::io::Error) -> SendError {
    use std::io::ErrorKind;
    match why.kind() {
        ErrorKind::ConnectionRefused => SendError::Refused,
        ErrorKind::TimedOut => SendError::TimedOut,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable => SendError::NoRoute,
        _ => SendError::Reset,
    }
}

impl Connection for Line {
    fn is_open(&self) -> bool {
        // In use is open.
        self.sender.try_lock().map_or(true, |sender| !sender.is_closed())
    }

    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async move {
            let request = as_sent(request);
            let mut sender = self.sender.lock().await;
            sender.ready().await.map_err(|_| SendError::Reset)?;
            let response = sender.send_request(request.map(Full::new)).await.map_err(|_| SendError::Reset)?;
            let (parts, body) = response.into_parts();
            let body = http_body_util::Limited::new(body, LARGEST).collect().await.map_err(|_| SendError::Reset)?;
            Ok(http::Response::from_parts(parts, body.to_bytes()))
        })
    }
}

/// With its target as path alone and the name in the Host header, as HTTP/1.1 wants requests to a server.
fn as_sent(request: http::Request<Bytes>) -> http::Request<Bytes> {
    let (mut parts, body) = request.into_parts();
    if let Some(host) = parts.uri.authority().map(|authority| authority.to_string()) {
        if let Ok(host) = host.parse() {
            parts.headers.entry(http::header::HOST).or_insert(host);
        }
        let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        if let Ok(path) = path.parse() {
            parts.uri = path;
        }
    }
    http::Request::from_parts(parts, body)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers each connection's requests with what it was asked for, then does as `end` says.
    async fn server(answers: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                for _ in 0..answers {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    let head = String::from_utf8(head).unwrap().to_lowercase();
                    let host = head.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
                    let body = format!("{} {host}", head.lines().next().unwrap());
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        address
    }

    fn request() -> http::Request<Bytes> {
        http::Request::get("https://api.orders.example/whoami").body(Bytes::new()).unwrap()
    }

    #[tokio::test]
    async fn several_requests_go_over_one_connection_until_it_ends() {
        let address = server(2).await;
        let line = open(address, "api.orders.example", None).await.unwrap();
        for _ in 0..2 {
            let answer = line.send(request()).await.unwrap();
            assert_eq!(answer.into_body(), "get /whoami http/1.1 api.orders.example");
        }
        assert_eq!(line.send(request()).await.unwrap_err(), SendError::Reset);
    }

    #[tokio::test]
    async fn over_tls_a_server_must_be_who_its_name_says() {
        let folder = tempfile::tempdir().unwrap();
        let (address, bundle) = crate::target::tls::tests::server("api.orders.example", folder.path()).await;
        let trusting = |bundle: Option<&std::path::Path>| Some(Arc::new(crate::target::tls::trusting(bundle).unwrap()));
        let line = open(address, "api.orders.example", trusting(Some(&bundle))).await.unwrap();
        assert_eq!(line.send(request()).await.unwrap().into_body(), "/whoami");
        for (host, trusted) in [("api.other.example", Some(bundle.as_path())), ("api.orders.example", None)] {
            assert_eq!(open(address, host, trusting(trusted)).await.err(), Some(SendError::Reset), "{host}");
        }
    }

    #[tokio::test]
    async fn a_closed_port_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let refused = open(address, "api.orders.example", None).await.err();
        assert_eq!(refused, Some(SendError::Refused));
    }
}
