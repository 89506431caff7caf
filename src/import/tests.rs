//! The importer's reading half as a whole: our own fixtures, damaged sources, and the real log.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use parvandeh_domain::case::{CaseKind, Channel, Priority};
use tempfile::TempDir;

use super::*;

mod damaged;
mod properties;

const MAPPING: &str = r#"
    [source]
    name = "test"
    [case]
    key = { attribute = "id" }
    kind = { constant = "request" }
    subject = "{title}"
    channel = { attribute = "via", otherwise = "portal" }
    opened_at = { attribute = "opened" }
    [activity]
    name = { attribute = "what" }
    occurred_at = { attribute = "at" }
"#;

type Outcome = Result<ImportedCase, ImportProblem>;

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn try_read_within(bytes: &[u8], limits: Limits) -> Result<Vec<Outcome>, OpenSourceError> {
    let folder = TempDir::new().unwrap();
    // The name says nothing, and must not need to.
    let path = folder.path().join("source");
    fs::write(&path, bytes).unwrap();
    Ok(read_within(&path, &Mapping::parse(MAPPING).unwrap(), limits)?.collect())
}

fn try_read_bytes(bytes: &[u8]) -> Result<Vec<Outcome>, OpenSourceError> {
    try_read_within(bytes, Limits::default())
}

#[track_caller]
fn read_bytes(bytes: &[u8]) -> Vec<Outcome> {
    try_read_bytes(bytes).unwrap()
}

/// The outcomes as short words: a case's key, or `line: message`, with `!` where the reading ended.
fn told(outcomes: &[Outcome]) -> Vec<String> {
    outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(case) => case.key.clone(),
            Err(problem) => format!(
                "{}{}: {}",
                problem.place.line,
                if problem.ends_source { "!" } else { "" },
                problem.message
            ),
        })
        .collect()
}

fn trace(id: &str) -> String {
    format!(
        "<trace><string key=\"id\" value=\"{id}\"/><string key=\"title\" value=\"t\"/>\
         <event><string key=\"what\" value=\"w\"/><date key=\"at\" value=\"2024-01-01T00:00:00Z\"/>\
         </event></trace>\n"
    )
}

fn log(traces: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<log>\n{traces}</log>\n")
}

fn line(id: &str) -> String {
    format!("{{\"id\":\"{id}\",\"title\":\"t\",\"what\":\"w\",\"at\":\"2024-01-01T00:00:00Z\"}}\n")
}

#[test]
fn the_xes_fixture_gives_four_cases_and_one_problem_with_its_line() {
    let mapping = Mapping::load(&fixture("mappings/requests-xes.toml")).unwrap();
    let outcomes: Vec<_> = read(&fixture("import/requests.xes"), &mapping).unwrap().collect();
    assert_eq!(outcomes.len(), 5);

    let first = outcomes[0].as_ref().unwrap();
    assert_eq!(first.source, "requests-office");
    assert_eq!(first.subject, "Noise & dust <night> — street works");
    assert_eq!((first.kind.as_str(), first.channel.as_str()), ("complaint", "website"));
    assert_eq!(first.unit.as_deref(), Some("Public works"));
    assert_eq!(first.priority.as_deref(), Some("high"));
    assert_eq!(first.opened_at, at("2024-01-10T06:30:00Z"), "the first activity's time");
    assert_eq!(first.due_at, Some(at("2024-02-01T13:30:00Z")));
    assert_eq!(first.resolved_at, Some(at("2024-01-20T09:00:00Z")));
    assert_eq!(first.activities[1].name, "Answer");
    assert_eq!(first.activities[1].resource.as_deref(), Some("desk-2"));
    assert_eq!(first.activities[1].transition.as_deref(), Some("complete"));

    let persian = outcomes[1].as_ref().unwrap();
    assert_eq!(persian.key, "پرونده-۲");
    assert_eq!(persian.subject, "درخواست روشنایی کوچه\u{200c}ی باغ");
    assert_eq!((persian.kind.as_str(), persian.channel.as_str()), ("request", "phone"));
    assert_eq!(persian.opened_at, at("2024-01-11T04:45:00Z"), "wall-clock time in Tehran");

    let bad = outcomes[2].as_ref().unwrap_err();
    assert_eq!((bad.place.line, bad.record.as_deref()), (49, Some("R-3")));
    assert!(!bad.ends_source && bad.message.contains("`due`"), "{bad}");

    let nested = outcomes[3].as_ref().unwrap();
    assert_eq!(
        (nested.key.as_str(), nested.subject.as_str()),
        ("4", "Nested attributes and lists")
    );
    assert_eq!(nested.unit, None, "a blank attribute is absent");
    assert_eq!(nested.priority, None);
    assert_eq!(nested.opened_at, at("2024-01-13T10:00:00Z"), "the earliest, not the first listed");
    let identities: Vec<_> = nested.activities.iter().map(|one| one.identity.as_str()).collect();
    assert_eq!(
        identities,
        [
            "2024-01-14T10:00:00Z|Measure|0",
            "2024-01-13T10:00:00Z|Register|0",
            "2024-01-14T10:00:00Z|Measure|1"
        ]
    );

    assert_eq!(outcomes[4].as_ref().unwrap().key, "R-5");
}

#[test]
fn the_json_lines_fixture_reports_each_bad_line_and_goes_on() {
    let mapping = Mapping::load(&fixture("mappings/requests-jsonl.toml")).unwrap();
    let outcomes: Vec<_> = read(&fixture("import/requests.jsonl"), &mapping).unwrap().collect();
    let (cases, problems): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    let cases: Vec<_> = cases.into_iter().map(Result::unwrap).collect();
    let problems: Vec<_> = problems.into_iter().map(Result::unwrap_err).collect();

    let keys: Vec<_> = cases.iter().map(|case| case.key.as_str()).collect();
    assert_eq!(keys, ["H-1", "ت-۲", "H-5", "H-1"], "a case met again comes again");
    let lines: Vec<_> = problems.iter().map(|problem| problem.place.line).collect();
    assert_eq!(lines, [4, 7, 11, 12, 10], "a line at once, a trace when it is complete");
    assert!(problems.iter().all(|problem| !problem.ends_source));
    assert_eq!(problems[4].record.as_deref(), Some("3"), "a number may be a key");
    assert!(problems[4].message.contains("activity.occurred_at"), "{}", problems[4]);

    let first = &cases[0];
    assert_eq!((first.channel.as_str(), first.kind.as_str()), ("phone", "request"));
    assert_eq!(first.category.as_deref(), Some("lighting"));
    assert_eq!(first.opened_at, at("2024-03-01T04:30:00Z"));
    let entries: Vec<_> = first.activities.iter().map(|one| one.identity.as_str()).collect();
    assert_eq!(entries, ["11", "12", "13"], "the bad line between them does not part the trace");

    let persian = &cases[1];
    assert_eq!(persian.subject, "پیگیری شکایت از سر و صدا");
    assert_eq!((persian.kind.as_str(), persian.channel.as_str()), ("complaint", "sms"));
    assert_eq!(persian.activities.len(), 2);

    assert_eq!(cases[2].activities, []);
    assert_eq!(cases[3].activities[0].identity, "14");
}

#[test]
fn gzip_is_told_by_its_first_bytes_and_gives_the_same_cases() {
    for text in [log(&(trace("a") + &trace("b"))), line("a") + &line("b")] {
        let plain = read_bytes(text.as_bytes());
        assert_eq!(told(&plain), ["a", "b"]);
        assert_eq!(read_bytes(&gzip(text.as_bytes())), plain);
        let two_members = [gzip(&text.as_bytes()[..60]), gzip(&text.as_bytes()[60..])].concat();
        assert_eq!(read_bytes(&two_members), plain);
        assert_eq!(read_bytes(format!("\u{FEFF}{text}").as_bytes()), plain, "byte order mark");
        assert_eq!(read_bytes(text.replace('\n', "\r\n").as_bytes()), plain, "other line ends");
    }
}

#[test]
fn many_entities_in_one_value_are_decoded() {
    let title = "&amp;".repeat(1_000);
    let text = log(&trace("a").replace("value=\"t\"", &format!("value=\"{title}\"")));
    assert_eq!(read_bytes(text.as_bytes())[0].as_ref().unwrap().subject, "&".repeat(1_000));
}

#[test]
fn an_identity_that_two_activities_share_is_a_problem_unless_they_are_the_same() {
    let mapping =
        Mapping::parse(&format!("{MAPPING}\nidentity = {{ attribute = \"no\" }}")).unwrap();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("source");
    let entry = |what: &str| line("a").replace("\"w\"", &format!("\"{what}\",\"no\":7"));
    fs::write(&path, entry("w") + &entry("w")).unwrap();
    let twice: Vec<_> = read(&path, &mapping).unwrap().collect();
    assert_eq!(twice[0].as_ref().unwrap().activities.len(), 1);
    fs::write(&path, entry("w") + &entry("other")).unwrap();
    let outcomes: Vec<_> = read(&path, &mapping).unwrap().collect();
    let problem = outcomes[0].as_ref().unwrap_err();
    assert_eq!(problem.place.line, 2);
    assert!(problem.message.contains("activity.identity: `7`"), "{problem}");
}

#[test]
fn an_activity_keeps_its_identity_when_a_later_export_has_one_more_before_it() {
    let later = line("a").replace("2024-01-01", "2024-01-02");
    let last = |text: String| {
        let case = read_bytes(text.as_bytes()).remove(0).unwrap();
        case.activities.last().unwrap().identity.clone()
    };
    assert_eq!(last(later.clone()), last(line("a") + &later));
}

#[test]
fn bytes_read_end_at_bytes_total_also_when_another_thread_reads() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("source");
    let packed = gzip(log(&trace("a")).as_bytes());
    fs::write(&path, &packed).unwrap();
    let mut cases = read(&path, &Mapping::parse(MAPPING).unwrap()).unwrap();
    let reading = std::thread::spawn(move || (cases.by_ref().count(), cases));
    let (count, cases) = reading.join().unwrap();
    assert_eq!(count, 1);
    assert_eq!(
        (cases.bytes_read(), cases.bytes_total()),
        (packed.len() as u64, packed.len() as u64)
    );
}

#[test]
fn the_real_log_gives_its_published_figures() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/receipt.xes.gz");
    if !path.exists() {
        println!("SKIPPED: the real log is not at {}", path.display());
        return;
    }
    let mapping = Mapping::load(&fixture("mappings/receipt.toml")).unwrap();
    let cases: Vec<ImportedCase> =
        read(&path, &mapping).unwrap().map(|outcome| outcome.unwrap()).collect();
    assert_eq!(cases.len(), 1_434);
    assert_eq!(cases.iter().map(|case| case.activities.len()).sum::<usize>(), 8_577);
    let ended: Vec<_> = cases.iter().filter(|case| case.resolved_at.is_some()).collect();
    assert_eq!(ended.len(), 1_329);
    assert!(cases.iter().all(|case| case.due_at.is_some()));
    let late = ended.iter().filter(|case| case.resolved_at > case.due_at).count();
    assert_eq!((late, ended.len() - late, cases.len() - ended.len()), (377, 952, 105));
    let by_channel = |channel| cases.iter().filter(|case| case.channel == channel).count();
    assert_eq!(
        ["website", "in_person", "letter", "email", "portal"].map(by_channel),
        [1_250, 109, 53, 21, 1]
    );
    let by_unit = |unit| cases.iter().filter(|case| case.unit.as_deref() == Some(unit)).count();
    assert_eq!(["General", "Customer contact", "Experts"].map(by_unit), [1_390, 29, 15]);

    let first = &cases[0];
    assert_eq!((first.key.as_str(), first.place.line), ("case-10011", 1_798));
    assert_eq!(first.opened_at, at("2011-10-11T11:42:22.688Z"));
    assert_eq!(first.activities[0].identity, "task-42933");
    assert_eq!(first.activities[0].resource.as_deref(), Some("Resource21"));
}

#[test]
fn the_document_lists_every_value_that_a_mapping_may_give() {
    fn assert_listed<T: std::fmt::Display>(field: &str, values: &[T]) {
        let document = include_str!("../../docs/import.md");
        let begin = format!("| `{field}` |");
        let row = document.lines().find(|line| line.starts_with(&begin)).unwrap();
        let names: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        assert!(row.contains(&names.join(", ")), "docs/import.md, {field}: {names:?}");
    }
    assert_listed("kind", CaseKind::ALL);
    assert_listed("channel", Channel::ALL);
    assert_listed("priority", Priority::ALL);
}
