//! Lists whose rows are answered in one pass.
//!
//! The executor resolves an object field by field, each field a future of its own. For a list of fifty rows that costs several times
//! what reading them does. So when a request asks of the rows of a connection for nothing but plain columns, only these columns are read,
//! straight into the values of the answer, and a row is resolved by picking its values. When it asks for anything else (a link, an
//! argument, a fragment on another type, a directive), rows are read whole and resolved by the executor. The answers are the same.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::{
    Context, ContextSelectionSet, Name, ObjectType, OutputType, Positioned, QueryEnv, ServerResult,
    Value,
};
use parvandeh_projections::column;
use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::global_id::{self, NodeType};
use super::scalar::DateTime;

const TYPENAME: &str = "__typename";

/// A field that is a column of its row.
pub struct PlainColumn {
    /// The field.
    pub field: &'static str,
    /// The column.
    pub column: &'static str,
    /// What stands in it.
    pub kind: PlainKind,
}

/// What stands in a column, and so how it is written.
#[derive(Clone, Copy)]
pub enum PlainKind {
    /// The UUID of a node of this type, written as a global id.
    Id(NodeType),
    /// Text.
    Text,
    /// The stored name of a published value, whose GraphQL name is the same in capitals.
    Published,
    /// Microseconds since 1970.
    Time,
    /// A whole number.
    Integer,
}

impl PlainKind {
    fn read(self, row: &Row<'_>, index: usize) -> rusqlite::Result<Value> {
        let cell = row.get_ref(index)?;
        if cell == ValueRef::Null {
            return Ok(Value::Null);
        }
        Ok(match self {
            Self::Id(node_type) => Value::String(global_id::encode(node_type, row.get(index)?).0),
            Self::Text => Value::String(cell.as_str()?.to_owned()),
            Self::Published => Value::Enum(published(cell.as_str()?)),
            Self::Time => Value::String(DateTime(column::time(row, index)?).0.to_string()),
            Self::Integer => Value::Number(cell.as_i64()?.into()),
        })
    }
}

thread_local! {
    /// The names of published values. They are few and stand in every row, so each is made once a thread.
    static NAMES: RefCell<HashMap<String, Name>> = RefCell::default();
}

fn published(stored: &str) -> Name {
    NAMES.with_borrow_mut(|names| match names.get(stored) {
        Some(name) => name.clone(),
        None => {
            let name = Name::new(stored.to_ascii_uppercase());
            names.insert(stored.to_owned(), name.clone());
            name
        }
    })
}

/// The columns that a request asks for.
pub struct PlainSelection(Vec<&'static PlainColumn>);

impl PlainSelection {
    /// What the connection field that is being resolved asks of its rows, when these are columns of `table` and nothing else.
    pub fn of<T: ObjectType>(ctx: &Context<'_>, table: &'static [PlainColumn]) -> Option<Self> {
        let mut columns: Vec<&'static PlainColumn> = Vec::new();
        let mut add = |rows: &Field| {
            for field in fields::<T>(ctx.query_env, &rows.selection_set.node)? {
                let name = field.name.node.as_str();
                if name != TYPENAME && !columns.iter().any(|column| column.field == name) {
                    columns.push(table.iter().find(|column| column.field == name)?);
                }
            }
            Some(())
        };
        for selected in selected_fields(&ctx.item.node.selection_set.node)? {
            match selected.name.node.as_str() {
                "nodes" => add(selected)?,
                "edges" => {
                    for part in selected_fields(&selected.selection_set.node)? {
                        if part.name.node == "node" {
                            add(part)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Some(Self(columns))
    }

    /// The columns as SQL. There is always one, since a selection of none is no SQL.
    pub fn sql(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|column| column.column).collect();
        if names.is_empty() { "NULL".to_owned() } else { names.join(", ") }
    }

    /// Reads a row whose columns begin at `first`.
    pub fn read(&self, row: &Row<'_>, first: usize) -> rusqlite::Result<PlainValues> {
        let columns = self.0.iter().enumerate();
        columns
            .map(|(index, column)| Ok((column.field, column.kind.read(row, first + index)?)))
            .collect()
    }
}

/// The values of a row's columns, by the names of their fields.
pub type PlainValues = Vec<(&'static str, Value)>;

/// A row of a list: an object, or the values of those of its columns that were asked for.
pub enum PlainOr<T> {
    /// The object.
    Object(Box<T>),
    /// The columns.
    Plain(PlainValues),
}

impl<T: ObjectType> OutputType for PlainOr<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let values = match self {
            Self::Object(object) => return object.resolve(ctx, field).await,
            Self::Plain(values) => values,
        };
        let selected = fields::<T>(ctx.query_env, &ctx.item.node).unwrap_or_default();
        if selected.is_empty() {
            // All of them were skipped; so the executor answers too.
            return Ok(Value::Null);
        }
        let mut answer = IndexMap::with_capacity(selected.len());
        for field in selected {
            let name = field.name.node.as_str();
            let value = match values.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => value.clone(),
                None => Value::String(T::type_name().into_owned()),
            };
            answer.insert(field.response_key().node.clone(), value);
        }
        Ok(Value::Object(answer))
    }
}

/// The fields that are selected on an object of type `T`, with fragments on that very type spread out; `None` where anything more is said
/// about one of them.
fn fields<'a, T: ObjectType>(env: &'a QueryEnv, set: &'a SelectionSet) -> Option<Vec<&'a Field>> {
    let mut found = Vec::with_capacity(set.items.len());
    collect(env, set, &T::type_name(), &mut found)?;
    Some(found)
}

fn collect<'a>(
    env: &'a QueryEnv,
    set: &'a SelectionSet,
    type_name: &str,
    found: &mut Vec<&'a Field>,
) -> Option<()> {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => found.push(plain(&field.node)?),
            Selection::FragmentSpread(spread) => {
                let fragment = &env.fragments.get(&spread.node.fragment_name.node)?.node;
                let on = &fragment.type_condition.node.on.node;
                let applies = spread.node.directives.is_empty() && on == type_name;
                applies.then_some(())?;
                collect(env, &fragment.selection_set.node, type_name, found)?;
            }
            Selection::InlineFragment(_) => return None,
        }
    }
    Some(())
}

fn plain(field: &Field) -> Option<&Field> {
    let is_plain = field.directives.is_empty()
        && field.arguments.is_empty()
        && field.selection_set.node.items.is_empty();
    is_plain.then_some(field)
}

/// The fields of a selection set without fragments.
fn selected_fields(set: &SelectionSet) -> Option<Vec<&Field>> {
    let fields = set.items.iter().map(|selection| match &selection.node {
        Selection::Field(field) => Some(&field.node),
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
    });
    fields.collect()
}
