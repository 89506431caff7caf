//! The text form of iCalendar (RFC 5545): lines of `NAME;PARAMETER=VALUE:VALUE`, folded, between `BEGIN` and `END`.
//!
//! Only what a reader of holidays needs: the components named VEVENT with their own properties. Every problem names its line.

use super::ICalendarError;

/// One property of a component. Its parameters are passed over: whether a value is a date or a time shows in the value, and the
/// zone of a holiday is that of the calendar which takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Property {
    /// In capitals.
    pub(super) name: String,
    /// As written, not unescaped.
    pub(super) value: String,
}

/// A VEVENT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// The line of its BEGIN, from 1.
    pub(super) line: usize,
    pub(super) properties: Vec<Property>,
}

const NESTING_MAX: usize = 16;

impl Property {
    fn parse(text: &str) -> Option<Self> {
        let (name, mut rest) = text.split_at(text.find([';', ':'])?);
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        while let Some(parameter) = rest.strip_prefix(';') {
            let (name, after) = parameter.split_once('=')?;
            let mut is_quoted = false;
            let end = after.find(|character| {
                is_quoted ^= character == '"';
                !is_quoted && matches!(character, ';' | ':')
            })?;
            if !is_name(name) {
                return None;
            }
            rest = &after[end..];
        }
        let value = rest.strip_prefix(':')?.to_owned();
        is_name(name).then(|| Self { name: name.to_ascii_uppercase(), value })
    }
}

/// Reads the events of all calendars in a text.
pub(super) fn events(text: &str) -> Result<Vec<Event>, ICalendarError> {
    let mut events = vec![];
    let mut open: Vec<(usize, String)> = vec![];
    let mut event = Event::default();
    for (line, content) in unfolded(text.trim_start_matches('\u{feff}')) {
        let property = Property::parse(&content);
        if open.is_empty() {
            let begins = property.as_ref().is_some_and(|property| {
                property.name == "BEGIN" && property.value.eq_ignore_ascii_case("VCALENDAR")
            });
            if !begins {
                return Err(ICalendarError::NotICalendar { line });
            }
        }
        let property = property.ok_or(ICalendarError::NotAProperty { line })?;
        match property.name.as_str() {
            "BEGIN" => {
                if open.len() == NESTING_MAX {
                    return Err(ICalendarError::TooDeep { line, max: NESTING_MAX });
                }
                let name = property.value.trim().to_ascii_uppercase();
                if name == "VEVENT" {
                    event = Event { line, properties: vec![] };
                }
                open.push((line, name));
            }
            "END" => {
                let (begin, name) = open.pop().expect("no line is read outside a component");
                if !property.value.trim().eq_ignore_ascii_case(&name) {
                    let end = property.value;
                    return Err(ICalendarError::WrongEnd { line, end, name, begin });
                }
                if name == "VEVENT" {
                    events.push(std::mem::take(&mut event));
                }
            }
            "CALSCALE" if !property.value.trim().eq_ignore_ascii_case("GREGORIAN") => {
                return Err(ICalendarError::OtherScale { line, scale: property.value });
            }
            _ if open.last().is_some_and(|(_, name)| name == "VEVENT") => {
                event.properties.push(property);
            }
            _ => {}
        }
    }
    match open.pop() {
        Some((line, name)) => Err(ICalendarError::CutOff { name, line }),
        None => Ok(events),
    }
}

/// The content lines with the number of their first line: a line that begins with a blank goes on with the one before.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = vec![];
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(more), Some((_, content))) => content.push_str(more),
            _ if line.trim().is_empty() => {}
            _ => lines.push((index + 1, line.to_owned())),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<Vec<Event>, ICalendarError> {
        events(&lines.join("\r\n"))
    }

    #[test]
    fn a_property_has_a_name_and_a_value_and_perhaps_parameters_between_them() {
        let line = r#"dtstart;X-A="a;b:c",d;value=DATE:2026:03;21"#;
        let property = Property::parse(line).unwrap();
        assert_eq!(property.name, "DTSTART");
        assert_eq!(property.value, "2026:03;21");
        for line in ["DTSTART", "DT START:x", ":x", "A;B:x", "A;B=\"x:y", "عید:x"] {
            assert_eq!(Property::parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_folded_line_is_one_line_also_within_a_word() {
        let text = [
            "\u{feff}BEGIN:VCALENDAR",
            "BEGIN:VEVENT",
            "SUMMARY:نور",
            " وز",
            "\t باستانی",
            "BEGIN:VALARM",
            "SUMMARY:not this",
            "END:VALARM",
            "END:VEVENT",
            "",
            "END:VCALENDAR",
        ];
        let events = read(&text).unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].line, events[0].properties.len()), (2, 1));
        assert_eq!(events[0].properties[0].value, "نوروز باستانی");
    }

    #[test]
    fn a_bad_file_is_refused_with_the_line() {
        let deep = vec!["BEGIN:VCALENDAR"; 17];
        let cases: [(&[&str], &str); 7] = [
            (&["<html>"], "line 1 does not begin a calendar"),
            (&["BEGIN:VCARD", "END:VCARD"], "line 1 does not begin a calendar"),
            (
                &["BEGIN:VCALENDAR", "BEGIN:VEVENT", "DTSTART:2026"],
                "ends within VEVENT, which began in line 2",
            ),
            (
                &["BEGIN:VCALENDAR", "BEGIN:VEVENT", "END:VCALENDAR"],
                "line 3 ends VCALENDAR, but VEVENT",
            ),
            (&["BEGIN:VCALENDAR", "Christmas"], "line 2 is no property"),
            (&["BEGIN:VCALENDAR", "CALSCALE:HEBREW"], "line 2: the dates are those of HEBREW"),
            (&deep, "line 17"),
        ];
        for (lines, expected) in cases {
            let error = read(lines).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(read(&["BEGIN:VCALENDAR", "END:VCALENDAR"]), Ok(vec![]));
        assert_eq!(read(&[]), Ok(vec![]));
    }
}
