//! Who may read which cases. Every query takes a scope and puts it into its SQL: there is no unscoped query, and nothing is
//! filtered after the fact.

use parvandeh_domain::case::CaseKind;
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
    /// Those of one customer, and of those for whom they act.
    Representative {
        /// The customer themselves.
        own: Uuid,
        /// For whom they act.
        represented: Vec<Represented>,
    },
    /// None.
    Nothing,
}

/// A customer for whom somebody acts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Represented {
    /// The customer.
    pub customer_id: Uuid,
    /// In cases of these kinds; of every kind, where none is named.
    pub case_kinds: Vec<CaseKind>,
}

impl Represented {
    fn includes(&self, customer_id: Uuid, kind: CaseKind) -> bool {
        self.customer_id == customer_id
            && (self.case_kinds.is_empty() || self.case_kinds.contains(&kind))
    }
}

impl CaseScope {
    /// Adds the scope to a query's conditions, on the columns `unit`, `customer_id` and `kind` of `table`.
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
            Self::Representative { own, represented } => {
                restrict_to_represented(conditions, table, *own, represented);
            }
            Self::Nothing => conditions.add("FALSE", []),
        }
    }

    /// Whether a case's customer alone says if it is inside: [`restrict`](Self::restrict) then asks for no other column.
    pub fn knows_by_customer(&self) -> bool {
        match self {
            Self::All | Self::Customer(_) | Self::Nothing => true,
            Self::Units(_) => false,
            Self::Representative { represented, .. } => {
                represented.iter().all(|customer| customer.case_kinds.is_empty())
            }
        }
    }

    /// Whether a case with this owner, this customer and of this kind is inside.
    pub fn includes(&self, unit: Option<&str>, customer_id: Option<Uuid>, kind: CaseKind) -> bool {
        match self {
            Self::All => true,
            Self::Units(units) => unit.is_none_or(|unit| units.iter().any(|own| own == unit)),
            Self::Customer(id) => customer_id == Some(*id),
            Self::Representative { own, represented } => customer_id.is_some_and(|id| {
                id == *own || represented.iter().any(|customer| customer.includes(id, kind))
            }),
            Self::Nothing => false,
        }
    }
}

/// The customers stand in a list of their own, by which an index finds their cases; the kinds are looked at after that.
fn restrict_to_represented(
    conditions: &mut Conditions,
    table: &str,
    own: Uuid,
    represented: &[Represented],
) {
    let value = |id: Uuid| Value::Blob(id.as_bytes().to_vec());
    let all = std::iter::once(own).chain(represented.iter().map(|customer| customer.customer_id));
    conditions.add_in(&format!("{table}.customer_id"), all.map(value));
    let (in_all, in_some): (Vec<_>, Vec<_>) =
        represented.iter().partition(|customer| customer.case_kinds.is_empty());
    let mut whole = Conditions::default();
    let in_all = std::iter::once(own).chain(in_all.iter().map(|customer| customer.customer_id));
    whole.add_in(&format!("{table}.customer_id"), in_all.map(value));
    let (mut terms, mut values) = (vec![whole.sql()], whole.values().to_vec());
    for customer in in_some {
        let marks = vec!["?"; customer.case_kinds.len()].join(", ");
        terms.push(format!("({table}.customer_id = ? AND {table}.kind IN ({marks}))"));
        values.push(value(customer.customer_id));
        let names = customer.case_kinds.iter().map(|kind| kind.as_str().to_owned());
        values.extend(names.map(Value::Text));
    }
    conditions.add(&format!("({})", terms.join(" OR ")), values);
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
    const THIRD: Uuid = Uuid::from_u128(3);

    #[test]
    fn the_query_and_the_check_in_memory_agree() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE c (unit TEXT, customer_id BLOB, kind TEXT)").unwrap();
        let cases = [None, Some("care"), Some("finance")].into_iter().flat_map(|unit| {
            [None, Some(OWN), Some(OTHER), Some(THIRD)].into_iter().flat_map(move |customer_id| {
                [CaseKind::Complaint, CaseKind::Request].map(|kind| (unit, customer_id, kind))
            })
        });
        let represented = |customer_id, case_kinds: &[CaseKind]| Represented {
            customer_id,
            case_kinds: case_kinds.to_vec(),
        };
        let representative = |represented| CaseScope::Representative { own: OWN, represented };
        let scopes = [
            CaseScope::All,
            CaseScope::Units(vec!["care".to_owned()]),
            CaseScope::Units(Vec::new()),
            CaseScope::Customer(OWN),
            representative(vec![]),
            representative(vec![represented(OTHER, &[])]),
            representative(vec![represented(OTHER, &[CaseKind::Request])]),
            representative(vec![
                represented(OTHER, &[CaseKind::Request, CaseKind::Complaint]),
                represented(THIRD, &[CaseKind::Complaint]),
            ]),
            CaseScope::Nothing,
        ];
        for (unit, customer_id, kind) in cases {
            db.execute("DELETE FROM c", []).unwrap();
            let row = (unit, customer_id, kind.as_str());
            db.execute("INSERT INTO c VALUES (?, ?, ?)", row).unwrap();
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
                let included = scope.includes(unit, customer_id, kind);
                assert_eq!(found, included, "{scope:?} {unit:?} {customer_id:?} {kind:?}");
            }
        }
    }

    #[test]
    fn a_scope_that_knows_cases_by_their_customer_asks_for_nothing_else() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE c (customer_id BLOB)").unwrap();
        let representative = |case_kinds: &[CaseKind]| CaseScope::Representative {
            own: OWN,
            represented: vec![Represented { customer_id: OTHER, case_kinds: case_kinds.to_vec() }],
        };
        for (scope, by_customer) in [
            (CaseScope::All, true),
            (CaseScope::Units(vec!["care".to_owned()]), false),
            (CaseScope::Customer(OWN), true),
            (representative(&[]), true),
            (representative(&[CaseKind::Request]), false),
            (CaseScope::Nothing, true),
        ] {
            let mut conditions = Conditions::default();
            scope.restrict(&mut conditions, "c");
            let sql = format!("SELECT count(*) FROM c WHERE {}", conditions.sql());
            assert_eq!(db.prepare(&sql).is_ok(), by_customer, "{scope:?}");
            assert_eq!(scope.knows_by_customer(), by_customer, "{scope:?}");
        }
    }

    #[test]
    fn staff_see_their_units_and_the_intake() {
        let scope = CaseScope::Units(vec!["care".to_owned()]);
        assert!(scope.includes(Some("care"), Some(OTHER), CaseKind::Request));
        assert!(scope.includes(None, None, CaseKind::Request));
        assert!(!scope.includes(Some("finance"), None, CaseKind::Request));
    }
}
