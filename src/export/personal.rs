//! Personal data in exports: left out, unless somebody states what they need them for.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::decider::{Metadata, Recorded};
use parvandeh_domain::event::StoredEvent as _;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::pii::{self, Seal};
use parvandeh_domain::sla::SlaEvent;

use super::step::Value;
use crate::access::Accesses;
use crate::sealing::{self, PersonalFields};
use crate::store::LoggedEvent;
use crate::vault::{Vault, VaultError};

/// Whether an export tells what is personal.
#[derive(Clone)]
pub enum Personal {
    /// It does not: subjects, descriptions, messages, notes, reasons, names and contact points are left out.
    LeftOut,
    /// It does, as far as it was not erased.
    Included {
        /// What for, in the words of whoever asked.
        purpose: String,
        /// Opens the envelopes.
        vault: Arc<Vault>,
        /// Where it is noted whose data were opened, for whoever records it.
        accesses: Option<Arc<Accesses>>,
    },
}

/// The first columns of a table that tells of personal fields, in their order.
const FIRST_COLUMNS: &[&str] =
    &["subject", "description", "body", "note", "reason", "summary", "told"];

/// The mark of an event whose personal fields are empty because they were erased.
const ERASED: &str = "erased";

/// A column for every personal field that an event of a case or of its clocks may have; at the end whether they were erased. It
/// follows from the types, so a field that is new has its column behind those that were there before.
pub(super) static COLUMNS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let types = CaseEvent::TYPES.iter().chain(SlaEvent::TYPES);
    let all: BTreeSet<_> = types.flat_map(|event_type| pii::names(event_type.name)).collect();
    let further = all.into_iter().filter(|name| !FIRST_COLUMNS.contains(name));
    FIRST_COLUMNS.iter().copied().chain(further).chain([ERASED]).collect()
});

/// What an event says that is personal, as far as it may be told; empty texts and a mark where it was erased. This is the only place
/// where an export opens personal data.
pub(super) fn told(
    personal: &Personal,
    recorded: &Recorded<DomainEvent>,
) -> Result<Vec<(&'static str, Value<'static>)>, VaultError> {
    if matches!(personal, Personal::LeftOut) {
        return Ok(Vec::new());
    }
    let event_type = recorded.event.event_type();
    let fields = pii::fields(event_type.name, &recorded.event.to_json());
    let fields = fields.expect("an event's fields are a JSON object");
    if fields.is_empty() {
        return Ok(Vec::new());
    }
    let opened = match (&recorded.envelope, &recorded.meta.personal) {
        (Some(envelope), Some(seal)) => opened(personal, &envelope.0, seal)?,
        _ => None,
    };
    let mut is_erased = false;
    let mut told = Vec::new();
    for (name, value) in fields {
        let text = match (value, &opened) {
            // A log of an earlier version, where nothing was sealed.
            (Some(json), _) => serde_json::from_str(&json).unwrap_or(json),
            (None, Some(opened)) => opened.text(name).unwrap_or_default(),
            (None, None) => {
                is_erased = true;
                String::new()
            }
        };
        told.push((name, Value::Owned(text)));
    }
    if is_erased {
        told.push((ERASED, Value::Flag(true)));
    }
    Ok(told)
}

/// What an entry of the log holds that is personal, by the names of the fields; `None` where nothing may be told or there is nothing to tell.
pub(super) fn opened_fields(
    personal: &Personal,
    logged: &LoggedEvent,
) -> Result<Option<PersonalFields>, VaultError> {
    let Some(envelope) = &logged.envelope else { return Ok(None) };
    let meta = serde_json::from_slice::<Metadata>(&logged.metadata).ok();
    match meta.and_then(|meta| meta.personal) {
        Some(seal) => opened(personal, envelope, &seal),
        None => Ok(None),
    }
}

/// The fields in an envelope; `None` where they were erased or may not be told. Whose they are is noted.
fn opened(
    personal: &Personal,
    envelope: &[u8],
    seal: &Seal,
) -> Result<Option<PersonalFields>, VaultError> {
    let Personal::Included { vault, accesses, .. } = personal else { return Ok(None) };
    let opened = sealing::open_sealed(vault, envelope, seal)?;
    Ok(opened.map(|(subject, fields)| {
        if let Some(accesses) = accesses {
            accesses.note(subject);
        }
        fields
    }))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use parvandeh_domain::id::{CustomerId, DataSubject, EventId};
    use parvandeh_domain::log;
    use parvandeh_domain::pii::Envelope;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::sealing::Draft;
    use crate::vault::Keyring;

    /// The fixture of an event type's latest version, with all its personal fields.
    fn latest(name: &str) -> (u16, serde_json::Value) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/events").join(name);
        let version = fs::read_dir(&folder).unwrap().count() as u16;
        let json = fs::read(folder.join(format!("v{version}.json"))).unwrap();
        let mut event: serde_json::Value = serde_json::from_slice(&json).unwrap();
        for field in pii::names(name) {
            event[field] = json!(format!("the {field}"));
        }
        (version, event)
    }

    #[test]
    fn every_field_that_is_personal_by_its_type_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let keyring = Keyring::at(directory.path().join("keyring"));
        let vault = Arc::new(Vault::open(directory.path(), keyring).unwrap());
        let purpose = "audit".to_owned();
        let included = Personal::Included { purpose, vault: vault.clone(), accesses: None };
        let mut found = 0;
        for (event_type, _) in log::schemas() {
            let names = pii::names(event_type.name);
            if names.is_empty() {
                continue;
            }
            let (version, json) = latest(event_type.name);
            let meta = json!({
                "occurred_at": "2026-03-21T08:00:00Z", "recorded_at": "2026-03-21T08:00:00Z",
                "actor": { "kind": "system", "id": "test" },
                "causation_id": Uuid::nil(), "correlation_id": Uuid::nil(),
            });
            let draft = Draft {
                id: EventId(Uuid::nil()),
                event_type,
                meta: serde_json::from_value(meta).unwrap(),
                json: json.to_string().into_bytes(),
                subject: Some(DataSubject::Customer(CustomerId(Uuid::nil()))),
            };
            let sealed = draft.seal(&vault).unwrap();
            let streams = ["case", "customer", "clock", "card", "attachment"]
                .map(|category| format!("{category}-{}", Uuid::nil()));
            let event = streams.iter().find_map(|stream| {
                DomainEvent::decode(stream, event_type.name, version, &sealed.data).ok()
            });
            let recorded = Recorded {
                id: EventId(Uuid::nil()),
                revision: 0,
                position: 1,
                meta: serde_json::from_slice(&sealed.metadata).unwrap(),
                event: event.unwrap(),
                envelope: sealed.envelope.map(|bytes| Envelope(bytes.to_vec().into())),
                blind_index: None,
                sound_index: None,
            };

            let told = told(&included, &recorded).unwrap();
            for name in &names {
                let value = told.iter().find(|(told, _)| told == name).map(|(_, value)| value);
                let Some(Value::Owned(text)) = value else {
                    panic!("{name} of {} is not told", event_type.name);
                };
                assert_eq!(*text, format!("the {name}"), "{}", event_type.name);
                let has_column = COLUMNS.contains(name);
                // What is a customer's is told of their object and not in tables; cards and attachments are in no table either.
                let in_no_table = matches!(
                    recorded.event,
                    DomainEvent::Customer(..) | DomainEvent::Card(..) | DomainEvent::Attachment(..)
                );
                assert!(has_column || in_no_table, "{name} of {}", event_type.name);
            }
            assert_eq!(told.len(), names.len(), "{}", event_type.name);
            found += told.len();
        }
        assert!(found > 9, "the fixtures were found");
    }
}
