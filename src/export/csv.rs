//! CSV: one line an event of a case or of its clocks, for spreadsheets and everything else that reads tables.
//!
//! Every column is there in every file, so that two files can be put together. `activity` is filled where the event is one of the case's
//! activities: the lines that have it are what the same export as XES holds.

use std::io::Write;

use super::history::History;
use super::personal::{self, Personal};
use super::step::{self, ATTRIBUTES, Step, Value};
use super::{ExportError, Header, Source, Summary, text};
use crate::csv::{BYTE_ORDER_MARK, line, quoted};
use crate::vault::VaultError;

const COLUMNS: [&str; 14] = [
    "case",
    "case_id",
    "activity",
    "event",
    "occurred_at",
    "recorded_at",
    "resource",
    "role",
    "group",
    "transition",
    "event_type",
    "event_id",
    "revision",
    "position",
];

pub(super) fn write(
    header: &Header<'_>,
    source: &mut Source<'_>,
    out: &mut dyn Write,
    summary: &mut Summary,
) -> Result<(), ExportError> {
    let mut chunk = String::from(BYTE_ORDER_MARK);
    let columns = COLUMNS.iter().chain(ATTRIBUTES).chain(personal_columns(header.personal));
    line(&mut chunk, columns.map(|column| (*column).to_owned()));
    while let Some(histories) = source.next()? {
        for history in &histories {
            summary.unknown += history.unknown;
            summary.cases += u64::from(!history.events.is_empty());
            for told in &history.events {
                line(&mut chunk, cells(header.personal, history, &Step::of(history, told))?);
                summary.events += 1;
            }
        }
        out.write_all(chunk.as_bytes())?;
        chunk.clear();
    }
    out.write_all(chunk.as_bytes())?;
    Ok(())
}

fn personal_columns(personal: &Personal) -> &'static [&'static str] {
    match personal {
        Personal::LeftOut => &[],
        Personal::Included { .. } => &personal::COLUMNS,
    }
}

fn cells<'a>(
    personal: &Personal,
    history: &'a History,
    step: &Step<'a>,
) -> Result<impl Iterator<Item = String>, VaultError> {
    let recorded = step.recorded;
    let time = |moment| {
        let mut cell = String::new();
        text::moment(&mut cell, moment);
        cell
    };
    let cell = |text: Option<&str>| text.map_or_else(String::new, quoted);
    let fixed = [
        quoted(&history.name),
        history.id.to_string(),
        cell(step.is_activity.then_some(step.name)),
        quoted(step.name),
        time(recorded.meta.occurred_at),
        time(recorded.meta.recorded_at),
        cell(step.resource),
        cell(step.role),
        cell(step.group),
        cell(step.transition),
        recorded.event.event_type().name.to_owned(),
        recorded.id.to_string(),
        recorded.revision.to_string(),
        recorded.position.to_string(),
    ];
    let told = personal::told(personal, recorded)?;
    let said = step::attributes(&recorded.event).into_iter().chain(told).collect::<Vec<_>>();
    let columns = ATTRIBUTES.iter().chain(personal_columns(personal));
    let further = columns.map(move |column| {
        match said.iter().find(|(name, _)| name == column).map(|(_, value)| value) {
            None => String::new(),
            Some(Value::Text(text)) => quoted(text),
            Some(Value::Owned(text)) => quoted(text),
            Some(Value::Time(moment)) => time(*moment),
            Some(Value::Integer(number)) => number.to_string(),
            Some(Value::Flag(flag)) => flag.to_string(),
        }
    });
    Ok(fixed.into_iter().chain(further))
}
