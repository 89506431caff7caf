//! What follows from a command to a policy.

use super::{
    PolicyCommand, PolicyEvent, PolicyPublished, PolicyRefusal, PolicyState, PublishPolicy,
};
use crate::decider::{Context, Decider, Metadata};

/// The aggregate of one policy: its publications.
#[derive(Clone, Copy, Debug)]
pub struct Policy;

impl Decider for Policy {
    type Command = PolicyCommand;
    type Event = PolicyEvent;
    type State = PolicyState;
    type Refusal = PolicyRefusal;

    const CATEGORY: &'static str = "policy";

    fn name(command: &PolicyCommand) -> &'static str {
        match command {
            PolicyCommand::Publish(_) => "publish",
        }
    }

    fn decide(
        state: &PolicyState,
        command: PolicyCommand,
        context: &Context,
    ) -> Result<Vec<PolicyEvent>, PolicyRefusal> {
        match command {
            PolicyCommand::Publish(command) => publish(state, command, context),
        }
    }

    fn evolve(_: PolicyState, event: &PolicyEvent, _: &Metadata) -> PolicyState {
        match event {
            PolicyEvent::Published(published) => PolicyState { latest: Some(published.clone()) },
        }
    }
}

fn publish(
    state: &PolicyState,
    PublishPolicy { document, effective_from }: PublishPolicy,
    context: &Context,
) -> Result<Vec<PolicyEvent>, PolicyRefusal> {
    document.validate().map_err(PolicyRefusal::InvalidDocument)?;
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
    Ok(vec![PolicyPublished { version, document, effective_from }.into()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decider::{Actor, ActorKind, Refusal},
        event::StoredEvent,
        id::{CommandId, derived},
        policy::PolicyDocument,
    };

    fn context(occurred_at: &str) -> Context {
        Context {
            command_id: CommandId(derived(&["publish"])),
            occurred_at: occurred_at.parse().unwrap(),
            recorded_at: "2026-05-01T00:00:00Z".parse().unwrap(),
            actor: Actor { kind: ActorKind::Staff, id: "planner".to_owned() },
        }
    }

    fn document(target: &str) -> PolicyDocument {
        serde_json::from_value(serde_json::json!({
            "name": "complaints",
            "rules": [{
                "name": "all",
                "targets": [{ "metric": "resolution", "target": target, "calendar": "office" }],
            }],
        }))
        .unwrap()
    }

    fn publish(
        state: &PolicyState,
        target: &str,
        effective_from: Option<&str>,
    ) -> Vec<PolicyEvent> {
        let command = PublishPolicy {
            document: document(target),
            effective_from: effective_from.map(|moment| moment.parse().unwrap()),
        };
        let context = context("2026-04-01T00:00:00Z");
        Policy::decide(state, PolicyCommand::Publish(command), &context).unwrap()
    }

    fn published(version: u32, target: &str, effective_from: &str) -> PolicyPublished {
        let effective_from = effective_from.parse().unwrap();
        PolicyPublished { version, document: document(target), effective_from }
    }

    #[test]
    fn the_first_publication_is_version_1_and_holds_from_the_commands_time() {
        assert_eq!(
            publish(&PolicyState::default(), "PT8H", None),
            [published(1, "PT8H", "2026-04-01T00:00:00Z").into()]
        );
    }

    #[test]
    fn the_next_version_may_hold_from_a_moment_of_its_own() {
        let state = PolicyState { latest: Some(published(1, "PT8H", "2026-01-01T00:00:00Z")) };
        assert_eq!(
            publish(&state, "PT4H", Some("2020-01-01T00:00:00Z")),
            [published(2, "PT4H", "2020-01-01T00:00:00Z").into()]
        );
    }

    #[test]
    fn publishing_what_holds_already_does_nothing() {
        let state = PolicyState { latest: Some(published(1, "PT8H", "2026-01-01T00:00:00Z")) };
        assert_eq!(publish(&state, "PT8H", None), []);
        assert_eq!(publish(&state, "PT8H", Some("2026-01-01T00:00:00Z")), []);
        assert_eq!(publish(&state, "PT8H", Some("2025-01-01T00:00:00Z")).len(), 1);
    }

    #[test]
    fn a_faulty_document_is_refused_with_the_field_in_words() {
        let command = PublishPolicy { document: document("PT0S"), effective_from: None };
        let refusal = Policy::decide(
            &PolicyState::default(),
            PolicyCommand::Publish(command),
            &context("2026-04-01T00:00:00Z"),
        )
        .unwrap_err();
        assert_eq!(refusal.code(), "POLICY_INVALID");
        assert_eq!(refusal.field(), Some("document"));
        assert!(
            refusal.to_string().contains("rules[0].targets[0].target: an amount is above zero")
        );
    }

    #[test]
    fn a_stored_publication_reads_back_as_it_was() {
        let event = PolicyEvent::from(published(3, "PT1H30M", "2026-01-01T00:00:00Z"));
        let read = PolicyEvent::from_json("PolicyPublished", 1, &event.to_json()).unwrap();
        assert_eq!(read, event);
    }
}
