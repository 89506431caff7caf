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

impl<T> Page<T> {
    /// The same page with its rows in another form.
    pub fn map<U>(self, form: impl Fn(T) -> U) -> Page<U> {
        let rows = self.rows.into_iter().map(|(anchor, row)| (anchor, form(row))).collect();
        Page { rows, has_more: self.has_more }
    }
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
        self,
        db: &Connection,
        request: PageRequest,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Page<T>> {
        let columns = self.columns;
        self.page_of(db, request, columns, read)
    }

    /// Reads other columns of a page.
    pub fn page_of<T>(
        self,
        db: &Connection,
        request: PageRequest,
        columns: &str,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Page<T>> {
        merged_page(vec![self], db, request, columns, read)
    }

    /// Its rows between the places that the request names, as SQL with the values of the conditions.
    fn select(&mut self, request: PageRequest, columns: &str) -> String {
        let (later, earlier) = if self.descending { ("<", ">") } else { (">", "<") };
        for (anchor, comparison) in [(request.after, later), (request.before, earlier)] {
            if let Some(Anchor { key, tie }) = anchor {
                self.conditions.add(
                    &format!("({}, {}) {comparison} (?, ?)", self.key, self.tie),
                    [Value::Integer(key), tie.into()],
                );
            }
        }
        format!(
            "SELECT {key}, {tie}, {columns} FROM {from} WHERE {conditions}",
            key = self.key,
            tie = self.tie,
            from = self.from,
            conditions = self.conditions.sql(),
        )
    }

    /// How many rows the whole list has.
    pub fn count(&self, db: &Connection) -> rusqlite::Result<u64> {
        let sql = format!("SELECT count(*) FROM {} WHERE {}", self.from, self.conditions.sql());
        db.prepare_cached(&sql)?
            .query_row(params_from_iter(self.conditions.values.iter()), |row| row.get(0))
    }
}

/// Reads a page of several lists with the same kind of key and the same direction, as if they were one. SQLite merges them row by row, so that each is
/// read along its own index, and no further than the page goes. An empty list of lists has no rows.
pub fn merged_page<T>(
    mut lists: Vec<List>,
    db: &Connection,
    request: PageRequest,
    columns: &str,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Page<T>> {
    let Some(descending) = lists.first().map(|list| list.descending) else {
        return Ok(Page { rows: Vec::new(), has_more: false });
    };
    let order = if descending == request.backwards { "ASC" } else { "DESC" };
    let size = request.size.min(PAGE_SIZE_MAX);
    let selects: Vec<_> = lists.iter_mut().map(|list| list.select(request, columns)).collect();
    let sql = format!(
        "{selects} ORDER BY 1 {order}, 2 {order} LIMIT {limit}",
        selects = selects.join(" UNION ALL "),
        // One row more than wanted tells whether more follow.
        limit = size + 1,
    );
    let mut statement = db.prepare_cached(&sql)?;
    let values = lists.iter().flat_map(|list| list.conditions.values());
    let mut rows = statement
        .query_map(params_from_iter(values), |row| {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A list of rows with these keys, many of them equal; the tie-break is the row's number.
    fn table(keys: &[i64]) -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE rows (key INTEGER, number INTEGER)").unwrap();
        for (number, key) in keys.iter().enumerate() {
            db.execute("INSERT INTO rows VALUES (?, ?)", (key, number as i64)).unwrap();
        }
        db
    }

    fn list(descending: bool) -> List {
        List {
            columns: "number",
            from: "rows",
            key: "key",
            tie: "number",
            descending,
            conditions: Conditions::default(),
        }
    }

    fn read(db: &Connection, descending: bool, request: PageRequest) -> Page<i64> {
        list(descending).page(db, request, |row| row.get(2)).unwrap()
    }

    proptest! {
        #[test]
        fn pages_in_either_direction_give_every_row_once_and_in_order(
            keys in proptest::collection::vec(0_i64..4, 0..40),
            size in 1_usize..7,
            descending: bool,
            backwards: bool,
        ) {
            let db = table(&keys);
            let mut expected: Vec<_> = (0..keys.len()).map(|n| (keys[n], n as i64)).collect();
            expected.sort_unstable();
            if descending {
                expected.reverse();
            }
            let mut found = Vec::new();
            let mut request = PageRequest { backwards, ..PageRequest::first(size) };
            loop {
                let page = read(&db, descending, request);
                let rows: Vec<_> =
                    page.rows.iter().map(|(anchor, number)| (anchor.key, *number)).collect();
                if backwards {
                    request.before = page.rows.first().map(|(anchor, _)| *anchor);
                    found.splice(0..0, rows);
                } else {
                    request.after = page.rows.last().map(|(anchor, _)| *anchor);
                    found.extend(rows);
                }
                if !page.has_more {
                    break;
                }
            }
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_page_between_two_rows_has_only_what_lies_between() {
        let db = table(&[5, 5, 6, 7, 8]);
        let all = read(&db, false, PageRequest::first(10)).rows;
        let between =
            PageRequest { after: Some(all[0].0), before: Some(all[4].0), ..PageRequest::first(10) };
        let numbers: Vec<_> =
            read(&db, false, between).rows.into_iter().map(|(_, number)| number).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }

    #[test]
    fn a_page_is_never_larger_than_the_bound() {
        let db = table(&vec![1; PAGE_SIZE_MAX + 5]);
        let page = read(&db, false, PageRequest::first(10_000));
        assert_eq!((page.rows.len(), page.has_more), (PAGE_SIZE_MAX, true));
    }
}
