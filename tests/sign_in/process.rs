//! The built program with a gateway of messages: killed, started again, and looked through for secrets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use parvandeh::principal::Role;
use parvandeh_domain::one_time_code::FAILURES_MAX;
use serde_json::{Value, json};

use super::bank::wrong;
use crate::harness::process::{Process, token};

/// A gateway that takes messages; answers where it listens, and what it was asked to send and with which authorisation.
pub fn gateway() -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/send", listener.local_addr().unwrap());
    let (sender, messages) = channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut reader = BufReader::new(connection.unwrap());
            let (mut length, mut authorisation) = (0, String::new());
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                let (name, value) = line.trim().split_once(": ").unwrap_or((&line, ""));
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.parse().unwrap(),
                    "authorization" => authorisation = value.to_owned(),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            reader.get_mut().write_all(answer).unwrap();
            let _ = sender.send((authorisation, serde_json::from_slice(&body).unwrap()));
        }
    });
    (url, messages)
}

async fn ask(process: &Process, query: &str, variables: Value) -> Value {
    let request = reqwest::Client::new().post(process.url("/graphql"));
    let request =
        request.bearer_auth(token(Role::Service)).header("content-type", "application/json");
    let body = json!({ "query": query, "variables": variables }).to_string();
    let text = request.body(body).send().await.unwrap().text().await.unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"].clone()
}

pub async fn post(process: &Process, path: &str, body: Value) -> (u16, String) {
    let request = reqwest::Client::new().post(process.url(path));
    let request = request.header("content-type", "application/json").body(body.to_string());
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The code in a message.
pub fn code_of(message: &Value) -> String {
    let text = message["text"].as_str().unwrap();
    let is_code = |word: &&str| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit());
    text.split(|c: char| !c.is_ascii_digit()).find(is_code).unwrap().to_owned()
}

/// Whether a text stands by itself among these bytes: not in the middle of a longer number or of hexadecimal digits, where chance puts it.
fn holds(bytes: &[u8], secret: &str) -> bool {
    let is_word = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b'-'))
    };
    bytes.windows(secret.len()).enumerate().any(|(at, window)| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        window == secret.as_bytes() && !is_word(before) && !is_word(bytes.get(at + secret.len()))
    })
}

fn files_with(directory: &Path, secret: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_with(&path, secret, found);
        } else if std::fs::read(&path).is_ok_and(|bytes| holds(&bytes, secret)) {
            found.push(path.display().to_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_outlives_a_killed_process_and_no_secret_is_in_a_file_a_line_or_a_metric() {
    let directory = tempfile::tempdir().unwrap();
    let (url, messages) = gateway();
    let token_file = directory.path().join("gateway.token");
    std::fs::write(&token_file, "gateway-secret\n").unwrap();
    let configuration = format!(
        "[cards]\nissuer_prefix = \"93640077\"\n[sign_in]\nanswer_milliseconds = 20\n[delivery]\nurl = {url:?}\ntoken_file = {token_file:?}\n"
    );
    let every_line = [("PARVANDEH_LOG", "parvandeh=trace,info")];
    let serve = || Process::serve(directory.path(), &configuration, &every_line);
    let message = || messages.recv_timeout(Duration::from_secs(30)).unwrap();
    let mut secrets = Vec::new();

    let process = serve();
    let register = "mutation { registerCustomer(input: { kind: INDIVIDUAL, name: \"x\", language: ENGLISH }) { customer { id } } }";
    let customer =
        ask(&process, register, json!({})).await["registerCustomer"]["customer"]["id"].clone();
    let run = async |name: &str, fields: &str, input: Value| {
        let input_type = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
        let query = format!(
            "mutation($input: {input_type}!) {{ {name}(input: $input) {{ {fields} userErrors {{ code }} }} }}"
        );
        let mut data = ask(&process, &query, json!({ "input": input })).await;
        assert_eq!(data[name]["userErrors"], json!([]), "{data}");
        data[name].take()
    };
    let point = json!({ "customerId": customer, "kind": "PHONE", "value": "+98 912 345 6789" });
    run("addContactPoint", "customer { id }", point).await;
    let point = json!({ "customerId": customer, "contactPoint": 1 });
    run("requestContactPointVerification", "customer { id }", point).await;
    let (authorisation, sent) = message();
    assert_eq!(authorisation, "Bearer gateway-secret");
    assert_eq!((&sent["kind"], &sent["to"]), (&json!("phone"), &json!("+989123456789")));
    let code = code_of(&sent);
    let said = json!({ "customerId": customer, "contactPoint": 1, "code": code });
    secrets.push(code);
    run("verifyContactPoint", "customer { id }", said).await;
    let issued = run("issueCard", "card { id } number", json!({ "customerId": customer })).await;
    let number = issued["number"].as_str().unwrap().to_owned();
    assert!(number.starts_with("93640077"), "{number}");
    run("activateCard", "card { id }", json!({ "cardId": issued["card"]["id"] })).await;
    let asked = post(&process, "/sign-in/code", json!({ "card": number })).await;
    assert_eq!(asked.0, 202);
    let code = code_of(&message().1);
    let wrong_said = json!({ "card": number, "code": wrong(&code) });
    for _ in 0..FAILURES_MAX {
        assert_eq!(post(&process, "/sign-in", wrong_said.clone()).await.0, 401);
    }
    let metrics = reqwest::get(process.url("/metrics")).await.unwrap().text().await.unwrap();
    // Not asked to stop: killed.
    drop(process);

    let process = serve();
    let right = json!({ "card": number, "code": code });
    assert_eq!(post(&process, "/sign-in", right).await.0, 401);
    secrets.extend([code, number.clone(), number[6..].to_owned(), "gateway-secret".to_owned()]);
    process.terminate();
    let (_, lines) = process.wait();
    let lines = lines.join("\n");
    assert!(lines.contains("request"), "{lines}");
    for secret in &secrets {
        let mut found = Vec::new();
        files_with(&directory.path().join("data"), secret, &mut found);
        assert!(found.is_empty(), "{found:?}");
        assert!(!holds(metrics.as_bytes(), secret) && !holds(lines.as_bytes(), secret), "{secret}");
    }
}
