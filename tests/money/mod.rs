//! Money: what customers are given, owe and pay, as callers see it.

mod accounts;
mod case_feed;
mod case_view;
mod full_accounts;
mod ledger;
mod ledger_payments;
mod payments;
mod provider_trouble;
mod redress;

use parvandeh::principal::Role;
use serde_json::{Value, json};

use crate::harness::System;

/// Registers a customer; gives the global id.
async fn registered(system: &System) -> String {
    let input = json!({ "kind": "INDIVIDUAL", "name": "مشتری نمونه", "language": "PERSIAN" });
    let done =
        system.caller(Role::Service).mutate("registerCustomer", "customer { id }", input).await;
    done["customer"]["id"].as_str().unwrap().to_owned()
}

/// Runs a mutation and gives the code of its refusal, `None` where it was done.
async fn refusal(system: &System, role: Role, name: &str, input: Value) -> Option<String> {
    let input_type = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let query = format!(
        "mutation($input: {input_type}!) {{ {name}(input: $input) {{ userErrors {{ code field }} }} }}"
    );
    let answer = system.caller(role).ask(&query, json!({ "input": input })).await;
    answer[name]["userErrors"][0]["code"].as_str().map(str::to_owned)
}
