//! Whose certificates are trusted: the machine's, and those of the file that `blackstart.yaml` names (`ca_bundle`).

use std::path::Path;
use std::sync::Arc;

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::TargetError;

/// How to speak TLS to whom these certificates vouch for.
pub fn trusting(bundle: Option<&Path>) -> Result<ClientConfig, TargetError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (mut trusted, _) = roots.add_parsable_certificates(found.certs);
    if let Some(path) = bundle {
        let (own, _) = certificates(path)?;
        trusted += own.len();
        roots.extend(own.roots);
    }
    if trusted == 0 {
        let why = found.errors.first().map_or_else(|| "none were found".to_owned(), ToString::to_string);
        return Err(TargetError(format!(
            "no certificates to trust on this machine: {why}; set SSL_CERT_FILE, or ca_bundle in blackstart.yaml"
        )));
    }
    configured(roots)
}

/// For those who speak plain HTTP alone: nobody is trusted.
pub fn untrusting() -> Result<ClientConfig, TargetError> {
    configured(RootCertStore::empty())
}

/// The same for SDK clients.
pub fn context(bundle: Option<&Path>) -> Result<TlsContext, TargetError> {
    let mut store = TrustStore::empty().with_native_roots(true);
    if let Some(path) = bundle {
        // Looked at here, as the SDK says nothing of what is no certificate until it panics.
        let (_, pem) = certificates(path)?;
        store.add_pem_certificate(pem);
    }
    TlsContext::builder().with_trust_store(store).build().map_err(|why| TargetError(format!("TLS: {why}")))
}

fn configured(roots: RootCertStore) -> Result<ClientConfig, TargetError> {
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| TargetError(format!("TLS: {why}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// What a file vouches for, read and as it is written.
fn certificates(path: &Path) -> Result<(RootCertStore, Vec<u8>), TargetError> {
    let unread = |why: &dyn std::fmt::Display| {
        TargetError(format!(
            "ca_bundle {}: {why}; expected certificates in PEM, each from -----BEGIN CERTIFICATE----- on",
            path.display()
        ))
    };
    let pem = std::fs::read(path).map_err(|why| unread(&why))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.map_err(|why| unread(&why))?).map_err(|why| unread(&why))?;
    }
    if roots.is_empty() { Err(unread(&"no certificate in it")) } else { Ok((roots, pem)) }
}

#[cfg(test)]
pub mod tests {
    use std::net::SocketAddr;
    use std::path::PathBuf;

    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::{BodyExt, Full};
    use hyper::body::Incoming;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;

    use super::*;

    /// A server of `name` that answers each request with its path, over TLS; and the file that vouches for it.
    pub async fn server(name: &str, folder: &Path) -> (SocketAddr, PathBuf) {
        let own = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let bundle = folder.join(format!("{name}.pem"));
        std::fs::write(&bundle, own.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Whoever does not trust it leaves here.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(|request: Request<Incoming>| async {
                        let (parts, body) = request.into_parts();
                        body.collect().await?;
                        Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from(parts.uri.path().to_owned()))))
                    });
                    // Clients leave when they like.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        (address, bundle)
    }

    #[test]
    fn a_bundle_that_is_none_is_named_with_what_was_expected() {
        let folder = tempfile::tempdir().unwrap();
        let (absent, empty, garbled) =
            (folder.path().join("absent.pem"), folder.path().join("empty.pem"), folder.path().join("garbled.pem"));
        std::fs::write(&empty, "no certificate here\n").unwrap();
        std::fs::write(&garbled, "-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n").unwrap();
        for path in [&absent, &empty, &garbled] {
            let file = path.file_name().unwrap().to_str().unwrap();
            for why in [trusting(Some(path)).unwrap_err(), context(Some(path)).unwrap_err()] {
                assert!(why.0.contains(file) && why.0.contains("BEGIN CERTIFICATE"), "{why}");
            }
        }
    }
}
