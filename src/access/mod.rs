//! Who read whose personal data.
//!
//! What a request opens is noted ([`Accesses`]) and recorded in the access log ([`AccessLog`]), for the purpose that the reader states
//! ([`Purpose`]), before the answer leaves the server. Customers who read their own data are not recorded.

mod log;
mod purpose;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use parvandeh_domain::access::AccessLogFilter;
use parvandeh_domain::id::DataSubject;

pub use log::{AccessLog, AccessLogError, Reading};
pub use purpose::{InvalidPurpose, Purpose};

/// Those whose personal data were opened for one request, and the parts of the access log that were read for it.
#[derive(Debug, Default)]
pub struct Accesses(Mutex<Noted>);

/// What was noted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// Those whose personal data were opened.
    pub subjects: BTreeSet<DataSubject>,
    /// The parts of the access log that were read.
    pub access_log: BTreeSet<AccessLogFilter>,
}

impl Accesses {
    /// Notes that personal data of this person were opened.
    pub fn note(&self, subject: DataSubject) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).subjects.insert(subject);
    }

    /// Notes that this part of the access log was read.
    pub fn note_access_log(&self, filter: AccessLogFilter) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).access_log.insert(filter);
    }

    /// All that was noted since the last time this was asked.
    pub fn take(&self) -> Noted {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
