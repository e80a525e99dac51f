//! LocalStack, started in containers and removed again: one for all Regions, or one for each, so that a Region can be
//! paused or cut off the network for real.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use testcontainers::bollard::errors::Error as EngineError;
use testcontainers::bollard::models::{NetworkConnectRequest, NetworkDisconnectRequest};
use testcontainers::bollard::query_parameters::{
    InspectContainerOptions, ListContainersOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
};
use testcontainers::core::client::docker_client_instance;
use testcontainers::core::{ContainerPort, ContainerRequest};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt, TestcontainersError};

use super::TargetError;
use super::emulator::{Endpoints, Process, is_healthy};
use crate::clock::Clock;
use crate::region::Region;
use crate::scenario::{Containers as How, Localstack};
use crate::wait::{self, Look};

/// Where it listens inside (LocalStack's edge port).
const PORT: u16 = 4566;
/// Found by whoever cleans up after a process that was killed: `docker ps --filter label=blackstart`.
const LABEL: (&str, &str) = ("blackstart", "localstack");
/// Says which start of this kind a container belongs to.
const START: &str = "blackstart-start";

/// Running containers, until [`Containers::remove`].
pub struct Containers {
    running: Mutex<Vec<Running>>,
    /// The value of the label [`START`] on all of them.
    start: String,
    /// Values of this process's environment that were passed on, and are in no log.
    secret: Vec<String>,
}

struct Running {
    regions: Vec<Region>,
    url: String,
    container: ContainerAsync<GenericImage>,
    /// The networks it was taken off.
    cut_off: Vec<String>,
}

impl Containers {
    /// Starts what the settings ask for, and waits until each says that it is ready. Where that fails nothing is left.
    pub async fn start(settings: &Localstack, regions: &[Region], clock: Clock) -> Result<Self, TargetError> {
        let secret = settings.passed().filter_map(|name| std::env::var(name).ok()).filter(|value| !value.is_empty());
        let containers = Self {
            running: Mutex::default(),
            start: format!("{}-{}", std::process::id(), clock.now().micros()),
            secret: secret.collect(),
        };
        match containers.run(settings, regions).await {
            Ok(()) => Ok(containers),
            Err(first) => Err(match containers.remove().await {
                Ok(()) => first,
                Err(left) => TargetError(format!("{first}; {left}")),
            }),
        }
    }

    async fn run(&self, settings: &Localstack, regions: &[Region]) -> Result<(), TargetError> {
        let groups: Vec<Vec<Region>> = match settings.containers {
            How::One => vec![regions.to_vec()],
            How::PerRegion => regions.iter().map(|region| vec![*region]).collect(),
        };
        let image = image(settings);
        for regions in groups {
            let started = request(settings).with_label(START, &self.start).start().await;
            let container = started.map_err(|why| not_started(&image, settings, &why))?;
            let url = url(&container).await.map_err(|why| not_started(&image, settings, &why))?;
            self.lock().push(Running { regions, url, container, cut_off: Vec::new() });
        }
        let urls: Vec<String> = self.lock().iter().map(|one| one.url.clone()).collect();
        for url in urls {
            if let Err(why) = ready(&url, settings.ready_within).await {
                let log = last_lines(&self.log().await, 20);
                return Err(TargetError(format!("{image}: {why}; its log ends:\n{log}")));
            }
        }
        Ok(())
    }

    pub fn endpoints(&self) -> Endpoints {
        let running = self.lock();
        let each = running.iter();
        Endpoints::of(each.flat_map(|one| one.regions.iter().map(|region| (*region, one.url.clone()))).collect())
    }

    /// Whether each Region has one of its own.
    pub fn are_regions(&self) -> bool {
        self.lock().iter().all(|one| one.regions.len() == 1)
    }

    /// What the containers wrote, one after the other.
    pub async fn log(&self) -> String {
        let mut log = String::new();
        let each: Vec<(String, String, String)> = self
            .lock()
            .iter()
            .map(|one| {
                let names: Vec<&str> = one.regions.iter().map(|region| region.as_str()).collect();
                (one.container.id().to_owned(), one.url.clone(), names.join(", "))
            })
            .collect();
        let Ok(engine) = docker_client_instance().await else { return log };
        for (id, url, regions) in each {
            log.push_str(&format!("== {url} ({regions})\n"));
            let options = LogsOptionsBuilder::new().stdout(true).stderr(true).build();
            let mut lines = engine.logs(&id, Some(options));
            while let Some(Ok(line)) = lines.next().await {
                log.push_str(&line.to_string());
            }
        }
        self.secret.iter().fold(log, |log, value| log.replace(value, "***"))
    }

    /// Stops and removes all of them, and whatever this start began and did not finish.
    pub async fn remove(&self) -> Result<(), TargetError> {
        // By the engine alone: a container whose start failed is known to nobody here.
        let started = std::mem::take(&mut *self.lock());
        let removed = match docker_client_instance().await {
            // Without an engine nothing was started.
            Err(_) if started.is_empty() => Ok(()),
            _ => self.sweep().await,
        };
        for one in started {
            // Its own way of going is to be removed, which has happened.
            let _ = one.container.rm().await;
        }
        removed.map_err(|why| {
            let filter = format!("docker ps -aq --filter label={START}={}", self.start);
            TargetError(format!("containers are left: {why}; remove them with docker rm -f $({filter})"))
        })
    }

    async fn sweep(&self) -> Result<(), TestcontainersError> {
        let engine = docker_client_instance().await?;
        let ours = [("label", vec![format!("{START}={}", self.start)])];
        let options = ListContainersOptionsBuilder::new().all(true).filters(&ours.into()).build();
        let found = engine.list_containers(Some(options)).await.map_err(TestcontainersError::other)?;
        let mut failed = None;
        for id in found.into_iter().filter_map(|container| container.id) {
            // A paused container cannot be removed everywhere.
            let _ = engine.unpause_container(&id).await;
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            match engine.remove_container(&id, Some(options)).await {
                // Somebody else was faster.
                Ok(()) | Err(EngineError::DockerResponseServerError { status_code: 404 | 409, .. }) => {}
                Err(why) => failed = Some(why),
            }
        }
        failed.map_or(Ok(()), |why| Err(TestcontainersError::other(why)))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of a Region's container.
    fn id(&self, region: Region) -> Result<String, TargetError> {
        let running = self.lock();
        let found = running.iter().find(|one| one.regions.contains(&region));
        found.map(|one| one.container.id().to_owned()).ok_or_else(|| TargetError(format!("no container for {region}")))
    }

    /// Takes a container off every network it is on.
    async fn disconnect(&self, id: &str) -> Result<(), TestcontainersError> {
        let engine = docker_client_instance().await?;
        let inspected = engine.inspect_container(id, None::<InspectContainerOptions>).await;
        let settings = inspected.map_err(TestcontainersError::other)?.network_settings.unwrap_or_default();
        for network in settings.networks.unwrap_or_default().into_keys() {
            let request = NetworkDisconnectRequest { container: id.to_owned(), force: Some(true) };
            engine.disconnect_network(&network, request).await.map_err(TestcontainersError::other)?;
            self.with(id, |one| one.cut_off.push(network));
        }
        Ok(())
    }

    /// Puts it back on them, and gives its URL: the engine may give it another port.
    async fn reconnect(&self, id: &str) -> Result<String, TestcontainersError> {
        let engine = docker_client_instance().await?;
        while let Some(network) = self.with(id, |one| one.cut_off.last().cloned()).flatten() {
            let request = NetworkConnectRequest { container: id.to_owned(), ..NetworkConnectRequest::default() };
            engine.connect_network(&network, request).await.map_err(TestcontainersError::other)?;
            self.with(id, |one| one.cut_off.pop());
        }
        let inspected = engine.inspect_container(id, None::<InspectContainerOptions>).await;
        let settings = inspected.map_err(TestcontainersError::other)?.network_settings.unwrap_or_default();
        let bound = settings.ports.unwrap_or_default().remove(&format!("{PORT}/tcp")).flatten().unwrap_or_default();
        let port = bound.into_iter().find_map(|binding| binding.host_port);
        let port = port.ok_or_else(|| TestcontainersError::other(format!("it has no port for {PORT} any longer")))?;
        let url = self.with(id, |one| {
            let host = one.url.rsplit_once(':').map_or(one.url.as_str(), |(host, _)| host).to_owned();
            one.url = format!("{host}:{port}");
            one.url.clone()
        });
        url.ok_or_else(|| TestcontainersError::other("it is gone"))
    }

    fn with<T>(&self, id: &str, act: impl FnOnce(&mut Running) -> T) -> Option<T> {
        self.lock().iter_mut().find(|one| one.container.id() == id).map(act)
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
    for name in settings.passed() {
        if let Ok(value) = std::env::var(name) {
            request = request.with_env_var(name, value);
        }
    }
    request
}

fn not_started(image: &str, settings: &Localstack, why: &TestcontainersError) -> TargetError {
    let way_out = match why {
        TestcontainersError::WaitContainer(_) => {
            let within = settings.ready_within.as_secs();
            format!("it had {within} s: localstack.ready_within in blackstart.yaml gives it longer")
        }
        _ => format!("a container engine must answer (DOCKER_HOST) and have the image (docker pull {image})"),
    };
    TargetError(format!("{image} could not be started: {why}; {way_out}"))
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

/// Where it listens, seen from here.
async fn url(container: &ContainerAsync<GenericImage>) -> Result<String, TestcontainersError> {
    let host = container.get_host().await?.to_string();
    let port = container.get_host_port_ipv4(PORT).await?;
    let host = if host == "localhost" { "127.0.0.1" } else { &host };
    Ok(format!("http://{host}:{port}"))
}

/// The container of a Region as its process.
pub struct Processes(pub Arc<Containers>);

impl Processes {
    fn failed(region: Region, what: &'static str) -> impl Fn(TestcontainersError) -> TargetError {
        move |why| TargetError(format!("the container of {region} {what}: {why}"))
    }
}

impl Process for Processes {
    fn pause(&self, region: Region) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async move {
            let (id, failed) = (self.0.id(region)?, Self::failed(region, "cannot be paused"));
            let engine = docker_client_instance().await.map_err(|why| failed(why.into()))?;
            engine.pause_container(&id).await.map_err(|why| failed(TestcontainersError::other(why)))
        })
    }

    fn resume(&self, region: Region) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async move {
            let (id, failed) = (self.0.id(region)?, Self::failed(region, "cannot be resumed"));
            let engine = docker_client_instance().await.map_err(|why| failed(why.into()))?;
            engine.unpause_container(&id).await.map_err(|why| failed(TestcontainersError::other(why)))
        })
    }

    fn disconnect(&self, region: Region) -> BoxFuture<'_, Result<(), TargetError>> {
        Box::pin(async move {
            let cut = self.0.disconnect(&self.0.id(region)?).await;
            cut.map_err(Self::failed(region, "cannot be cut off the network"))
        })
    }

    fn reconnect(&self, region: Region) -> BoxFuture<'_, Result<String, TargetError>> {
        Box::pin(async move {
            let back = self.0.reconnect(&self.0.id(region)?).await;
            back.map_err(Self::failed(region, "is cut off the network still"))
        })
    }
}
