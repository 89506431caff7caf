//! One SHA-256 over all tables of all read models, so that two machines can compare what they made of the same log.
//!
//! The order and the encoding are fixed. Numbers are 8 bytes, the highest first; a *text* is its length in bytes as such a number, then
//! its bytes. The hash of a table is taken over the text `table`, the table's name, the number of its columns and their names as texts,
//! then row by row, in the order of the primary key, over each value: a byte for its type (0 null, 1 integer, 2 real, 3 text, 4 bytes), the
//! length of what follows, and the value itself: integers in two's complement, reals in IEEE 754, texts in UTF-8. The hash of the state is
//! taken over the text `parvandeh state 1` and, by the names of the tables, each name as a text and the table's hash.
//!
//! Columns with envelopes of personal data or blind indexes are left out ([`ReadModel::personal_columns`]): the state does not depend on
//! keys, on erasure or on the machine.
//!
//! [`ReadModel::personal_columns`]: parvandeh_projections::ReadModel::personal_columns

use std::fmt;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// A SHA-256, shown in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sha256Hash([u8; 32]);

impl fmt::Display for Sha256Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Sha256Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The hash of the state, and of each table, so that two machines that differ see where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StateHash {
    /// Over all tables.
    pub sha256: Sha256Hash,
    /// By name.
    pub tables: Vec<TableHash>,
}

/// The hash of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableHash {
    /// Its name.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// Over its rows.
    pub sha256: Sha256Hash,
    /// The columns that are left out.
    pub left_out: Vec<String>,
}

/// The hash of the read models in a file.
pub fn state_hash(db: &Connection) -> rusqlite::Result<StateHash> {
    let personal: Vec<_> = parvandeh_projections::all()
        .iter()
        .flat_map(|model| model.personal_columns().iter().copied())
        .collect();
    let mut all = Sha256::new();
    text(&mut all, "parvandeh state 1");
    let mut tables = Vec::new();
    for name in table_names(db)? {
        let is_personal = |column: &String| personal.contains(&(name.as_str(), column.as_str()));
        let (left_out, columns): (Vec<_>, Vec<_>) =
            columns(db, &name)?.into_iter().partition(is_personal);
        let (rows, sha256) = table_hash(db, &name, &columns)?;
        text(&mut all, &name);
        all.update(sha256.0);
        tables.push(TableHash { name, rows, sha256, left_out });
    }
    Ok(StateHash { sha256: Sha256Hash(all.finalize().into()), tables })
}

/// The tables of the read models: all but SQLite's own and the checkpoint, in the order of the bytes of their names.
fn table_names(db: &Connection) -> rusqlite::Result<Vec<String>> {
    db.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         AND name <> 'generation' ORDER BY name",
    )?
    .query_map([], |row| row.get(0))?
    .collect()
}

fn columns(db: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    db.prepare("SELECT name FROM pragma_table_info(?) ORDER BY cid")?
        .query_map([table], |row| row.get(0))?
        .collect()
}

fn primary_key(db: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    db.prepare("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk")?
        .query_map([table], |row| row.get(0))?
        .collect()
}

/// The rows come by the primary key, which is how they stand in the file: nothing is sorted, and one row is held at a time.
fn table_hash(
    db: &Connection,
    table: &str,
    columns: &[String],
) -> rusqlite::Result<(u64, Sha256Hash)> {
    let mut hash = Sha256::new();
    text(&mut hash, "table");
    text(&mut hash, table);
    number(&mut hash, columns.len());
    columns.iter().for_each(|column| text(&mut hash, column));

    let list =
        |names: &[String]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let key = primary_key(db, table)?;
    let sql = format!("SELECT {} FROM {} ORDER BY {}", list(columns), quoted(table), list(&key));
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        for index in 0..columns.len() {
            value(&mut hash, row.get_ref(index)?);
        }
    }
    Ok((count, Sha256Hash(hash.finalize().into())))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn number(hash: &mut Sha256, number: usize) {
    hash.update((number as u64).to_be_bytes());
}

fn text(hash: &mut Sha256, text: &str) {
    number(hash, text.len());
    hash.update(text);
}

fn value(hash: &mut Sha256, value: ValueRef<'_>) {
    let mut typed = |tag: u8, bytes: &[u8]| {
        hash.update([tag]);
        number(hash, bytes.len());
        hash.update(bytes);
    };
    match value {
        ValueRef::Null => typed(0, &[]),
        ValueRef::Integer(value) => typed(1, &value.to_be_bytes()),
        ValueRef::Real(value) => typed(2, &value.to_bits().to_be_bytes()),
        ValueRef::Text(bytes) => typed(3, bytes),
        ValueRef::Blob(bytes) => typed(4, bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(sql: &str) -> StateHash {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(sql).unwrap();
        state_hash(&db).unwrap()
    }

    #[test]
    fn the_hash_of_a_small_table_is_what_the_encoding_says() {
        let found = hash_of(
            "CREATE TABLE pair (b TEXT, a INTEGER PRIMARY KEY); INSERT INTO pair VALUES ('x', 2), (NULL, 1)",
        );
        let eight = |number: u8| [0, 0, 0, 0, 0, 0, 0, number];
        let mut bytes = Vec::new();
        for text in ["table", "pair"] {
            bytes.extend(eight(text.len() as u8));
            bytes.extend(text.bytes());
        }
        bytes.extend(eight(2));
        for name in ["b", "a"] {
            bytes.extend(eight(1));
            bytes.extend(name.bytes());
        }
        bytes.extend([&[0][..], &eight(0), &[1], &eight(8), &eight(1)].concat());
        bytes.extend([&[3][..], &eight(1), b"x", &[1], &eight(8), &eight(2)].concat());
        let table: [u8; 32] = Sha256::digest(&bytes).into();
        assert_eq!(found.tables[0].sha256, Sha256Hash(table));
        let all = [&eight(17)[..], b"parvandeh state 1", &eight(4), b"pair", &table].concat();
        assert_eq!(found.sha256, Sha256Hash(Sha256::digest(all).into()));
    }

    #[test]
    fn the_order_of_writing_says_nothing_and_every_value_and_its_type_do() {
        let of = |rows: &str| {
            let create = "CREATE TABLE t (k, v, PRIMARY KEY (k)) WITHOUT ROWID";
            hash_of(&format!("{create}; INSERT INTO t VALUES {rows}")).sha256
        };
        let one = of("(1, 'a'), (2, 'b')");
        assert_eq!(of("(2, 'b'), (1, 'a')"), one);
        for other in
            ["(1, 'a'), (2, 'c')", "(1, 'a')", "(1, 'a'), (2, x'62')", "(1, 'ab'), (2, '')"]
        {
            assert_ne!(of(other), one, "{other}");
        }
    }

    #[test]
    fn every_column_that_is_declared_personal_is_there_and_every_table_has_a_primary_key() {
        for model in parvandeh_projections::all() {
            let db = Connection::open_in_memory().unwrap();
            db.execute_batch(model.tables()).unwrap();
            for (table, column) in model.personal_columns() {
                let columns = columns(&db, table).unwrap();
                assert!(columns.iter().any(|name| name == column), "{table}.{column}");
            }
            for table in table_names(&db).unwrap() {
                assert_ne!(primary_key(&db, &table).unwrap(), Vec::<String>::new(), "{table}");
            }
        }
    }
}
