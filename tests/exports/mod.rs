//! Exports: what they hold and what not, byte by byte where the story is small.

mod bundle;
mod command_line;
mod http;
mod story;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use parvandeh::export::personal::Personal;
use parvandeh::export::{ExportError, Format, Selection, Summary, export};
use parvandeh::store::sqlite::{LogReader, SqliteStore};
use parvandeh::store::{EventStore as _, Expect, NewEvent};
use parvandeh::vault::{Keyring, Vault};
use parvandeh_domain::case::command::AddNote;
use parvandeh_domain::case::event::{CaseOpened, CaseStageEntered};
use parvandeh_domain::case::{CaseCommand, CaseEvent, CaseKind};
use parvandeh_domain::decider::{Actor, ActorKind, Metadata};
use parvandeh_domain::event::StoredEvent as _;
use parvandeh_domain::id::{CommandId, DataSubject, EventId, UnitId, derived};
use parvandeh_domain::pii::Pii;
use parvandeh_projections::scope::CaseScope;
use serde_json::Value;
use uuid::Uuid;

use self::story::{CANARY, Story, at, case_id, customer_id, opening, staff};
use crate::harness::work::stream;

/// The formats that need no proof.
const EVENT_LOGS: [Format; 3] = [Format::Xes, Format::Ocel, Format::Csv];

fn everything() -> Selection {
    Selection::all(CaseScope::All)
}

/// An export as text.
fn exported(directory: &Path, format: Format, selection: &Selection) -> String {
    exported_with(directory, format, selection, &Personal::LeftOut).0
}

fn exported_with(
    directory: &Path,
    format: Format,
    selection: &Selection,
    personal: &Personal,
) -> (String, Summary) {
    let log = LogReader::open(directory).unwrap();
    let mut out = Vec::new();
    let mut watch = |_, _| ControlFlow::Continue(());
    let summary = export(&log, format, selection, personal, &mut out, &mut watch).unwrap();
    (String::from_utf8(out).unwrap(), summary)
}

/// The names of the cases in an export as XES, each with the names of its activities.
fn traces(xes: &str) -> Vec<(String, Vec<String>)> {
    let names = |text: &str| -> Vec<String> {
        let parts = text.split("key=\"concept:name\" value=\"").skip(1);
        parts.map(|part| part.split('"').next().unwrap().to_owned()).collect()
    };
    let traces = xes.split("<trace>").skip(1);
    traces
        .map(|trace| {
            let mut names = names(trace);
            (names.remove(0), names)
        })
        .collect()
}

fn names_of_cases(xes: &str) -> BTreeSet<String> {
    traces(xes).into_iter().map(|(name, _)| name).collect()
}

fn references(letters: &[&str]) -> BTreeSet<String> {
    letters.iter().map(|letter| case_id(letter).reference()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_is_exported_as_it_was_when_people_last_looked_at_it() {
    let directory = tempfile::tempdir().unwrap();
    Story::tell(directory.path()).await;
    let log_id = LogReader::open(directory.path()).unwrap().id().unwrap().to_string();
    for format in EVENT_LOGS {
        let text = exported(directory.path(), format, &everything());
        assert_eq!(
            text,
            exported(directory.path(), format, &everything()),
            "the same log, the same bytes"
        );
        let text = text.replace(&log_id, &Uuid::nil().to_string());
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("fixtures/exports/story.{}", format.file_extension()));
        if std::env::var_os("PARVANDEH_WRITE_FIXTURES").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap();
        let hint = "look at the difference; PARVANDEH_WRITE_FIXTURES=1 writes the fixture anew";
        assert!(text == expected, "{} differs: {hint}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_is_told_unless_a_purpose_is_stated() {
    let directory = tempfile::tempdir().unwrap();
    Story::tell(directory.path()).await;
    for format in EVENT_LOGS {
        let text = exported(directory.path(), format, &everything());
        for personal in [CANARY, "leila@example.com"] {
            assert!(!text.contains(personal), "{personal} in {}", format.as_str());
        }
    }
    let keyring = Keyring::at(directory.path().join("keyring"));
    let vault = Arc::new(Vault::open(directory.path(), keyring).unwrap());
    let personal = Personal::Included {
        purpose: "پرسش بازرس".to_owned(),
        vault: vault.clone(),
        accesses: None,
    };
    let told =
        |format, personal| exported_with(directory.path(), format, &everything(), personal).0;
    for (format, expected) in [(Format::Xes, 16), (Format::Ocel, 22), (Format::Csv, 18)] {
        let text = told(format, &personal);
        assert_eq!(text.matches(CANARY).count(), expected, "{}", format.as_str());
    }
    assert!(
        told(Format::Xes, &personal).contains("key=\"parvandeh:purpose\" value=\"پرسش بازرس\"")
    );

    // What was erased is empty, and marked; what is about nobody known stays.
    let subject = DataSubject::Customer(customer_id());
    vault.erase(subject, at("2026-03-07T00:00:00Z"), Uuid::nil()).unwrap();
    for (format, left) in [(Format::Xes, 0), (Format::Ocel, 0), (Format::Csv, 2)] {
        let text = told(format, &personal);
        assert_eq!(text.matches(CANARY).count(), left, "{}", format.as_str());
        assert!(text.contains("erased"), "{}", format.as_str());
    }
    let xes = told(Format::Xes, &personal);
    assert!(xes.contains("key=\"parvandeh:subject\" value=\"\""));
    assert!(xes.contains("<boolean key=\"parvandeh:erased\" value=\"true\"/>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_the_cases_of_the_scope_and_names_no_other() {
    let directory = tempfile::tempdir().unwrap();
    Story::tell(directory.path()).await;
    let scoped = |scope| Selection::all(scope);
    let units =
        |units: &[&str]| CaseScope::Units(units.iter().map(|unit| (*unit).to_owned()).collect());
    let cases =
        |selection: &Selection| names_of_cases(&exported(directory.path(), Format::Xes, selection));
    // A was referred: it belongs to the unit that owns it now.
    assert_eq!(cases(&scoped(units(&["care"]))), references(&["B"]));
    assert_eq!(cases(&scoped(units(&["شکایات", "technical"]))), references(&["A", "C"]));
    assert_eq!(cases(&scoped(CaseScope::Customer(customer_id().0))), references(&["A", "B", "C"]));
    assert_eq!(cases(&scoped(CaseScope::Nothing)), BTreeSet::new());
    assert_eq!(cases(&scoped(units(&[]))), BTreeSet::new());

    let filter = |units: &[&str], kinds: &[CaseKind]| Selection {
        units: units.iter().map(|unit| UnitId::new(*unit).unwrap()).collect(),
        kinds: kinds.to_vec(),
        ..everything()
    };
    assert_eq!(cases(&filter(&["technical", "care"], &[])), references(&["B", "C"]));
    let requests = BTreeSet::from(["=W,1".to_owned()]);
    assert_eq!(cases(&filter(&[], &[CaseKind::Request])), requests);
    let narrowed = Selection { scope: units(&["care"]), ..filter(&["technical"], &[]) };
    assert_eq!(cases(&narrowed), BTreeSet::new(), "a filter never widens the scope");

    // B was merged into A, which is not in the scope: no object and no relationship tells of A.
    let ocel = exported(directory.path(), Format::Ocel, &scoped(units(&["care"])));
    assert!(!ocel.contains(&format!("case:{}", case_id("A"))));
    let ocel: Value = serde_json::from_str(&ocel).unwrap();
    assert_consistent(&ocel);
    let sorts = |sort: &str| {
        let objects = ocel["objects"].as_array().unwrap().iter();
        objects.filter(|object| object["type"] == sort).count()
    };
    assert_eq!(["case", "customer", "clock", "message"].map(sorts), [1, 1, 0, 0]);
}

/// Every object that is named is there, once; every attribute is declared for its type.
fn assert_consistent(ocel: &Value) {
    let list = |name: &str| ocel[name].as_array().unwrap_or_else(|| panic!("{name}")).clone();
    let ids: Vec<String> =
        list("objects").iter().map(|object| object["id"].as_str().unwrap().to_owned()).collect();
    let known: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(known.len(), ids.len(), "an object stands there twice");
    for (things, types) in [("events", "eventTypes"), ("objects", "objectTypes")] {
        let types = list(types);
        for thing in list(things) {
            for related in thing["relationships"].as_array().unwrap() {
                let id = related["objectId"].as_str().unwrap().to_owned();
                assert!(known.contains(&id), "{id} is not there: {thing}");
                assert!(!related["qualifier"].as_str().unwrap().is_empty());
            }
            let declared = types.iter().find(|one| one["name"] == thing["type"]);
            let declared = declared.unwrap_or_else(|| panic!("{} is not declared", thing["type"]));
            for attribute in thing["attributes"].as_array().unwrap() {
                let declared = declared["attributes"].as_array().unwrap();
                let found = declared.iter().any(|one| one["name"] == attribute["name"]);
                assert!(found, "{} of {} is not declared", attribute["name"], thing["type"]);
                assert_eq!(attribute["time"].is_string(), things == "objects");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_object_of_an_ocel_export_is_there_once_and_every_attribute_declared() {
    let directory = tempfile::tempdir().unwrap();
    Story::tell(directory.path()).await;
    let ocel = exported(directory.path(), Format::Ocel, &everything());
    assert_consistent(&serde_json::from_str(&ocel).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_begins_with_its_first_moment_and_ends_before_its_last() {
    let directory = tempfile::tempdir().unwrap();
    Story::tell(directory.path()).await;
    let told = |from: Option<&str>, to: Option<&str>| {
        let selection = Selection { from: from.map(at), to: to.map(at), ..everything() };
        traces(&exported(directory.path(), Format::Xes, &selection))
    };
    let a = case_id("A").reference();
    let resumed = "2026-03-02T11:00:00+03:30";
    let after = "2026-03-02T11:00:00.000001+03:30";
    let one = |name: &str| vec![(a.clone(), vec![name.to_owned()])];
    assert_eq!(told(Some(resumed), Some(after)), one("Case resumed"));
    assert_eq!(told(Some(after), Some("2026-03-02T12:00:00+03:30")), one("Note added"));
    assert_eq!(told(Some("2026-03-02T10:00:00+03:30"), Some(resumed)), one("Case put on hold"));
    assert_eq!(
        told(None, Some("2025-10-11T13:45:40.276+02:00")),
        [],
        "the opening by the import is none"
    );
    assert_eq!(told(Some("2026-03-05T08:00:00.000001+03:30"), None), []);

    // A period does not make the case forget whose it was: the group is the unit at that time.
    let selection = Selection { from: Some(at(resumed)), to: Some(at(after)), ..everything() };
    let xes = exported(directory.path(), Format::Xes, &selection);
    assert!(xes.contains("<string key=\"org:group\" value=\"شکایات\"/>"), "{xes}");
    // Facts about clocks have their time too.
    let breached = Selection {
        from: Some(at("2026-03-02T12:00:01+03:30")),
        to: Some(at("2026-03-02T12:00:02+03:30")),
        ..everything()
    };
    let (csv, summary) =
        exported_with(directory.path(), Format::Csv, &breached, &Personal::LeftOut);
    assert_eq!((summary.cases, summary.events), (1, 1), "{csv}");
    assert_eq!(
        traces(&exported(directory.path(), Format::Xes, &breached)),
        [],
        "a fact is no activity"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_cases_of_one_name_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let mut story = Story::begin(directory.path()).await;
    for (letter, key) in [("D", "1"), ("E", "1"), ("F", "2")] {
        story.imported(letter, key).await;
    }
    story.end().await;
    let names = names_of_cases(&exported(directory.path(), Format::Xes, &everything()));
    let told = |letter| format!("1 ({})", case_id(letter));
    assert_eq!(names, BTreeSet::from([told("D"), told("E"), "2".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn work_on_an_imported_case_is_an_activity_and_what_the_import_added_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let mut story = Story::begin(directory.path()).await;
    story.imported("D", "1").await;
    let note = CaseCommand::AddNote(AddNote { body: Pii::new("x".to_owned()) });
    story.case("D", staff("sara"), "2026-03-07T00:00:00Z", note).await;
    // A case whose source had no activities shows what is known of it.
    let import = || Actor { kind: ActorKind::Service, id: "import".to_owned() };
    let open = CaseCommand::Open(opening(None));
    story.case("E", import(), "2026-03-08T00:00:00Z", open).await;
    story.end().await;
    let xes = exported(directory.path(), Format::Xes, &everything());
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        traces(&xes),
        [
            (
                "1".to_owned(),
                own(&[
                    "Case opened",
                    "ثبت &amp; &lt;T02&gt;",
                    "+T03, &quot;دوم&quot;",
                    "Note added"
                ])
            ),
            (case_id("E").reference(), own(&["Case opened"])),
        ]
    );
}

/// Appends cases of many notes each, quicker than by commands.
async fn fill(directory: &Path, cases: u32, notes: u32) {
    let store = SqliteStore::open(directory).unwrap();
    // A log without its keys is one from which they were lost.
    drop(Vault::open(directory, Keyring::at(directory.join("keyring"))).unwrap());
    for case in 0..cases {
        let id = case_id(&case.to_string());
        let moment: Timestamp = at("2026-03-01T00:00:00Z");
        let opened =
            r#"{"kind":"request","subject":{"sealed":true},"channel":"app","priority":"low"}"#;
        let mut events: Vec<CaseEvent> =
            vec![serde_json::from_str::<CaseOpened>(opened).unwrap().into()];
        let stage = |number: u32| CaseStageEntered { stage: format!("stage {number}") };
        events.extend((1..notes).map(|number| stage(number).into()));
        let command_id = CommandId(derived(&["fill", &case.to_string()]));
        let metadata = Metadata {
            occurred_at: moment,
            recorded_at: moment,
            actor: staff("sara"),
            causation_id: command_id,
            correlation_id: command_id.0,
            command_digest: None,
            personal: None,
        };
        let metadata = Bytes::from(serde_json::to_vec(&metadata).unwrap());
        let events = events.iter().enumerate().map(|(index, event)| NewEvent {
            id: EventId::of(command_id, index).0,
            type_name: event.event_type().name,
            version: event.event_type().version,
            metadata: metadata.clone(),
            data: Bytes::from(event.to_json()),
            envelope: None,
        });
        let stream = stream("case", id);
        store.append(&stream, Expect::NoStream, events.collect()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_begins_to_come_long_before_it_has_read_all() {
    /// Takes pieces, and remembers how much of the work was done when each came.
    struct Taker<'a> {
        done: &'a std::cell::Cell<u64>,
        pieces: Vec<(u64, usize)>,
    }
    impl Write for Taker<'_> {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            self.pieces.push((self.done.get(), piece.len()));
            Ok(piece.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path(), 64, 1_000).await;
    let log = LogReader::open(directory.path()).unwrap();
    for (format, largest) in
        [(Format::Xes, 2_000_000), (Format::Ocel, 20_000_000), (Format::Csv, 8_000_000)]
    {
        let done = std::cell::Cell::new(0);
        let mut taker = Taker { done: &done, pieces: Vec::new() };
        let mut watch = |now, total| {
            assert_eq!(total, 128_000, "both passes over 64,000 events");
            done.set(now);
            ControlFlow::Continue(())
        };
        let personal = Personal::LeftOut;
        let summary =
            export(&log, format, &everything(), &personal, &mut taker, &mut watch).unwrap();
        assert_eq!((summary.cases, summary.events), (64, 64_000));
        let early = taker.pieces.iter().any(|(done, size)| *done < 96_000 && *size > 1_000);
        assert!(early, "{}: {:?}", format.as_str(), &taker.pieces[..taker.pieces.len().min(9)]);
        let largest_piece = taker.pieces.iter().map(|(_, size)| *size).max().unwrap();
        assert!(largest_piece < largest, "{}: {largest_piece}", format.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_is_stopped_or_cannot_be_written_says_so() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let directory = tempfile::tempdir().unwrap();
    Story::tell(directory.path()).await;
    let log = LogReader::open(directory.path()).unwrap();
    let mut go_on = |_, _| ControlFlow::Continue(());
    let mut stop = |_, _| ControlFlow::Break(());
    for format in EVENT_LOGS {
        let personal = Personal::LeftOut;
        let full = export(&log, format, &everything(), &personal, &mut Full, &mut go_on);
        assert!(matches!(full, Err(ExportError::Write(_))), "{full:?}");
        let mut out = Vec::new();
        let stopped = export(&log, format, &everything(), &personal, &mut out, &mut stop);
        assert!(matches!(stopped, Err(ExportError::Stopped)), "{stopped:?}");
    }
}
