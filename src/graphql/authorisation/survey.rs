//! Who may select what of surveys and how content customers are.

use super::roles::{PLANNERS, READERS, WORKERS, WORKERS_AND_CUSTOMERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Query", PLANNERS, &["satisfaction"]),
    ("Mutation", WORKERS, &["askSurvey"]),
    // Customers answer by themselves.
    ("Mutation", WORKERS_AND_CUSTOMERS, &["answerSurvey"]),
    ("Case", READERS, &["survey"]),
    ("Survey", READERS, &["askedAt", "answeredAt", "score"]),
    ("Satisfaction", PLANNERS, &["group", "asked", "answered", "responseRate", "mean", "scores"]),
    ("AskSurveyPayload", WORKERS, &["case", "userErrors"]),
    ("AnswerSurveyPayload", WORKERS_AND_CUSTOMERS, &["case", "userErrors"]),
];
