//! The built program as a process of its own, which can be sent signals and read the lines of.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parvandeh::principal::Role;
use serde_json::{Value, json};

/// The key pair of the tests' identity provider.
const PRIVATE_KEY: &[u8] = include_bytes!("../transport/keys/ed.pem");
const PUBLIC_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transport/keys/ed.pub.pem");
const ISSUER: &str = "https://id.example.org";

/// `parvandeh serve` on a free port. Dropping it kills it.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    /// Where it listens.
    pub address: String,
}

impl Process {
    /// Starts on a data directory with these lines at the head of the configuration, and waits until it serves.
    pub fn serve(directory: &Path, configuration: &str, environment: &[(&str, &str)]) -> Self {
        let file = directory.join("parvandeh.toml");
        let authentication = format!(
            "[authentication]\nissuer = {ISSUER:?}\naudience = \"parvandeh\"\nalgorithms = [\"EdDSA\"]\npem_file = {PUBLIC_KEY:?}\n"
        );
        std::fs::write(&file, format!("{configuration}\n{authentication}")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_parvandeh"))
            .args(["serve", "--log-format", "json", "--listen", "127.0.0.1:0", "--config"])
            .arg(&file)
            .arg("--data-directory")
            .arg(directory.join("data"))
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let said = BufReader::new(child.stderr.take().unwrap());
        // The pipe is emptied all the time, or the process would come to a halt when it is full.
        std::thread::spawn(move || {
            for line in said.lines() {
                let _ = sender.send(line.unwrap());
            }
        });
        let mut process = Self { child, lines, address: String::new() };
        process.address = process.await_line("ready")["address"].as_str().unwrap().to_owned();
        process
    }

    /// The next line with this message.
    pub fn await_line(&self, message: &str) -> Value {
        let mut before = Vec::new();
        loop {
            let Ok(line) = self.lines.recv() else {
                panic!("the process never said {message:?}: {before:#?}")
            };
            match serde_json::from_str::<Value>(&line) {
                Ok(line) if line["message"] == message => return line,
                _ => before.push(line),
            }
        }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Asks it to stop, as an orchestrator does.
    pub fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Waits for its end; answers how it ended, and the lines that nobody has read.
    pub fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let status = self.child.wait().unwrap();
        (status, self.lines.iter().collect())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, where all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A token that the process accepts.
pub fn token(role: Role) -> String {
    token_of(role, &format!("test-{role}"), &format!("Test {role}"))
}

/// A token of somebody whom the identity provider knows by this id and this name.
pub fn token_of(role: Role, subject: &str, name: &str) -> String {
    token_with(json!({ "sub": subject, "name": name, "role": role, "units": ["care"] }))
}

/// A token with these claims beside those that every token has.
pub fn token_with(mut claims: Value) -> String {
    claims["iss"] = json!(ISSUER);
    claims["aud"] = json!("parvandeh");
    claims["exp"] = json!((Timestamp::now() + SignedDuration::from_hours(1)).as_second());
    let key = EncodingKey::from_ed_pem(PRIVATE_KEY).unwrap();
    jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &key).unwrap()
}
