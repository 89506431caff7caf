//! The complete content of a file of read models, table by table, for comparing one with another.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use parvandeh::store::EventStore;
use parvandeh::subscription::generation::Generation;
use parvandeh::subscription::projector;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// The rows of every table, each row as text, sorted.
pub type Tables = BTreeMap<String, Vec<String>>;

/// Everything that stands in a file of read models, but for blind indexes, which only who has the vault makes.
pub fn tables(path: &Path) -> Tables {
    tables_without(path, &["blind_index", "sound_index"])
}

/// Everything but these columns, which are left out of JSON documents in other columns too.
pub fn tables_without(path: &Path, left_out: &[&str]) -> Tables {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).unwrap();
    let mut names = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .unwrap();
    let names: Vec<String> =
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    names.into_iter().map(|name| (name.clone(), rows(&db, &name, left_out))).collect()
}

fn rows(db: &Connection, table: &str, left_out: &[&str]) -> Vec<String> {
    let mut statement = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([]).unwrap();
    let mut texts = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let mut text = String::new();
        for (index, column) in columns.iter().enumerate() {
            if !left_out.contains(&column.as_str()) {
                let value = row.get_ref(index).unwrap();
                text.push_str(&format!("{column}={} ", value_text(value, left_out)));
            }
        }
        texts.push(text);
    }
    texts.sort_unstable();
    texts
}

fn value_text(value: ValueRef<'_>, left_out: &[&str]) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ValueRef::Text(text) => {
            let text = String::from_utf8(text.to_vec()).unwrap();
            match serde_json::from_str::<Value>(&text) {
                Ok(mut json @ (Value::Object(_) | Value::Array(_))) if !left_out.is_empty() => {
                    leave_out(&mut json, left_out);
                    json.to_string()
                }
                _ => text,
            }
        }
    }
}

fn leave_out(json: &mut Value, fields: &[&str]) {
    match json {
        Value::Object(object) => {
            object.retain(|field, _| !fields.contains(&field.as_str()));
            object.values_mut().for_each(|value| leave_out(value, fields));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| leave_out(value, fields)),
        _ => {}
    }
}

/// What the read models of this log are when they are built from its beginning.
pub async fn rebuilt(store: &Arc<dyn EventStore>) -> Tables {
    let directory = tempfile::tempdir().unwrap();
    let generation = Generation::create(directory.path(), store.id()).unwrap();
    let generation = projector::catch_up(store.clone(), generation, |_| {}).await.unwrap();
    tables(generation.path())
}

/// Two contents must be the same; the first difference is shown.
#[track_caller]
pub fn assert_same(found: &Tables, expected: &Tables, what: &str) {
    let names = |tables: &Tables| tables.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{what}: the tables");
    for (name, rows) in expected {
        for (one, other) in found[name].iter().zip(rows) {
            assert_eq!(one, other, "{what}: table {name}");
        }
        assert_eq!(found[name].len(), rows.len(), "{what}: the number of rows of {name}");
    }
}
