//! What may happen in the access log.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::events;
use crate::id::DataSubject;

/// The most subjects of one event: who read the data of more has several events.
pub const SUBJECTS_MAX: usize = 1_000;

events! {
    /// What may happen in the access log.
    pub enum AccessEvent, upcast by &[] => {
        /// Somebody read personal data.
        PersonalDataRead(PersonalDataRead) = "PersonalDataRead" v 1,
        /// Somebody read the access log.
        LogRead(AccessLogRead) = "AccessLogRead" v 1,
    }
}

/// Somebody read personal data. Who it was stands in the metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PersonalDataRead {
    /// The reader's role, as in tokens: `agent`.
    pub reader_role: String,
    /// What for: as the reader said, or as their role has it.
    pub purpose: String,
    /// By which operation: the name of a GraphQL operation (of one without a name, its root fields), or of an export.
    pub operation: String,
    /// Whose data were read: at most 1,000, each once, in order.
    pub subjects: Vec<DataSubject>,
    /// Finds the request in the program's own log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// Somebody read the access log itself. Who it was stands in the metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccessLogRead {
    /// The reader's role, as in tokens: `auditor`.
    pub reader_role: String,
    /// What for: as the reader said, or as their role has it.
    pub purpose: String,
    /// By which operation.
    pub operation: String,
    /// Which part of it they asked for.
    pub filter: AccessLogFilter,
    /// Finds the request in the program's own log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// Which part of the access log was read; without any condition, all of it.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct AccessLogFilter {
    /// Whose data were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<DataSubject>,
    /// Who read, as the identity provider names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// At or after this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}
