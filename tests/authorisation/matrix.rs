//! The table of who may select what, tried field by field and role by role through the running server.
//!
//! Generated from the table, so it shows that the server does what the table says; whether the table says what was meant is for
//! [`super::sentences`].

use std::collections::BTreeSet;

use parvandeh::graphql::authorisation::FIELDS;
use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::documents::{
    QUERIES, SUBSCRIPTIONS, codes, first_answer, is_refused, mutations, open, register, uuid_of,
};
use crate::harness::System;

/// The fields of this type that the table names.
fn fields_of(type_name: &str) -> BTreeSet<&'static str> {
    let rows = FIELDS.iter().filter(|(row_type, _, _)| *row_type == type_name);
    rows.flat_map(|(_, _, fields)| fields.iter().copied()).collect()
}

/// Whether the table allows this field to this role.
fn allowed(role: Role, type_name: &str, field: &str) -> bool {
    FIELDS.iter().any(|(row_type, roles, fields)| {
        *row_type == type_name && roles.contains(role) && fields.contains(&field)
    })
}

/// What was tried, with what the table says of it, and whether the answer was otherwise.
#[derive(Default)]
struct Trials {
    allowed: usize,
    forbidden: usize,
    wrong: Vec<String>,
}

impl Trials {
    fn count(&mut self, role: Role, type_name: &str, field: &str, answer: &Value) {
        let expected = allowed(role, type_name, field);
        *if expected { &mut self.allowed } else { &mut self.forbidden } += 1;
        let fine = match expected {
            true => codes(answer).is_empty(),
            false => is_refused(answer, type_name, field),
        };
        if !fine {
            self.wrong
                .push(format!("{role} {type_name}.{field}: expected {expected}, got {answer}"));
        }
    }

    fn assert_all_right(&self) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
        assert!(self.allowed > 0 && self.forbidden > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_mutation_and_subscription_is_for_the_roles_of_the_table_and_for_no_other() {
    let system = System::start().await;
    let customer = register(&system).await;
    let case = open(&system, Some("care"), Some(&customer)).await;
    let ids = json!({ "id": case, "customerId": customer });
    let mut all: Vec<(&str, &str, String, Value)> = Vec::new();
    for (name, query) in QUERIES {
        all.push(("Query", name, (*query).to_owned(), ids.clone()));
    }
    for (name, query) in SUBSCRIPTIONS {
        all.push(("Subscription", name, (*query).to_owned(), ids.clone()));
    }
    for (name, query, variables) in mutations(&case, &customer) {
        all.push(("Mutation", name, query, variables));
    }
    for root in ["Query", "Mutation", "Subscription"] {
        let tried = all.iter().filter(|(tried, ..)| *tried == root).map(|(_, name, ..)| *name);
        assert_eq!(tried.collect::<BTreeSet<_>>(), fields_of(root), "{root}");
    }
    let mut trials = Trials::default();
    for role in Role::ALL {
        let caller = match role {
            Role::Customer => system.customer(uuid_of(&customer)),
            _ => system.caller(role),
        };
        for (root, name, query, variables) in &all {
            let answer = first_answer(&system, &caller, query, variables.clone()).await;
            trials.count(role, root, name, &answer);
        }
    }
    trials.assert_all_right();
    assert_eq!(trials.allowed + trials.forbidden, all.len() * Role::ALL.len());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_cases_and_customers_is_for_the_roles_of_the_table_and_for_no_other() {
    let system = System::start().await;
    let customer = register(&system).await;
    let case = open(&system, Some("care"), Some(&customer)).await;
    let mut trials = Trials::default();
    for role in Role::ALL {
        let caller = match role {
            Role::Customer => system.customer(uuid_of(&customer)),
            _ => system.caller(role),
        };
        for (type_name, id) in [("Case", &case), ("Customer", &customer)] {
            // Whoever may not ask for the object at all is the subject of the test above.
            if !allowed(role, "Query", &type_name.to_lowercase()) {
                continue;
            }
            for field in fields_of(type_name) {
                let below = match field {
                    "customer" => " { __typename }",
                    "timeline" | "replay" | "cases" | "cards" | "accessLog" => " { __typename }",
                    "mergedInto" | "mergedCases" | "splitFrom" | "attachments" => " { __typename }",
                    "mergedCustomers" | "representatives" | "represents" => " { __typename }",
                    "account" | "redress" | "fees" | "payments" => " { __typename }",
                    "steps" | "openedOn" | "preferences" => " { __typename }",
                    "complaint" | "referral" | "followUps" | "survey" => " { __typename }",
                    "slaClocks" | "contactPoints" | "consents" | "erasure" => " { __typename }",
                    _ => "",
                };
                let name = type_name.to_lowercase();
                let query = format!("query($id: ID!) {{ {name}(id: $id) {{ {field}{below} }} }}");
                let answer = caller.send(&query, json!({ "id": id })).await;
                trials.count(role, type_name, field, &answer);
            }
        }
    }
    trials.assert_all_right();
    system.stop().await;
}
