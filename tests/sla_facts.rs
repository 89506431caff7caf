//! Facts about clocks: one feed of warnings, verdicts and corrections, and what people do with clocks.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use crate::harness::feed::WebSocketFeed;
use crate::harness::service::Service;
use crate::harness::token;

const FACT: &str = "eventId kind clock metric policyId rule threshold reachedAt startedAt dueAt stoppedAt recordedAt \
                    from to silent merged actions cause { source revision } unit category priority channel caseId";

/// A subscriber who is cut after every fact, and resumes with the cursor of the last.
struct Subscriber<'a> {
    service: &'a Service,
    token: String,
    cursor: Option<String>,
    facts: Vec<Value>,
}

impl<'a> Subscriber<'a> {
    fn of(service: &'a Service) -> Self {
        let token = token(Role::Monitor, None, &[]);
        Self { service, token, cursor: None, facts: Vec::new() }
    }

    /// The next fact: its kind and its clock.
    async fn next(&mut self) -> (String, String) {
        let query = format!(
            "subscription($after: String) {{ slaFacts(after: $after) {{ cursor fact {{ {FACT} }} }} }}"
        );
        let after = json!({ "after": self.cursor });
        let mut feed = WebSocketFeed::open(&self.service.system, &self.token, &query, after).await;
        let mut event = feed.next().await["slaFacts"].take();
        self.cursor = Some(event["cursor"].as_str().unwrap().to_owned());
        let fact = event["fact"].take();
        let text = |field: &str| fact[field].as_str().unwrap().to_owned();
        let told = (text("kind"), text("clock"));
        self.facts.push(fact);
        told
    }

    fn last(&self) -> &Value {
        self.facts.last().unwrap()
    }
}

fn told(kind: &str, clock: &str) -> (String, String) {
    (kind.to_owned(), clock.to_owned())
}

fn extend(case: &str, clock: &str, key: &str) -> Value {
    json!({ "caseId": case, "clock": clock, "reason": "قطعه نرسید", "told": "مشتری، با تلفن",
        "idempotencyKey": key })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_tells_warnings_breaches_and_corrections_in_order_to_a_subscriber_cut_after_each()
{
    let service = Service::start().await;
    let case = service.open("care", 0).await;
    let mut feed = Subscriber::of(&service);

    service.advance_to(2 * 60);
    assert_eq!(feed.next().await, told("BREACHED", "first_response-1"));
    assert_eq!(feed.last()["silent"], false);
    service.advance_to(5 * 60);
    assert_eq!(feed.next().await, told("WARNED", "resolution-1"));
    assert_eq!(feed.last()["threshold"], "50 %");
    assert_eq!(feed.last()["reachedAt"], service.at(5 * 60).to_string());
    assert_eq!(feed.last()["actions"], json!(["tell_owner"]));
    let supervisor = service.system.caller(Role::Supervisor);
    supervisor.mutate("extendSlaClock", "", extend(&case, "resolution-1", "a")).await;
    assert_eq!(feed.next().await, told("EXTENDED", "resolution-1"));
    // Half of fifteen hours is not reached yet: the warning is taken back, and comes again when it is.
    assert_eq!(feed.next().await, told("WARNING_WITHDRAWN", "resolution-1"));
    service.advance_to(8 * 60);
    assert_eq!(feed.next().await, told("WARNED", "resolution-1"));
    assert_eq!(feed.last()["reachedAt"], service.at(7 * 60 + 30).to_string());
    service.advance_to(15 * 60);
    assert_eq!(feed.next().await, told("BREACHED", "resolution-1"));
    assert_eq!(feed.last()["dueAt"], service.at(15 * 60).to_string());
    assert_eq!(feed.last()["actions"], json!(["escalate", "call"]));

    // The solution of the ninth hour is entered six hours late: the breach was none, the missing answer stays one.
    service.resolve(&case, 9 * 60).await;
    let mut after = [feed.next().await, feed.next().await];
    after.sort();
    assert_eq!(
        after,
        [told("COMPLETED_LATE", "first_response-1"), told("RESTATED", "resolution-1")]
    );
    let restated = feed.facts.iter().find(|fact| fact["kind"] == "RESTATED").unwrap();
    assert_eq!((&restated["from"], &restated["to"]), (&json!("BREACHED"), &json!("MET")));
    assert_eq!(restated["cause"], json!({ "source": "case", "revision": 1 }));
    assert_eq!(restated["stoppedAt"], service.at(9 * 60).to_string());

    let monitor = service.system.caller(Role::Monitor);
    let query = format!(
        "query($filter: SlaFactFilterInput) {{ slaFacts(first: 100, filter: $filter) {{ totalCount nodes {{ {FACT} }} }} }}"
    );
    let listed = monitor.ask(&query, json!({})).await["slaFacts"]["nodes"].take();
    assert_eq!(listed, json!(feed.facts), "the feed is the list");
    for (filter, count) in [
        (json!({ "kind": ["RESTATED"] }), 1),
        (json!({ "kind": ["WARNED", "BREACHED"] }), 4),
        (json!({ "metric": ["FIRST_RESPONSE"] }), 2),
        (json!({ "unit": { "eq": "technical" } }), 0),
        (json!({ "policy": { "eq": "service" }, "caseId": case }), 8),
        (json!({ "dueAt": { "lt": service.at(3 * 60).to_string() } }), 2),
    ] {
        let found = monitor.ask(&query, json!({ "filter": filter })).await;
        assert_eq!(found["slaFacts"]["totalCount"], count, "{filter}");
    }

    // The breach that was restated stays in the list of breaches, in the words that it always had.
    let query = "{ slaBreaches(first: 9) { totalCount nodes { clock metric dueAt startedAt silent actions } } }";
    let breaches = monitor.ask(query, json!({})).await;
    assert_eq!(breaches["slaBreaches"]["totalCount"], 2);
    let expected = json!({ "clock": "resolution-1", "metric": "resolution", "silent": false, "actions": ["escalate", "call"],
        "dueAt": service.at(15 * 60).to_string(), "startedAt": service.at(0).to_string() });
    assert_eq!(breaches["slaBreaches"]["nodes"][1], expected);
    service.system.stop().await;
}

/// The code of the only user error of a mutation.
async fn refusal(service: &Service, role: Role, name: &str, input: Value) -> Value {
    let query = crate::bad_input::world::mutation(name);
    let mut answer = service.system.caller(role).send(&query, json!({ "input": input })).await;
    assert!(answer.get("errors").is_none(), "{answer:#}");
    answer["data"][name]["userErrors"][0]["code"].take()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_extension_is_granted_as_often_as_the_policy_says_and_shows_in_the_answer() {
    let service = Service::start().await;
    let (case, foreign) = (service.open("care", 0).await, service.open("legal", 0).await);
    let supervisor = service.system.caller(Role::Supervisor);
    let fields = "clock { key extensions extensionsAllowed dueAt target }";
    for attempt in ["the first", "a retry with the same key"] {
        let input = extend(&case, "resolution-1", "key");
        let clock = supervisor.mutate("extendSlaClock", fields, input).await["clock"].take();
        let expected = json!({ "key": "resolution-1", "extensions": 1, "extensionsAllowed": 1,
            "dueAt": service.at(15 * 60).to_string(), "target": "PT15H" });
        assert_eq!(clock, expected, "{attempt}");
    }
    let nameless = json!({ "caseId": case, "clock": "resolution-1", "reason": " ", "told": "x" });
    for (input, code) in [
        (extend(&case, "resolution-1", "other key"), "CLOCK_EXTENSIONS_USED_UP"),
        (extend(&case, "first_response-1", "1"), "EXTENSION_NOT_ALLOWED"),
        (extend(&case, "resolution-2", "2"), "CLOCK_UNKNOWN"),
        (extend(&case, "no key", "3"), "CLOCK_UNKNOWN"),
        (extend(&foreign, "resolution-1", "4"), "CASE_NOT_FOUND"),
        (extend(&case, "first_response-1", "key"), "IDEMPOTENCY_KEY_REUSED"),
        (nameless, "TEXT_EMPTY"),
    ] {
        let refused = refusal(&service, Role::Supervisor, "extendSlaClock", input.clone()).await;
        assert_eq!(refused, code, "{input}");
    }
    service.advance_to(60);
    service.resolve(&case, 30).await;
    let late = extend(&case, "resolution-1", "5");
    let refused = refusal(&service, Role::Supervisor, "extendSlaClock", late).await;
    assert_eq!(refused, "CLOCK_ENDED");

    let query = "query($id: ID!) { case(id: $id) { timeline { nodes { eventType internal text changes { field value } } } } }";
    let agent = service.system.caller(Role::Agent);
    let timeline = agent.ask(query, json!({ "id": case })).await;
    let nodes = timeline["case"]["timeline"]["nodes"].as_array().unwrap();
    let entry = nodes.iter().find(|entry| entry["eventType"] == "SlaExtended").unwrap();
    let changes = json!([{ "field": "clock", "value": "resolution-1" }, { "field": "told", "value": "مشتری، با تلفن" }]);
    let expected = json!({ "eventType": "SlaExtended", "internal": true, "text": "قطعه نرسید", "changes": changes });
    assert_eq!(*entry, expected);
    service.system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waived_breach_stays_on_record_and_counts_as_waived() {
    let service = Service::start().await;
    let case = service.open("care", 0).await;
    let waive = json!({ "caseId": case, "clock": "first_response-1", "reason": "سامانه قطع بود" });
    let refused = refusal(&service, Role::Service, "waiveSlaBreach", waive.clone()).await;
    assert_eq!(refused, "CLOCK_NOT_BREACHED");

    let mut feed = Subscriber::of(&service);
    service.advance_to(3 * 60);
    assert_eq!(feed.next().await, told("BREACHED", "first_response-1"));
    let supervisor = service.system.caller(Role::Supervisor);
    let done = supervisor.mutate("waiveSlaBreach", "clock { state }", waive.clone()).await;
    assert_eq!(done["clock"]["state"], "WAIVED");
    // Waived again, nothing is recorded again.
    supervisor.mutate("waiveSlaBreach", "clock { state }", waive).await;
    assert_eq!(feed.next().await, told("WAIVED", "first_response-1"));

    let query = "{ slaFacts { totalCount } slaBreaches { totalCount } slaCompliance(groupBy: METRIC) \
                 { group { value } total breached waived openOverdue openInTime complianceRatio } }";
    let seen = supervisor.ask(query, json!({})).await;
    assert_eq!(
        (&seen["slaFacts"]["totalCount"], &seen["slaBreaches"]["totalCount"]),
        (&json!(2), &json!(1))
    );
    let expected = json!({ "group": [{ "value": "first_response" }], "total": 1, "breached": 0, "waived": 1,
        "openOverdue": 0, "openInTime": 0, "complianceRatio": null });
    assert_eq!(seen["slaCompliance"][0], expected);
    service.system.stop().await;
}
