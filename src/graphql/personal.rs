//! Personal fields in answers: opened for a caller who may read them, and noted for the access log.
//!
//! Rows hold envelopes. A personal field is opened when it is resolved and not before, so what is noted is what was answered.

use std::sync::{Arc, OnceLock};

use async_graphql::Context;
use parvandeh_domain::access::AccessLogFilter;
use parvandeh_domain::pii::Envelope;

use super::context::{failure, services};
use crate::access::Accesses;
use crate::sealing::{self, PersonalFields};
use crate::vault::{Vault, VaultError};

/// Opens envelopes for one request.
#[derive(Clone)]
pub struct Opener {
    vault: Arc<Vault>,
    accesses: Arc<Accesses>,
}

impl Opener {
    /// The opener of the request that is being resolved.
    pub fn of(ctx: &Context<'_>) -> Self {
        let accesses = ctx.data_unchecked::<Arc<Accesses>>().clone();
        Self { vault: services(ctx).vault.clone(), accesses }
    }

    /// The personal fields in an envelope; `None` when they were erased.
    pub fn open(&self, envelope: &[u8]) -> Result<Option<PersonalFields>, VaultError> {
        let opened = sealing::open(&self.vault, envelope)?;
        Ok(opened.map(|(subject, fields)| {
            self.accesses.note(subject);
            fields
        }))
    }

    /// Notes that this part of the access log was read.
    pub fn note_access_log(&self, filter: AccessLogFilter) {
        self.accesses.note_access_log(filter);
    }

    /// Whether an envelope can no longer be opened.
    pub fn is_erased(&self, envelope: &[u8]) -> Result<bool, VaultError> {
        Ok(sealing::open(&self.vault, envelope)?.is_none())
    }
}

/// The personal fields of one event, opened once, when the first of them is asked for.
#[derive(Clone, Default)]
pub struct Personal {
    envelope: Option<Envelope>,
    opened: OnceLock<Option<PersonalFields>>,
}

impl Personal {
    /// Those in an envelope. Without one they were erased.
    pub fn new(envelope: Option<Envelope>) -> Self {
        Self { envelope, opened: OnceLock::new() }
    }

    fn opened(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<&PersonalFields>> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened.as_ref());
        }
        let opened = match &self.envelope {
            Some(envelope) => Opener::of(ctx).open(&envelope.0).map_err(|error| failure(&error))?,
            None => None,
        };
        Ok(self.opened.get_or_init(|| opened).as_ref())
    }

    /// The text of a field; `None` when there is none or it was erased.
    pub fn text(&self, ctx: &Context<'_>, field: &str) -> async_graphql::Result<Option<String>> {
        Ok(self.opened(ctx)?.and_then(|fields| fields.text(field)))
    }

    /// Whether the fields were erased. To ask this is not to read them.
    pub fn is_erased(&self, ctx: &Context<'_>) -> async_graphql::Result<bool> {
        match &self.envelope {
            Some(envelope) => {
                Opener::of(ctx).is_erased(&envelope.0).map_err(|error| failure(&error))
            }
            None => Ok(true),
        }
    }
}
