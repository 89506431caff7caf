//! An export for programs: one JSON document, written part by part.

use serde::Serialize;

use super::content::Base64Text;
use super::{Part, Rendering, Section};

/// The document as far as it is written.
#[derive(Debug, Default)]
pub struct JsonDocument {
    /// Whether a list is open, and whether it has a member already.
    list: Option<bool>,
    /// The same of a list within a case: its files, then its timeline.
    of_case: Option<bool>,
    /// The content of a file, while one is being written.
    content: Option<Base64Text>,
}

impl Rendering for JsonDocument {
    fn add(&mut self, part: &Part, text: &mut String) {
        match part {
            Part::Head(head) => open_object(&**head, text),
            Part::Section(section) => {
                self.close_list(text);
                *text += match section {
                    Section::Consents => ",\n\"consents\":[",
                    Section::Postings => ",\n\"postings\":[",
                    Section::Payments => ",\n\"payments\":[",
                    Section::Cases => ",\n\"cases\":[",
                    Section::Accesses => ",\n\"access_log\":[",
                };
                self.list = Some(false);
            }
            Part::Consent(consent) => {
                separate(&mut self.list, text);
                *text += &json(consent);
            }
            Part::Posting(posting) => {
                separate(&mut self.list, text);
                *text += &json(&**posting);
            }
            Part::Payment(payment) => {
                separate(&mut self.list, text);
                *text += &json(&**payment);
            }
            Part::Case(case) => {
                separate(&mut self.list, text);
                open_object(&**case, text);
                *text += ",\"attachments\":[";
                self.of_case = Some(false);
            }
            Part::Attachment(attachment) => {
                separate(&mut self.of_case, text);
                open_object(&**attachment, text);
                *text += ",\"content\":";
            }
            Part::Content(bytes) => {
                if self.content.is_none() {
                    *text += "\"";
                }
                self.content.get_or_insert_default().add(bytes, text);
            }
            Part::AttachmentEnd => match self.content.take() {
                Some(mut content) => {
                    content.end(text);
                    *text += "\"}";
                }
                None => *text += "null}",
            },
            Part::Timeline => {
                *text += "],\"timeline\":[";
                self.of_case = Some(false);
            }
            Part::Entry(entry) => {
                separate(&mut self.of_case, text);
                *text += &json(&**entry);
            }
            Part::CaseEnd => {
                self.of_case = None;
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
