//! Who read whose personal data.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use parvandeh_domain::id::DataSubject;

/// Those whose personal data were opened for one request.
#[derive(Debug, Default)]
pub struct Accesses(Mutex<BTreeSet<DataSubject>>);

impl Accesses {
    /// Notes that personal data of this person were opened.
    pub fn note(&self, subject: DataSubject) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(subject);
    }

    /// All who were noted since the last time this was asked.
    pub fn take(&self) -> BTreeSet<DataSubject> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
