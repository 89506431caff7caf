//! Who may read which cases. Every query takes a scope and puts it into its SQL: there is no unscoped query, and nothing is
//! filtered after the fact.

use rusqlite::types::Value;
use uuid::Uuid;

use crate::page::Conditions;

/// Which cases somebody may know of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CaseScope {
    /// All of them.
    All,
    /// Those of these units, and those that no unit owns yet (the intake).
    Units(Vec<String>),
    /// Those of one customer.
    Customer(Uuid),
    /// None.
    Nothing,
}

impl CaseScope {
    /// Adds the scope to a query's conditions, on the columns `unit` and `customer_id` of `table`.
    pub fn restrict(&self, conditions: &mut Conditions, table: &str) {
        match self {
            Self::All => {}
            Self::Units(units) => {
                let marks = vec!["?"; units.len()].join(", ");
                conditions.add(
                    &format!("({table}.unit IS NULL OR {table}.unit IN ({marks}))"),
                    units.iter().cloned().map(Value::Text),
                );
            }
            Self::Customer(id) => conditions
                .add(&format!("{table}.customer_id = ?"), [Value::Blob(id.as_bytes().to_vec())]),
            Self::Nothing => conditions.add("FALSE", []),
        }
    }

    /// Whether a case with this owner and customer is inside.
    pub fn includes(&self, unit: Option<&str>, customer_id: Option<Uuid>) -> bool {
        match self {
            Self::All => true,
            Self::Units(units) => unit.is_none_or(|unit| units.iter().any(|own| own == unit)),
            Self::Customer(id) => customer_id == Some(*id),
            Self::Nothing => false,
        }
    }
}

/// What of a case somebody may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// What was said to and by the customer.
    Public,
    /// Notes and internal exchanges too.
    Internal,
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, params_from_iter};

    use super::*;

    const OWN: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    #[test]
    fn the_query_and_the_check_in_memory_agree() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE c (unit TEXT, customer_id BLOB)").unwrap();
        let cases = [None, Some("care"), Some("finance")]
            .into_iter()
            .flat_map(|unit| [None, Some(OWN), Some(OTHER)].map(|customer_id| (unit, customer_id)));
        let scopes = [
            CaseScope::All,
            CaseScope::Units(vec!["care".to_owned()]),
            CaseScope::Units(Vec::new()),
            CaseScope::Customer(OWN),
            CaseScope::Nothing,
        ];
        for (unit, customer_id) in cases {
            db.execute("DELETE FROM c", []).unwrap();
            db.execute("INSERT INTO c VALUES (?, ?)", (unit, customer_id)).unwrap();
            for scope in &scopes {
                let mut conditions = Conditions::default();
                scope.restrict(&mut conditions, "c");
                let found: bool = db
                    .query_row(
                        &format!("SELECT count(*) FROM c WHERE {}", conditions.sql()),
                        params_from_iter(conditions.values()),
                        |row| row.get(0),
                    )
                    .unwrap();
                let included = scope.includes(unit, customer_id);
                assert_eq!(found, included, "{scope:?} {unit:?} {customer_id:?}");
            }
        }
    }

    #[test]
    fn staff_see_their_units_and_the_intake() {
        let scope = CaseScope::Units(vec!["care".to_owned()]);
        assert!(scope.includes(Some("care"), Some(OTHER)));
        assert!(scope.includes(None, None));
        assert!(!scope.includes(Some("finance"), None));
    }
}
