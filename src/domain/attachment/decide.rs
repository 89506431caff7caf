//! What follows from a command on an attachment.

use super::command::{AddAttachment, AttachmentCommand, StorePart};
use super::error::AttachmentRefusal;
use super::event::{AttachmentAdded, AttachmentEvent, AttachmentPartStored};
use super::state::AttachmentState;
use super::{ATTACHMENT_SIZE_BYTES_MAX, PART_SIZE_BYTES_MAX};
use crate::decider::{Context, Decider, Metadata};
use crate::text;

/// The most characters of a media type.
const MEDIA_TYPE_LENGTH_MAX: usize = 127;

/// The aggregate. Whom its content is about its commands say: the customer of its case, or the case where no customer is known.
pub struct Attachment;

impl Decider for Attachment {
    type Command = AttachmentCommand;
    type Event = AttachmentEvent;
    type State = AttachmentState;
    type Refusal = AttachmentRefusal;

    const CATEGORY: &'static str = "attachment";

    fn name(command: &AttachmentCommand) -> &'static str {
        match command {
            AttachmentCommand::StorePart(_) => "store_part",
            AttachmentCommand::Add(_) => "add",
        }
    }

    fn decide(
        state: &AttachmentState,
        command: AttachmentCommand,
        _: &Context,
    ) -> Result<Vec<AttachmentEvent>, AttachmentRefusal> {
        if state.added {
            return Err(AttachmentRefusal::AlreadyAdded);
        }
        match command {
            AttachmentCommand::StorePart(part) => Ok(vec![stored(state, part)?.into()]),
            AttachmentCommand::Add(add) => Ok(vec![added(state, add)?.into()]),
        }
    }

    fn evolve(state: AttachmentState, event: &AttachmentEvent, meta: &Metadata) -> AttachmentState {
        state.evolve(event, meta)
    }
}

fn stored(
    state: &AttachmentState,
    store: StorePart,
) -> Result<AttachmentPartStored, AttachmentRefusal> {
    let StorePart { case_id, part, size_bytes, content } = store;
    if part != state.part_count {
        return Err(AttachmentRefusal::PartOutOfOrder { expected: state.part_count });
    }
    if size_bytes == 0 {
        return Err(AttachmentRefusal::Empty);
    }
    let fits = state.size_bytes + u64::from(size_bytes) <= ATTACHMENT_SIZE_BYTES_MAX;
    if !fits || size_bytes as usize > PART_SIZE_BYTES_MAX {
        return Err(AttachmentRefusal::TooLarge);
    }
    Ok(AttachmentPartStored { case_id, part, size_bytes, content })
}

fn added(
    state: &AttachmentState,
    add: AddAttachment,
) -> Result<AttachmentAdded, AttachmentRefusal> {
    let AddAttachment { case_id, direction, name, media_type, sha256 } = add;
    text::check_personal_line(&name).map_err(AttachmentRefusal::Name)?;
    if !is_media_type(&media_type) {
        return Err(AttachmentRefusal::InvalidMediaType);
    }
    if state.part_count == 0 {
        return Err(AttachmentRefusal::Empty);
    }
    let (size_bytes, part_count) = (state.size_bytes, state.part_count);
    Ok(AttachmentAdded { case_id, direction, name, media_type, size_bytes, part_count, sha256 })
}

/// Whether a text is a media type without parameters: type and subtype of the characters that RFC 6838, 4.2 allows.
fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        let restricted = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c);
        name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(restricted)
    };
    text.len() <= MEDIA_TYPE_LENGTH_MAX
        && text.split_once('/').is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::case::Direction;
    use crate::decider::{Actor, ActorKind};
    use crate::id::{CaseId, CommandId};
    use crate::pii::Pii;

    const CASE: CaseId = CaseId(Uuid::from_u128(1));

    fn decide(
        state: &AttachmentState,
        command: AttachmentCommand,
    ) -> Result<AttachmentState, AttachmentRefusal> {
        let actor = Actor { kind: ActorKind::Customer, id: "a".to_owned() };
        let (command_id, now) = (CommandId(Uuid::nil()), Timestamp::UNIX_EPOCH);
        let context =
            Context { command_id, occurred_at: now, recorded_at: now, actor: actor.clone() };
        let meta = Metadata {
            occurred_at: now,
            recorded_at: now,
            actor,
            causation_id: command_id,
            correlation_id: command_id.0,
            command_digest: None,
            personal: None,
        };
        let events = Attachment::decide(state, command, &context)?;
        Ok(events
            .iter()
            .fold(state.clone(), |state, event| Attachment::evolve(state, event, &meta)))
    }

    fn part(part: u32, size_bytes: u32) -> AttachmentCommand {
        let content = Pii::new("AA==".to_owned());
        AttachmentCommand::StorePart(StorePart { case_id: CASE, part, size_bytes, content })
    }

    fn add(media_type: &str) -> AttachmentCommand {
        AttachmentCommand::Add(AddAttachment {
            case_id: CASE,
            direction: Direction::Inbound,
            name: Pii::new("نامه.pdf".to_owned()),
            media_type: media_type.to_owned(),
            sha256: Pii::new(String::new()),
        })
    }

    #[test]
    fn parts_come_in_order_and_the_file_is_whole_once() {
        let state = decide(&AttachmentState::default(), part(0, 10)).unwrap();
        assert_eq!(
            decide(&state, part(2, 10)),
            Err(AttachmentRefusal::PartOutOfOrder { expected: 1 })
        );
        let state = decide(&decide(&state, part(1, 5)).unwrap(), add("application/pdf")).unwrap();
        assert_eq!(state, AttachmentState { part_count: 2, size_bytes: 15, added: true });
        for command in [part(2, 1), add("application/pdf")] {
            assert_eq!(decide(&state, command), Err(AttachmentRefusal::AlreadyAdded));
        }
    }

    #[test]
    fn a_file_has_some_content_and_not_too_much() {
        let empty = AttachmentState::default();
        assert_eq!(decide(&empty, add("text/plain")), Err(AttachmentRefusal::Empty));
        assert_eq!(decide(&empty, part(0, 0)), Err(AttachmentRefusal::Empty));
        let full = PART_SIZE_BYTES_MAX as u32;
        assert_eq!(decide(&empty, part(0, full + 1)), Err(AttachmentRefusal::TooLarge));
        let parts = (ATTACHMENT_SIZE_BYTES_MAX / u64::from(full)) as u32;
        let most =
            (0..parts).fold(empty, |state, number| decide(&state, part(number, full)).unwrap());
        assert_eq!(decide(&most, part(parts, 1)), Err(AttachmentRefusal::TooLarge));
    }

    #[test]
    fn a_media_type_is_a_type_and_a_subtype() {
        for text in ["application/pdf", "image/svg+xml", "application/vnd.ms-excel"] {
            assert!(is_media_type(text), "{text}");
        }
        let of_length = |length: usize| format!("a/{}", "b".repeat(length - 2));
        assert!(is_media_type(&of_length(MEDIA_TYPE_LENGTH_MAX)));
        assert!(!is_media_type(&of_length(MEDIA_TYPE_LENGTH_MAX + 1)));
        for text in ["", "pdf", "a/b/c", "text/html; charset=utf-8", "/x", "text/", "a b/c", "x/é"]
        {
            assert!(!is_media_type(text), "{text}");
        }
    }
}
