//! How values stand in columns: times as microseconds since 1970 (UTC), published lists as their stored names.

use std::str::FromStr;

use jiff::Timestamp;
use parvandeh_domain::pii::Envelope;
use rusqlite::Row;
use rusqlite::types::Type;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// A time as microseconds since 1970. Finer parts of a time are cut: commands carry none.
pub fn microseconds(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// Reads a time.
pub fn time(row: &Row<'_>, index: usize) -> rusqlite::Result<Timestamp> {
    from_microseconds(index, row.get(index)?)
}

/// Reads a time that may be absent.
pub fn time_option(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(index)?.map(|value| from_microseconds(index, value)).transpose()
}

fn from_microseconds(index: usize, value: i64) -> rusqlite::Result<Timestamp> {
    Timestamp::from_microsecond(value).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(index, Type::Integer, Box::new(error))
    })
}

/// After what a page of a list by time and id begins; before everything where it is the first.
pub fn after(last: Option<(Timestamp, Uuid)>) -> (i64, Uuid) {
    last.map_or((i64::MIN, Uuid::nil()), |(time, id)| (microseconds(time), id))
}

/// Reads a value of a published list.
pub fn stored<T: FromStr<Err = String>>(row: &Row<'_>, index: usize) -> rusqlite::Result<T> {
    parse(index, row.get_ref(index)?.as_str()?)
}

/// Reads a value of a published list that may be absent.
pub fn stored_option<T: FromStr<Err = String>>(
    row: &Row<'_>,
    index: usize,
) -> rusqlite::Result<Option<T>> {
    row.get_ref(index)?.as_str_or_null()?.map(|text| parse(index, text)).transpose()
}

fn parse<T: FromStr<Err = String>>(index: usize, text: &str) -> rusqlite::Result<T> {
    text.parse().map_err(|error: String| {
        rusqlite::Error::FromSqlConversionFailure(index, Type::Text, error.into())
    })
}

/// Reads a value that is kept as JSON.
pub fn json<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(index)?.as_str()?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
    })
}

/// An envelope as SQLite keeps it.
pub fn envelope(envelope: Option<&Envelope>) -> Option<&[u8]> {
    envelope.map(|envelope| &*envelope.0)
}

/// Reads an envelope that may be absent.
pub fn envelope_read(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Envelope>> {
    Ok(row.get_ref(index)?.as_blob_or_null()?.map(|bytes| Envelope(bytes.into())))
}

/// A count as SQLite keeps it.
pub fn integer(value: u64) -> i64 {
    i64::try_from(value).expect("revisions and positions stay far below 2^63")
}
