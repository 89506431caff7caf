//! Bundles: events taken out of a log, with what it takes to verify them anywhere, offline.
//!
//! A bundle is JSON Lines in the log's order. The first line holds the signed checkpoint; then come the events that were wanted, verbatim,
//! and for each stretch between them a *gap*: the roots of the perfect subtrees that it consists of. Events and gaps together are the whole
//! tree, so whoever reads a bundle once, holding one hash a level, computes its root and compares it with the signed one. Nothing can have
//! been left out of it in silence: a gap says how many events it stands for.

use std::io::{self, BufRead, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::checkpoint::{SignedCheckpoint, origin};
use super::leaf::Leaves;
use super::merkle::{Frontier, Hash, Subtrees, pieces};
use super::note::VerifierKey;
use super::tree::{Tree, TreeError};
use super::verify::{Known, Part, Report, Roots, Trust, base64};
use crate::store::{LoggedEvent, Position, StreamId};

/// Version of the form.
const VERSION: u32 = 1;
/// The longest line that is read, in bytes: the largest append there can be, with its opened fields.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What a bundle begins with.
#[derive(Clone, Debug)]
pub struct Header {
    /// The checkpoint that it is verified against.
    pub signed: SignedCheckpoint,
    /// The key that signed it.
    pub key: VerifierKey,
    /// The log's id.
    pub store: Uuid,
    /// What was asked for, for people and programs.
    pub filter: Value,
    /// Whether opened personal fields are in it: `left out`, or `included for <purpose>`.
    pub personal: String,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Events.
    pub events: u64,
    /// Stretches left out.
    pub gaps: u64,
    /// Whether wanted events were left out because no checkpoint covers them yet.
    pub is_cut: bool,
}

/// Why a bundle was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The output.
    #[error("the bundle cannot be written: {0}")]
    Output(#[from] io::Error),
    /// The tree's files.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The events.
    #[error("the events of the bundle")]
    Events(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An event cannot be on a line.
    #[error("the event at position {0} cannot stand in a bundle: its JSON has line breaks")]
    LineBreak(u64),
    /// The events came out of their order.
    #[error(
        "the events of a bundle must come in the order of the log, but {0} came after a later one"
    )]
    Order(u64),
    /// What was written does not give the checkpoint's root.
    #[error("the log or the tree's files do not give the signed root: run `parvandeh verify`")]
    Disagrees,
}

#[derive(Serialize, Deserialize)]
struct HeaderLine<'a> {
    bundle: u32,
    origin: std::borrow::Cow<'a, str>,
    store: Uuid,
    checkpoint: String,
    verifier_key: String,
    size: u64,
    filter: Value,
    personal: std::borrow::Cow<'a, str>,
}

/// Writes a bundle of these events, which come in the log's order, each with its opened personal fields where they are to be in it. Events
/// that the checkpoint does not cover are left out. Memory holds one event.
pub fn write<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    mut out: impl Write,
    events: impl Iterator<Item = Result<(LoggedEvent, Option<Map<String, Value>>), E>>,
    tree: &Tree,
    header: &Header,
) -> Result<Written, WriteError> {
    let checkpoint = &header.signed.checkpoint;
    let line = HeaderLine {
        bundle: VERSION,
        origin: checkpoint.origin.as_str().into(),
        store: header.store,
        checkpoint: header.signed.note.to_string(),
        verifier_key: header.key.to_string(),
        size: checkpoint.size,
        filter: header.filter.clone(),
        personal: header.personal.as_str().into(),
    };
    serde_json::to_writer(&mut out, &line).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    let mut leaves = Leaves::of(header.store);
    let (mut frontier, mut written) = (Frontier::default(), Written::default());
    for event in events {
        let (event, personal) = event.map_err(|error| WriteError::Events(error.into()))?;
        let position = event.position.0;
        let index = position.checked_sub(1).ok_or(WriteError::Order(position))?;
        if index >= checkpoint.size {
            written.is_cut = true;
            break;
        }
        if index < frontier.size() {
            return Err(WriteError::Order(position));
        }
        write_gap(&mut out, &mut frontier, index, tree, &mut written)?;
        let hash = leaves.hash(&event);
        write_event(&mut out, index, &event, personal.as_ref(), &hash)?;
        frontier.push_leaf(hash);
        written.events += 1;
    }
    write_gap(&mut out, &mut frontier, checkpoint.size, tree, &mut written)?;
    out.flush()?;
    if frontier.root() == checkpoint.root { Ok(written) } else { Err(WriteError::Disagrees) }
}

fn write_gap(
    out: &mut impl Write,
    frontier: &mut Frontier,
    to: u64,
    tree: &Tree,
    written: &mut Written,
) -> Result<(), WriteError> {
    let from = frontier.size();
    if from == to {
        return Ok(());
    }
    write!(out, "{{\"gap\":{{\"from\":{from},\"count\":{},\"hashes\":[", to - from)?;
    for piece in pieces(from, to) {
        let root = tree.subtree(piece)?;
        let comma = if piece.first == from { "" } else { "," };
        write!(out, "{comma}\"{}\"", base64(&root))?;
        frontier.push(piece.level, root);
    }
    out.write_all(b"]}}\n")?;
    written.gaps += 1;
    Ok(())
}

fn write_event(
    out: &mut impl Write,
    index: u64,
    event: &LoggedEvent,
    personal: Option<&Map<String, Value>>,
    hash: &Hash,
) -> Result<(), WriteError> {
    let LoggedEvent { position, revision, id, version, metadata, data, .. } = event;
    if metadata.contains(&b'\n') || data.contains(&b'\n') {
        return Err(WriteError::LineBreak(position.0));
    }
    write!(out, "{{\"event\":{{\"index\":{index},\"position\":{position},\"stream\":")?;
    serde_json::to_writer(&mut *out, event.stream.as_str()).map_err(io::Error::from)?;
    write!(out, ",\"revision\":{revision},\"id\":\"{id}\",\"type\":")?;
    serde_json::to_writer(&mut *out, &*event.type_name).map_err(io::Error::from)?;
    write!(out, ",\"version\":{version},\"metadata\":")?;
    out.write_all(metadata)?;
    out.write_all(b",\"data\":")?;
    out.write_all(data)?;
    write!(out, "}},\"leaf_hash\":\"{}\"", base64(hash))?;
    if let Some(personal) = personal {
        out.write_all(b",\"personal\":")?;
        serde_json::to_writer(&mut *out, personal).map_err(io::Error::from)?;
    }
    out.write_all(b"}\n")?;
    Ok(())
}

#[derive(Deserialize)]
struct BodyLine<'a> {
    #[serde(borrow)]
    event: Option<EventBody<'a>>,
    /// So that a changed event can be named: the root alone would only tell that there is one.
    leaf_hash: Option<&'a str>,
    #[serde(borrow)]
    personal: Option<&'a RawValue>,
    #[serde(borrow)]
    gap: Option<Gap<'a>>,
}

#[derive(Deserialize)]
struct EventBody<'a> {
    index: u64,
    position: u64,
    #[serde(borrow)]
    stream: std::borrow::Cow<'a, str>,
    revision: u64,
    /// As text, because an id can be written in several ways and only one of them was.
    id: &'a str,
    #[serde(borrow, rename = "type")]
    type_name: std::borrow::Cow<'a, str>,
    version: u16,
    #[serde(borrow)]
    metadata: &'a RawValue,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Gap<'a> {
    from: u64,
    count: u64,
    #[serde(borrow)]
    hashes: Vec<&'a str>,
}

/// Verifies a bundle in one pass; memory holds a line and one hash a level. `progress` is told the events passed and the checkpoint's size.
pub fn verify(
    name: &str,
    mut input: impl BufRead,
    trust: &Trust,
    progress: impl Fn(u64, u64),
) -> Report {
    let mut report = Report::about(name);
    let mut line = Vec::new();
    let header = match next_line(&mut input, &mut line) {
        Ok(true) => {
            serde_json::from_slice::<HeaderLine<'_>>(&line).map_err(|error| error.to_string())
        }
        Ok(false) => Err("it is empty".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    let signed = header.and_then(|header| {
        if header.bundle != VERSION {
            return Err(format!("its version {} is not known here", header.bundle));
        }
        let signed =
            SignedCheckpoint::parse(&header.checkpoint).map_err(|error| error.to_string())?;
        Ok((header, signed))
    });
    let (header, signed) = match signed {
        Ok(read) => read,
        Err(problem) => {
            report.general(
                Part::Bundle,
                format!("the first line is not that of a bundle: {problem}"),
            );
            return report;
        }
    };
    let beside = header.verifier_key.parse::<VerifierKey>().ok();
    report.judge(&signed, trust, beside.as_ref());
    let checkpoint = &signed.checkpoint;
    if header.size != checkpoint.size
        || *header.origin != checkpoint.origin
        || origin(header.store) != checkpoint.origin
    {
        report.general(
            Part::Bundle,
            "the first line and its checkpoint are not about the same log and size",
        );
    }
    for witness in &trust.witnesses {
        if let Err(error) = witness.verify(&signed.note) {
            report.general(Part::Checkpoint, format!("the checkpoint: {error}"));
        }
    }
    let mut known = vec![Known::of("the checkpoint", &signed)];
    known.extend(trust.earlier.iter().map(|it| Known::of("the checkpoint from before", it)));
    let mut reading = Reading {
        leaves: Leaves::of(header.store),
        roots: Roots::at(&known),
        size: checkpoint.size,
        opened: 0,
    };
    loop {
        match next_line(&mut input, &mut line) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                report.at(Part::Bundle, reading.next() + 1, error.to_string());
                break;
            }
        }
        if let Err((position, problem)) = reading.line(&line, &mut report) {
            report.at(Part::Bundle, position, problem);
            break;
        }
        progress(reading.next(), reading.size);
    }
    reading.end(&known, &mut report);
    report
}

struct Reading {
    leaves: Leaves,
    roots: Roots,
    size: u64,
    opened: u64,
}

impl Reading {
    /// The index that comes next.
    fn next(&self) -> u64 {
        self.roots.size()
    }

    /// Takes a line in. An error, with its position, is one after which nothing can be told.
    fn line(&mut self, line: &[u8], report: &mut Report) -> Result<(), (u64, String)> {
        let next = self.next();
        let here = |problem: String| (next + 1, problem);
        let body: BodyLine<'_> = serde_json::from_slice(line)
            .map_err(|error| here(format!("the line cannot be read: {error}")))?;
        match (body.event, body.gap) {
            (Some(event), None) => {
                self.opened += u64::from(body.personal.is_some());
                self.event(&event, body.leaf_hash, report)
            }
            (None, Some(gap)) => self.gap(&gap),
            _ => Err(here("the line is neither an event nor a gap".to_owned())),
        }
    }

    fn event(
        &mut self,
        event: &EventBody<'_>,
        leaf_hash: Option<&str>,
        report: &mut Report,
    ) -> Result<(), (u64, String)> {
        let next = self.next();
        if event.index != next || event.position != next + 1 || next >= self.size {
            let problem = format!(
                "the bundle goes on with the event at position {}: events were dropped, added or moved",
                event.position
            );
            return Err((next + 1, problem));
        }
        let id = event.id.parse::<Uuid>().ok().filter(|id| id.to_string() == event.id);
        let id = id.ok_or_else(|| (next + 1, format!("{} is not an event's id", event.id)))?;
        let stream = StreamId::new(&event.stream).map_err(|error| (next + 1, error.to_string()))?;
        let logged = LoggedEvent {
            position: Position(event.position),
            stream,
            revision: event.revision,
            id,
            type_name: event.type_name.as_ref().into(),
            version: event.version,
            metadata: Bytes::copy_from_slice(event.metadata.get().as_bytes()),
            data: Bytes::copy_from_slice(event.data.get().as_bytes()),
            envelope: None,
        };
        let hash = self.leaves.hash(&logged);
        if leaf_hash.is_some_and(|stated| stated != base64(&hash)) {
            let problem = format!(
                "the event ({} {}, revision {} of {}) does not give its stated leaf hash: one of them was changed",
                event.type_name, event.id, event.revision, event.stream
            );
            report.at(Part::Bundle, event.position, problem);
        }
        self.roots.push_leaf(hash);
        report.events += 1;
        Ok(())
    }

    fn gap(&mut self, gap: &Gap<'_>) -> Result<(), (u64, String)> {
        let next = self.next();
        let here = |problem: &str| (next + 1, problem.to_owned());
        let to = gap.from.checked_add(gap.count).filter(|to| *to <= self.size);
        let Some(to) = to.filter(|_| gap.from == next && gap.count > 0) else {
            return Err(here(
                "the gap does not begin or end where it should: events were dropped, added or moved",
            ));
        };
        let mut hashes = gap.hashes.iter();
        for piece in pieces(next, to) {
            let hash = hashes.next().and_then(|text| BASE64.decode(text).ok());
            let hash = hash.and_then(|hash| Hash::try_from(hash).ok());
            let hash =
                hash.ok_or_else(|| here("the gap has not the hashes that its length asks for"))?;
            self.roots.push_over(piece.level, hash);
        }
        if hashes.next().is_some() {
            return Err(here("the gap has more hashes than its length asks for"));
        }
        Ok(())
    }

    fn end(&self, known: &[Known], report: &mut Report) {
        let reached = self.next();
        if reached < self.size && report.holds() {
            let problem = format!(
                "the bundle ends at position {reached} of {}: the rest is cut off",
                self.size
            );
            report.between(Part::Bundle, Some(reached + 1), Some(self.size), problem);
        }
        for Known { said_by, size, root } in known {
            match self.roots.of(*size) {
                Some(given) if given == *root => {}
                Some(_) => {
                    let problem = format!("events and gaps do not give the root of {said_by} over {size} events");
                    report.between(Part::Bundle, None, None, problem);
                }
                None if reached < self.size => {}
                None => report.general(
                    Part::Checkpoint,
                    format!(
                        "the bundle cannot show that it goes on from {said_by}: {size} falls into a gap. Ask for the proof with `parvandeh \
                         proof consistency`"
                    ),
                ),
            }
        }
        if self.opened > 0 {
            report.remarks.push(format!(
                "{} events come with opened personal fields. These are the exporter's word: the tree holds hashes of what is encrypted, never \
                 of what it says.",
                self.opened
            ));
        }
    }
}

/// Reads the next line without its end; false at the end of the file.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', line)?;
    if read == 0 {
        return Ok(false);
    }
    if line.pop_if(|byte| *byte == b'\n').is_none() {
        let long = read as u64 == LINE_BYTES_MAX;
        let problem =
            if long { "the line is longer than 16 MiB" } else { "the last line is cut off" };
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    Ok(true)
}
