//! Lists whose rows are answered in one pass.
//!
//! The executor resolves an object field by field, each field a future of its own. For a list of fifty rows that costs several times
//! what reading them does. So when a request asks of the rows of a connection for nothing but plain columns, only these columns are read,
//! straight into the answer, and a row is resolved by taking what was read. When it asks for anything else (a link, an
//! argument, a fragment on another type, a directive), rows are read whole and resolved by the executor. The answers are the same.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Mutex;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::{
    Context, ContextSelectionSet, Name, ObjectType, OutputType, Pos, Positioned, QueryEnv,
    ServerError, ServerResult, Value,
};
use parvandeh_projections::column;
use rusqlite::Row;
use rusqlite::types::{Type, ValueRef};

use super::global_id::{self, NodeType};
use super::personal::Opener;
use super::scalar::DateTime;
use crate::sealing::PersonalFields;
use crate::vault::VaultError;

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
    /// An envelope, of which this field is shown.
    Personal(&'static str),
    /// An envelope, of which is told whether it was erased.
    Erased,
}

impl PlainKind {
    fn read<'a>(
        self,
        row: &'a Row<'_>,
        index: usize,
        envelopes: &mut Envelopes<'a>,
    ) -> rusqlite::Result<Value> {
        let cell = row.get_ref(index)?;
        if cell == ValueRef::Null {
            return Ok(match self {
                Self::Erased => Value::Boolean(true),
                _ => Value::Null,
            });
        }
        let failed = |error: VaultError| {
            rusqlite::Error::FromSqlConversionFailure(index, Type::Blob, Box::new(error))
        };
        Ok(match self {
            Self::Id(node_type) => Value::String(global_id::encode(node_type, row.get(index)?).0),
            Self::Text => Value::String(cell.as_str()?.to_owned()),
            Self::Published => Value::Enum(published(cell.as_str()?)),
            Self::Time => Value::String(DateTime(column::time(row, index)?).0.to_string()),
            Self::Integer => Value::Number(cell.as_i64()?.into()),
            Self::Personal(field) => {
                let opened = envelopes.open(cell.as_blob()?).map_err(failed)?;
                let text = opened.and_then(|fields| fields.text(field));
                text.map_or(Value::Null, Value::String)
            }
            Self::Erased => Value::Boolean(envelopes.is_erased(cell.as_blob()?).map_err(failed)?),
        })
    }
}

/// The envelopes of one row. Several columns may show what is in the same one, so the last is kept open.
struct Envelopes<'a> {
    opener: &'a Opener,
    last: Option<(&'a [u8], Option<PersonalFields>)>,
}

impl<'a> Envelopes<'a> {
    fn open(&mut self, envelope: &'a [u8]) -> Result<Option<&PersonalFields>, VaultError> {
        if !self.is_open(envelope) {
            self.last = Some((envelope, self.opener.open(envelope)?));
        }
        Ok(self.last.as_ref().and_then(|(_, fields)| fields.as_ref()))
    }

    fn is_erased(&self, envelope: &[u8]) -> Result<bool, VaultError> {
        match &self.last {
            Some((_, fields)) if self.is_open(envelope) => Ok(fields.is_none()),
            _ => self.opener.is_erased(envelope),
        }
    }

    fn is_open(&self, envelope: &[u8]) -> bool {
        self.last.as_ref().is_some_and(|(last, _)| *last == envelope)
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

/// The columns that a request asks for, and how each place that shows rows arranges them.
pub struct PlainSelection {
    opener: Opener,
    columns: Vec<&'static PlainColumn>,
    places: Vec<Place>,
}

/// A selection set on rows: the one of `nodes`, or of `node` in `edges`. A connection may be asked for both, and for either more than once.
struct Place {
    position: Pos,
    /// The answer before its columns are read. It is copied for each row, so that names are hashed once a request and not once a row.
    blank: IndexMap<Name, Value>,
    /// For each entry of `blank` the index of its column; `None` where the value is there already.
    columns: Vec<Option<usize>>,
}

impl PlainSelection {
    /// What the connection field that is being resolved asks of its rows, when these are columns of `table` and nothing else.
    pub fn of<T: ObjectType>(ctx: &Context<'_>, table: &'static [PlainColumn]) -> Option<Self> {
        let opener = Opener::of(ctx);
        let mut selection = Self { opener, columns: Vec::new(), places: Vec::new() };
        for selected in selected_fields(&ctx.item.node.selection_set.node)? {
            match selected.name.node.as_str() {
                "nodes" => selection.add::<T>(ctx.query_env, &selected.selection_set, table)?,
                "edges" => {
                    for part in selected_fields(&selected.selection_set.node)? {
                        if part.name.node == "node" {
                            selection.add::<T>(ctx.query_env, &part.selection_set, table)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Some(selection)
    }

    fn add<T: ObjectType>(
        &mut self,
        env: &QueryEnv,
        set: &Positioned<SelectionSet>,
        table: &'static [PlainColumn],
    ) -> Option<()> {
        let fields = fields::<T>(env, &set.node)?;
        let mut blank = IndexMap::with_capacity(fields.len());
        let mut columns = Vec::with_capacity(fields.len());
        for field in fields {
            let (value, column) = match field.name.node.as_str() {
                TYPENAME => (Value::String(T::type_name().into_owned()), None),
                name => (Value::Null, Some(self.column(name, table)?)),
            };
            // The same field may be selected twice; validation has made sure that it is the same.
            if blank.insert(field.response_key().node.clone(), value).is_none() {
                columns.push(column);
            }
        }
        self.places.push(Place { position: set.pos, blank, columns });
        Some(())
    }

    /// The index of a field's column among those that are read.
    fn column(&mut self, field: &str, table: &'static [PlainColumn]) -> Option<usize> {
        let known = self.columns.iter().position(|column| column.field == field);
        known.or_else(|| {
            self.columns.push(table.iter().find(|column| column.field == field)?);
            Some(self.columns.len() - 1)
        })
    }

    /// The columns as SQL. There is always one, since a selection of none is no SQL.
    pub fn sql(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| column.column).collect();
        if names.is_empty() { "NULL".to_owned() } else { names.join(", ") }
    }

    /// Reads a row whose columns begin at `first`.
    pub fn read(&self, row: &Row<'_>, first: usize) -> rusqlite::Result<PlainRow> {
        let mut envelopes = Envelopes { opener: &self.opener, last: None };
        let answers = self.places.iter().map(|place| {
            if place.blank.is_empty() {
                // All fields were skipped; so the executor answers too.
                return Ok((place.position, Value::Null));
            }
            let mut answer = place.blank.clone();
            for (value, column) in answer.values_mut().zip(&place.columns) {
                if let Some(index) = *column {
                    *value = self.columns[index].kind.read(row, first + index, &mut envelopes)?;
                }
            }
            Ok((place.position, Value::Object(answer)))
        });
        Ok(PlainRow(Mutex::new(answers.collect::<rusqlite::Result<_>>()?)))
    }
}

/// The finished answers of a row, one for each place that shows it. Each is taken once.
pub struct PlainRow(Mutex<Vec<(Pos, Value)>>);

impl PlainRow {
    fn take(&self, place: Pos) -> Option<Value> {
        let mut answers = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let index = answers.iter().position(|(position, _)| *position == place)?;
        Some(answers.swap_remove(index).1)
    }
}

/// A row of a list: an object, or those of its columns that were asked for.
pub enum PlainOr<T> {
    /// The object.
    Object(Box<T>),
    /// The columns.
    Plain(PlainRow),
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
        match self {
            Self::Object(object) => object.resolve(ctx, field).await,
            Self::Plain(row) => row.take(ctx.item.pos).ok_or_else(|| {
                ServerError::new("a row was resolved where it was not selected", Some(field.pos))
            }),
        }
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
