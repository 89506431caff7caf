//! Relay connections over keyset pages.

use async_graphql::connection::{Connection, Edge, EmptyFields};
use async_graphql::{ObjectType, OutputType};
use parvandeh_projections::page::{PAGE_SIZE_MAX, Page, PageRequest};

use super::cursor::{self, Cursor, ListKey};
use crate::error::RequestError;

/// How many rows a page has when the caller does not say.
pub const PAGE_SIZE_DEFAULT: usize = 50;

/// The four arguments of a connection.
#[derive(Clone, Debug, Default)]
pub struct PageArguments {
    /// The first so many rows.
    pub first: Option<i32>,
    /// Only rows after this cursor.
    pub after: Option<String>,
    /// The last so many rows.
    pub last: Option<i32>,
    /// Only rows before this cursor.
    pub before: Option<String>,
}

impl PageArguments {
    /// Checks the arguments against the list that they are for.
    pub fn request(&self, list: ListKey) -> Result<PageRequest, RequestError> {
        let (size, backwards) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(RequestError::bad_input(
                    "last",
                    "cannot be combined with first: ask for one end of the list",
                ));
            }
            (Some(first), None) => (page_size("first", first)?, false),
            (None, Some(last)) => (page_size("last", last)?, true),
            (None, None) => (PAGE_SIZE_DEFAULT, false),
        };
        let anchor = |field, cursor: &Option<String>| {
            cursor.as_ref().map(|cursor| cursor::decode(field, list, cursor)).transpose()
        };
        Ok(PageRequest {
            size,
            backwards,
            after: anchor("after", &self.after)?,
            before: anchor("before", &self.before)?,
        })
    }
}

fn page_size(field: &str, size: i32) -> Result<usize, RequestError> {
    usize::try_from(size).ok().filter(|size| (1..=PAGE_SIZE_MAX).contains(size)).ok_or_else(|| {
        RequestError::bad_input(field, &format!("must be between 1 and {PAGE_SIZE_MAX}"))
    })
}

/// A page as a Relay connection with fields of its own (such as a total).
pub fn connection<Row, Node, Fields>(
    list: ListKey,
    request: &PageRequest,
    page: Page<Row>,
    fields: Fields,
    node: impl Fn(Row) -> Node,
) -> Connection<Cursor, Node, Fields, EmptyFields>
where
    Node: OutputType,
    Fields: ObjectType,
{
    // The end that the page was read from has more rows exactly when a cursor cut them off there.
    let (has_previous, has_next) = if request.backwards {
        (page.has_more, request.before.is_some())
    } else {
        (request.after.is_some(), page.has_more)
    };
    let mut connection = Connection::with_additional_fields(has_previous, has_next, fields);
    connection.edges = page
        .rows
        .into_iter()
        .map(|(anchor, row)| Edge::new(Cursor { list, anchor }, node(row)))
        .collect();
    connection
}
