//! The connections of one port, and the way of one request through the proxy.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::forward::BODY_BYTES_MAX;
use super::listen::{Gate, Line};
use super::rules::Failing;
use super::wire_error::WireError;
use super::{Call, Effect, Passed, Protocol, Shared};

/// How long accepting rests after it failed: no descriptor left, or the port taken by somebody else.
const REST: Duration = Duration::from_millis(20);

/// Accepts and serves until the port is closed for good.
pub(super) async fn port(gate: Arc<Gate>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Some(accepted) = gate.accept().await {
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok(line) => {
                connections.spawn(connection(line, gate.clone(), shared.clone()));
            }
            Err(_) => {
                tokio::time::sleep(REST).await;
                gate.try_again();
            }
        }
    }
    // What was open has been cut, and ends by itself.
    while connections.join_next().await.is_some() {}
}

/// Serves a connection to its end, or resets it when it is cut.
async fn connection(line: Line, gate: Arc<Gate>, shared: Arc<Shared>) {
    let number = line.number();
    let cut = line.cut.clone();
    // Delays of this kind are the kernel's, not a rule's; a socket that refuses the option still works.
    let _ = line.stream.set_nodelay(true);
    let service = service_fn(|request| {
        let (gate, shared, cut) = (gate.clone(), shared.clone(), cut.clone());
        async move {
            // A request that cannot be read whole has nobody who waits for its answer.
            match read(request).await {
                Ok(request) => Ok::<_, Infallible>(answer(&gate, &shared, &cut, request).await.map(Full::new)),
                Err(Unread::TooLarge) => Ok(too_large().map(Full::new)),
                Err(Unread::Gone) => reset(&cut).await,
            }
        }
    });
    let mut serving = http1::Builder::new().serve_connection(TokioIo::new(line.stream), service);
    let is_cut = tokio::select! {
        biased;
        () = cut.notified() => true,
        // However it ended: garbage, a client that left, a last answer.
        _ = &mut serving => false,
    };
    if is_cut {
        let stream = serving.into_parts().io.into_inner();
        // Without lingering the close is a reset. A client that has left already sees neither.
        let _ = stream.set_zero_linger();
    }
    gate.ended(number);
}

enum Unread {
    TooLarge,
    Gone,
}

async fn read(request: Request<Incoming>) -> Result<Request<Bytes>, Unread> {
    let (parts, body) = request.into_parts();
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => Ok(Request::from_parts(parts, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Err(_) => Err(Unread::Gone),
    }
}

/// Ends the connection with a reset; never returns, as the connection goes with whoever waits here.
async fn reset<T>(cut: &Notify) -> T {
    cut.notify_one();
    pending().await
}

async fn answer(gate: &Gate, shared: &Shared, cut: &Notify, request: Request<Bytes>) -> Response<Bytes> {
    shared.note(gate.region, |passed| passed.requests += 1);
    let call = Call::read(gate.region, &request);
    let decision = shared.rules.decide(&call, gate.region);
    let throttled = WireError::throttle(&call);
    let Call { protocol, service, .. } = call;
    if !decision.delay.is_zero() {
        tokio::time::sleep(decision.delay).await;
    }
    let service = service.as_deref();
    let Some(Failing { effect, request_id, .. }) = &decision.failing else {
        return forward(gate, shared, (protocol, service), request).await;
    };
    match effect {
        Effect::Error { status, code, message } => {
            WireError::new(*status, code, message.as_str()).into_response(protocol, request_id)
        }
        Effect::Throttle => throttled.into_response(protocol, request_id),
        Effect::Hang => {
            if let Some(mut failing) = decision.failing {
                failing.over().await;
            }
            reset(cut).await
        }
        Effect::AnswerLost => {
            forward(gate, shared, (protocol, service), request).await;
            reset(cut).await
        }
        // A delay is no failure, and is never decided as one.
        Effect::Reset | Effect::Refuse | Effect::Latency { .. } => reset(cut).await,
    }
}

async fn forward(
    gate: &Gate,
    shared: &Shared,
    (protocol, service): (Protocol, Option<&str>),
    request: Request<Bytes>,
) -> Response<Bytes> {
    if request.method() == Method::CONNECT {
        return WireError::new(405, "MethodNotAllowed", "CONNECT is not proxied").into_response(protocol, REQUEST_ID);
    }
    let request = match protocol {
        Protocol::Edge => match shared.rewrite(gate.region, request) {
            Some(request) => request,
            // "Gateway response types", what a host without a domain name or an API gets.
            None => {
                shared.note(gate.region, |passed| passed.unknown_hosts += 1);
                return WireError::new(403, "ForbiddenException", "Forbidden").into_response(protocol, REQUEST_ID);
            }
        },
        _ => request,
    };
    let counted = |count: fn(&mut Passed)| shared.note(gate.region, count);
    match shared.upstreams.send(gate.region, service, request).await {
        Ok(response) => {
            counted(|passed| passed.answered += 1);
            response
        }
        Err(why) => {
            counted(|passed| passed.upstream_failures += 1);
            // Not in API Gateway's words, as it is no fault anybody asked for: a harness must be able to tell.
            let protocol = if protocol == Protocol::Edge { Protocol::RestJson } else { protocol };
            WireError::new(502, "UpstreamUnreachable", format!("the proxy's upstream {why}"))
                .into_response(protocol, REQUEST_ID)
        }
    }
}

/// The request id of answers that are the proxy's own and no rule's.
const REQUEST_ID: &str = "blackstart-proxy";

fn too_large() -> Response<Bytes> {
    let message = format!("the proxy buffers bodies up to {BODY_BYTES_MAX} bytes");
    WireError::new(413, "RequestEntityTooLarge", message).into_response(Protocol::RestJson, REQUEST_ID)
}
