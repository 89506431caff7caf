//! Bundles: what is exported as it stands in the log, with what it takes to verify it offline (see [`crate::proof::bundle`]).
//!
//! A bundle tells of the events of the cases, of their clocks and of their customers, in the order of the log. Events that happened
//! outside the period, and those of all other streams, are gaps.

use std::collections::HashMap;
use std::io::Write;

use parvandeh_projections::scope::CaseScope;
use serde_json::{Map, Value, json};

use super::index::{CaseIndex, Owner, owner_of};
use super::personal::{self, Personal};
use super::{ExportError, Header, Source, Summary};
use crate::export::index::occurred_at;
use crate::proof::bundle::{self, WriteError};
use crate::proof::checkpoint::Folder;
use crate::proof::tree::Tree;
use crate::store::sqlite::LogReader;
use crate::store::{LoggedEvent, Position};

/// Events read at once.
const PAGE_SIZE: usize = 4_096;
/// Owners of which it is known whether the bundle tells of them.
const KNOWN_OWNERS_MAX: usize = 200_000;

pub(super) fn write(
    header: &Header<'_>,
    log: &LogReader,
    index: &CaseIndex,
    source: &mut Source<'_>,
    out: &mut dyn Write,
    summary: &mut Summary,
) -> Result<(), ExportError> {
    let folder = Folder::of(log.directory());
    let signed = folder.checkpoint()?.ok_or(ExportError::NoCheckpoint)?;
    let key = folder.verifier_key()?.ok_or(ExportError::NoCheckpoint)?;
    signed.verify(&key).map_err(ExportError::Checkpoint)?;
    let about = bundle::Header {
        signed,
        key,
        store: header.log_id,
        filter: filter(header),
        personal: match header.personal {
            Personal::LeftOut => "left out".to_owned(),
            Personal::Included { purpose, .. } => format!("included for {purpose}"),
        },
    };
    let events = Events {
        header,
        log,
        index,
        source,
        known: HashMap::new(),
        page: Vec::new().into_iter(),
        after: 0,
        is_over: false,
    };
    let written = bundle::write(out, events, &Tree::of(folder.path()), &about);
    let written = written.map_err(|error| match error {
        WriteError::Output(error) => ExportError::Write(error),
        WriteError::Events(error) => match error.downcast::<ExportError>() {
            Ok(error) => *error,
            Err(error) => ExportError::Bundle(WriteError::Events(error)),
        },
        error => ExportError::Bundle(error),
    })?;
    summary.cases = index.count(header.selection)?;
    summary.events = written.events;
    summary.is_cut = written.is_cut;
    Ok(())
}

/// What was asked for, as the bundle tells it.
fn filter(header: &Header<'_>) -> Value {
    let selection = header.selection;
    let scope = match &selection.scope {
        CaseScope::All => json!("all"),
        CaseScope::Units(units) => json!({ "units": units }),
        CaseScope::Customer(id) | CaseScope::Representative { own: id, .. } => {
            json!({ "customer": id })
        }
        CaseScope::Nothing => json!("nothing"),
    };
    json!({
        "scope": scope,
        "from": selection.from,
        "to": selection.to,
        "kinds": selection.kinds,
        "units": selection.units,
    })
}

/// An event, and its opened personal fields where they are told.
type Told = (LoggedEvent, Option<Map<String, Value>>);

/// The events of the selection in the order of the log.
struct Events<'a, 'b> {
    header: &'a Header<'a>,
    log: &'a LogReader,
    index: &'a CaseIndex,
    source: &'a mut Source<'b>,
    /// Whether the bundle tells of an owner.
    known: HashMap<Owner, bool>,
    page: std::vec::IntoIter<LoggedEvent>,
    after: u64,
    is_over: bool,
}

impl Events<'_, '_> {
    fn find(&mut self) -> Result<Option<Told>, ExportError> {
        loop {
            while let Some(logged) = self.page.next() {
                if self.is_told(&logged)? {
                    let opened = personal::opened_fields(self.header.personal, &logged)?;
                    return Ok(Some((logged, opened.map(|fields| fields.all()))));
                }
            }
            if self.after >= self.header.head {
                return Ok(None);
            }
            let limit = usize::try_from(self.header.head - self.after).unwrap_or(PAGE_SIZE);
            let after = (self.after > 0).then_some(Position(self.after));
            let page = match self.header.personal {
                Personal::LeftOut => self.log.read_all_bare(after, limit.min(PAGE_SIZE))?,
                Personal::Included { .. } => self.log.read_all(after, limit.min(PAGE_SIZE))?,
            };
            let Some(last) = page.last() else { return Ok(None) };
            self.after = last.position.0;
            self.page = page.into_iter();
            self.source.tell(self.after)?;
        }
    }

    fn is_told(&mut self, logged: &LoggedEvent) -> Result<bool, ExportError> {
        let selection = self.header.selection;
        let Some(owner) = owner_of(logged) else { return Ok(false) };
        let is_owner_told = match self.known.get(&owner) {
            Some(known) => *known,
            None => {
                let is_told = self.index.tells_of(selection, owner)?;
                if self.known.len() == KNOWN_OWNERS_MAX {
                    self.known.clear();
                }
                self.known.insert(owner, is_told);
                is_told
            }
        };
        let is_in_period = !selection.has_period()
            || occurred_at(logged).is_some_and(|moment| selection.tells_of(moment));
        Ok(is_owner_told && is_in_period)
    }
}

impl Iterator for Events<'_, '_> {
    type Item = Result<Told, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let found = self.find();
        self.is_over = !matches!(found, Ok(Some(_)));
        found.transpose()
    }
}
