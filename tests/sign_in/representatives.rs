//! Customers who act for others by their own sign-in: what they may do, and everything that they may not.

use jiff::SignedDuration;
use parvandeh::clock::Clock as _;
use parvandeh::principal::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bank::{Bank, Holder};
use crate::authorisation::documents::{global_id, mutation};
use crate::erasure::erase;
use crate::harness::Caller;
use crate::harness::feed::WebSocketFeed;

/// A guardian with a card, and the ward for whom they act in complaints.
struct Family {
    bank: Bank,
    guardian: Holder,
    token: String,
    ward: String,
    complaint: String,
}

impl Family {
    async fn given() -> Self {
        let bank = Bank::start().await;
        let guardian = bank.holder("+98 912 000 0001").await;
        let ward = bank.customer("+98 912 000 0002").await;
        let complaint = bank.open_case(&ward).await;
        let token = bank.sign_in(&guardian).await;
        Self { bank, guardian, token, ward, complaint }
    }

    /// With the guardian appointed for complaints.
    async fn appointed() -> Self {
        let family = Self::given().await;
        family.appoint(&["COMPLAINT"], None).await;
        family
    }

    async fn appoint(&self, kinds: &[&str], seconds: Option<i64>) {
        let until =
            seconds.map(|it| (self.bank.clock.now() + SignedDuration::from_secs(it)).to_string());
        appoint(&self.bank, &self.ward, &self.guardian.customer, kinds, until).await;
    }

    async fn dismiss(&self) {
        let input = json!({ "customerId": self.ward, "representativeId": self.guardian.customer });
        let staff = self.bank.system.caller(Role::Service);
        staff.mutate("dismissRepresentative", "customer { id }", input).await;
    }

    fn caller(&self) -> Caller<'_> {
        Caller::with(&self.bank.system, self.token.clone())
    }

    async fn ask(&self, query: &str, variables: Value) -> Value {
        self.caller().ask(query, variables).await
    }

    /// A mutation of the guardian with this input: what they are told, word for word.
    async fn attempt(&self, name: &str, input: Value) -> Value {
        self.caller().send(&mutation(name), json!({ "input": input })).await
    }

    async fn send_file(&self, token: &str, case: &str) -> (u16, String) {
        let url = self.bank.system.url(&format!("/cases/{case}/attachments?name=letter.txt"));
        let request = reqwest::Client::new().post(url).bearer_auth(token);
        let request = request.header("content-type", "text/plain").body("سلام");
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn read_file(&self, token: &str, id: &str) -> (u16, String) {
        let url = self.bank.system.url(&format!("/attachments/{id}"));
        let response = reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

async fn appoint(bank: &Bank, customer: &str, by: &str, kinds: &[&str], until: Option<String>) {
    let input = json!({ "customerId": customer, "representativeId": by, "basis": "GUARDIANSHIP",
        "caseKinds": kinds, "until": until });
    let staff = bank.system.caller(Role::Service);
    staff.mutate("appointRepresentative", "customer { id }", input).await;
}

async fn open(bank: &Bank, customer: &str, kind: &str) -> String {
    let input = json!({ "kind": kind, "subject": "آب سرد", "channel": "PHONE", "unit": "care",
        "customerId": customer });
    let done = bank.system.caller(Role::Service).mutate("openCase", "case { id }", input).await;
    done["case"]["id"].as_str().unwrap().to_owned()
}

fn message(case: &str) -> Value {
    json!({ "caseId": case, "direction": "INBOUND", "channel": "APP", "body": "از طرف فرزندم" })
}

const FOLLOW: &str = "subscription($id: ID!) { caseEvents(caseId: $id) { entry { eventType } } }";

/// Whether an open subscription ends with an error before anything else comes.
async fn ends(mut feed: WebSocketFeed) -> bool {
    let waited = tokio::time::timeout(std::time::Duration::from_secs(20), feed.try_next()).await;
    waited.expect("it ends").is_none()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guardian_who_signs_in_follows_the_wards_complaint_opens_one_writes_and_sends_a_file() {
    let family = Family::appointed().await;
    let Family { bank, guardian, token, ward, complaint } = &family;
    bank.advance(1);
    let own = bank.open_case(&guardian.customer).await;
    open(bank, ward, "REQUEST").await;

    let list = "{ cases(sort: OPENED_AT_ASC) { totalCount nodes { id subject } } \
                viewer { cases { nodes { id } } customer { represents { customerId inForce caseKinds } } } }";
    let seen = family.ask(list, json!({})).await;
    let subject = "آب سرد";
    assert_eq!(
        seen["cases"],
        json!({ "totalCount": 2, "nodes": [{ "id": complaint, "subject": subject }, { "id": own, "subject": subject }] })
    );
    let represents = json!([{ "customerId": ward, "inForce": true, "caseKinds": ["COMPLAINT"] }]);
    assert_eq!(
        seen["viewer"],
        json!({ "cases": { "nodes": [{ "id": own }] }, "customer": { "represents": represents } })
    );

    let input = json!({ "kind": "COMPLAINT", "subject": "قبض نادرست", "channel": "APP", "customerId": ward });
    let opened = family.caller().mutate("openCase", "case { id subject }", input).await;
    let new = opened["case"]["id"].as_str().unwrap();
    family
        .caller()
        .mutate("recordInteraction", "case { id interactionCount }", message(complaint))
        .await;
    let (status, file) = family.send_file(token, complaint).await;
    assert_eq!(status, 201, "{file}");
    let file: Value = serde_json::from_str(&file).unwrap();
    let content = family.read_file(token, file["id"].as_str().unwrap()).await;
    assert_eq!(content, (200, "سلام".to_owned()));

    // The events say who acted, in which capacity, and in whose case; the ward and staff read the same.
    let by_guardian = json!({ "actorKind": "REPRESENTATIVE",
        "actorId": crate::authorisation::documents::uuid_of(&guardian.customer).to_string() });
    let timeline = "query($id: ID!) { case(id: $id) { customer { id } timeline(first: 20) { \
                    nodes { eventType actorKind actorId } } } }";
    let ward_self = bank.system.customer(crate::authorisation::documents::uuid_of(ward));
    for caller in [ward_self, bank.system.caller(Role::Agent)] {
        let mut acted = Vec::new();
        for case in [complaint.as_str(), new] {
            let told = caller.ask(timeline, json!({ "id": case })).await;
            assert_eq!(told["case"]["customer"]["id"], json!(ward));
            for entry in told["case"]["timeline"]["nodes"].as_array().unwrap() {
                if entry["actorKind"] == "REPRESENTATIVE" {
                    assert_eq!(entry["actorId"], by_guardian["actorId"]);
                    acted.push(entry["eventType"].as_str().unwrap().to_owned());
                }
            }
        }
        acted.sort();
        assert_eq!(acted, ["AttachmentAdded", "CaseOpened", "InteractionRecorded"]);
    }
    // That somebody else read the ward's data is on record.
    let query = "query($id: ID!) { accessLog(filter: { subject: $id }) { nodes { reader readerRole purpose } } }";
    let log = bank.system.caller(Role::PrivacyOfficer).ask(query, json!({ "id": ward })).await;
    let nodes = log["accessLog"]["nodes"].as_array().unwrap();
    let reading = json!({ "readerRole": "customer", "purpose": "representation", "reader": by_guardian["actorId"] });
    assert!(nodes.contains(&reading), "{nodes:#?}");

    for logged in bank.system.app.store.read_all(None, 1_000).await.unwrap() {
        println!("{:>3} {} {}", logged.position.0, logged.stream, logged.type_name);
    }
    family.bank.stop().await;
}

/// What is tried in the table: every way to a case, its file and its customer.
async fn tried(family: &Family, case: &str, file: &str, customer: &str) -> Vec<(String, String)> {
    let ids = json!({ "id": case, "file": file, "customer": customer });
    let mut answers = Vec::new();
    for query in [
        "query($id: ID!) { case(id: $id) { id subject } }",
        "query($id: ID!) { case(id: $id, asOf: \"2999-01-01T00:00:00Z\") { id } }",
        "query($id: ID!) { node(id: $id) { id } }",
        "query($id: ID!) { nodes(ids: [$id]) { id } }",
        "query($file: ID!) { node(id: $file) { id } }",
        "query($customer: ID!) { node(id: $customer) { id } customer(id: $customer) { name } }",
        "query($customer: ID!) { cases(filter: { customerId: $customer }) { totalCount nodes { id } } }",
    ] {
        answers
            .push((query.to_owned(), family.caller().send(query, ids.clone()).await.to_string()));
    }
    let opening =
        json!({ "kind": "COMPLAINT", "subject": "x", "channel": "APP", "customerId": customer });
    for (name, input) in [
        ("recordInteraction", message(case)),
        ("openCase", opening),
        ("reopenCase", json!({ "caseId": case, "reason": "x" })),
        ("appealCase", json!({ "caseId": case, "grounds": "x" })),
        ("acceptDecision", json!({ "caseId": case, "channel": "PORTAL" })),
        ("requestContactPointVerification", json!({ "customerId": customer, "contactPoint": 1 })),
    ] {
        answers.push((name.to_owned(), family.attempt(name, input).await.to_string()));
    }
    answers.push((
        "sends a file".to_owned(),
        format!("{:?}", family.send_file(&family.token, case).await),
    ));
    answers.push((
        "reads a file".to_owned(),
        format!("{:?}", family.read_file(&family.token, file).await),
    ));
    let mut feed =
        WebSocketFeed::open(&family.bank.system, &family.token, FOLLOW, json!({ "id": case }))
            .await;
    answers.push(("follows".to_owned(), format!("{:?}", feed.try_next().await)));
    answers
}

/// All that is tried is answered as of what is not there.
async fn assert_finds_nothing(family: &Family, what: &str, case: &str, file: &str, customer: &str) {
    let nobodys = |of: &str| global_id(of, Uuid::from_u128(77));
    let unknown =
        tried(family, &nobodys("Case"), &nobodys("Attachment"), &nobodys("Customer")).await;
    let found = tried(family, case, file, customer).await;
    for ((tried, found), (_, unknown)) in found.iter().zip(&unknown) {
        // Each attack is well-formed: it is refused for what it asks for, and not for how.
        assert!(!found.contains("VALIDATION") && !found.contains("PARSE"), "{tried}: {found}");
        // Each failure has a trace of its own.
        assert_eq!(without_traces(found), without_traces(unknown), "{what}: {tried}");
    }
    println!("{what}: {} attacks, answered as of what is not there", found.len());
}

fn without_traces(answer: &str) -> String {
    let text = answer.replace('\\', "");
    let mut parts = text.split("\"traceId\":\"");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(part.split_once('"').map_or("", |(_, rest)| rest));
    }
    kept
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_act_for_a_customer_any_more_or_never_did_finds_nothing_by_any_door() {
    let family = Family::given().await;
    let Family { bank, guardian, token, ward, complaint } = &family;
    let ward_token = crate::harness::token(
        Role::Customer,
        Some(crate::authorisation::documents::uuid_of(ward)),
        &[],
    );
    let (status, file) = family.send_file(&ward_token, complaint).await;
    assert_eq!(status, 201, "{file}");
    let file: Value = serde_json::from_str(&file).unwrap();
    let file = file["id"].as_str().unwrap();

    assert_finds_nothing(&family, "never appointed", complaint, file, ward).await;

    family.appoint(&["REQUEST"], None).await;
    let of_others = global_id("Customer", Uuid::from_u128(77));
    assert_finds_nothing(&family, "for another kind", complaint, file, &of_others).await;
    let opening =
        json!({ "kind": "COMPLAINT", "subject": "x", "channel": "APP", "customerId": ward });
    let refused = family.attempt("openCase", opening).await;
    assert_eq!(refused["data"]["openCase"]["userErrors"][0]["code"], "CUSTOMER_NOT_FOUND");

    family.appoint(&["COMPLAINT"], None).await;
    assert_eq!(family.send_file(token, complaint).await.0, 201, "while it lasts");
    family.dismiss().await;
    assert_finds_nothing(&family, "dismissed", complaint, file, ward).await;

    family.appoint(&[], Some(60)).await;
    assert_eq!(family.send_file(token, complaint).await.0, 201, "while it lasts");
    bank.advance(60);
    assert_finds_nothing(&family, "expired", complaint, file, ward).await;

    // Who acts for the one who acts, acts for nobody else.
    let parent = bank.customer("+98 912 000 0003").await;
    appoint(bank, &parent, &guardian.customer, &[], None).await;
    appoint(bank, ward, &parent, &[], None).await;
    assert_finds_nothing(&family, "by a chain", complaint, file, ward).await;

    // The one who is represented sees nothing of whoever represents them.
    let own = bank.open_case(&guardian.customer).await;
    family.appoint(&[], None).await;
    let ward_self = bank.system.customer(crate::authorisation::documents::uuid_of(ward));
    let by_id = "query($id: ID!) { case(id: $id) { id } }";
    assert_eq!(ward_self.ask(by_id, json!({ "id": own })).await["case"], Value::Null);
    assert_eq!(family.ask(by_id, json!({ "id": complaint })).await["case"]["id"], json!(complaint));

    // Nobody acts for somebody who was erased, nor after their own erasure, and nobody who was erased is appointed.
    let (other, theirs) = (bank.customer("+98 912 000 0004").await, "+98 912 000 0005");
    let of_other = bank.open_case(&other).await;
    appoint(bank, &other, &guardian.customer, &[], None).await;
    erase(&bank.system, &other).await;
    assert_eq!(family.ask(by_id, json!({ "id": of_other })).await["case"], Value::Null);
    let gone = bank.customer(theirs).await;
    erase(&bank.system, &gone).await;
    let input = json!({ "customerId": ward, "representativeId": gone, "basis": "FAMILY" });
    let staff = bank.system.caller(Role::Service);
    let refused = staff.send(&mutation("appointRepresentative"), json!({ "input": input })).await;
    let code = &refused["data"]["appointRepresentative"]["userErrors"][0]["code"];
    assert_eq!(code, "REPRESENTATIVE_NOT_FOUND");
    erase(&bank.system, &guardian.customer).await;
    assert_finds_nothing(&family, "erased", complaint, file, ward).await;
    family.bank.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_acts_for_a_customer_disposes_of_nothing_and_reads_no_record_account_or_card() {
    let family = Family::appointed().await;
    let Family { bank, ward, complaint, .. } = &family;
    let (card, _) = bank.issue(ward).await;
    let staff = bank.system.caller(Role::Agent);
    let propose = json!({ "caseId": complaint, "value": { "points": 1 }, "ground": "DELAY" });
    let redress =
        staff.mutate("proposeRedress", "redress { id }", propose).await["redress"]["id"].take();
    let step = json!({ "redressId": redress });
    bank.system.caller(Role::Supervisor).mutate("approveRedress", "redress { id }", step).await;
    let request = open(bank, ward, "REQUEST").await;
    family.appoint(&[], None).await;
    let money = json!({ "minorUnits": 1, "currency": "IRR" });
    let assess = json!({ "caseId": request, "money": money, "tariff": "x" });
    let fee = staff.mutate("assessFee", "fee { id }", assess).await["fee"]["id"].take();

    let seen = family.ask(
        "query($id: ID!, $customer: ID!, $card: ID!) { case(id: $id) { id customer { id } redress { id } } \
         customer(id: $customer) { id } node(id: $card) { id } customers { totalCount } }",
        json!({ "id": complaint, "customer": ward, "card": card }),
    );
    let expected = json!({ "case": { "id": complaint, "customer": null, "redress": [{ "id": redress }] },
        "customer": null, "node": null, "customers": { "totalCount": 1 } });
    assert_eq!(seen.await, expected);

    let nobody = Uuid::from_u128(77);
    for (name, theirs, nobodys) in [
        ("acceptRedress", json!({ "redressId": redress }), json!({ "redressId": nobody })),
        ("declineRedress", json!({ "redressId": redress }), json!({ "redressId": nobody })),
        ("payFee", json!({ "feeId": fee }), json!({ "feeId": nobody })),
        (
            "acceptDecision",
            json!({ "caseId": complaint, "channel": "PORTAL" }),
            json!({ "caseId": global_id("Case", nobody), "channel": "PORTAL" }),
        ),
        (
            "appealCase",
            json!({ "caseId": complaint, "grounds": "x" }),
            json!({ "caseId": global_id("Case", nobody), "grounds": "x" }),
        ),
        (
            "reopenCase",
            json!({ "caseId": complaint, "reason": "x" }),
            json!({ "caseId": global_id("Case", nobody), "reason": "x" }),
        ),
        (
            "blockCard",
            json!({ "cardId": card, "reason": "LOST" }),
            json!({ "cardId": global_id("Card", nobody), "reason": "LOST" }),
        ),
    ] {
        let of_theirs = family.attempt(name, theirs).await;
        assert_eq!(of_theirs, family.attempt(name, nobodys).await, "{name}");
        let code = of_theirs["data"][name]["userErrors"][0]["code"].as_str().unwrap();
        assert!(code.ends_with("_NOT_FOUND"), "{name}: {of_theirs}");
    }
    // What is for staff to say is for staff to say, of one's own cases and of others'.
    let mut input = message(complaint);
    input["direction"] = json!("OUTBOUND");
    let refused = family.attempt("recordInteraction", input).await;
    assert_eq!(refused["data"]["recordInteraction"]["userErrors"][0]["code"], "FIELD_NOT_ALLOWED");
    family.bank.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_of_a_representative_ends_when_they_are_dismissed_and_when_their_term_is_over()
 {
    let family = Family::given().await;
    let Family { bank, token, complaint, .. } = &family;
    for end in ["dismissed", "expired"] {
        family.appoint(&["COMPLAINT"], Some(60)).await;
        let mut feed =
            WebSocketFeed::open(&bank.system, token, FOLLOW, json!({ "id": complaint })).await;
        assert_eq!(feed.next().await["caseEvents"]["entry"]["eventType"], "CaseOpened");
        match end {
            "dismissed" => family.dismiss().await,
            _ => bank.advance(61),
        }
        // Nothing happens to the case, and it ends all the same.
        assert!(ends(feed).await, "{end}");
    }
    family.bank.stop().await;
}
