//! Targets on the real clock: how each is started, and what it leaves behind.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::aws::Aws;
use super::emulator::{Emulator, Endpoints};
use super::localstack::{Containers, Processes};
use super::{Target, TargetError};
use crate::clock::Clock;
use crate::scenario::TargetPlan;
use crate::seed::Seed;

/// The targets that are started here, by name.
pub const NAMES: [&str; 3] = ["localstack", "endpoint", "aws"];

/// A started target, with what was started for it.
pub struct Live {
    target: Box<dyn Target>,
    containers: Option<Arc<Containers>>,
}

impl Live {
    /// Starts the target a plan names. Call it inside [`in_real_time`].
    pub async fn start(plan: &TargetPlan, seed: Seed) -> Result<Self, TargetError> {
        let (settings, regions) = (&plan.settings, &plan.regions);
        match plan.name.as_str() {
            "localstack" => {
                let containers = Arc::new(Containers::start(&settings.localstack, regions, Clock::system()).await?);
                let processes = containers.are_regions().then(|| Arc::new(Processes(containers.clone())) as _);
                let endpoints = containers.endpoints();
                match Emulator::start("localstack", &endpoints, regions, settings, seed, processes).await {
                    Ok(target) => Ok(Self { target: Box::new(target), containers: Some(containers) }),
                    Err(first) => Err(match containers.remove().await {
                        Ok(()) => first,
                        Err(left) => TargetError(format!("{first}; {left}")),
                    }),
                }
            }
            "endpoint" => {
                let endpoints = Endpoints::from_settings(&settings.endpoint, regions)?;
                let target = Emulator::start("endpoint", &endpoints, regions, settings, seed, None).await?;
                Ok(Self { target: Box::new(target), containers: None })
            }
            "aws" => Ok(Self { target: Box::new(Aws::start(settings, regions).await?), containers: None }),
            other => Err(TargetError(format!("unknown target {other:?}: expected one of {}", NAMES.join(", ")))),
        }
    }

    pub fn target(&self) -> &dyn Target {
        self.target.as_ref()
    }

    /// The log of what was started for it.
    pub async fn log(&self) -> Option<String> {
        Some(self.containers.as_ref()?.log().await)
    }

    /// Removes what was started for it.
    pub async fn end(self) -> Result<(), TargetError> {
        match self.containers {
            None => Ok(()),
            Some(containers) => containers.remove().await,
        }
    }
}

/// Returns when this process is told to end: by Ctrl-C, by whoever stops jobs (SIGTERM), or by a terminal that goes (SIGHUP).
pub async fn interrupted() {
    let (terminated, hung_up) = (told(SignalKind::terminate()), told(SignalKind::hangup()));
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => if pressed.is_err() { std::future::pending().await },
        () = terminated => {}
        () = hung_up => {}
    }
}

/// Where a signal cannot be listened for, it ends the process as it always did.
async fn told(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

/// Runs `main` to its end on the machine's clock, in a thread and a runtime of its own, as embedded runs have theirs.
#[expect(clippy::disallowed_methods, reason = "one thread for one run, as for an embedded one")]
pub fn in_real_time<T, F>(main: impl FnOnce() -> F + Send + 'static) -> std::io::Result<oneshot::Receiver<T>>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (done, ended) = oneshot::channel();
    let thread = std::thread::Builder::new().name("real-time".to_owned()).stack_size(16 << 20);
    thread.spawn(move || {
        let value = runtime.block_on(async { main().await });
        // Whoever asked may have gone.
        let _ = done.send(value);
    })?;
    Ok(ended)
}
