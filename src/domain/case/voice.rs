//! Voices: suggestions, criticisms and praise, from customers and from our own staff.
//!
//! What a complaint needs is a decision; what a voice needs is that something becomes of it and that its author hears of that. The two
//! are one command here ([`TellAuthor`]): what became of it is recorded together with the message that tells it, so that neither can
//! be had without the other. It can be done again when more has become of it: planned in spring, adopted in autumn.
//!
//! Staff raise voices of their own ([`RaiseByStaff`]), by name or anonymously. Of an anonymous author nothing is recorded at all; they
//! keep a code, and the case's id follows from it. A voice that has an author to tell is closed only after they were told what became of it:
//! that it is being weighed is no such answer, and what was told before the case was taken up again is none either.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attribute::{CaseKind, Channel, Direction, Priority, vocabulary};
use super::error::CaseRefusal;
use super::event::{CaseEvent, CaseOpened, InteractionRecorded};
use crate::id::{CategoryId, UnitId};
use crate::pii::Pii;
use crate::text;

vocabulary!(
    /// What became of a voice.
    Became {
        /// It is being weighed; nothing is decided.
        UnderConsideration = "under_consideration",
        /// It will be done, and when was said.
        Planned = "planned",
        /// It was done, or the opinion was taken to heart.
        Adopted = "adopted",
        /// It was done in part.
        PartlyAdopted = "partly_adopted",
        /// It will not be done, and why was said.
        NotAdopted = "not_adopted",
        /// Those whom it concerns have heard it: what praise is for.
        PassedOn = "passed_on",
    }
);

/// A member of staff raised it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseRaisedByStaff {
    /// Who, as the identity provider names them; absent where they chose to stay anonymous.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

/// Its author was told what became of it, by the message that is recorded next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseAuthorTold {
    /// What became of it.
    pub became: Became,
}

/// Open a case as a member of staff.
#[derive(Clone, Debug, Serialize)]
pub struct RaiseByStaff {
    /// What sort of voice: a suggestion, a criticism or praise.
    pub kind: CaseKind,
    /// The matter in one line.
    pub subject: Pii<String>,
    /// The matter in full.
    pub description: Option<Pii<String>>,
    /// Its subject category.
    pub category: Option<CategoryId>,
    /// The unit that is to look at it; the intake where absent.
    pub unit: Option<UnitId>,
    /// Who raises it; nobody where they stay anonymous.
    pub author: Option<String>,
}

/// Tell its author what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct TellAuthor {
    /// What became of it.
    pub became: Became,
    /// What was done, in the words that the author reads.
    pub what_was_done: Pii<String>,
    /// The way by which they are told.
    pub channel: Channel,
}

/// What decisions need to know of a case as a voice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Voice {
    /// Whether it is a suggestion, a criticism or praise.
    pub is_opinion: bool,
    /// Who of our staff raised it, where one did.
    pub raised_by: Option<StaffAuthor>,
    /// What its author was told last of what became of it, since it was opened or taken up again.
    pub became: Option<Became>,
}

/// A member of staff who raised a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StaffAuthor {
    /// One who stays anonymous.
    Anonymous,
    /// One whom the identity provider names so.
    Named(String),
}

impl Voice {
    /// The voice of a case of this kind, at its opening.
    pub fn of(kind: CaseKind) -> Self {
        Self { is_opinion: is_opinion(kind), ..Self::default() }
    }

    /// Takes in that staff raised it.
    pub fn raised(&mut self, raised: &CaseRaisedByStaff) {
        self.raised_by =
            Some(raised.author.clone().map_or(StaffAuthor::Anonymous, StaffAuthor::Named));
    }

    /// Whether this member of staff raised it by name.
    pub fn is_raised_by(&self, author: &str) -> bool {
        matches!(&self.raised_by, Some(StaffAuthor::Named(name)) if name == author)
    }

    /// Whether the case may be closed, as far as its author is concerned. Where neither staff nor a known customer raised it, such as in a
    /// log of another program, there is nobody to tell.
    pub(super) fn may_close(&self, has_customer: bool) -> Result<(), CaseRefusal> {
        let has_author = self.raised_by.is_some() || has_customer;
        match self.became {
            None | Some(Became::UnderConsideration) if self.is_opinion && has_author => {
                Err(CaseRefusal::AuthorNotTold)
            }
            _ => Ok(()),
        }
    }
}

/// Whether a case of this kind is an opinion: something becomes of it, rather than its being decided.
pub fn is_opinion(kind: CaseKind) -> bool {
    match kind {
        CaseKind::Suggestion | CaseKind::Criticism | CaseKind::Praise => true,
        CaseKind::Complaint
        | CaseKind::Request
        | CaseKind::Question
        | CaseKind::MediaInquiry
        | CaseKind::Incident => false,
    }
}

/// The case is opened and its author recorded, or that there is none to record.
pub(super) fn raised_by_staff(raise: RaiseByStaff) -> Result<Vec<CaseEvent>, CaseRefusal> {
    if !is_opinion(raise.kind) {
        return Err(CaseRefusal::NotAnOpinion { field: Some("kind") });
    }
    let problem = |field| move |problem| CaseRefusal::Text { field, problem };
    text::check_personal_line(&raise.subject).map_err(problem("subject"))?;
    if let Some(description) = &raise.description {
        text::check_personal_body(description).map_err(problem("description"))?;
    }
    let opened = CaseOpened {
        kind: raise.kind,
        subject: raise.subject,
        description: raise.description,
        customer_id: None,
        channel: Channel::Portal,
        category: raise.category,
        priority: Priority::Normal,
        severity: None,
        unit: raise.unit,
        due_at: None,
        external_reference: None,
        split_from: None,
        remedy_sought: None,
    };
    Ok(vec![opened.into(), CaseRaisedByStaff { author: raise.author }.into()])
}

/// What became of it, and the message that tells it. The same may be told again in other words.
pub(super) fn author_told(voice: &Voice, tell: TellAuthor) -> Result<Vec<CaseEvent>, CaseRefusal> {
    if !voice.is_opinion {
        return Err(CaseRefusal::NotAnOpinion { field: None });
    }
    text::check_personal_body(&tell.what_was_done)
        .map_err(|problem| CaseRefusal::Text { field: "what_was_done", problem })?;
    let message = InteractionRecorded {
        direction: Direction::Outbound,
        channel: tell.channel,
        body: tell.what_was_done,
        automatic: false,
    };
    Ok(vec![CaseAuthorTold { became: tell.became }.into(), message.into()])
}

#[cfg(test)]
mod tests {
    use super::super::command::{OpenCase, ReopenCase, ResolveCase};
    use super::super::{Case, CaseCommand, CaseState, Outcome, Status};
    use super::*;
    use crate::decider::{Actor, ActorKind, Context, Decider, Metadata, Refusal as _};
    use crate::id::{CommandId, CustomerId};

    fn context() -> Context {
        let now = "2026-03-02T08:00:00Z".parse().unwrap();
        let actor = Actor { kind: ActorKind::Staff, id: "anonymous".to_owned() };
        Context {
            command_id: CommandId(crate::id::derived(&["test"])),
            occurred_at: now,
            recorded_at: now,
            actor,
        }
    }

    fn after(
        state: CaseState,
        command: CaseCommand,
    ) -> Result<(CaseState, Vec<CaseEvent>), CaseRefusal> {
        let context = context();
        let events = Case::decide(&state, command, &context)?;
        let meta = Metadata {
            occurred_at: context.occurred_at,
            recorded_at: context.recorded_at,
            actor: context.actor,
            causation_id: context.command_id,
            correlation_id: context.command_id.0,
            command_digest: None,
            personal: None,
        };
        let state = events.iter().fold(state, |state, event| Case::evolve(state, event, &meta));
        Ok((state, events))
    }

    fn raise(kind: CaseKind, author: Option<&str>) -> CaseCommand {
        CaseCommand::RaiseByStaff(RaiseByStaff {
            kind,
            subject: Pii::new("صندلی انتظار بگذاریم".to_owned()),
            description: None,
            category: None,
            unit: None,
            author: author.map(str::to_owned),
        })
    }

    fn tell(became: Became) -> CaseCommand {
        CaseCommand::TellAuthor(TellAuthor {
            became,
            what_was_done: Pii::new("ده صندلی خریده شد".to_owned()),
            channel: Channel::Portal,
        })
    }

    #[test]
    fn an_anonymous_voice_names_nobody_and_a_named_one_its_author() {
        let (state, events) =
            after(CaseState::default(), raise(CaseKind::Suggestion, None)).unwrap();
        assert_eq!(state.voice.raised_by, Some(StaffAuthor::Anonymous));
        assert_eq!(events[1], CaseRaisedByStaff { author: None }.into());
        assert!(!state.voice.is_raised_by("anonymous"));

        let raised = raise(CaseKind::Suggestion, Some("agent-7"));
        let (state, _) = after(CaseState::default(), raised).unwrap();
        assert!(state.voice.is_raised_by("agent-7"));
        assert!(!state.voice.is_raised_by("agent-8"));
    }

    #[test]
    fn staff_raise_opinions_and_nothing_else() {
        for kind in CaseKind::ALL {
            let raised = after(CaseState::default(), raise(*kind, None));
            let refused = Err(CaseRefusal::NotAnOpinion { field: Some("kind") });
            match is_opinion(*kind) {
                true => assert!(raised.is_ok(), "{kind}"),
                false => assert_eq!(raised, refused, "{kind}"),
            }
        }
    }

    #[test]
    fn a_voice_of_staff_is_closed_only_after_its_author_was_told() {
        let (state, _) = after(CaseState::default(), raise(CaseKind::Suggestion, None)).unwrap();
        let resolve = ResolveCase { outcome: Outcome::Fulfilled, summary: None };
        let (state, _) = after(state, CaseCommand::Resolve(resolve)).unwrap();
        let refused = after(state.clone(), CaseCommand::Close).unwrap_err();
        assert_eq!(refused, CaseRefusal::AuthorNotTold);

        let (state, events) = after(state, tell(Became::Adopted)).unwrap();
        assert_eq!(events[0], CaseAuthorTold { became: Became::Adopted }.into());
        assert!(matches!(
            &events[1],
            CaseEvent::InteractionRecorded(message)
                if message.direction == Direction::Outbound && !message.automatic
        ));
        assert!(after(state, CaseCommand::Close).is_ok());
    }

    #[test]
    fn only_of_an_opinion_does_something_become_and_it_is_said_in_words() {
        let mut state = CaseState { status: Some(Status::Open), ..CaseState::default() };
        for kind in CaseKind::ALL {
            state.voice = Voice::of(*kind);
            let told = after(state.clone(), tell(Became::Adopted)).map(|_| ());
            let expected = match is_opinion(*kind) {
                true => Ok(()),
                false => Err(CaseRefusal::NotAnOpinion { field: None }),
            };
            assert_eq!(told, expected, "{kind}");
        }
        state.voice = Voice::of(CaseKind::Praise);
        let wordless = TellAuthor {
            became: Became::Adopted,
            what_was_done: Pii::new(" ".to_owned()),
            channel: Channel::Portal,
        };
        let refusal = after(state, CaseCommand::TellAuthor(wordless)).unwrap_err();
        assert_eq!((refusal.code(), refusal.field()), ("TEXT_EMPTY", Some("what_was_done")));
        for (subject, description, field) in
            [(" ", None, "subject"), ("x", Some(" "), "description")]
        {
            let CaseCommand::RaiseByStaff(mut raised) = raise(CaseKind::Praise, None) else {
                panic!()
            };
            raised.subject = Pii::new(subject.to_owned());
            raised.description = description.map(|text: &str| Pii::new(text.to_owned()));
            let raised = CaseCommand::RaiseByStaff(raised);
            let refusal = after(CaseState::default(), raised).unwrap_err();
            assert_eq!((refusal.code(), refusal.field()), ("TEXT_EMPTY", Some(field)));
        }
    }

    #[test]
    fn a_voice_of_a_customer_is_closed_only_after_its_author_was_told() {
        let resolve = || {
            let resolve = ResolveCase { outcome: Outcome::Fulfilled, summary: None };
            CaseCommand::Resolve(resolve)
        };
        let said_by = |customer_id| {
            let open = OpenCase {
                kind: CaseKind::Criticism,
                subject: Pii::new("صف طولانی است".to_owned()),
                description: None,
                customer_id,
                channel: Channel::Portal,
                category: None,
                priority: Priority::Normal,
                severity: None,
                unit: None,
                due_at: None,
                external_reference: None,
                split_from: None,
                remedy_sought: None,
            };
            let (state, _) = after(CaseState::default(), CaseCommand::Open(open)).unwrap();
            after(state, resolve()).unwrap().0
        };
        let customer = CustomerId(crate::id::derived(&["customer", "1"]));
        let refused = |state| after(state, CaseCommand::Close).unwrap_err();

        let resolved = said_by(Some(customer));
        assert_eq!(refused(resolved.clone()), CaseRefusal::AuthorNotTold);
        let (weighed, _) = after(resolved, tell(Became::UnderConsideration)).unwrap();
        assert_eq!(refused(weighed.clone()), CaseRefusal::AuthorNotTold, "nothing became of it");
        let (told, _) = after(weighed, tell(Became::NotAdopted)).unwrap();
        assert!(after(told.clone(), CaseCommand::Close).is_ok());

        let reopen =
            CaseCommand::Reopen(ReopenCase { reason: Pii::new("دوباره".to_owned()) });
        let (again, _) = after(told, reopen).unwrap();
        let (again, _) = after(again, resolve()).unwrap();
        assert_eq!(refused(again), CaseRefusal::AuthorNotTold, "that was before");

        assert!(after(said_by(None), CaseCommand::Close).is_ok(), "there is nobody to tell");
    }

    #[test]
    fn what_became_of_a_voice_can_change() {
        let (state, _) = after(CaseState::default(), raise(CaseKind::Suggestion, None)).unwrap();
        let (state, _) = after(state, tell(Became::Planned)).unwrap();
        let (state, _) = after(state, tell(Became::Adopted)).unwrap();
        assert_eq!(state.voice.became, Some(Became::Adopted));
    }
}
