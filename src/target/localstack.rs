//! LocalStack, started in containers and removed again: one for all Regions, or one for each, so that a Region can be
//! paused for real.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use testcontainers::core::{ContainerPort, ContainerRequest};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};

use super::TargetError;
use super::emulator::{Endpoints, Pause, is_healthy};
use crate::region::Region;
use crate::scenario::{Containers as How, Localstack};
use crate::wait::{self, Look};

/// Where it listens inside (LocalStack's edge port).
const PORT: u16 = 4566;
/// Found by whoever cleans up after a process that was killed: `docker ps --filter label=blackstart`.
const LABEL: (&str, &str) = ("blackstart", "localstack");

/// Running containers. They are removed when this is dropped, and surely by [`Containers::remove`].
pub struct Containers {
    running: Vec<Running>,
}

struct Running {
    regions: Vec<Region>,
    url: String,
    container: ContainerAsync<GenericImage>,
}

impl Containers {
    /// Starts what the settings ask for, and waits until each says that it is ready.
    pub async fn start(settings: &Localstack, regions: &[Region]) -> Result<Self, TargetError> {
        let groups: Vec<Vec<Region>> = match settings.containers {
            How::One => vec![regions.to_vec()],
            How::PerRegion => regions.iter().map(|region| vec![*region]).collect(),
        };
        let mut running = Vec::new();
        for regions in groups {
            let container = request(settings).start().await.map_err(|why| not_started(settings, &why))?;
            let host = container.get_host().await.map_err(|why| not_started(settings, &why))?;
            let port = container.get_host_port_ipv4(PORT).await.map_err(|why| not_started(settings, &why))?;
            let host = if host.to_string() == "localhost" { "127.0.0.1".to_owned() } else { host.to_string() };
            running.push(Running { regions, url: format!("http://{host}:{port}"), container });
        }
        let containers = Self { running };
        for one in &containers.running {
            if let Err(why) = ready(&one.url, settings.ready_within).await {
                let log = containers.log().await;
                return Err(TargetError(format!(
                    "{}: {why}; its log ends:\n{}",
                    image(settings),
                    last_lines(&log, 20)
                )));
            }
        }
        Ok(containers)
    }

    pub fn endpoints(&self) -> Endpoints {
        let each = self.running.iter();
        Endpoints::of(each.flat_map(|one| one.regions.iter().map(|region| (*region, one.url.clone()))).collect())
    }

    /// Whether each Region has one of its own.
    pub fn can_pause(&self) -> bool {
        self.running.iter().all(|one| one.regions.len() == 1)
    }

    /// What the containers wrote, one after the other.
    pub async fn log(&self) -> String {
        let mut log = String::new();
        for one in &self.running {
            let out = one.container.stdout_to_vec().await.unwrap_or_default();
            let err = one.container.stderr_to_vec().await.unwrap_or_default();
            let names: Vec<&str> = one.regions.iter().map(|region| region.as_str()).collect();
            log.push_str(&format!("== {} ({})\n", one.url, names.join(", ")));
            log.push_str(&String::from_utf8_lossy(&out));
            log.push_str(&String::from_utf8_lossy(&err));
        }
        log
    }

    /// Stops and removes all of them.
    pub async fn remove(self) -> Result<(), TargetError> {
        let mut left = Vec::new();
        for one in self.running {
            let id = one.container.id().to_owned();
            // A paused container cannot be removed everywhere.
            let _ = one.container.unpause().await;
            if let Err(why) = one.container.rm().await {
                left.push(format!("container {id} is left: {why}; remove it with docker rm -f {id}"));
            }
        }
        if left.is_empty() { Ok(()) } else { Err(TargetError(left.join("; "))) }
    }

    fn of(&self, region: Region) -> Result<&Running, TargetError> {
        let found = self.running.iter().find(|one| one.regions.contains(&region));
        found.ok_or_else(|| TargetError(format!("no container for {region}")))
    }
}

fn image(settings: &Localstack) -> String {
    format!("{}:{}", settings.image, settings.tag)
}

fn request(settings: &Localstack) -> ContainerRequest<GenericImage> {
    let port = ContainerPort::Tcp(PORT);
    let mut request =
        ContainerRequest::from(GenericImage::new(settings.image.clone(), settings.tag.clone()).with_exposed_port(port))
            .with_label(LABEL.0, LABEL.1)
            .with_startup_timeout(settings.ready_within);
    for (name, value) in &settings.environment {
        request = request.with_env_var(name, value);
    }
    for name in &settings.pass {
        if let Ok(value) = std::env::var(name) {
            request = request.with_env_var(name, value);
        }
    }
    request
}

fn not_started(settings: &Localstack, why: &dyn std::fmt::Display) -> TargetError {
    TargetError(format!(
        "{} could not be started: {why}; a container engine must answer (DOCKER_HOST) and have the image \
         (docker pull {})",
        image(settings),
        image(settings)
    ))
}

async fn ready(url: &str, within: Duration) -> Result<(), String> {
    let look = || async {
        let healthy = is_healthy(url).await;
        Ok::<_, std::convert::Infallible>(match healthy {
            Ok(()) => Look::Ready(()),
            Err(why) => Look::NotYet(why),
        })
    };
    match wait::until("its health", within, Duration::from_millis(200), look).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(gave_up)) => Err(gave_up.to_string()),
    }
}

fn last_lines(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Pauses the processes of a Region's container.
pub struct Pauses(pub Arc<Containers>);

impl Pause for Pauses {
    fn pause(&self, region: Region) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async move {
            let paused = self.0.of(region)?.container.pause().await;
            paused.map_err(|why| TargetError(format!("the container of {region} cannot be paused: {why}")))
        })
    }

    fn resume(&self, region: Region) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async move {
            let resumed = self.0.of(region)?.container.unpause().await;
            resumed.map_err(|why| TargetError(format!("the container of {region} cannot be resumed: {why}")))
        })
    }
}
