//! Reports: what they count, and that their files say what the API says.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use crate::harness::service::{RULE, Service};
use crate::harness::{System, token};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn percentiles_are_the_times_of_stopped_clocks_by_nearest_rank() {
    let service = Service::start().await;
    service.advance_to(20 * 60);
    for hours in 1..=10 {
        let case = service.open("care", 0).await;
        service.resolve(&case, hours * 60).await;
    }
    service.open("care", 0).await;
    service.settle().await;
    let query = "query($by: [SlaGroupBy!]!, $metric: [SlaMetric!]) { slaCompliance(groupBy: $by, filter: { metric: $metric }) \
                 { group { value } total met openOverdue elapsed { measure p50 p90 p95 p99 } } }";
    let monitor = service.system.caller(Role::Monitor);
    let expected = json!({ "measure": "ELAPSED", "p50": "PT5H", "p90": "PT9H", "p95": "PT10H", "p99": "PT10H" });
    for (by, value) in [("AGREEMENT", json!("sla")), ("RULE", json!(RULE)), ("TIER", json!(null))] {
        let variables = json!({ "by": [by], "metric": ["RESOLUTION"] });
        let rows = monitor.ask(query, variables).await["slaCompliance"].take();
        let row = json!({ "group": [{ "value": value }], "total": 11, "met": 10, "openOverdue": 1, "elapsed": expected });
        assert_eq!(rows, json!([row]), "{by}");
    }
    let none = monitor.ask(query, json!({ "by": [], "metric": ["OWNERSHIP"] })).await;
    assert_eq!(none["slaCompliance"][0]["elapsed"], json!(null), "nothing has stopped");
    service.system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_is_attributed_to_units_people_and_reasons_within_the_period() {
    let service = Service::start().await;
    service.advance_to(20 * 60);
    let case = service.open("care", 0).await;
    let refer = json!({ "unit": "technical", "reason": "x" });
    service.command("referCase", &case, 120, refer).await;
    service.command("assignCase", &case, 150, json!({ "assignee": "sara" })).await;
    service.command("holdCase", &case, 180, json!({ "reason": "AWAITING_CUSTOMER" })).await;
    service.command("resumeCase", &case, 300, json!({})).await;
    service.resolve(&case, 360).await;
    service.settle().await;
    let query = "query($from: DateTime!, $to: DateTime!, $by: SlaAttributeBy!) \
                 { slaAttribution(from: $from, to: $to, by: $by, filter: { metric: [RESOLUTION] }) \
                 { value measure clocks counted wallClock } }";
    let monitor = service.system.caller(Role::Monitor);
    let asked = async |by: &str, from: i64, to: i64| {
        let variables = json!({ "by": by, "from": service.at(from).to_string(), "to": service.at(to).to_string() });
        monitor.ask(query, variables).await["slaAttribution"].take()
    };
    let row = |value: Value, time: &str| json!({ "value": value, "measure": "ELAPSED", "clocks": 1, "counted": time, "wallClock": time });
    let (care, technical) = (json!("care"), json!("technical"));
    let whole = [row(care.clone(), "PT2H"), row(technical.clone(), "PT2H")];
    assert_eq!(asked("UNIT", 0, 1440).await, json!(whole));
    let part = [row(care, "PT1H"), row(technical, "PT1H30M")];
    assert_eq!(asked("UNIT", 60, 330).await, json!(part));
    let people = [row(json!(null), "PT2H30M"), row(json!("sara"), "PT1H30M")];
    assert_eq!(asked("ASSIGNEE", 0, 1440).await, json!(people));
    let waits = [row(json!("awaiting_customer"), "PT2H")];
    assert_eq!(asked("HOLD_REASON", 0, 1440).await, json!(waits));
    assert_eq!(asked("HOLD_REASON", 310, 1440).await, json!([]));
    service.system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_at_risk_come_nearest_first_page_by_page_and_by_the_share_that_is_used() {
    let service = Service::start().await;
    service.advance_to(9 * 60);
    let mut cases = Vec::new();
    for hours in [1, 5, 3] {
        cases.push(service.open("care", hours * 60).await);
    }
    let done = service.open("care", 0).await;
    service.resolve(&done, 60).await;
    service.settle().await;
    let nearest = [&cases[0], &cases[2], &cases[1]].map(|case| json!(case));
    let query = "query($after: String, $min: Int, $first: Int) { slaAtRisk(first: $first, after: $after, minPercent: $min) \
                 { endCursor hasNextPage nodes { caseId clock { key percent remaining } } } }";
    let monitor = service.system.caller(Role::Monitor);
    let ask = async |after: &Value, min: Value, first: i32| {
        let variables = json!({ "after": after, "min": min, "first": first });
        monitor.ask(query, variables).await["slaAtRisk"].take()
    };
    let ids = |page: &Value| -> Vec<Value> {
        page["nodes"].as_array().unwrap().iter().map(|node| node["caseId"].clone()).collect()
    };
    let first = ask(&json!(null), json!(null), 2).await;
    assert_eq!((ids(&first), &first["hasNextPage"]), (nearest[..2].to_vec(), &json!(true)));
    assert_eq!(first["nodes"][0]["clock"]["percent"], 80);
    let second = ask(&first["endCursor"], json!(null), 2).await;
    assert_eq!((ids(&second), &second["hasNextPage"]), (nearest[2..].to_vec(), &json!(false)));
    let half = ask(&json!(null), json!(50), 9).await;
    assert_eq!((ids(&half), &half["hasNextPage"]), (nearest[..2].to_vec(), &json!(false)));
    service.system.stop().await;
}

/// The lines of a CSV text, read as RFC 4180 says.
fn lines(text: &str) -> Vec<Vec<String>> {
    let (mut lines, mut line, mut cell, mut is_quoted) = (vec![], vec![], String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, is_quoted) {
            ('"', true) if characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            ('"', _) => is_quoted = !is_quoted,
            (',', false) => line.push(std::mem::take(&mut cell)),
            ('\r', false) => {
                assert_eq!(characters.next(), Some('\n'), "a line ends with both");
                line.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut line));
            }
            (character, _) => cell.push(character),
        }
    }
    assert!(line.is_empty() && cell.is_empty(), "the last line ends too");
    lines
}

async fn report(system: &System, path: &str, token: &str) -> (u16, String) {
    let request = reqwest::Client::new().get(system.url(path)).bearer_auth(token);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    if status == 200 {
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "text/csv; charset=utf-8; header=present");
        assert!(header("content-disposition").starts_with("attachment; filename=\"parvandeh-"));
    }
    (status, response.text().await.unwrap())
}

/// A value of the API as a cell shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        // What a spreadsheet would compute is shown as it is.
        Value::String(text) if text.starts_with('=') => format!("'{text}"),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_file_says_what_the_api_says_also_over_many_pages() {
    const CASES: usize = 130;
    let service = Service::start().await;
    service.advance_to(40);
    for number in 0..CASES {
        let case = service.open("care", 0).await;
        if number.is_multiple_of(13) {
            service.resolve(&case, 30).await;
        }
    }
    service.advance_to(6 * 60);
    let open = CASES - CASES.div_ceil(13);
    let system = &service.system;
    let monitor = system.caller(Role::Monitor);
    // The monitor records the breaches of the first responses when it comes to it.
    let count = "{ slaBreaches { totalCount } }";
    while monitor.ask(count, json!({})).await["slaBreaches"]["totalCount"] != open {
        tokio::task::yield_now().await;
    }
    let key = &monitor.token;
    let of = |file: &str| -> Vec<Vec<String>> {
        let text = file.strip_prefix('\u{feff}').expect("a spreadsheet is told that it is UTF-8");
        lines(text)
    };

    let (_, file) =
        report(system, "/reports/compliance.csv?groupBy=METRIC,RULE&unit=care", key).await;
    let query = "{ slaCompliance(groupBy: [METRIC, RULE], filter: { unit: { eq: \"care\" } }) { group { value } total met breached \
                 waived openOverdue openInTime paused measured complianceRatio elapsed { measure p50 p90 p95 p99 } } }";
    let rows = monitor.ask(query, json!({})).await["slaCompliance"].take();
    let file = of(&file);
    assert_eq!(file[0][..4], ["METRIC", "RULE", "total", "met"]);
    assert_eq!(file[1][1], format!("'{RULE}"));
    assert_eq!(file.len(), 3);
    for (cells, row) in file[1..].iter().zip(rows.as_array().unwrap()) {
        let elapsed = |field: &str| shown(&row["elapsed"][field]);
        let mut expected = vec![shown(&row["group"][0]["value"]), shown(&row["group"][1]["value"])];
        for field in [
            "total",
            "met",
            "breached",
            "waived",
            "openOverdue",
            "openInTime",
            "paused",
            "measured",
            "complianceRatio",
        ] {
            expected.push(shown(&row[field]));
        }
        expected.extend(["measure", "p50", "p90", "p95", "p99"].map(elapsed));
        assert_eq!(*cells, expected);
    }

    let (_, file) = report(system, "/reports/breaches.csv?metric=FIRST_RESPONSE", key).await;
    let query = "query($after: String) { slaBreaches(first: 100, after: $after) { pageInfo { endCursor } nodes { eventId caseId \
                 case { reference } clock metric policyId policyVersion rule startedAt dueAt stoppedAt recordedAt unit category \
                 priority channel silent actions } } }";
    let file = of(&file);
    let (mut after, mut number) = (Value::Null, 1);
    while number < file.len() {
        let mut page = monitor.ask(query, json!({ "after": after })).await["slaBreaches"].take();
        after = page["pageInfo"]["endCursor"].take();
        for node in page["nodes"].as_array().unwrap() {
            for (name, cell) in file[0].iter().zip(&file[number]) {
                let value = if name == "reference" { &node["case"][name] } else { &node[name] };
                assert_eq!(*cell, shown(value), "{name} in line {number}");
            }
            number += 1;
        }
    }
    assert_eq!(file.len(), open + 1, "every breach is there once");

    let (_, file) = report(system, "/reports/at-risk.csv?minPercent=50", key).await;
    let file = of(&file);
    assert_eq!(file.len(), open + 1, "every open clock is there once");
    assert_eq!((&*file[0][2], &*file[1][2]), ("clock", "resolution-1"));

    let period = format!("from={}&to={}", service.at(0), service.at(60));
    let path = format!("/reports/attribution.csv?by=UNIT&metric=RESOLUTION&{period}");
    let (_, file) = report(system, &path, key).await;
    let minutes = open * 60 + (CASES - open) * 30;
    let time = jiff::SignedDuration::from_mins(minutes as i64).to_string();
    let expected = vec!["care", "RESOLUTION", "ELAPSED", "130", &time, &time];
    assert_eq!(of(&file)[1..], [expected]);
    service.system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_refused_as_the_api_refuses_and_shows_what_its_reader_may_see() {
    let service = Service::start().await;
    service.open("care", 0).await;
    service.open("legal", 0).await;
    service.settle().await;
    let system = &service.system;
    let monitor = token(Role::Monitor, None, &[]);
    let customer = token(Role::Customer, Some(uuid::Uuid::new_v4()), &[]);
    for (path, token, status, code) in [
        ("compliance.csv", "no token", 401, "UNAUTHENTICATED"),
        ("compliance.csv", &*customer, 403, "FORBIDDEN"),
        ("nothing.csv", &*monitor, 400, "BAD_USER_INPUT"),
        ("compliance.csv?unti=care", &*monitor, 400, "BAD_USER_INPUT"),
        ("compliance.csv?from=yesterday", &*monitor, 400, "BAD_USER_INPUT"),
        ("at-risk.csv?minPercent=101", &*monitor, 400, "BAD_USER_INPUT"),
        ("attribution.csv", &*monitor, 400, "GRAPHQL_VALIDATION_FAILED"),
    ] {
        let (found, text) = report(system, &format!("/reports/{path}"), token).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        let found = (found, answer["errors"][0]["extensions"]["code"].as_str().unwrap());
        assert_eq!(found, (status, code), "{path}: {text}");
    }
    let agent = token(Role::Agent, None, &["care"]);
    for (token, rows) in [(&monitor, 4), (&agent, 2)] {
        let (_, file) = report(system, "/reports/at-risk.csv", token).await;
        assert_eq!(lines(&file).len(), rows + 1);
    }
    service.system.stop().await;
}
