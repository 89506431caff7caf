//! A data directory: the log row by row, its leaves against the tree's files and the signed roots, the envelopes against their hashes.
//!
//! The log is read once, in order, by a thread of its own; nothing is locked and nothing is written, so that a server may run beside it.
//! Three things are compared: what the log gives, what the tree's files give, and what was signed. Any two that agree accuse the third.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::files::{self, Files};
use super::vault::Envelopes;
use super::{Known, Part, Report, Roots, Trust};
use crate::proof::checkpoint::{Folder, origin};
use crate::proof::leaf::Leaves;
use crate::proof::merkle::Hash;
use crate::proof::tree::{LEVELS_MAX, TILE_HASHES, Tree};
use crate::store::sqlite::{AuditedPage, AuditedRow, LogReader};
use crate::store::{LoggedEvent, ReadError};

/// Rows read at once: a longer read would keep the write-ahead log from being folded in.
const ROWS_PER_READ: u32 = 1_000;
/// Pages that may wait for the comparison.
const QUEUED_PAGES_MAX: usize = 8;
/// Events that differ from the tree and are named; the others are counted.
const DIFFERENT_MAX: usize = 40;

/// Verifies a data directory. `progress` is told the position reached and where the log ends.
pub fn verify(directory: &Path, trust: &Trust, progress: impl Fn(u64, u64)) -> Report {
    let mut report = Report::about(directory.display().to_string());
    // In this order: what is signed is in the tree's files, and what is in these is in the log, also while a server goes on.
    let folder = Folder::of(directory);
    let known = signed(&folder, trust, &mut report);
    let tree = Tree::of(folder.path());
    let stored = files::stored(&tree).unwrap_or_else(|error| {
        report.general(Part::Tree, error.to_string());
        [0; LEVELS_MAX]
    });
    let log = match LogReader::open(directory).and_then(|log| Ok((log.store_id()?, log))) {
        Ok(log) => log,
        Err(error) => {
            report.general(Part::Log, error.to_string());
            return report;
        }
    };
    let (store, log) = log;
    if let Some(signed_origin) = report.origin.clone().filter(|it| *it != origin(store)) {
        let problem =
            format!("the checkpoint is about {signed_origin}, and the log is {}", origin(store));
        report.general(Part::Log, problem);
    }
    // A log whose end cannot be read is read up to its damage.
    let end = log.head().ok().flatten().map_or(u64::MAX, |head| head.0);

    let (sender, pages) = sync_channel(QUEUED_PAGES_MAX);
    let (found, files) = std::thread::scope(|scope| {
        scope.spawn(move || read(&log, end, &sender));
        let files = scope.spawn(|| files::check(&tree, stored, &known));
        let comparison = Comparison::new(Leaves::of(store), &tree, stored[0], &known);
        let found = comparison.run(&pages, &mut report, |position| progress(position, end));
        (found, files.join())
    });
    report.events = found.events;
    let files = match files {
        Ok(Ok(files)) => files,
        Ok(Err(error)) => {
            report.general(Part::Tree, error.to_string());
            Files::default()
        }
        Err(_) => {
            report.general(Part::Tree, "the tree's files could not be compared");
            Files::default()
        }
    };
    judge(&found, &files, &known, &mut report);
    found.envelopes.judge(directory, found.end, &mut report);
    report
}

/// The checkpoints that the log must agree with.
fn signed(folder: &Folder, trust: &Trust, report: &mut Report) -> Vec<Known> {
    let mut known = Vec::new();
    let beside = folder.verifier_key().unwrap_or_else(|error| {
        report.general(Part::Checkpoint, error.to_string());
        None
    });
    match folder.checkpoint() {
        Ok(Some(signed)) => {
            report.judge(&signed, trust, beside.as_ref());
            known.push(Known::of("the stored checkpoint", &signed));
        }
        Ok(None) => report.general(
            Part::Checkpoint,
            "no checkpoint is stored: nothing has been signed yet (the server signs about every second), or it was taken away",
        ),
        Err(error) => report.general(Part::Checkpoint, error.to_string()),
    }
    if let Some(earlier) = &trust.earlier {
        known.push(Known::of("the checkpoint from before", earlier));
    }
    match folder.witnessed() {
        Ok(Some(signed)) => {
            let keys = trust.key.iter().chain(beside.as_ref().filter(|_| trust.key.is_none()));
            for key in keys.chain(&trust.witnesses) {
                if let Err(error) = key.verify(&signed.note) {
                    report.general(Part::Checkpoint, format!("the witnessed checkpoint: {error}"));
                }
            }
            known.push(Known::of("the witnessed checkpoint", &signed));
        }
        Ok(None) => {
            for name in trust.witnesses.iter().map(|witness| witness.name()) {
                report.general(Part::Checkpoint, format!("no checkpoint is witnessed by {name}"));
            }
        }
        Err(error) => report.general(Part::Checkpoint, error.to_string()),
    }
    known
}

/// Reads the log to its end, as it was when the verification began.
fn read(log: &LogReader, end: u64, pages: &SyncSender<AuditedPage>) {
    let (mut after, mut enveloped) = (i64::MIN, i64::MIN);
    loop {
        let mut page = log.audit(after, ROWS_PER_READ);
        // Appends that came meanwhile are left out.
        let beyond = |row: &AuditedRow| u64::try_from(row.position).is_ok_and(|at| at > end);
        let ended = page.rows.last().is_none_or(beyond) || page.failure.is_some();
        after = page.rows.last().map_or(after, |row| row.position);
        page.rows.retain(|row| !beyond(row));
        let last_event = page.rows.iter().filter_map(|row| row.events.last()).next_back();
        let to = match last_event {
            // Past damage nobody knows which envelopes are named.
            _ if ended && page.failure.is_none() => end.min(i64::MAX.cast_unsigned()).cast_signed(),
            Some(event) => event.position.0.cast_signed(),
            None => enveloped,
        };
        match log.audit_envelopes(enveloped, to) {
            Ok(envelopes) => page.envelopes = envelopes,
            Err(error) => page.failure = page.failure.or(Some(error)),
        }
        enveloped = enveloped.max(to);
        if pages.send(page).is_err() || ended {
            return;
        }
    }
}

/// What the log gave.
struct Found {
    events: u64,
    /// Where the log ends; `None` where that cannot be told.
    end: Option<u64>,
    /// The roots that it gives at the known sizes; none where events are missing.
    roots: Roots,
    /// What the vault holds.
    envelopes: Envelopes,
    /// Events that are not those in `level-0`: the position and what stands there.
    different: Vec<(u64, String)>,
    different_more: u64,
}

/// The log against `level-0`, and against itself.
struct Comparison<'a> {
    leaves: Leaves,
    tree: &'a Tree,
    /// Hashes in `level-0`.
    stored: u64,
    /// The hashes of a tile that were read last, and its number.
    tile: Option<(u64, Vec<Hash>)>,
    /// The next position; `None` after a row that could not be read to its end.
    next: Option<u64>,
    /// Whether every position up to here held one event.
    dense: bool,
    /// The next revision of each stream.
    streams: HashMap<Box<str>, u64>,
    found: Found,
}

impl<'a> Comparison<'a> {
    fn new(leaves: Leaves, tree: &'a Tree, stored: u64, known: &[Known]) -> Self {
        let found = Found {
            events: 0,
            end: Some(0),
            roots: Roots::at(known),
            envelopes: Envelopes::default(),
            different: Vec::new(),
            different_more: 0,
        };
        let streams = HashMap::new();
        Self { leaves, tree, stored, tile: None, next: Some(1), dense: true, streams, found }
    }

    fn run(
        mut self,
        pages: &Receiver<AuditedPage>,
        report: &mut Report,
        progress: impl Fn(u64),
    ) -> Found {
        for page in pages {
            for row in &page.rows {
                self.row(row, report);
            }
            let events = page.rows.iter().flat_map(|row| &row.events);
            self.found.envelopes.take_in(events, &page.envelopes, report);
            progress(self.found.events);
            if let Some(error) = page.failure {
                self.dense = false;
                self.found.end = None;
                match error {
                    ReadError::Corrupt { position, reason } => {
                        let problem = format!("the log's file is damaged: {reason}");
                        // A row that says a wrong number must not move the place at which the log stops being readable.
                        let position = self.next.map_or(position.0, |next| position.0.min(next));
                        report.at(Part::Log, position, problem);
                    }
                    error => report.general(Part::Log, error.to_string()),
                }
            }
        }
        self.found
    }

    fn row(&mut self, row: &AuditedRow, report: &mut Report) {
        let Ok(position) = u64::try_from(row.position) else {
            let problem = format!("an append stands at {}, where none can be", row.position);
            report.at(Part::Log, 0, problem);
            self.dense = false;
            return;
        };
        if let Some(next) = self.next.filter(|next| *next != position) {
            self.dense = false;
            if position > next {
                let problem = if position - next == 1 {
                    "the event is missing".to_owned()
                } else {
                    format!("the events up to position {} are missing", position - 1)
                };
                report.between(Part::Log, Some(next), Some(position - 1), problem);
            } else {
                report.at(Part::Log, position, "the position is taken twice");
            }
        }
        let count = row.events.len() as u64;
        let different_before = self.found.different.len() as u64 + self.found.different_more;
        for event in &row.events {
            self.event(event);
        }
        let end = position.saturating_add(count);
        if let Some((event, reason)) = &row.unreadable {
            let problem = format!("the append cannot be read from here on: {reason}");
            report.at(Part::Log, position.saturating_add(*event), problem);
            self.dense = false;
            self.next = None;
            self.found.end = None;
            return;
        }
        self.next = Some(end);
        self.found.end = Some(self.found.end.unwrap_or(0).max(end - 1));
        if let Some(problem) = row.problem {
            let different = self.found.different.len() as u64 + self.found.different_more;
            // Where an event differs, that is told already, and with its own position.
            if different == different_before {
                report.between(Part::Log, Some(position), Some(end - 1), problem);
            }
            return;
        }
        self.revisions(row, position, count, report);
    }

    fn event(&mut self, event: &LoggedEvent) {
        self.found.events += 1;
        let hash = self.leaves.hash(event);
        if self.dense {
            self.found.roots.push_leaf(hash);
        }
        let Some(index) = event.position.0.checked_sub(1) else { return };
        if self.in_tree(index).is_none_or(|known| known == hash) {
            return;
        }
        if self.found.different.len() < DIFFERENT_MAX {
            let LoggedEvent { type_name, stream, revision, id, .. } = event;
            let standing = format!("{type_name} {id}, revision {revision} of {stream}");
            self.found.different.push((event.position.0, standing));
        } else {
            self.found.different_more += 1;
        }
    }

    /// The hash that `level-0` has; `None` where it does not reach.
    fn in_tree(&mut self, index: u64) -> Option<Hash> {
        const TILE: u64 = TILE_HASHES as u64;
        if index >= self.stored {
            return None;
        }
        let number = index / TILE;
        if self.tile.as_ref().is_none_or(|(known, _)| *known != number) {
            let count = (self.stored - number * TILE).min(TILE) as usize;
            // A file that cannot be read is reported by the comparison of the files.
            self.tile = Some((number, self.tree.hashes(0, number * TILE, count).ok()?));
        }
        let (_, tile) = self.tile.as_ref()?;
        tile.get((index % TILE) as usize).copied()
    }

    fn revisions(&mut self, row: &AuditedRow, position: u64, count: u64, report: &mut Report) {
        let Some(first) = row.events.first() else { return };
        let (stream, revision) = (first.stream.as_str(), first.revision);
        let next = self.streams.get(stream).copied().unwrap_or(0);
        if revision != next {
            let problem = format!("{stream} goes on with revision {revision}, not {next}");
            report.at(Part::Log, position, problem);
        }
        match self.streams.get_mut(stream) {
            Some(known) => *known = revision + count,
            None => {
                self.streams.insert(stream.into(), revision + count);
            }
        }
    }
}

/// Brings together what the log, the files and the signatures say.
fn judge(found: &Found, files: &Files, known: &[Known], report: &mut Report) {
    let signed_size = known.iter().map(|known| known.size).max().unwrap_or(0);
    let end = found.end;
    report.events_not_covered = end.unwrap_or(0).saturating_sub(signed_size);
    let agrees = |roots: &Roots| known.iter().all(|known| roots.of(known.size) == Some(known.root));
    let (log_agrees, files_agree) = (agrees(&found.roots), agrees(&files.roots));

    for (position, standing) in &found.different {
        let (part, problem) = if *position > signed_size {
            (
                Part::Log,
                format!(
                    "the event ({standing}) is not the one in the tree; no checkpoint covers it yet"
                ),
            )
        } else if log_agrees {
            (
                Part::Tree,
                format!(
                    "level-0 has another hash for the event ({standing}); the log agrees with the signed root, the tree's files do not"
                ),
            )
        } else if files_agree {
            (
                Part::Log,
                format!(
                    "the event ({standing}) is not the one that was signed; the tree's files agree with the signed root, the log does not"
                ),
            )
        } else {
            (
                Part::Log,
                format!(
                    "the event ({standing}) is not the one in the tree, and neither gives the signed root"
                ),
            )
        };
        report.at(part, *position, problem);
    }
    report.findings_more += found.different_more;

    for (level, entry) in &files.wrong {
        let (first, last) = files::positions(*level, *entry);
        // A hash of level-0 that differs from the log is named already, and says more.
        if found.different.iter().any(|(position, _)| (first..=last).contains(position)) {
            continue;
        }
        let problem =
            format!("entry {entry} of level-{level} is not the root of the hashes below it");
        report.between(Part::Tree, Some(first), Some(last), problem);
    }
    report.findings_more += files.wrong_more;
    for (level, count, short) in
        files::misfitting(&files.stored, signed_size, end.unwrap_or(u64::MAX))
    {
        let (first, _) =
            files::positions(level, if short { count } else { count.saturating_sub(1) });
        let problem = if short {
            format!("level-{level} ends after {count} entries, before the signed size")
        } else {
            format!(
                "level-{level} has {count} entries, more than the log's events give: the log was cut, or the file was added to"
            )
        };
        // Where the log was cut, the first event that is missing is the one after its end.
        let position = if short { first } else { end.map_or(first, |end| end + 1) };
        report.at(Part::Tree, position, problem);
    }

    let mut good = 0;
    let mut in_order: Vec<&Known> = known.iter().collect();
    in_order.sort_by_key(|known| known.size);
    for Known { said_by, size, root } in in_order {
        match found.roots.of(*size) {
            Some(given) if given == *root => good = *size,
            Some(given) => {
                let by_files = match files.roots.of(*size) {
                    Some(files) if files == *root => "the tree's files do",
                    Some(files) if files == given => "the tree's files agree with the log",
                    Some(_) => "the tree's files give yet another",
                    None => "the tree's files give none",
                };
                let problem = format!(
                    "the log does not give the root of {said_by} over {size} events, {by_files}: something up to position {size} was changed, \
                     or the checkpoint was"
                );
                // The events that differ are told with their own positions.
                let placed = found.different.is_empty();
                report.between(Part::Log, placed.then_some(good + 1), placed.then_some(*size), problem);
            }
            None => match end {
                Some(end) if end < *size => {
                    let problem = format!(
                        "the log ends at position {end}, and {said_by} is over {size} events: the rest is cut off"
                    );
                    report.between(Part::Log, Some(end + 1), Some(*size), problem);
                }
                _ => report.general(
                    Part::Log,
                    format!("the log cannot give the root of {said_by} over {size} events: see what is missing"),
                ),
            },
        }
    }
}
