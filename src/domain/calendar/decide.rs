//! What follows from a command to a calendar.

use super::{
    CalendarCommand, CalendarEvent, CalendarPublished, CalendarRefusal, CalendarState,
    PublishCalendar,
};
use crate::decider::{Context, Decider, Metadata};

/// The aggregate of one calendar: its publications.
#[derive(Clone, Copy, Debug)]
pub struct Calendar;

impl Decider for Calendar {
    type Command = CalendarCommand;
    type Event = CalendarEvent;
    type State = CalendarState;
    type Refusal = CalendarRefusal;

    const CATEGORY: &'static str = "calendar";

    fn name(command: &CalendarCommand) -> &'static str {
        match command {
            CalendarCommand::Publish(_) => "publish",
        }
    }

    fn decide(
        state: &CalendarState,
        command: CalendarCommand,
        context: &Context,
    ) -> Result<Vec<CalendarEvent>, CalendarRefusal> {
        match command {
            CalendarCommand::Publish(command) => publish(state, command, context),
        }
    }

    fn evolve(_: CalendarState, event: &CalendarEvent, _: &Metadata) -> CalendarState {
        match event {
            CalendarEvent::Published(published) => {
                CalendarState { latest: Some(published.clone()) }
            }
        }
    }
}

fn publish(
    state: &CalendarState,
    PublishCalendar { document, effective_from }: PublishCalendar,
    context: &Context,
) -> Result<Vec<CalendarEvent>, CalendarRefusal> {
    document.validate().map_err(CalendarRefusal::InvalidDocument)?;
    let mut version = 1;
    if let Some(latest) = &state.latest {
        let holds_already = match effective_from {
            Some(moment) => moment == latest.effective_from,
            None => latest.effective_from <= context.occurred_at,
        };
        if holds_already && latest.document == document {
            return Ok(vec![]);
        }
        version = latest.version.saturating_add(1);
    }
    let effective_from = effective_from.unwrap_or(context.occurred_at);
    Ok(vec![CalendarPublished { version, document, effective_from }.into()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        calendar::CalendarDocument,
        decider::{Actor, ActorKind, Refusal},
        event::StoredEvent,
        id::{CommandId, derived},
    };

    fn context(occurred_at: &str) -> Context {
        Context {
            command_id: CommandId(derived(&["publish"])),
            occurred_at: occurred_at.parse().unwrap(),
            recorded_at: "2026-05-01T00:00:00Z".parse().unwrap(),
            actor: Actor { kind: ActorKind::Staff, id: "planner".to_owned() },
        }
    }

    fn document(to: &str) -> CalendarDocument {
        serde_json::from_value(serde_json::json!({
            "name": "office", "time_zone": "Europe/Berlin",
            "weekly": { "monday": [{ "from": "08:00", "to": to }] },
        }))
        .unwrap()
    }

    fn publish(
        state: &CalendarState,
        to: &str,
        effective_from: Option<&str>,
    ) -> Vec<CalendarEvent> {
        let command = PublishCalendar {
            document: document(to),
            effective_from: effective_from.map(|moment| moment.parse().unwrap()),
        };
        let context = context("2026-04-01T00:00:00Z");
        Calendar::decide(state, CalendarCommand::Publish(command), &context).unwrap()
    }

    fn published(version: u32, to: &str, effective_from: &str) -> CalendarPublished {
        let effective_from = effective_from.parse().unwrap();
        CalendarPublished { version, document: document(to), effective_from }
    }

    #[test]
    fn the_first_publication_is_version_1_and_holds_from_the_commands_time() {
        assert_eq!(
            publish(&CalendarState::default(), "16:30", None),
            [published(1, "16:30", "2026-04-01T00:00:00Z").into()]
        );
    }

    #[test]
    fn the_next_version_may_hold_from_a_moment_of_its_own() {
        let state = CalendarState { latest: Some(published(1, "16:30", "2026-01-01T00:00:00Z")) };
        assert_eq!(
            publish(&state, "17:00", Some("2020-01-01T00:00:00Z")),
            [published(2, "17:00", "2020-01-01T00:00:00Z").into()]
        );
    }

    #[test]
    fn publishing_what_holds_already_does_nothing() {
        let state = CalendarState { latest: Some(published(1, "16:30", "2026-01-01T00:00:00Z")) };
        assert_eq!(publish(&state, "16:30", None), []);
        assert_eq!(publish(&state, "16:30", Some("2026-01-01T00:00:00Z")), []);
        assert_eq!(publish(&state, "16:30", Some("2025-01-01T00:00:00Z")).len(), 1);
    }

    #[test]
    fn a_faulty_document_is_refused_with_the_field_in_words() {
        let command = PublishCalendar { document: document("07:00"), effective_from: None };
        let refusal = Calendar::decide(
            &CalendarState::default(),
            CalendarCommand::Publish(command),
            &context("2026-04-01T00:00:00Z"),
        )
        .unwrap_err();
        assert_eq!(refusal.code(), "CALENDAR_INVALID");
        assert_eq!(refusal.field(), Some("document"));
        assert!(
            refusal.to_string().contains("weekly.monday[0].to: 07:00 does not come after 08:00")
        );
    }

    #[test]
    fn a_stored_publication_reads_back_as_it_was() {
        let event = CalendarEvent::from(published(3, "24:00", "2026-01-01T00:00:00Z"));
        let read = CalendarEvent::from_json("CalendarPublished", 1, &event.to_json()).unwrap();
        assert_eq!(read, event);
    }
}
