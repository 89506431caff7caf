//! JSON Lines: every line is one JSON object, and says one thing about one case.
//!
//! A line with the attribute that the mapping reads an activity's name or time from is an
//! *activity*; any other is a *case record*, which says what the case is. Consecutive lines with the
//! same case key form one trace. Lines of the same case further on form one more trace with the same
//! key: to know them the reader would have to remember every case, and the command side takes a case
//! in several parts anyway.
//!
//! Many exports repeat the columns of the case on every activity. So the case also has what its
//! activities say, where its own records say nothing, and the first activity to say it wins. Among
//! case records the last wins, being the newest.
//!
//! Values are text, numbers and booleans. `null` means absent; so do nested objects and arrays,
//! since no field of ours is read from them.

use std::fmt;
use std::io::{self, BufRead, Read};

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::imported_case::ImportProblem;
use super::input::{self, LineInput};
use super::mapping::Mapping;
use super::record::{AttributeValue, Attributes, Limits, Place, SourceEvent, SourceTrace};
use super::trace_builder::{TraceBuilder, add_checked};

pub(super) struct JsonLinesReader<R> {
    input: LineInput<R>,
    line: Vec<u8>,
    case_key: String,
    activity_attributes: Vec<String>,
    limits: Limits,
    /// The trace that the next line may still belong to.
    trace: Option<OpenTrace>,
    is_finished: bool,
}

struct OpenTrace {
    key: String,
    builder: TraceBuilder,
    /// What activities say, the first to say it.
    from_activities: Attributes,
}

/// One good line.
struct Line {
    key: String,
    place: Place,
    attributes: Attributes,
    is_activity: bool,
}

enum NextLine {
    Complete,
    TooLong,
    EndOfFile,
}

impl<R: Read> JsonLinesReader<R> {
    pub(super) fn new(input: LineInput<R>, mapping: &Mapping, limits: Limits) -> Self {
        Self {
            input,
            line: Vec::new(),
            case_key: mapping.case_key().to_owned(),
            activity_attributes: mapping.activity_attributes().map(str::to_owned).collect(),
            limits,
            trace: None,
            is_finished: false,
        }
    }

    /// Reads up to the next line end into `self.line`. A line that is too long is passed over
    /// without being gathered.
    fn read_line(&mut self) -> io::Result<NextLine> {
        self.line.clear();
        let mut is_too_long = false;
        let mut is_anything_read = false;
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return Ok(match (is_anything_read, is_too_long) {
                    (false, _) => NextLine::EndOfFile,
                    (true, true) => NextLine::TooLong,
                    (true, false) => NextLine::Complete,
                });
            }
            is_anything_read = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let content = &available[..end.unwrap_or(available.len())];
            if self.line.len() + content.len() > self.limits.line_bytes_max {
                is_too_long = true;
                self.line.clear();
            }
            if !is_too_long {
                self.line.extend_from_slice(content);
            }
            let taken = content.len() + usize::from(end.is_some());
            self.input.consume(taken);
            if end.is_some() {
                return Ok(if is_too_long { NextLine::TooLong } else { NextLine::Complete });
            }
        }
    }

    fn parse_line(&self, place: Place) -> Result<Line, ImportProblem> {
        let refuse = |message| ImportProblem::of_record(place, None, message);
        let text = std::str::from_utf8(&self.line)
            .map_err(|_| refuse("the line is not UTF-8: convert the file to UTF-8".to_owned()))?;
        let Fields(fields) = serde_json::from_str(text).map_err(|error| {
            let message = error.to_string();
            // The parser saw one line only, so the line in its message would mislead.
            let what = message.split(" at line ").next().unwrap_or_default();
            refuse(format!("the line is not a JSON object: {what} (column {})", error.column()))
        })?;
        let key = fields
            .iter()
            .find(|(name, _)| *name == self.case_key)
            .and_then(|(_, value)| value.as_ref());
        let key = match key.map(|value| value.identity()) {
            Some(Some(key)) if !key.is_empty() => key.into_owned(),
            Some(None) => {
                let message =
                    format!("the case key `{}` is a fraction, which names nothing", self.case_key);
                return Err(refuse(message));
            }
            _ => return Err(refuse(format!("the line has no case key `{}`", self.case_key))),
        };
        let mut attributes = Attributes::default();
        for (name, value) in fields {
            let Some(value) = value else { continue };
            add_checked(&mut attributes, name, value, &self.limits)
                .map_err(|message| ImportProblem::of_record(place, Some(key.clone()), message))?;
        }
        let is_activity =
            self.activity_attributes.iter().any(|name| attributes.get(name).is_some());
        Ok(Line { key, place, attributes, is_activity })
    }

    /// Adds a line to the open trace, or closes that and opens another.
    fn add(&mut self, line: Line) -> Option<Result<SourceTrace, ImportProblem>> {
        let mut closed = None;
        if self.trace.as_ref().is_none_or(|trace| trace.key != line.key) {
            closed = self.trace.replace(OpenTrace::new(&line, self.limits));
        }
        if let Some(trace) = &mut self.trace {
            trace.add(line);
        }
        closed.map(OpenTrace::finish)
    }
}

impl OpenTrace {
    fn new(line: &Line, limits: Limits) -> Self {
        let mut builder = TraceBuilder::new(line.place, limits);
        builder.set_key(&line.key);
        Self { key: line.key.clone(), builder, from_activities: Attributes::default() }
    }

    fn add(&mut self, line: Line) {
        if self.builder.is_refused() {
            // The rest of a refused case is passed over, however long it is.
        } else if line.is_activity {
            self.from_activities.fill_in(&line.attributes);
            let event = SourceEvent { place: line.place, attributes: line.attributes };
            self.builder.begin_event(event);
        } else {
            self.builder.overwrite_attributes(line.place, line.attributes);
        }
    }

    fn finish(mut self) -> Result<SourceTrace, ImportProblem> {
        self.builder.fill_in_attributes(&self.from_activities);
        self.builder.finish()
    }
}

impl<R: Read> Iterator for JsonLinesReader<R> {
    type Item = Result<SourceTrace, ImportProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_finished {
            let place = Place { line: self.input.line() };
            match self.read_line() {
                Ok(NextLine::Complete) if self.line.trim_ascii().is_empty() => {}
                Ok(NextLine::Complete) => match self.parse_line(place) {
                    Ok(line) => {
                        if let Some(closed) = self.add(line) {
                            return Some(closed);
                        }
                    }
                    Err(problem) => return Some(Err(problem)),
                },
                Ok(NextLine::TooLong) => {
                    let message = format!(
                        "the line is longer than {} bytes, the most that is read",
                        self.limits.line_bytes_max
                    );
                    return Some(Err(ImportProblem::of_record(place, None, message)));
                }
                Ok(NextLine::EndOfFile) => {
                    self.is_finished = true;
                    return self.trace.take().map(OpenTrace::finish);
                }
                Err(error) => {
                    // Whether the open trace is whole cannot be known, so it is not handed on.
                    self.is_finished = true;
                    let place = Place { line: self.input.line() };
                    let record = self.trace.take().map(|trace| trace.key);
                    return Some(Err(ImportProblem::of_source(
                        place,
                        record,
                        input::explain(&error),
                    )));
                }
            }
        }
        None
    }
}

/// The fields of an object in their order, doubles included, so that those can be refused.
struct Fields(Vec<(String, Option<AttributeValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(name) = map.next_key()? {
                    fields.push((name, map.next_value::<FieldValue>()?.0));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldValue(Option<AttributeValue>);

impl<'de> Deserialize<'de> for FieldValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValueVisitor;
        impl<'de> Visitor<'de> for ValueVisitor {
            type Value = FieldValue;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<FieldValue, E> {
                Ok(FieldValue(Some(AttributeValue::Boolean(value))))
            }

            fn visit_i64<E>(self, value: i64) -> Result<FieldValue, E> {
                Ok(FieldValue(Some(AttributeValue::Integer(value))))
            }

            fn visit_u64<E>(self, value: u64) -> Result<FieldValue, E> {
                // Keys of twenty digits exist; as text they keep every digit.
                Ok(FieldValue(Some(match i64::try_from(value) {
                    Ok(number) => AttributeValue::Integer(number),
                    Err(_) => AttributeValue::String(value.to_string()),
                })))
            }

            fn visit_f64<E>(self, value: f64) -> Result<FieldValue, E> {
                Ok(FieldValue(Some(AttributeValue::Float(value))))
            }

            fn visit_str<E>(self, value: &str) -> Result<FieldValue, E> {
                Ok(FieldValue(Some(AttributeValue::String(value.to_owned()))))
            }

            fn visit_unit<E>(self) -> Result<FieldValue, E> {
                Ok(FieldValue(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<FieldValue, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(FieldValue(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FieldValue, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(FieldValue(None))
            }
        }
        deserializer.deserialize_any(ValueVisitor)
    }
}
