//! The vault: every envelope against the hash that its event names, which is part of the event's leaf.
//!
//! An envelope may be missing where its subject was erased, and the log says so; anywhere else it is a loss.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::Deserialize;

use super::{Part, Report};
use crate::proof::leaf::hexadecimal;
use crate::proof::merkle::Hash;
use crate::store::sqlite::LogReader;
use crate::store::{LoggedEvent, Position};

/// The events by which it is decided that a subject is erased, and that it is done, in the subject's own stream.
const ERASED: [&str; 2] = ["CustomerErasureOrdered", "CustomerErased"];
const PAGE_SIZE: usize = 1_000;

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    personal: Option<Seal<'a>>,
}

#[derive(Deserialize)]
struct Seal<'a> {
    #[serde(borrow)]
    subject: std::borrow::Cow<'a, str>,
    sha256: &'a str,
}

/// What was seen of the vault.
#[derive(Debug, Default)]
pub(super) struct Envelopes {
    /// Subjects with envelopes that are not there: the first position, and how many there are.
    missing: HashMap<String, (u64, u64)>,
    erased: HashSet<String>,
}

impl Envelopes {
    /// Compares some events of the log with the envelopes at their positions, both in order.
    pub(super) fn take_in<'a>(
        &mut self,
        events: impl Iterator<Item = &'a LoggedEvent>,
        envelopes: &[(i64, Hash)],
        report: &mut Report,
    ) {
        let mut named = vec![false; envelopes.len()];
        for event in events {
            if ERASED.contains(&&*event.type_name) {
                self.erased.insert(event.stream.as_str().to_owned());
            }
            let metadata = str::from_utf8(&event.metadata).unwrap_or_default();
            if !metadata.contains("\"personal\"") {
                continue;
            }
            let Ok(Metadata { personal: Some(seal) }) = serde_json::from_str(metadata) else {
                continue;
            };
            let position = event.position.0;
            let found = envelopes.binary_search_by_key(&position.cast_signed(), |(at, _)| *at);
            match found {
                Ok(index) => {
                    named[index] = true;
                    report.envelopes += 1;
                    let mut hash = Vec::with_capacity(64);
                    hexadecimal(&mut hash, &envelopes[index].1);
                    if seal.sha256.as_bytes() != hash {
                        let problem = "the envelope of the event's personal fields is not the one whose hash the event names";
                        report.at(Part::Vault, position, problem);
                    }
                }
                Err(_) => {
                    let missing = self.missing.entry(seal.subject.into_owned());
                    missing.or_insert((position, 0)).1 += 1;
                }
            }
        }
        for ((position, _), _) in envelopes.iter().zip(named).filter(|(_, named)| !named) {
            let problem = "an envelope stands here, and no event names it";
            report.at(Part::Vault, u64::try_from(*position).unwrap_or(0), problem);
        }
    }

    /// Tells what is missing without an erasure. `end` is where the log ended when it was read.
    pub(super) fn judge(&self, directory: &Path, end: Option<u64>, report: &mut Report) {
        let log = LogReader::open(directory);
        let behind = log.as_ref().ok().and_then(|log| log.envelopes_behind_end().ok());
        for position in behind.into_iter().flatten() {
            let problem = "an envelope stands behind the end of the log";
            report.at(Part::Vault, u64::try_from(position).unwrap_or(0), problem);
        }
        let mut missing: Vec<_> =
            self.missing.iter().filter(|(subject, _)| !self.erased.contains(*subject)).collect();
        if missing.is_empty() {
            return;
        }
        // What is missing of the log may be the erasure.
        let is_log_whole = report.findings.iter().all(|finding| finding.part != Part::Log);
        // A subject may have been erased while the log was read.
        let since = match (log, end) {
            (Ok(log), Some(end)) => erased_after(&log, end),
            _ => HashSet::new(),
        };
        missing.retain(|(subject, _)| !since.contains(*subject));
        missing.sort_by_key(|(_, (position, _))| *position);
        for (subject, (position, count)) in missing {
            let others = match count {
                1 => String::new(),
                _ => format!(", like {} more of the same subject", count - 1),
            };
            let problem = format!(
                "the envelope of the event's personal fields is missing{others}, and {subject} was not erased"
            );
            if is_log_whole {
                report.at(Part::Vault, *position, problem);
            } else {
                let problem = format!("position {position}: {problem}, as far as this log says");
                report.general(Part::Vault, problem);
            }
        }
    }
}

fn erased_after(log: &LogReader, end: u64) -> HashSet<String> {
    let (mut erased, mut after) = (HashSet::new(), end);
    while let Ok(page) = log.read_all((after > 0).then_some(Position(after)), PAGE_SIZE) {
        let last = page.last().map_or(0, |last| last.position.0);
        // In a damaged file the tree of rows may lead in a circle.
        if last <= after {
            break;
        }
        after = last;
        let subjects = page.iter().filter(|event| ERASED.contains(&&*event.type_name));
        erased.extend(subjects.map(|event| event.stream.as_str().to_owned()));
    }
    erased
}
