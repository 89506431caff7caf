//! Personal data in exports: left out, unless somebody states what they need them for.

use std::sync::Arc;

use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::customer::CustomerEvent;
use parvandeh_domain::decider::{Metadata, Recorded};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::pii::{Pii, Seal};
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

/// Every personal field that an event of a case or of its clocks may have, in the order of columns; at the end whether they were erased.
pub(super) const FIELDS: &[&str] =
    &["subject", "description", "body", "note", "reason", "summary", "told", ERASED];

/// The mark of an event whose personal fields are empty because they were erased.
const ERASED: &str = "erased";

/// What an event says that is personal, as far as it may be told; empty texts and a mark where it was erased. This is the only place
/// where an export opens personal data.
pub(super) fn told(
    personal: &Personal,
    recorded: &Recorded<DomainEvent>,
) -> Result<Vec<(&'static str, Value<'static>)>, VaultError> {
    if matches!(personal, Personal::LeftOut) {
        return Ok(Vec::new());
    }
    let fields = fields(&recorded.event);
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
        let text = match (value.reveal(), &opened) {
            // A log of an earlier version, where nothing was sealed.
            (Some(text), _) => text.clone(),
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

/// The personal fields of an event.
fn fields(event: &DomainEvent) -> Vec<(&'static str, &Pii<String>)> {
    let mut fields = Vec::new();
    let mut field = |name, value| fields.extend(Option::map(value, |value| (name, value)));
    match event {
        DomainEvent::Case(_, event) => match event {
            CaseEvent::Opened(opened) => {
                field("subject", Some(&opened.subject));
                field("description", opened.description.as_ref());
            }
            CaseEvent::Referred(referred) => field("reason", Some(&referred.reason)),
            CaseEvent::InteractionRecorded(interaction) => field("body", Some(&interaction.body)),
            CaseEvent::NoteAdded(note) => field("body", Some(&note.body)),
            CaseEvent::Held(held) => field("note", held.note.as_ref()),
            CaseEvent::Resolved(resolved) => field("summary", resolved.summary.as_ref()),
            CaseEvent::Reopened(reopened) => field("reason", Some(&reopened.reason)),
            CaseEvent::Merged(merged) => field("reason", Some(&merged.reason)),
            CaseEvent::Unmerged(unmerged) => field("reason", Some(&unmerged.reason)),
            CaseEvent::Classified(_)
            | CaseEvent::Assigned(_)
            | CaseEvent::StageEntered(_)
            | CaseEvent::Resumed(_)
            | CaseEvent::DueDateSet(_)
            | CaseEvent::Closed(_)
            | CaseEvent::ActivityRecorded(_) => {}
        },
        DomainEvent::Clock(_, event) => match event {
            SlaEvent::Extended(extended) => {
                field("reason", Some(&extended.reason));
                field("told", Some(&extended.told));
            }
            SlaEvent::Waived(waived) => field("reason", Some(&waived.reason)),
            SlaEvent::Warned(_)
            | SlaEvent::WarningWithdrawn(_)
            | SlaEvent::Breached(_)
            | SlaEvent::Met(_)
            | SlaEvent::CompletedLate(_)
            | SlaEvent::Cancelled(_)
            | SlaEvent::Restated(_) => {}
        },
        DomainEvent::Customer(_, event) => match event {
            CustomerEvent::Registered(registered) => field("name", Some(&registered.name)),
            CustomerEvent::ContactPointAdded(added) => field("value", Some(&added.value)),
            CustomerEvent::DetailsChanged(changed) => field("name", changed.name.as_ref()),
            CustomerEvent::ConsentGiven(_)
            | CustomerEvent::ConsentWithdrawn(_)
            | CustomerEvent::LegalHoldPlaced(_)
            | CustomerEvent::LegalHoldReleased(_)
            | CustomerEvent::ErasureOrdered(_)
            | CustomerEvent::Erased(_) => {}
        },
        DomainEvent::Policy(..) | DomainEvent::Calendar(..) | DomainEvent::Access(..) => {}
    }
    fields
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use parvandeh_domain::pii;

    use super::*;

    #[test]
    fn every_field_that_is_sealed_is_one_of_those_told() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/events");
        let mut found = 0;
        for folder in fs::read_dir(directory).unwrap() {
            let folder = folder.unwrap();
            let name = folder.file_name().into_string().unwrap();
            let latest = fs::read_dir(folder.path()).unwrap().count() as u16;
            let json = fs::read(folder.path().join(format!("v{latest}.json"))).unwrap();
            let streams = ["case", "customer", "clock"]
                .map(|category| format!("{category}-{}", uuid::Uuid::nil()));
            let decode = |stream: &String| DomainEvent::decode(stream, &name, latest, &json).ok();
            let Some(event) = streams.iter().find_map(decode) else { continue };
            let sealed =
                pii::part(&name, &json).unwrap().map_or_else(serde_json::Map::new, |parted| {
                    serde_json::from_str(&parted.personal).unwrap()
                });
            let told: BTreeSet<_> =
                fields(&event).into_iter().map(|(name, _)| name.to_owned()).collect();
            assert_eq!(told, sealed.keys().cloned().collect(), "{name}");
            found += told.len();
        }
        assert!(found > 9, "the fixtures were found");
    }
}
