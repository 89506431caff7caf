//! Personal data in exports: left out, unless somebody states what they need them for.

use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::customer::CustomerEvent;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::pii::Pii;
use parvandeh_domain::sla::SlaEvent;

/// Whether an export tells what is personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Personal {
    /// It does not: subjects, descriptions, messages, notes, reasons, names and contact points are left out.
    LeftOut,
    /// It does.
    Included {
        /// What for, in the words of whoever asked.
        purpose: String,
    },
}

/// Every personal field that an event of a case or of its clocks may have, in the order of columns.
pub(super) const FIELDS: &[&str] =
    &["subject", "description", "body", "note", "reason", "summary", "told"];

/// What an event says that is personal, as far as it may be told. This is the only place where an export takes personal data from an event.
pub(super) fn told<'a>(
    personal: &Personal,
    event: &'a DomainEvent,
) -> Vec<(&'static str, &'a str)> {
    match personal {
        Personal::LeftOut => Vec::new(),
        Personal::Included { .. } => {
            fields(event).into_iter().map(|(name, value)| (name, value.reveal().as_str())).collect()
        }
    }
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
        },
        DomainEvent::Policy(..) | DomainEvent::Calendar(..) => {}
    }
    fields
}
