//! What this machine has: an engine, ministack, the functions' binaries.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use blackstart::wait::{self, Look};

const REQUIRED: &str = "BLACKSTART_REQUIRE_EMULATORS";

/// Says that a test is skipped, and why; where emulators are required that is a failure.
pub fn skip(why: &str) {
    assert!(std::env::var(REQUIRED).as_deref() != Ok("1"), "{REQUIRED}=1, and {why}");
    eprintln!("SKIPPED: {why}");
}

/// Whether a container engine answers that has the image; says so where it does not.
pub fn engine(image: &str) -> bool {
    let mut asking = Command::new("docker");
    asking.args(["image", "inspect", image]).stdout(Stdio::null()).stderr(Stdio::null());
    let has = asking.status().is_ok_and(|status| status.success());
    if !has {
        skip(&format!("no container engine with the image {image} answers (docker image inspect {image})"));
    }
    has
}

/// The containers this project has started and not removed.
pub fn containers() -> Vec<String> {
    let listed = Command::new("docker").args(["ps", "--all", "--quiet", "--filter", "label=blackstart"]).output();
    String::from_utf8_lossy(&listed.expect("docker ps").stdout).lines().map(str::to_owned).collect()
}

/// A folder with the functions as an emulator on this machine runs them: `<crate>/bootstrap`, of this very build.
pub fn functions(folder: &Path) -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_blackstart")).parent().expect("a target folder");
    let packages = folder.join("functions");
    for name in ["orders", "failover", "rotation"] {
        let own = packages.join(name);
        std::fs::create_dir_all(&own).expect("a folder");
        std::fs::copy(built.join(name), own.join("bootstrap")).expect("the function's binary, which its tests build");
    }
    packages
}

/// ministack, on a port of its own; stopped when this is dropped.
pub struct Ministack {
    process: Child,
    pub url: String,
}

impl Ministack {
    /// `None`, said loudly, where it is not installed: `python3 -m venv target/ministack &&
    /// target/ministack/bin/pip install 'ministack[full]' cbor2`.
    pub fn start() -> Option<Self> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/ministack/bin/ministack");
        let program = std::env::var_os("BLACKSTART_MINISTACK").map_or(own, PathBuf::from);
        if !program.is_file() {
            skip(&format!("there is no ministack at {} (pip install 'ministack[full]' cbor2)", program.display()));
            return None;
        }
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let process = Command::new(program)
            .env("GATEWAY_PORT", port.to_string())
            // Functions get it from here.
            .env("AWS_ENDPOINT_URL", &url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("IOT_MTLS_ENABLED", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ministack starts");
        let started = Self { process, url };
        started.ready();
        Some(started)
    }

    fn ready(&self) {
        let address = self.url.trim_start_matches("http://").to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let look = || async {
                Ok::<_, std::io::Error>(match tokio::net::TcpStream::connect(&address).await {
                    Ok(_) => Look::Ready(()),
                    Err(why) => Look::NotYet(why.to_string()),
                })
            };
            let every = Duration::from_millis(50);
            wait::until("ministack", Duration::from_secs(30), every, look).await.expect("a look").expect("ready");
        });
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
