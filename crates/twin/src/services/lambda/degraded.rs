//! What a degraded application does to one invocation for a user: a grey failure of a Region, or a bad release.
//!
//! The function itself runs, writes included. Then its answer is late by an exponential time around the fault's mean,
//! inside the function's own duration and timeout; and it is an error of the application (a 500 with the headers the
//! function gave), or the process has crashed (a function error, and an environment less).

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};

use super::admission::Admitted;
use super::code::{Event, FunctionError, Reply};
use super::proxy;
use crate::world::faults::Degradation;

/// The environment variable a function tells its version by.
const VERSION: &str = "VERSION";

/// What becomes of one invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hit {
    delay: Duration,
    error: bool,
    crash: bool,
}

/// Draws what becomes of an invocation; nothing where it is not for a user, or nothing is degraded.
pub fn hit(admitted: &Admitted, event: &Event) -> Hit {
    let Event::Http(request) = event else { return Hit::default() };
    let cloud = &admitted.cloud;
    let release = admitted.version.settings.variables.get(VERSION).map(String::as_str);
    let ailments = cloud.faults.degradations(admitted.region, request.uri().path(), release);
    if ailments.is_empty() {
        return Hit::default();
    }
    Hit::draw(&ailments, &mut cloud.lambda.state().hits)
}

impl Hit {
    /// Several degradations add up; each draws for itself.
    fn draw(ailments: &[Degradation], rng: &mut ChaCha8Rng) -> Self {
        let mut hit = Self::default();
        for ailment in ailments {
            let late: f64 = Exp1.sample(rng);
            hit.delay += ailment.delay.mul_f64(late);
            hit.error |= rng.random::<f64>() < ailment.errors;
            hit.crash |= rng.random::<f64>() < ailment.crashes;
        }
        hit
    }

    /// Ends the invocation; false beside the outcome where the environment did not survive.
    pub async fn end(
        self,
        outcome: Result<Reply, FunctionError>,
        request_id: &str,
    ) -> (Result<Reply, FunctionError>, bool) {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        if self.crash {
            let message = format!("RequestId: {request_id} Error: Runtime exited with error: exit status 1");
            return (Err(FunctionError { kind: "Runtime.ExitError".to_owned(), message }), false);
        }
        (if self.error { outcome.map(failed) } else { outcome }, true)
    }
}

/// The answer as a 500; one that is no answer at all stays malformed.
fn failed(reply: Reply) -> Reply {
    let answer = match reply {
        Reply::Http(answer) => answer,
        Reply::Json(value) => match proxy::from_json(&value) {
            Some(answer) => answer,
            None => return Reply::Json(value),
        },
    };
    let mut answer = answer.map(|_| Bytes::from_static(br#"{"error":"Degraded","message":"the application failed"}"#));
    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    Reply::Http(answer)
}
