//! Who may select which field.
//!
//! The rules are a table of constants: a type, the roles, the fields. A field without a row may be selected
//! by nobody, so a new field is invisible until someone decides; [`rows_missing`] makes a test of that. An
//! interface has rows of its own, for what is selected on the interface itself. Which *objects* a principal
//! may see is another question, answered by the scope of every read.

use std::collections::HashMap;

use crate::graphql::type_map::TypeMap;
use crate::principal::{Role, Roles};

/// A decision: `(type, who, fields)`.
pub type FieldRow = (&'static str, Roles, &'static [&'static str]);

/// All decisions. A type may have several rows; a field in more than one of them may be selected by the
/// roles of each.
pub type FieldTable = &'static [FieldRow];

/// A [`FieldTable`] made quick to ask.
#[derive(Debug, Default)]
pub(super) struct Permissions {
    types: HashMap<&'static str, HashMap<&'static str, Roles>>,
}

impl Permissions {
    pub(super) fn from_table(table: FieldTable) -> Self {
        let mut permissions = Self::default();
        for (type_name, roles, fields) in table {
            let of_type = permissions.types.entry(type_name).or_default();
            for field in *fields {
                let granted = of_type.entry(field).or_default();
                *granted = granted.union(*roles);
            }
        }
        permissions
    }

    pub(super) fn allow(&self, role: Role, type_name: &str, field: &str) -> bool {
        let roles = self.types.get(type_name).and_then(|fields| fields.get(field));
        roles.is_some_and(|roles| roles.contains(role))
    }
}

/// The fields of the schema that no row of the table names, as `Type.field`, sorted. The root types'
/// fields, queries, mutations and subscriptions, are among them.
///
/// # Errors
/// When `sdl` is not the text of a schema.
pub fn rows_missing(
    sdl: &str,
    table: FieldTable,
) -> Result<Vec<String>, async_graphql::parser::Error> {
    let types = TypeMap::from_sdl(sdl)?;
    let named = |(type_name, field): &(&str, &str)| {
        table.iter().any(|(row_type, _, fields)| row_type == type_name && fields.contains(field))
    };
    Ok(sorted(types.fields().filter(|field| !named(field))))
}

/// The fields that the table names and the schema does not have, as `Type.field`, sorted.
///
/// # Errors
/// When `sdl` is not the text of a schema.
pub fn rows_unknown(
    sdl: &str,
    table: FieldTable,
) -> Result<Vec<String>, async_graphql::parser::Error> {
    let types = TypeMap::from_sdl(sdl)?;
    let rows = table
        .iter()
        .flat_map(|(type_name, _, fields)| fields.iter().map(move |field| (*type_name, *field)));
    Ok(sorted(rows.filter(|(type_name, field)| types.field(type_name, field).is_none())))
}

fn sorted<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut names: Vec<_> = fields.map(|(ty, field)| format!("{ty}.{field}")).collect();
    names.sort_unstable();
    names.dedup();
    names
}
