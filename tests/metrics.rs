//! What operators see: the metrics that are documented, and why a process is not ready.

use std::collections::BTreeMap;

use parvandeh::clock::SystemClock;
use parvandeh::metrics::{CallbackOutcome, OpenSubscription, RateLimitScope};
use parvandeh::principal::Role;
use serde_json::{Value, json};

use crate::harness::System;
use crate::harness::process::Process;
use crate::harness::work::{metadata, numbered_case, on_case, open_case};

pub async fn scrape(system: &System) -> String {
    reqwest::get(system.url("/metrics")).await.unwrap().text().await.unwrap()
}

/// Names and types as a scrape declares them, in the form in which samples bear them.
pub fn declared(text: &str) -> BTreeMap<String, String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let full = |(name, kind): (&str, &str)| {
        let name = match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        (name, kind.to_owned())
    };
    types.map(full).collect()
}

/// Names and types as the guide has them.
pub fn documented() -> BTreeMap<String, String> {
    let guide = include_str!("../docs/metrics.md");
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `parvandeh_"));
    rows.map(|row| {
        let (name, rest) = row.split_once("` | ").unwrap();
        (format!("parvandeh_{name}"), rest.split(' ').next().unwrap().to_owned())
    })
    .collect()
}

/// The value of a metric in a scrape.
pub fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is there: {text}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_is_documented_and_every_documented_metric_is_there() {
    let system = System::start().await;
    // What has not happened yet is not there, so it happens.
    let now = system.app.clock.now();
    on_case(&system.app.commands, numbered_case(1), metadata(Some(now)), open_case(1, now))
        .await
        .unwrap();
    system.caller(Role::Agent).ask("{ cases(first: 1) { nodes { id } } }", json!({})).await;
    let _subscription = OpenSubscription::over("sse");
    RateLimitScope::Principal.count();
    CallbackOutcome::Unsigned.count();
    let head = system.app.store.head().unwrap();
    system.app.read_models.wait_for(head).await.unwrap();

    let text = scrape(&system).await;
    let mut documented = documented();
    documented.retain(|name, _| !name.starts_with("parvandeh_replica_"));
    assert_eq!(declared(&text), documented);
    assert!(value(&text, "parvandeh_log_position") >= 2.0);
    assert_eq!(value(&text, "parvandeh_read_models_lag_seconds"), 0.0);
    assert_eq!(value(&text, "parvandeh_sla_monitor_lag_seconds"), 0.0);
    assert!(value(&text, "parvandeh_log_size_bytes") > 0.0);
    assert!(value(&text, "parvandeh_disk_free_bytes") > 0.0);
    assert!(value(&text, "parvandeh_vault_keys_age_seconds") < 3_600.0);
    for (name, labels) in [
        ("parvandeh_command_duration_seconds_count", "{category=\"case\",outcome=\"written\"}"),
        ("parvandeh_query_duration_seconds_count", "{operation=\"query\",outcome=\"answered\"}"),
        ("parvandeh_store_info", "{kind=\"sqlite\"}"),
    ] {
        assert!(value(&text, &format!("{name}{labels}")) >= 1.0);
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lag_is_the_age_of_the_oldest_event_that_is_not_in_the_read_models() {
    let system = System::start_with_clock(SystemClock).await;
    // The read models stand still from here on.
    system.app.read_models.stop().await;
    let now = system.app.clock.now();
    on_case(&system.app.commands, numbered_case(1), metadata(Some(now)), open_case(1, now))
        .await
        .unwrap();
    let text = scrape(&system).await;
    assert_eq!(value(&text, "parvandeh_read_models_lag_events"), 1.0);
    let first = value(&text, "parvandeh_read_models_lag_seconds");
    let mut later = first;
    while later <= first {
        later = value(&scrape(&system).await, "parvandeh_read_models_lag_seconds");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_disk_is_almost_full_is_not_ready_and_lives() {
    let directory = tempfile::tempdir().unwrap();
    // More than any disk has.
    let configuration = "drain_notice_seconds = 0\ndisk_free_mib_min = 1000000000000";
    let process = Process::serve(directory.path(), configuration, &[]);
    let ready = reqwest::get(process.url("/health/ready")).await.unwrap();
    assert_eq!(ready.status(), 503);
    let body: Value = serde_json::from_str(&ready.text().await.unwrap()).unwrap();
    let reason = body["reasons"][0].as_str().unwrap();
    assert!(reason.starts_with("the disk of the data directory is almost full: "), "{reason}");
    assert_eq!(reqwest::get(process.url("/health/live")).await.unwrap().status(), 200);
}
