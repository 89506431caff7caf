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
