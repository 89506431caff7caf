//! XES (IEEE 1849), the XML format of event logs, read one trace at a time.
//!
//! A log is `<log>`, its traces are `<trace>`, their events `<event>`; both carry attributes such as
//! `<string key="concept:name" value="..."/>`, typed by the element's name. Attributes may be nested
//! and may be lists; those speak *about* an attribute, no field of ours is read from them, and they
//! are passed over. So is all that describes the log itself.

use std::io::Read;

use jiff::tz::TimeZone;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesDecl, BytesStart, Event};
use quick_xml::reader::Reader;

use super::imported_case::ImportProblem;
use super::input::{self, LineInput};
use super::record::{
    AttributeValue, Attributes, Limits, Place, SourceEvent, SourceTrace, is_forbidden,
};
use super::timestamp::{self, shortened};
use super::trace_builder::TraceBuilder;

/// Real logs nest three or four elements; each level costs memory until it is closed.
const DEPTH_MAX: usize = 64;

pub(super) struct XesReader<R> {
    xml: Reader<LineInput<R>>,
    buffer: Vec<u8>,
    version: XmlVersion,
    case_key: String,
    zone: Option<TimeZone>,
    limits: Limits,
    /// How many elements are open.
    depth: usize,
    /// While set, everything inside the element at this depth is passed over.
    skipping: Option<usize>,
    trace: Option<TraceBuilder>,
    is_log_seen: bool,
    is_finished: bool,
}

/// A piece of XML, freed from the buffer it was read into.
enum Markup {
    Start(Element),
    End,
    /// Text, comments, declarations: nothing that a log's content is made of.
    Other,
    EndOfFile,
}

struct Element {
    name: String,
    key: Option<Result<String, String>>,
    value: Option<Result<String, String>>,
}

/// Why the reading of the whole source ends here.
struct Malformed {
    place: Place,
    message: String,
}

/// What one piece of markup completes.
enum Step {
    More,
    Trace(Result<SourceTrace, ImportProblem>),
    EndOfFile,
}

impl<R: Read> XesReader<R> {
    /// Reads `input`; `case_key` names the trace attribute that is the case's key, `zone` is that of
    /// times without an offset.
    pub(super) fn new(
        input: LineInput<R>,
        case_key: &str,
        zone: Option<TimeZone>,
        limits: Limits,
    ) -> Self {
        let mut xml = Reader::from_reader(input);
        xml.config_mut().expand_empty_elements = true;
        Self {
            xml,
            buffer: Vec::new(),
            version: XmlVersion::Implicit1_0,
            case_key: case_key.to_owned(),
            zone,
            limits,
            depth: 0,
            skipping: None,
            trace: None,
            is_log_seen: false,
            is_finished: false,
        }
    }

    fn step(&mut self) -> Result<Step, Malformed> {
        let place = Place { line: self.xml.get_ref().line() };
        match self.next_markup(place)? {
            Markup::Start(element) => {
                let step = self.open(place, element)?;
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    let message = format!("elements are nested more than {DEPTH_MAX} deep");
                    return Err(Malformed { place, message });
                }
                Ok(step)
            }
            Markup::End => Ok(self.close()),
            Markup::Other => Ok(Step::More),
            Markup::EndOfFile if self.depth > 0 => {
                let inside = match &self.trace {
                    Some(trace) => format!("the trace that begins on {}", trace.place()),
                    None => "<log>".to_owned(),
                };
                let message =
                    format!("the file ends inside {inside}: it is incomplete, export it again");
                Err(Malformed { place, message })
            }
            Markup::EndOfFile if !self.is_log_seen => {
                Err(Malformed { place, message: "there is no <log> element".to_owned() })
            }
            Markup::EndOfFile => Ok(Step::EndOfFile),
        }
    }

    fn open(&mut self, place: Place, element: Element) -> Result<Step, Malformed> {
        if self.skipping.is_some() {
            return Ok(Step::More);
        }
        // The depth says where we are: in nothing, in the log, in a trace, in an event. Whatever
        // else is opened is passed over as a whole, so that no other depth comes up.
        match (self.depth, element.name.as_str()) {
            (0, "log") if !self.is_log_seen => self.is_log_seen = true,
            (0, name) => {
                let message = format!(
                    "<{}> stands where one <log> element should be: this is not an XES file",
                    shortened(name)
                );
                return Err(Malformed { place, message });
            }
            (1, "trace") => self.trace = Some(TraceBuilder::new(place, self.limits)),
            (1, "event") => {
                self.skipping = Some(self.depth);
                let message = "the event stands outside any trace, so it belongs to no case";
                return Ok(Step::Trace(Err(ImportProblem::of_record(
                    place,
                    None,
                    message.to_owned(),
                ))));
            }
            (2, "event") => {
                if let Some(trace) = &mut self.trace {
                    trace.begin_event(SourceEvent { place, attributes: Attributes::default() });
                }
            }
            (depth, _) => {
                self.skipping = Some(depth);
                self.add_attribute(place, depth == 3, element);
            }
        }
        Ok(Step::More)
    }

    fn close(&mut self) -> Step {
        // The parser has checked that every end belongs to a start.
        self.depth = self.depth.saturating_sub(1);
        if self.skipping.is_some_and(|depth| depth == self.depth) {
            self.skipping = None;
        } else if self.skipping.is_none()
            && self.depth == 1
            && let Some(trace) = self.trace.take()
        {
            return Step::Trace(trace.finish());
        }
        Step::More
    }

    fn add_attribute(&mut self, place: Place, to_event: bool, element: Element) {
        let Some(trace) = &mut self.trace else { return };
        match read_attribute(element, self.zone.as_ref()) {
            Ok(None) => {}
            Ok(Some((name, value))) => {
                if !to_event && name == self.case_key {
                    match value.identity() {
                        Some(key) if !key.is_empty() => trace.set_key(&key),
                        Some(_) => {}
                        None => trace.refuse(
                            place,
                            format!("the case key `{name}` is a fraction, which names nothing"),
                        ),
                    }
                }
                trace.add(place, to_event, name, value);
            }
            Err(message) => trace.refuse(place, message),
        }
    }

    fn next_markup(&mut self, place: Place) -> Result<Markup, Malformed> {
        let is_attribute_wanted = self.skipping.is_none() && self.depth >= 2;
        self.buffer.clear();
        self.xml.get_mut().allow(self.limits.markup_bytes_max);
        let event = match self.xml.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(error) => {
                let input = self.xml.get_ref();
                return Err(match error {
                    _ if input.is_allowance_spent() => Malformed {
                        place,
                        message: format!(
                            "a tag or a text is longer than {} bytes, the most that is read",
                            self.limits.markup_bytes_max
                        ),
                    },
                    quick_xml::Error::Io(cause) => Malformed {
                        place: Place { line: input.line() },
                        message: input::explain(&cause),
                    },
                    quick_xml::Error::Encoding(_) => Malformed {
                        place,
                        message: "the text is not UTF-8: convert the file to UTF-8".to_owned(),
                    },
                    other => malformed(place, &other),
                });
            }
        };
        match event {
            Event::Start(start) | Event::Empty(start) => {
                read_element(&start, self.version, is_attribute_wanted)
                    .map(Markup::Start)
                    .map_err(|message| Malformed { place, message })
            }
            Event::End(_) => Ok(Markup::End),
            Event::Eof => Ok(Markup::EndOfFile),
            Event::Decl(declaration) => {
                check_encoding(&declaration).map_err(|message| Malformed { place, message })?;
                self.version =
                    declaration.xml_version().map_err(|error| malformed(place, &error))?;
                Ok(Markup::Other)
            }
            Event::Text(text) if text.contains(is_forbidden) => Err(Malformed {
                place,
                message: "the text contains a control character, which XML forbids".to_owned(),
            }),
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => Ok(Markup::Other),
        }
    }
}

impl<R: Read> Iterator for XesReader<R> {
    type Item = Result<SourceTrace, ImportProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_finished {
            match self.step() {
                Ok(Step::More) => {}
                Ok(Step::Trace(trace)) => return Some(trace),
                Ok(Step::EndOfFile) => self.is_finished = true,
                Err(Malformed { place, message }) => {
                    self.is_finished = true;
                    let record = self.trace.take().and_then(|trace| trace.key().map(str::to_owned));
                    return Some(Err(ImportProblem::of_source(place, record, message)));
                }
            }
        }
        None
    }
}

fn malformed(place: Place, error: &quick_xml::Error) -> Malformed {
    Malformed { place, message: format!("the XML is malformed: {error}") }
}

/// The parser reads UTF-8 only; ASCII is a part of it.
fn check_encoding(declaration: &BytesDecl<'_>) -> Result<(), String> {
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(name))
            if ["utf-8", "utf8", "us-ascii"].contains(&name.to_ascii_lowercase().as_str()) =>
        {
            Ok(())
        }
        Some(Ok(name)) => Err(format!(
            "the file declares the encoding `{}`: convert it to UTF-8, and its declaration with it",
            shortened(&name)
        )),
        Some(Err(error)) => Err(format!("the XML is malformed: {error}")),
    }
}

/// Takes what an element may tell. An error is one of syntax; a value that cannot be decoded is kept
/// as such, since it concerns one record only.
fn read_element(
    start: &BytesStart<'_>,
    version: XmlVersion,
    is_attribute_wanted: bool,
) -> Result<Element, String> {
    let name = start.local_name().into_inner().to_owned();
    if name.contains(is_forbidden) {
        return Err("the XML is malformed: a tag's name contains a control character".to_owned());
    }
    let mut element = Element { name, key: None, value: None };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| format!("the XML is malformed: {error}"))?;
        let slot = match attribute.key.into_inner() {
            "key" if is_attribute_wanted => &mut element.key,
            "value" if is_attribute_wanted => &mut element.value,
            _ => continue,
        };
        *slot = Some(
            attribute
                .normalized_value(version)
                .map(|text| text.into_owned())
                .map_err(|error| error.to_string()),
        );
    }
    Ok(element)
}

/// The typed attribute that an element stands for, or `None` if it holds no single value.
fn read_attribute(
    element: Element,
    zone: Option<&TimeZone>,
) -> Result<Option<(String, AttributeValue)>, String> {
    let kind = element.name.as_str();
    if !matches!(kind, "string" | "id" | "date" | "int" | "float" | "boolean") {
        return Ok(None);
    }
    let name = element
        .key
        .ok_or_else(|| format!("a <{kind}> has no `key`"))?
        .map_err(|why| format!("the key of a <{kind}> cannot be read: {why}"))?;
    let shown = shortened(&name);
    let text = element
        .value
        .ok_or_else(|| format!("the attribute `{shown}` has no `value`"))?
        .map_err(|why| format!("the attribute `{shown}` cannot be read: {why}"))?;
    let refused = |expected| {
        format!("the attribute `{shown}` is `{}`, which is no {expected}", shortened(text.trim()))
    };
    let value = match kind {
        "date" => timestamp::parse(&text, zone)
            .map(AttributeValue::Timestamp)
            .map_err(|why| format!("the attribute `{shown}`: {why}"))?,
        "int" => text
            .trim()
            .parse()
            .map(AttributeValue::Integer)
            .map_err(|_| refused("whole number of 64 bits"))?,
        "float" => text.trim().parse().map(AttributeValue::Float).map_err(|_| refused("number"))?,
        "boolean" => match text.trim() {
            "true" | "1" => AttributeValue::Boolean(true),
            "false" | "0" => AttributeValue::Boolean(false),
            _ => return Err(refused("`true` or `false`")),
        },
        _ => AttributeValue::String(text),
    };
    Ok(Some((name, value)))
}
