//! `parvandeh export`, as people run it.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use flate2::read::GzDecoder;
use parvandeh::export::Format;

use super::story::Story;
use super::{EVENT_LOGS, everything, exported, fill};

fn parvandeh(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parvandeh"));
    command.args(arguments).arg("--data-directory").arg(directory).env("LC_ALL", "C.UTF-8");
    command
}

#[track_caller]
fn run(directory: &Path, arguments: &[&str], exit: i32) -> Output {
    let output = parvandeh(directory, arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {error}");
    output
}

fn files(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_a_compressed_file_and_standard_output_get_the_same() {
    let (data, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Story::tell(data.path()).await;
    let path = |name: &str| target.path().join(name).display().to_string();
    for format in EVENT_LOGS {
        let expected = exported(data.path(), format, &everything());
        let name = format.as_str();
        run(data.path(), &["export", name, &path(name)], 0);
        assert_eq!(std::fs::read_to_string(path(name)).unwrap(), expected);
        let output = run(data.path(), &["export", name, "-"], 0);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);

        let compressed = format!("{name}.gz");
        run(data.path(), &["export", name, &path(&compressed)], 0);
        let bytes = std::fs::read(path(&compressed)).unwrap();
        let mut text = String::new();
        GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!(text, expected);
        run(data.path(), &["export", name, &path(&compressed)], 0);
        assert_eq!(std::fs::read(path(&compressed)).unwrap(), bytes, "the same bytes again");
    }
    assert_eq!(files(target.path()).len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_data_are_for_a_stated_purpose_alone() {
    let data = tempfile::tempdir().unwrap();
    Story::tell(data.path()).await;
    run(data.path(), &["export", "xes", "-", "--personal"], 2);
    run(data.path(), &["export", "xes", "-", "--purpose", "x"], 2);
    run(data.path(), &["export", "xes", "-", "--personal", "--purpose", " "], 2);
    let arguments = ["export", "xes", "-", "--personal", "--purpose", "an inspection"];
    let output = run(data.path(), &arguments, 0);
    assert!(String::from_utf8_lossy(&output.stdout).contains(super::CANARY));
    let is_said = |output: &Output| {
        String::from_utf8_lossy(&output.stderr).contains("The access log does not tell of that")
    };
    assert!(is_said(&output));
    assert!(!is_said(&run(data.path(), &["export", "xes", "-"], 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_cannot_be_made_leaves_what_was_there() {
    let (data, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = target.path().join("log.xes");
    std::fs::write(&file, "the last one").unwrap();
    let file = file.display().to_string();
    let output = run(data.path(), &["export", "xes", &file], 1);
    assert!(String::from_utf8(output.stderr).unwrap().contains("there is no log"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "the last one");
    assert_eq!(files(target.path()).len(), 1);

    fill(data.path(), 200, 1_000).await;
    let mut child =
        parvandeh(data.path(), &["export", "ocel", &file]).stderr(Stdio::piped()).spawn().unwrap();
    let partial = format!("{file}.partial");
    while std::fs::metadata(&partial).map_or(0, |partial| partial.len()) == 0 {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it was interrupted");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success()
    );
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("the export was stopped"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "the last one");
    assert_eq!(files(target.path()).len(), 1);
}

/// The events of an export as XES, each with its case, without what differs from log to log.
fn told(xes: &str) -> BTreeSet<(String, Vec<String>)> {
    let mut told = BTreeSet::new();
    for trace in xes.split("<trace>").skip(1) {
        let (head, events) = trace.split_once("<event>").unwrap_or((trace, ""));
        let name = head.lines().find(|line| line.contains("concept:name")).unwrap().trim();
        let events = events.lines().map(str::trim);
        let keys = ["concept:name", "time:timestamp", "lifecycle:", "org:resource", "org:group"];
        let events = events.filter(|line| keys.iter().any(|key| line.contains(key)));
        told.insert((name.to_owned(), events.map(str::to_owned).collect()));
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_exported_and_imported_elsewhere_comes_out_as_it_went_in() {
    let (data, other, target) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Story::tell(data.path()).await;
    let file = target.path().join("log.xes.gz").display().to_string();
    run(data.path(), &["export", "xes", &file], 0);
    let mapping = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/mappings/parvandeh-xes.toml");
    run(other.path(), &["import", &file, "--mapping", mapping], 0);
    let before = told(&exported(data.path(), Format::Xes, &everything()));
    assert_eq!(before.len(), 4);
    assert_eq!(told(&exported(other.path(), Format::Xes, &everything())), before);
}
