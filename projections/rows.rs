//! Rows under change: read once, changed in memory by many events, written once when the batch ends.
//!
//! That is what makes a rebuild quick: a case with thirty events in one batch costs one write.

use std::collections::HashMap;
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::hash::Hash;

use rusqlite::Connection;

/// How many unchanged rows are kept between batches.
const CLEAN_ROWS_MAX: usize = 50_000;

/// How one table's rows are read and written.
pub trait Table {
    /// Its primary key.
    type Key: Copy + Eq + Hash + Ord;
    /// One row.
    type Row;

    /// Reads a row.
    fn read(db: &Connection, key: Self::Key) -> rusqlite::Result<Option<Self::Row>>;

    /// Writes a row, whether it is new or not.
    fn write(db: &Connection, key: Self::Key, row: &Self::Row) -> rusqlite::Result<()>;
}

struct Entry<R> {
    row: R,
    changed: bool,
}

/// The rows of one table that a batch touches.
pub struct Rows<T: Table> {
    entries: HashMap<T::Key, Entry<T::Row>>,
}

impl<T: Table> Default for Rows<T> {
    fn default() -> Self {
        Self { entries: HashMap::new() }
    }
}

impl<T: Table> Rows<T> {
    /// The row, to be changed; `None` when there is none.
    pub fn change(
        &mut self,
        db: &Connection,
        key: T::Key,
    ) -> rusqlite::Result<Option<&mut T::Row>> {
        let entry = match self.entries.entry(key) {
            Occupied(entry) => entry.into_mut(),
            Vacant(place) => match T::read(db, key)? {
                Some(row) => place.insert(Entry { row, changed: false }),
                None => return Ok(None),
            },
        };
        entry.changed = true;
        Ok(Some(&mut entry.row))
    }

    /// A new row, or a new content of an old one.
    pub fn put(&mut self, key: T::Key, row: T::Row) {
        self.entries.insert(key, Entry { row, changed: true });
    }

    /// Writes every changed row and keeps none, before a statement changes the table itself.
    pub fn give_up(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.flush(db)?;
        self.entries.clear();
        Ok(())
    }

    /// Writes every changed row.
    pub fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.flush_with(|key, row| T::write(db, key, row))
    }

    /// Hands every changed row to `write`, in the order of keys so that neighbours land on the same page.
    pub fn flush_with(
        &mut self,
        mut write: impl FnMut(T::Key, &T::Row) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut changed: Vec<_> =
            self.entries.iter_mut().filter(|(_, entry)| entry.changed).collect();
        changed.sort_unstable_by_key(|(key, _)| **key);
        for (key, entry) in changed {
            write(*key, &entry.row)?;
            entry.changed = false;
        }
        if self.entries.len() > CLEAN_ROWS_MAX {
            self.entries.clear();
        }
        Ok(())
    }
}
