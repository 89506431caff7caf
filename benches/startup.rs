//! How soon `parvandeh serve` is ready over a projected log, and what memory it holds then: after a clean stop, and after a kill in the
//! middle of heavy writing. The yardstick in the same run is `parvandeh serve` over an empty log.
//!
//! `cargo bench --bench startup -- [events, 1000000]`

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parvandeh::app::App;
use parvandeh::store::EventStore;
use parvandeh::store::sqlite::SqliteStore;
use support::measure::{ROUNDS, directory, median};
use support::portfolio;
use tokio::runtime::Runtime;

mod support {
    pub mod measure;
    pub mod portfolio;
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_parvandeh");
/// As an argument, makes this program the victim: it opens the data directory and writes until it is killed.
const WRITE_UNTIL_KILLED: &str = "write-until-killed";
/// About half of the lag at which the process would not count as ready.
const CASES_AT_ONCE: u64 = 500;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, first, directory] = &arguments[..]
        && first == WRITE_UNTIL_KILLED
    {
        return write_until_killed(Path::new(directory));
    }
    let events = arguments.iter().find_map(|argument| argument.parse::<usize>().ok());
    let cases = (events.unwrap_or(1_000_000) / portfolio::EVENTS_PER_CASE) as u64;

    let home = directory();
    let (full, empty) = (home.path().join("full"), home.path().join("empty"));
    let events = Runtime::new().expect("a runtime").block_on(async {
        let store = Arc::new(SqliteStore::open(&full).expect("a store"));
        portfolio::fill(&store, &portfolio::vault(&full), 0..cases).await
    });
    let server = Server::new(home.path());
    let built = server.start(&full).stop();
    server.start(&empty).stop();
    println!(
        "{events} events of {cases} cases, the read models built at the first start in {:.1} s; medians of {ROUNDS} alternating rounds",
        built.ready_ms / 1e3
    );

    let (mut clean, mut killed, mut yardstick) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        clean.push(server.start(&full).stop());
        yardstick.push(server.start(&empty).stop());
        kill_while_writing(&full);
        killed.push(server.start(&full).stop());
    }
    println!("{:<34}{:>9}{:>17}{:>13}", "start", "ready ms", "resident MB", "at most MB");
    for (case, starts) in [
        ("after a clean stop", &clean),
        ("after a kill while writing", &killed),
        ("yardstick: empty log", &yardstick),
    ] {
        println!(
            "{case:<34}{:>9.0}{:>17.1}{:>13.1}",
            median(starts.iter().map(|start| start.ready_ms)),
            median(starts.iter().map(|start| start.resident_mb)),
            median(starts.iter().map(|start| start.resident_max_mb)),
        );
    }
}

/// One start of the program.
struct Started {
    process: Child,
    ready_ms: f64,
    resident_mb: f64,
    resident_max_mb: f64,
}

impl Started {
    fn stop(mut self) -> Self {
        let id = self.process.id().to_string();
        let signalled = Command::new("kill").args(["-TERM", &id]).status();
        assert!(signalled.is_ok_and(|status| status.success()), "the signal to stop");
        assert!(self.process.wait().is_ok_and(|status| status.success()), "a clean end");
        self
    }
}

/// How the program is started.
struct Server {
    configuration: PathBuf,
}

impl Server {
    /// Tokens are never looked at, so that the keys need not exist: they are fetched when first needed.
    fn new(directory: &Path) -> Self {
        let configuration = directory.join("parvandeh.toml");
        let text = "[authentication]\nissuer = \"nobody\"\naudience = \"parvandeh\"\nalgorithms = [\"EdDSA\"]\n\
                    jwks_url = \"http://127.0.0.1:9/keys\"\n";
        std::fs::write(&configuration, text).expect("a configuration");
        Self { configuration }
    }

    /// Starts the program and waits until it is ready.
    fn start(&self, data: &Path) -> Started {
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let address = free.expect("a free port");
        let start = Instant::now();
        let process = Command::new(PROGRAM)
            .args(["serve", "--listen", &address.to_string()])
            .arg("--data-directory")
            .arg(data)
            .arg("--config")
            .arg(&self.configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        while !is_ready(address) {
            assert!(start.elapsed() < PATIENCE, "the program is not ready after {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
        let ready_ms = start.elapsed().as_secs_f64() * 1e3;
        let (resident_mb, resident_max_mb) = memory_mb(process.id());
        Started { process, ready_ms, resident_mb, resident_max_mb }
    }
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || {
        let mut connection = TcpStream::connect(address)?;
        connection.write_all(
            b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        )?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer)?;
        std::io::Result::Ok(answer.starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// What a process holds in memory and what it has held at most, in megabytes (10^6 bytes).
fn memory_mb(process: u32) -> (f64, f64) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("Linux");
    let value = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).expect("a known line");
        let kibibytes = line.split_whitespace().nth(1).and_then(|value| value.parse::<f64>().ok());
        kibibytes.expect("a number") * 1024.0 / 1e6
    };
    (value("VmRSS:"), value("VmHWM:"))
}

/// Lets another process write to the data directory, and kills it in the middle.
fn kill_while_writing(data: &Path) {
    let program = std::env::current_exe().expect("this program");
    let mut victim = Command::new(program)
        .arg(WRITE_UNTIL_KILLED)
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the victim starts");
    let mut first = [0];
    victim.stdout.take().expect("it was piped").read_exact(&mut first).expect("it writes");
    std::thread::sleep(Duration::from_millis(500));
    victim.kill().expect("the victim dies");
    victim.wait().expect("it is dead");
}

fn write_until_killed(data: &Path) {
    Runtime::new().expect("a runtime").block_on(async {
        let app = App::open(data).await.expect("the data directory");
        app.start_read_models(|_| {}).await.expect("the read models");
        let before = app.store.head();
        let (store, mut head) = (app.log.clone(), app.store.head_changes());
        tokio::spawn(async move {
            head.wait_for(|head| *head > before).await.expect("the store lives");
            println!("writing");
        });
        // Numbers that no earlier run has used: there are more events than cases. The read models keep pace, as they do while the
        // process counts as ready.
        let mut first = before.map_or(0, |before| before.0);
        loop {
            portfolio::fill(&store, &app.vault, first..first + CASES_AT_ONCE).await;
            first += CASES_AT_ONCE;
            let head = store.head().expect("an event");
            app.read_models.wait_for(head).await.expect("the read models");
        }
    });
}
