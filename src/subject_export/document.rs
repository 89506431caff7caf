//! An export for programs: one JSON document, written part by part.

use serde::Serialize;

use super::{Part, Rendering, Section};

/// The document as far as it is written.
#[derive(Debug, Default)]
pub struct JsonDocument {
    /// Whether a list is open, and whether it has a member already.
    list: Option<bool>,
    /// The same of a timeline within it.
    timeline: Option<bool>,
}

impl Rendering for JsonDocument {
    fn add(&mut self, part: &Part, text: &mut String) {
        match part {
            Part::Head(head) => open_object(&**head, text),
            Part::Section(section) => {
                self.close_list(text);
                *text += match section {
                    Section::Consents => ",\n\"consents\":[",
                    Section::Cases => ",\n\"cases\":[",
                    Section::Accesses => ",\n\"access_log\":[",
                };
                self.list = Some(false);
            }
            Part::Consent(consent) => {
                separate(&mut self.list, text);
                *text += &json(consent);
            }
            Part::Case(case) => {
                separate(&mut self.list, text);
                open_object(&**case, text);
                *text += ",\"timeline\":[";
                self.timeline = Some(false);
            }
            Part::Entry(entry) => {
                separate(&mut self.timeline, text);
                *text += &json(&**entry);
            }
            Part::CaseEnd => {
                self.timeline = None;
                *text += "]}";
            }
            Part::Access(access) => {
                separate(&mut self.list, text);
                *text += &json(&**access);
            }
            Part::End => {
                self.close_list(text);
                *text += "}\n";
            }
        }
    }
}

impl JsonDocument {
    fn close_list(&mut self, text: &mut String) {
        if self.list.take().is_some() {
            *text += "]";
        }
    }
}

/// Begins a member of a list.
fn separate(list: &mut Option<bool>, text: &mut String) {
    if list.replace(true) == Some(true) {
        *text += ",";
    }
    *text += "\n";
}

/// The fields of an object, which is left open for more.
fn open_object(fields: &impl Serialize, text: &mut String) {
    let object = json(fields);
    *text += object.strip_suffix('}').unwrap_or(&object);
}

fn json(part: &impl Serialize) -> String {
    serde_json::to_string(part).expect("the parts are plain values")
}
