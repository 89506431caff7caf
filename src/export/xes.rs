//! XES, the format of event logs for process mining: IEEE 1849-2016.
//!
//! A case is a trace, an activity of a case an event. What XES has names for is told under them (extensions Concept, Time, Lifecycle and
//! Organizational); the rest has keys that begin with `parvandeh:`. Only what every event has is declared as global.

use std::io::Write;

use jiff::Timestamp;

use super::history::History;
use super::personal::{self, Personal};
use super::step::{self, Step, Value};
use super::{ExportError, Header, Source, Summary, text};
use crate::vault::VaultError;

const EXTENSIONS: [(&str, &str); 4] = [
    ("Concept", "concept"),
    ("Time", "time"),
    ("Lifecycle", "lifecycle"),
    ("Organizational", "org"),
];

/// Text after which it is handed on.
const CHUNK_BYTES: usize = 64 * 1024;

pub(super) fn write(
    header: &Header<'_>,
    source: &mut Source<'_>,
    out: &mut dyn Write,
    summary: &mut Summary,
) -> Result<(), ExportError> {
    let mut file = Document(String::with_capacity(2 * CHUNK_BYTES));
    file.begin(header);
    while let Some(histories) = source.next()? {
        for history in &histories {
            summary.unknown += history.unknown;
            file.trace(header, history, summary)?;
            if file.0.len() >= CHUNK_BYTES {
                out.write_all(file.0.as_bytes())?;
                file.0.clear();
            }
        }
    }
    file.0.push_str("</log>\n");
    out.write_all(file.0.as_bytes())?;
    Ok(())
}

struct Document(String);

impl Document {
    fn begin(&mut self, header: &Header<'_>) {
        self.0.push_str(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <log xes.version=\"1849.2016\" xes.features=\"\" xmlns=\"http://www.xes-standard.org/\">\n",
        );
        for (name, prefix) in EXTENSIONS {
            self.0.push_str(&format!(
                "\t<extension name=\"{name}\" prefix=\"{prefix}\" uri=\"http://www.xes-standard.org/{prefix}.xesext\"/>\n"
            ));
        }
        self.0.push_str("\t<global scope=\"trace\">\n");
        self.text(2, "concept:name", "UNKNOWN");
        self.0.push_str("\t</global>\n\t<global scope=\"event\">\n");
        self.text(2, "concept:name", "UNKNOWN");
        self.time(2, "time:timestamp", Timestamp::UNIX_EPOCH);
        self.0.push_str("\t</global>\n\t<classifier name=\"Activity\" keys=\"concept:name\"/>\n");
        self.text(1, "concept:name", "Parvandeh");
        self.typed(1, "id", "parvandeh:log", &header.log_id.to_string());
        self.typed(1, "int", "parvandeh:position", &header.head.to_string());
        for (key, moment) in [("from", header.selection.from), ("to", header.selection.to)] {
            if let Some(moment) = moment {
                self.time(1, &format!("parvandeh:{key}"), moment);
            }
        }
        if let Personal::Included { purpose, .. } = header.personal {
            self.text(1, "parvandeh:purpose", purpose);
        }
    }

    fn trace(
        &mut self,
        header: &Header<'_>,
        history: &History,
        summary: &mut Summary,
    ) -> Result<(), VaultError> {
        let steps = || {
            let steps = history.events.iter().map(|told| Step::of(history, told));
            steps.filter(|step| step.is_activity)
        };
        // Outside its period an export says nothing of a case.
        if header.selection.has_period() && steps().next().is_none() {
            return Ok(());
        }
        self.0.push_str("\t<trace>\n");
        self.text(2, "concept:name", &history.name);
        self.typed(2, "id", "parvandeh:id", &history.id.to_string());
        self.text(2, "parvandeh:reference", &history.id.reference());
        for (name, value) in history.attributes() {
            self.attribute(2, name, &value);
        }
        for step in steps() {
            self.event(header, &step)?;
            summary.events += 1;
        }
        self.0.push_str("\t</trace>\n");
        summary.cases += 1;
        Ok(())
    }

    fn event(&mut self, header: &Header<'_>, step: &Step<'_>) -> Result<(), VaultError> {
        self.0.push_str("\t\t<event>\n");
        self.text(3, "concept:name", step.name);
        self.time(3, "time:timestamp", step.recorded.meta.occurred_at);
        for (key, value) in [
            ("lifecycle:transition", step.transition),
            ("org:resource", step.resource),
            ("org:role", step.role),
            ("org:group", step.group),
        ] {
            if let Some(value) = value {
                self.text(3, key, value);
            }
        }
        self.typed(3, "id", "parvandeh:event", &step.recorded.id.to_string());
        self.text(3, "parvandeh:type", step.recorded.event.event_type().name);
        self.time(3, "parvandeh:recorded_at", step.recorded.meta.recorded_at);
        for (name, value) in step::attributes(&step.recorded.event) {
            self.attribute(3, name, &value);
        }
        for (name, value) in personal::told(header.personal, step.recorded)? {
            self.attribute(3, name, &value);
        }
        self.0.push_str("\t\t</event>\n");
        Ok(())
    }

    /// One of our own attributes.
    fn attribute(&mut self, depth: usize, name: &str, value: &Value<'_>) {
        let key = format!("parvandeh:{name}");
        match value {
            Value::Text(text) => self.text(depth, &key, text),
            Value::Owned(text) => self.text(depth, &key, text),
            Value::Time(moment) => self.time(depth, &key, *moment),
            Value::Integer(number) => self.typed(depth, "int", &key, &number.to_string()),
            Value::Flag(flag) => self.typed(depth, "boolean", &key, &flag.to_string()),
        }
    }

    fn text(&mut self, depth: usize, key: &str, value: &str) {
        self.open(depth, "string", key);
        text::xml(&mut self.0, value);
        self.0.push_str("\"/>\n");
    }

    fn time(&mut self, depth: usize, key: &str, value: Timestamp) {
        self.open(depth, "date", key);
        text::moment(&mut self.0, value);
        self.0.push_str("\"/>\n");
    }

    /// A value that needs no escaping.
    fn typed(&mut self, depth: usize, element: &str, key: &str, value: &str) {
        self.open(depth, element, key);
        self.0.push_str(value);
        self.0.push_str("\"/>\n");
    }

    fn open(&mut self, depth: usize, element: &str, key: &str) {
        self.0.push_str(&"\t\t\t"[..depth]);
        self.0.push('<');
        self.0.push_str(element);
        self.0.push_str(" key=\"");
        self.0.push_str(key);
        self.0.push_str("\" value=\"");
    }
}
