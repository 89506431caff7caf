//! What the rows find in the system: people, and cases in every state.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parvandeh::principal::Role;
use reqwest::{Body, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{System, token};

/// The addresses, tokens and ids that rows are made of.
pub struct World {
    pub http: reqwest::Client,
    pub url: String,
    /// The token of the customer whose case `open` is.
    pub customer_token: String,
    pub customer: String,
    /// A customer with as many contact points as a record holds.
    pub full_customer: String,
    pub open: String,
    pub held: String,
    pub resolved: String,
    pub closed: String,
    /// A case that is merged into `held`.
    pub merged: String,
    /// A case of a unit that is not the agent's.
    pub foreign: String,
    pub cursor_of_cases: String,
    pub cursor_of_timeline: String,
}

impl World {
    pub async fn build(system: &System) -> Self {
        let agent = system.caller(Role::Agent);
        let register = async || {
            let input = json!({ "kind": "INDIVIDUAL", "name": "نسترن", "language": "PERSIAN" });
            let done = agent.mutate("registerCustomer", "customer { id }", input).await;
            done["customer"]["id"].as_str().unwrap().to_owned()
        };
        let (customer, full_customer) = (register().await, register().await);
        for index in 0..50 {
            let value = format!("Tehran, door {index}");
            let input =
                json!({ "customerId": full_customer, "kind": "POSTAL_ADDRESS", "value": value });
            agent.mutate("addContactPoint", "customer { id }", input).await;
        }
        let supervisor_of_legal = system.caller_as(Role::Supervisor, None, &["legal"]);
        let open_in = async |unit: &str| {
            let input = json!({
                "kind": "COMPLAINT", "subject": "نامه", "channel": "LETTER", "unit": unit, "customerId": customer,
            });
            let done = supervisor_of_legal.mutate("openCase", "case { id }", input).await;
            done["case"]["id"].as_str().unwrap().to_owned()
        };
        let (open, held) = (open_in("care").await, open_in("care").await);
        let (resolved, closed) = (open_in("care").await, open_in("care").await);
        let (foreign, merged) = (open_in("legal").await, open_in("care").await);
        let merge = json!({ "caseId": merged, "into": held, "reason": "همان نامه" });
        agent.mutate("mergeCase", "case { id }", merge).await;
        let hold = json!({ "caseId": held, "reason": "OTHER" });
        agent.mutate("holdCase", "case { id }", hold).await;
        for id in [&resolved, &closed] {
            let resolve = json!({ "caseId": id, "outcome": "ANSWERED" });
            agent.mutate("resolveCase", "case { id }", resolve).await;
        }
        let answer = json!({ "caseId": closed, "direction": "OUTBOUND", "channel": "LETTER", "body": "پاسخ" });
        agent.mutate("recordInteraction", "case { id }", answer).await;
        agent.mutate("closeCase", "case { id }", json!({ "caseId": closed })).await;
        let cursors = agent
            .ask(
                "query($id: ID!) { cases(first: 1) { edges { cursor } } case(id: $id) { timeline(first: 1) { edges { cursor } } } }",
                json!({ "id": open }),
            )
            .await;
        let cursor = |pointer| cursors.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        Self {
            http: reqwest::Client::new(),
            url: system.url("/graphql"),
            customer_token: token(Role::Customer, Some(uuid_of(&customer)), &[]),
            cursor_of_cases: cursor("/cases/edges/0/cursor"),
            cursor_of_timeline: cursor("/case/timeline/edges/0/cursor"),
            customer,
            full_customer,
            open,
            held,
            resolved,
            closed,
            merged,
            foreign,
        }
    }

    /// A POST of this body with the agent's token.
    pub fn post(&self, body: impl Into<Body>) -> RequestBuilder {
        self.post_as(&token(Role::Agent, None, &["care", "technical"]), body)
    }

    /// A POST of this body with this token.
    pub fn post_as(&self, token: &str, body: impl Into<Body>) -> RequestBuilder {
        self.http
            .post(&self.url)
            .bearer_auth(token)
            .header("content-type", "application/json")
            .body(body)
    }

    /// A document and its variables, from the agent.
    pub fn ask(&self, query: &str, variables: Value) -> RequestBuilder {
        self.post(json!({ "query": query, "variables": variables }).to_string())
    }

    /// A document and its variables, from somebody with this token.
    pub fn ask_as(&self, token: &str, query: &str, variables: Value) -> RequestBuilder {
        self.post_as(token, json!({ "query": query, "variables": variables }).to_string())
    }

    /// A subscription over an event stream, from the agent.
    pub fn follow(&self, query: &str, variables: Value) -> RequestBuilder {
        self.ask(query, variables).header("accept", "text/event-stream")
    }

    /// A mutation with this input, from the agent.
    pub fn mutate(&self, name: &str, input: Value) -> RequestBuilder {
        self.ask(&mutation(name), json!({ "input": input }))
    }

    /// A mutation with this input, from the customer.
    pub fn mutate_as_customer(&self, name: &str, input: Value) -> RequestBuilder {
        self.ask_as(&self.customer_token, &mutation(name), json!({ "input": input }))
    }

    /// A mutation with this input, from somebody with another role.
    pub fn mutate_as(&self, role: Role, name: &str, input: Value) -> RequestBuilder {
        self.ask_as(&token(role, None, &[]), &mutation(name), json!({ "input": input }))
    }
}

/// The document of a mutation that selects nothing but its user errors.
pub fn mutation(name: &str) -> String {
    let input = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    format!(
        "mutation($input: {input}!) {{ {name}(input: $input) {{ userErrors {{ code field message }} }} }}"
    )
}

/// The UUID inside a global id.
pub fn uuid_of(global_id: &str) -> Uuid {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(global_id).unwrap()).unwrap();
    text.split_once(':').unwrap().1.parse().unwrap()
}

/// A global id of any text.
pub fn global_id(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// An input with some fields more, or others.
pub fn with(mut input: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().expect("changes are an object") {
        input[name] = value.clone();
    }
    input
}
