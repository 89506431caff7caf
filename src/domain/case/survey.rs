//! How content the customer is with the handling of their case (ISO 10002:2018, 9.3): they are asked once after it was closed, and answer
//! once, with a mark from 1 to 5 and as many words as they like. A case that is taken up again and closed again is not asked about again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attribute::{Channel, Status};
use super::decide::check;
use super::error::CaseRefusal;
use super::event::CaseEvent;
use super::state::CaseState;
use crate::pii::Pii;
use crate::text;

/// The best mark. The worst is 1.
pub const SCORE_MAX: u8 = 5;

/// The customer was asked how content they are with the handling of their case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SurveyAsked {}

/// The customer said how content they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SurveyAnswered {
    /// From 1, not at all, to 5, wholly.
    pub score: u8,
    /// What they said beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Pii<String>>,
    /// The channel by which they answered.
    pub channel: Channel,
}

/// What may be asked about the survey of a case.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum SurveyCommand {
    /// Ask the customer.
    Ask,
    /// Record what they said.
    Answer(AnswerSurvey),
}

impl SurveyCommand {
    /// The command's name, for those who run the program.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ask => "ask_survey",
            Self::Answer(_) => "answer_survey",
        }
    }
}

/// Record what the customer said.
#[derive(Clone, Debug, Serialize)]
pub struct AnswerSurvey {
    /// From 1 to 5.
    pub score: u8,
    /// What they said beside it.
    pub comment: Option<Pii<String>>,
    /// The channel by which they answered.
    pub channel: Channel,
}

/// How far the survey of a case has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Survey {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// The customer was asked.
    Asked,
    /// The customer answered.
    Answered,
}

impl Survey {
    /// Takes in an event of the case.
    pub fn evolve(&mut self, event: &CaseEvent) {
        match event {
            CaseEvent::SurveyAsked(_) if *self == Self::NotAsked => *self = Self::Asked,
            CaseEvent::SurveyAnswered(_) => *self = Self::Answered,
            _ => {}
        }
    }
}

/// What follows from a command on a case that was opened.
pub fn decide(
    state: &CaseState,
    status: Status,
    command: SurveyCommand,
) -> Result<Vec<CaseEvent>, CaseRefusal> {
    match command {
        SurveyCommand::Ask => {
            if state.survey != Survey::NotAsked {
                return Ok(vec![]);
            }
            if status != Status::Closed {
                return Err(CaseRefusal::NotClosed);
            }
            state.customer_id.ok_or(CaseRefusal::NobodyToAsk)?;
            Ok(vec![SurveyAsked {}.into()])
        }
        // Whoever was asked may answer also when the case is taken up again: what they say is about how it was handled by then.
        SurveyCommand::Answer(AnswerSurvey { score, comment, channel }) => {
            match state.survey {
                Survey::NotAsked => return Err(CaseRefusal::SurveyNotAsked),
                Survey::Answered => return Err(CaseRefusal::SurveyAnswered),
                Survey::Asked => {}
            }
            if !(1..=SCORE_MAX).contains(&score) {
                return Err(CaseRefusal::ScoreOutOfRange);
            }
            if let Some(comment) = &comment {
                check("comment", text::check_personal_body(comment))?;
            }
            Ok(vec![SurveyAnswered { score, comment, channel }.into()])
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::StoredEvent;
    use crate::id::{CustomerId, derived};

    /// A case of this customer whose survey has come so far.
    fn case_of(customer_id: Option<CustomerId>, survey: Survey) -> CaseState {
        CaseState { customer_id, survey, ..CaseState::default() }
    }

    fn case(survey: Survey) -> CaseState {
        case_of(Some(CustomerId(derived(&["customer", "test"]))), survey)
    }

    fn answer(score: u8, comment: Option<&str>) -> SurveyCommand {
        let comment = comment.map(|comment| Pii::new(comment.to_owned()));
        SurveyCommand::Answer(AnswerSurvey { score, comment, channel: Channel::Portal })
    }

    #[track_caller]
    fn when(state: &CaseState, status: Status, command: SurveyCommand) -> Vec<&'static str> {
        let decided = decide(state, status, command).unwrap();
        decided.iter().map(|event| event.event_type().name).collect()
    }

    #[track_caller]
    fn refused(state: &CaseState, status: Status, command: SurveyCommand) -> CaseRefusal {
        decide(state, status, command).unwrap_err()
    }

    const NOTHING: [&str; 0] = [];
    const NOT_OVER: [Status; 5] =
        [Status::Open, Status::Pending, Status::OnHold, Status::Resolved, Status::Merged];

    #[test]
    fn the_customer_of_a_closed_case_is_asked_once() {
        let fresh = case(Survey::NotAsked);
        assert_eq!(when(&fresh, Status::Closed, SurveyCommand::Ask), ["SurveyAsked"]);
        for known in [Survey::Asked, Survey::Answered] {
            for status in [Status::Closed, Status::Open] {
                let again = when(&case(known), status, SurveyCommand::Ask);
                assert_eq!(again, NOTHING, "{known:?}, {status:?}");
            }
        }
    }

    #[test]
    fn nobody_is_asked_before_the_end_or_where_nobody_is_known() {
        for status in NOT_OVER {
            let refusal = refused(&case(Survey::NotAsked), status, SurveyCommand::Ask);
            assert_eq!(refusal, CaseRefusal::NotClosed, "{status:?}");
        }
        let unknown = case_of(None, Survey::NotAsked);
        let refusal = refused(&unknown, Status::Closed, SurveyCommand::Ask);
        assert_eq!(refusal, CaseRefusal::NobodyToAsk);
    }

    #[test]
    fn who_was_asked_answers_once_also_when_the_case_was_taken_up_again() {
        for status in [Status::Closed].into_iter().chain(NOT_OVER) {
            let answered = when(&case(Survey::Asked), status, answer(3, None));
            assert_eq!(answered, ["SurveyAnswered"], "{status:?}");
        }
        let refusal = refused(&case(Survey::NotAsked), Status::Closed, answer(3, None));
        assert_eq!(refusal, CaseRefusal::SurveyNotAsked);
        let refusal = refused(&case(Survey::Answered), Status::Closed, answer(3, None));
        assert_eq!(refusal, CaseRefusal::SurveyAnswered);
    }

    #[test]
    fn what_is_said_is_recorded_as_it_was_said() {
        let decided = decide(&case(Survey::Asked), Status::Closed, answer(5, Some("زود بود")));
        let said = SurveyAnswered {
            score: 5,
            comment: Some(Pii::new("زود بود".to_owned())),
            channel: Channel::Portal,
        };
        assert_eq!(decided, Ok(vec![said.into()]));
        let refusal = refused(&case(Survey::Asked), Status::Closed, answer(5, Some(" ")));
        assert!(matches!(refusal, CaseRefusal::Text { field: "comment", .. }), "{refusal:?}");
    }

    #[test]
    fn a_survey_never_goes_back() {
        let asked = CaseEvent::from(SurveyAsked {});
        let answered =
            CaseEvent::from(SurveyAnswered { score: 1, comment: None, channel: Channel::Phone });
        let mut survey = Survey::default();
        for (event, after) in [
            (&asked, Survey::Asked),
            (&asked, Survey::Asked),
            (&answered, Survey::Answered),
            (&asked, Survey::Answered),
            (&answered, Survey::Answered),
        ] {
            survey.evolve(event);
            assert_eq!(survey, after);
        }
    }

    proptest! {
        #[test]
        fn a_mark_is_from_one_to_five(score: u8) {
            let decided = decide(&case(Survey::Asked), Status::Closed, answer(score, None));
            match score {
                1..=5 => prop_assert!(decided.is_ok()),
                _ => prop_assert_eq!(decided, Err(CaseRefusal::ScoreOutOfRange)),
            }
        }
    }
}
