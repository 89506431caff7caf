//! `parvandeh serve` as a child process that can be killed.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::client::{AUDIENCE, ISSUER, Signer};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_parvandeh");
const PATIENCE: Duration = Duration::from_secs(60);

/// One server: where it lives, how it is started, and the process while there is one.
pub struct Server {
    /// The address of its API.
    pub base: String,
    /// Its data directory.
    pub data: PathBuf,
    listen: String,
    configuration: PathBuf,
    /// What the processes say, one after the other.
    pub log: PathBuf,
    environment: Vec<(String, String)>,
    /// The largest file that the process may write, in bytes.
    pub file_size_bytes_max: Option<u64>,
    child: Option<Child>,
}

impl Server {
    /// Prepares a server with this data directory; its configuration and its log lie in `home`. `settings` are further lines of the
    /// configuration.
    pub fn prepare(
        home: &Path,
        name: &str,
        data: &Path,
        signer: &Signer,
        settings: &str,
        environment: Vec<(String, String)>,
    ) -> Self {
        let key = home.join("key.pem");
        std::fs::write(&key, &signer.public_pem).unwrap();
        let configuration = home.join(format!("{name}.toml"));
        let text = format!(
            "{settings}\n[authentication]\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\n\
             algorithms = [\"EdDSA\"]\npem_file = {key:?}\n"
        );
        std::fs::write(&configuration, text).unwrap();
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let listen = free.local_addr().unwrap().to_string();
        Self {
            base: format!("http://{listen}"),
            data: data.to_owned(),
            listen,
            configuration,
            log: home.join(format!("{name}.log")),
            environment,
            file_size_bytes_max: None,
            child: None,
        }
    }

    /// Starts a process, which is not ready yet.
    pub fn start(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let mut command = match self.file_size_bytes_max {
            None => Command::new(PROGRAM),
            Some(size_bytes) => {
                // Without the signal, a write beyond the limit fails as one on a full disk does. Units of 512 bytes.
                let limit = size_bytes.div_ceil(512);
                let mut command = Command::new("sh");
                command.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {limit}; exec \"$@\""));
                command.arg("sh").arg(PROGRAM);
                command
            }
        };
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        command
            .args(["serve", "--listen", &self.listen])
            .arg("--data-directory")
            .arg(&self.data)
            .arg("--config")
            .arg(&self.configuration)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.child = Some(command.spawn().unwrap());
    }

    /// Starts a process and waits until it is ready.
    pub async fn start_ready(&mut self) {
        self.start();
        let start = Instant::now();
        while !self.is_ready().await {
            let ended = self.ended();
            assert!(
                ended.is_none(),
                "the server ended by itself: {ended:?}\n{}",
                self.last_words()
            );
            let late = start.elapsed() > PATIENCE;
            assert!(!late, "not ready after {PATIENCE:?}\n{}", self.last_words());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether it says that requests may be sent to it.
    pub async fn is_ready(&self) -> bool {
        let asked = reqwest::Client::new()
            .get(format!("{}/health/ready", self.base))
            .timeout(Duration::from_secs(2))
            .send();
        asked.await.is_ok_and(|response| response.status().is_success())
    }

    /// How the process ended, where it ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let ended = self.child.as_mut()?.try_wait().unwrap();
        if ended.is_some() {
            self.child = None;
        }
        ended
    }

    /// Sends a signal (`STOP`, `CONT`, `TERM`) to the process.
    pub fn signal(&self, name: &str) {
        let Some(child) = &self.child else { return };
        let sent =
            Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "the signal {name} is sent");
    }

    /// Kills the process, if there is one, and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks the process to stop and waits until it has.
    pub async fn stop(&mut self) {
        self.signal("TERM");
        let start = Instant::now();
        loop {
            match self.child.as_mut().expect("it runs").try_wait().unwrap() {
                Some(status) => {
                    self.child = None;
                    assert!(status.success(), "{status}\n{}", self.last_words());
                    return;
                }
                None => assert!(start.elapsed() < PATIENCE, "it does not stop"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The end of what it has said.
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
