//! Keyset paging: a page begins where the last one ended, not at an offset, so that pages neither skip nor repeat rows while
//! the list moves, and the thousandth page costs what the first does.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use uuid::Uuid;

/// The most rows of one page.
pub const PAGE_SIZE_MAX: usize = 100;

/// A row's place in a sorted list: the sort key, then what makes it unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The sort key.
    pub key: i64,
    /// The tie-break among rows with the same key.
    pub tie: Tie,
}

/// What makes a row's place unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// An aggregate's id.
    Id(Uuid),
    /// A position in the log.
    Position(i64),
}

impl From<Tie> for Value {
    fn from(tie: Tie) -> Self {
        match tie {
            Tie::Id(id) => Value::Blob(id.as_bytes().to_vec()),
            Tie::Position(position) => Value::Integer(position),
        }
    }
}

/// Which rows of a list are wanted.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest {
    /// How many, at most [`PAGE_SIZE_MAX`].
    pub size: usize,
    /// From the end of the list towards its beginning; rows still come in the list's order.
    pub backwards: bool,
    /// Only rows after this place.
    pub after: Option<Anchor>,
    /// Only rows before this place.
    pub before: Option<Anchor>,
}

impl PageRequest {
    /// The first `size` rows.
    pub fn first(size: usize) -> Self {
        Self { size, backwards: false, after: None, before: None }
    }
}

/// Some rows of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows, in the list's order, each with its place.
    pub rows: Vec<(Anchor, T)>,
    /// Whether more rows follow in the direction of reading.
    pub has_more: bool,
}

/// A list that can be paged: which rows, in which order.
#[derive(Debug)]
pub struct List {
    /// The columns to read, after the sort key and the tie-break.
    pub columns: &'static str,
    /// The table, or a join.
    pub from: &'static str,
    /// The sort key, an integer expression.
    pub key: &'static str,
    /// The tie-break column.
    pub tie: &'static str,
    /// Greatest first.
    pub descending: bool,
    /// Which rows.
    pub conditions: Conditions,
}

impl List {
    /// Reads a page. `read` gets each row with the columns beginning at index 2.
    pub fn page<T>(
        mut self,
        db: &Connection,
        request: PageRequest,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Page<T>> {
        let (later, earlier) = if self.descending { ("<", ">") } else { (">", "<") };
        for (anchor, comparison) in [(request.after, later), (request.before, earlier)] {
            if let Some(Anchor { key, tie }) = anchor {
                self.conditions.add(
                    &format!("({}, {}) {comparison} (?, ?)", self.key, self.tie),
                    [Value::Integer(key), tie.into()],
                );
            }
        }
        let order = if self.descending == request.backwards { "ASC" } else { "DESC" };
        let size = request.size.min(PAGE_SIZE_MAX);
        let sql = format!(
            "SELECT {key}, {tie}, {columns} FROM {from} WHERE {conditions} \
             ORDER BY {key} {order}, {tie} {order} LIMIT {limit}",
            key = self.key,
            tie = self.tie,
            columns = self.columns,
            from = self.from,
            conditions = self.conditions.sql(),
            // One row more than wanted tells whether more follow.
            limit = size + 1,
        );
        let mut statement = db.prepare_cached(&sql)?;
        let mut rows = statement
            .query_map(params_from_iter(self.conditions.values.iter()), |row| {
                let tie = match row.get_ref(1)? {
                    rusqlite::types::ValueRef::Integer(position) => Tie::Position(position),
                    _ => Tie::Id(row.get(1)?),
                };
                Ok((Anchor { key: row.get(0)?, tie }, read(row)?))
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let has_more = rows.len() > size;
        rows.truncate(size);
        if request.backwards {
            rows.reverse();
        }
        Ok(Page { rows, has_more })
    }

    /// How many rows the whole list has.
    pub fn count(&self, db: &Connection) -> rusqlite::Result<u64> {
        let sql = format!("SELECT count(*) FROM {} WHERE {}", self.from, self.conditions.sql());
        db.prepare_cached(&sql)?
            .query_row(params_from_iter(self.conditions.values.iter()), |row| row.get(0))
    }
}

/// A conjunction of SQL conditions with their values.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    terms: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition with as many values as it has question marks.
    pub fn add(&mut self, term: &str, values: impl IntoIterator<Item = Value>) {
        self.terms.push(term.to_owned());
        self.values.extend(values);
    }

    /// The column equals one of the values; an empty list of values matches nothing.
    pub fn add_in(&mut self, column: &str, values: impl IntoIterator<Item = Value>) {
        let values: Vec<_> = values.into_iter().collect();
        let marks = vec!["?"; values.len()].join(", ");
        self.add(&format!("{column} IN ({marks})"), values);
    }

    /// The conditions as SQL; all rows where there are none.
    pub fn sql(&self) -> String {
        if self.terms.is_empty() { "TRUE".to_owned() } else { self.terms.join(" AND ") }
    }

    /// The values of all conditions, in order.
    pub fn values(&self) -> &[Value] {
        &self.values
    }
}
