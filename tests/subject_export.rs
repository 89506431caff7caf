//! Everything about one customer, as they or a privacy officer get it.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parvandeh::principal::Role;
use parvandeh_domain::attachment::PART_SIZE_BYTES_MAX;
use parvandeh_domain::id::{CustomerId, FeeId, ProviderId, ProviderReference};
use parvandeh_domain::money::{Currency, Money};
use parvandeh_domain::payment::command::{ConfirmPayment, RequestPayment};
use parvandeh_domain::payment::{Payment, PaymentCommand, PaymentFailure, PaymentPurpose};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::authorisation::documents::{global_id, uuid_of};
use crate::harness::System;
use crate::harness::work::{metadata, stream};

const NAME: &str = "مهری <خوانساری>";
const TOLD: &str = "آب سرد است & لوله می‌چکد";
const NOTE: &str = "یادداشت درونی";

/// A customer with a consent, a withdrawn consent, and two cases with everything on them.
async fn world(system: &System) -> (String, String) {
    let service = system.caller(Role::Service);
    let input =
        json!({ "kind": "INDIVIDUAL", "name": NAME, "language": "PERSIAN", "tier": "gold" });
    let done = service.mutate("registerCustomer", "customer { id }", input).await;
    let customer = done["customer"]["id"].as_str().unwrap().to_owned();
    let input = json!({ "customerId": customer, "kind": "EMAIL", "value": "mehri@example.ir" });
    service.mutate("addContactPoint", "customer { id }", input).await;
    let consent = json!({ "customerId": customer, "purpose": "SURVEY", "channel": "SMS" });
    service.mutate("giveConsent", "customer { id }", consent.clone()).await;
    service.mutate("withdrawConsent", "customer { id }", consent).await;
    let mut last = String::new();
    for number in 0..2 {
        let input = json!({ "kind": "COMPLAINT", "subject": TOLD, "description": format!("شرح {number}"),
            "channel": "PHONE", "unit": "care", "customerId": customer, "dueAt": "2999-01-01T00:00:00Z" });
        let done = service.mutate("openCase", "case { id }", input).await;
        last = done["case"]["id"].as_str().unwrap().to_owned();
    }
    let agent = system.caller(Role::Agent);
    agent.mutate("addNote", "case { id }", json!({ "caseId": last, "body": NOTE })).await;
    agent.mutate("assignCase", "case { id }", json!({ "caseId": last, "assignee": "sara" })).await;
    // More than a page of the timeline.
    for number in 0..120 {
        let input = json!({ "caseId": last, "direction": "OUTBOUND", "channel": "EMAIL", "body": format!("پیام {number}") });
        agent.mutate("recordInteraction", "case { id }", input).await;
    }
    let query = "query NameOf($id: ID!) { customer(id: $id) { name } }";
    agent.ask(query, json!({ "id": customer })).await;
    let officer = system.caller(Role::PrivacyOfficer);
    let hold = json!({ "customerId": customer, "matter": "1405/312" });
    officer.mutate("placeLegalHold", "customer { id }", hold).await;
    let head = system.app.store.head().unwrap();
    system.app.read_models.wait_for(head).await.unwrap();
    (customer, last)
}

/// Asks for an export; gives the status, the content type and the body.
async fn export(
    system: &System,
    token: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, String, String) {
    let mut request = reqwest::Client::new().get(system.url(path)).bearer_auth(token);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), content_type, response.text().await.unwrap())
}

/// How many events of the access log tell of an export.
async fn exports_on_record(system: &System) -> Vec<Value> {
    let logged = system.app.store.read_all(None, 10_000).await.unwrap();
    let ours = logged.into_iter().filter(|logged| logged.stream.category() == "access");
    let data = ours.map(|logged| serde_json::from_slice::<Value>(&logged.data).unwrap());
    data.filter(|data| data["operation"] == "subject export").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_privacy_officer_gets_everything_and_a_customer_what_they_may_see() {
    let system = System::start().await;
    let (customer, _) = world(&system).await;
    let path = format!("/subjects/{customer}/export");
    let officer = system.caller(Role::PrivacyOfficer).token;
    let headers = [("parvandeh-purpose", "request 7 of the subject")];
    let (status, content_type, body) = export(&system, &officer, &path, &headers).await;
    assert_eq!((status, content_type.as_str()), (200, "application/json; charset=utf-8"), "{body}");
    let whole: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(whole["subject_export"], 1);
    assert_eq!(whole["recipient"], "privacy_officer");
    assert_eq!(whole["purpose"], "request 7 of the subject");
    assert_eq!(whole["customer"]["name"], NAME);
    assert_eq!(whole["customer"]["global_id"], customer);
    assert_eq!(whole["customer"]["legal_hold"], "1405/312");
    assert_eq!(whole["customer"]["contact_points"][0]["value"], "mehri@example.ir");
    let consents = whole["consents"].as_array().unwrap();
    assert_eq!(
        consents.iter().map(|it| it["given"].as_bool().unwrap()).collect::<Vec<_>>(),
        [true, false]
    );
    assert!(consents[0]["event_id"].is_string());
    let cases = whole["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    assert_eq!(cases[0]["subject"], TOLD);
    assert_eq!(cases[0]["clocks"][0]["metric"], "due_date");
    assert_eq!(cases[1]["assignee"], "sara");
    let timeline = cases[1]["timeline"].as_array().unwrap();
    assert_eq!(timeline.len(), 123);
    assert_eq!(timeline[0]["text"], TOLD);
    assert!(timeline.iter().any(|entry| entry["text"] == NOTE));
    assert_eq!(timeline[122]["text"], "پیام 119");
    let readers = whole["access_log"].as_array().unwrap();
    assert!(readers.iter().any(|it| it["reader"] == "test-agent" && it["operation"] == "NameOf"));

    let own = system.customer(uuid_of(&customer)).token;
    let (status, _, body) = export(&system, &own, &path, &[]).await;
    assert_eq!(status, 200, "{body}");
    let part: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&part["recipient"], &part["purpose"]), (&json!("customer"), &json!("own data")));
    assert_eq!(part["cases"][1]["subject"], TOLD);
    assert_eq!(part["cases"][1]["timeline"][0]["text"], TOLD);
    for hidden in [NOTE, "1405/312", "sara", "\"reader\"", "test-auditor", "\"test-agent\""] {
        assert!(!body.contains(hidden), "{hidden}");
    }
    let readers = part["access_log"].as_array().unwrap();
    assert!(readers.iter().any(|it| it["reader_role"] == "privacy_officer"
        && it["operation"] == "subject export"
        && it["purpose"] == "request 7 of the subject"));
    // The officer's is on record each time, the customer's never.
    export(&system, &officer, &path, &headers).await;
    let on_record = exports_on_record(&system).await;
    assert_eq!(on_record.len(), 2);
    assert_eq!(on_record[0]["subjects"], json!([format!("customer-{}", uuid_of(&customer))]));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_whole_escaped_and_in_the_direction_of_the_customers_language() {
    let system = System::start().await;
    let (customer, _) = world(&system).await;
    let officer = system.caller(Role::PrivacyOfficer).token;
    let path = format!("/subjects/{customer}/export");
    let browser = [("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")];
    let (status, content_type, page) = export(&system, &officer, &path, &browser).await;
    assert_eq!((status, content_type.as_str()), (200, "text/html; charset=utf-8"));
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"fa\" dir=\"rtl\">"), "{page}");
    assert!(page.ends_with("</main>\n</body>\n</html>\n"));
    for shown in [
        "مهری &lt;خوانساری&gt;",
        "آب سرد است &amp; لوله می‌چکد",
        "پیام 119",
        "رضایت‌ها",
        "Consents",
        NOTE,
        "mehri@example.ir",
        "test-agent",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(!page.contains("<خوانساری>") && !page.contains("<script"));
    for tag in ["section", "article", "table", "tbody", "dl", "ul", "td", "tr", "p", "bdi", "small"]
    {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    let (_, by_parameter, _) = export(&system, &officer, &format!("{path}?format=html"), &[]).await;
    assert_eq!(by_parameter, content_type);
    let (_, by_parameter, _) =
        export(&system, &officer, &format!("{path}?format=json"), &browser).await;
    assert_eq!(by_parameter, "application/json; charset=utf-8");
    if let Ok(directory) = std::env::var("PARVANDEH_TEST_OUTPUT") {
        std::fs::write(format!("{directory}/subject.html"), page).unwrap();
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_gets_an_export_and_what_is_not_there_looks_like_what_is_forbidden() {
    let system = System::start().await;
    let (customer, case) = world(&system).await;
    let path = format!("/subjects/{customer}/export");
    for role in
        [Role::Agent, Role::Supervisor, Role::Auditor, Role::Monitor, Role::Service, Role::Admin]
    {
        let (status, _, body) = export(&system, &system.caller(role).token, &path, &[]).await;
        assert_eq!(status, 403, "{role} {body}");
        assert!(body.contains("FORBIDDEN") && !body.contains("مهری"), "{body}");
    }
    let stranger = system.customer(Uuid::from_u128(7)).token;
    let of_another = export(&system, &stranger, &path, &[]).await;
    let nobody = format!("/subjects/{}/export", global_id("Customer", Uuid::nil()));
    let of_nobody = export(&system, &stranger, &nobody, &[]).await;
    assert_eq!(of_another, of_nobody);
    assert_eq!(of_another.0, 404);
    let officer = system.caller(Role::PrivacyOfficer).token;
    assert_eq!(export(&system, &officer, &nobody, &[]).await, of_nobody);
    for (path, headers) in [
        (format!("/subjects/{case}/export"), vec![]),
        ("/subjects/nonsense/export".to_owned(), vec![]),
        (format!("{path}?format=pdf"), vec![]),
        (path.clone(), vec![("parvandeh-purpose", "")]),
    ] {
        let (status, _, body) = export(&system, &officer, &path, &headers).await;
        assert_eq!(status, 400, "{path} {body}");
    }
    let (status, ..) = export(&system, "nonsense", &path, &[]).await;
    assert_eq!(status, 401);
    assert!(exports_on_record(&system).await.is_empty());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_after_an_erasure_tells_what_is_left_and_that_it_was_erased() {
    let system = System::start().await;
    let (customer, _) = world(&system).await;
    let officer = system.caller(Role::PrivacyOfficer);
    officer.mutate("releaseLegalHold", "customer { id }", json!({ "customerId": customer })).await;
    let input = json!({ "customerId": customer, "ground": "SUBJECT_REQUEST" });
    officer.mutate("eraseCustomer", "customer { id }", input).await;
    let path = format!("/subjects/{customer}/export");
    let (status, _, body) = export(&system, &officer.token, &path, &[]).await;
    assert_eq!(status, 200, "{body}");
    let whole: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&whole["customer"]["name"], &whole["customer"]["erased"]),
        (&Value::Null, &json!(true))
    );
    assert_eq!(whole["customer"]["erasure"]["ground"], "subject_request");
    assert!(whole["customer"]["erasure"]["receipt"]["event_id"].is_string());
    assert_eq!(whole["cases"][1]["timeline"].as_array().unwrap().len(), 123);
    assert_eq!(whole["cases"][1]["timeline"][0]["erased"], true);
    for gone in ["مهری", "آب سرد", NOTE, "پیام", "mehri"] {
        assert!(!body.contains(gone), "{gone}");
    }
    let (_, _, page) = export(&system, &officer.token, &format!("{path}?format=html"), &[]).await;
    assert!(page.contains("پاک شده") && !page.contains("مهری"));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_writes_both_files_for_their_owner_alone_and_records_that_it_did() {
    let directory = tempfile::tempdir().unwrap();
    let system = System::start_in(directory.path(), parvandeh::clock::SystemClock).await;
    let (customer, _) = world(&system).await;
    let output = directory.path().join("for the subject");
    let run = |customer: &str| {
        Command::new(env!("CARGO_BIN_EXE_parvandeh"))
            .args(["subject-export", customer, "--purpose", "درخواست خود شخص", "--output"])
            .arg(&output)
            .arg("--data-directory")
            .arg(directory.path())
            .output()
            .unwrap()
    };
    // Beside a running server it cannot record, so it does not export.
    let refused = run(&customer);
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("GET /subjects/"), "{refused:?}");
    assert!(!output.exists());
    system.stop().await;

    let unknown = run(&Uuid::nil().to_string());
    assert_eq!(unknown.status.code(), Some(6), "{unknown:?}");
    assert!(!output.exists());
    let done = run(&uuid_of(&customer).to_string());
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let document = std::fs::read_to_string(output.join("subject.json")).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["customer"]["name"], NAME);
    assert_eq!(document["purpose"], "درخواست خود شخص");
    let page = std::fs::read_to_string(output.join("subject.html")).unwrap();
    assert!(page.ends_with("</html>\n"));
    for name in ["subject.json", "subject.html"] {
        let mode = std::fs::metadata(output.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(std::fs::read_dir(&output).unwrap().count(), 2);
    let system = System::start_in(directory.path(), parvandeh::clock::SystemClock).await;
    let on_record = exports_on_record(&system).await;
    assert_eq!(on_record.len(), 1);
    assert_eq!(on_record[0]["purpose"], "درخواست خود شخص");
    system.stop().await;
}

/// Sends a file that comes with a case.
async fn attach(system: &System, token: &str, case: &str, query: &str, content: Vec<u8>) {
    let path = format!("/cases/{case}/attachments?{query}");
    let request = reqwest::Client::new().post(system.url(&path)).bearer_auth(token);
    let response = request.header("content-type", "text/html").body(content).send().await.unwrap();
    assert_eq!(response.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_the_files_with_what_is_in_them() {
    let system = System::start().await;
    let (customer, case) = world(&system).await;
    let (own, agent) =
        (system.customer(uuid_of(&customer)).token, system.caller(Role::Agent).token);
    // Neither a part nor the whole is a multiple of three bytes.
    let letter: Vec<u8> = (0..PART_SIZE_BYTES_MAX + 3).map(|index| (index % 251) as u8).collect();
    attach(&system, &own, &case, "name=a%22b%3C.html", letter.clone()).await;
    attach(&system, &agent, &case, "name=memo&direction=internal", b"kept".to_vec()).await;
    let path = format!("/subjects/{customer}/export");
    let officer = system.caller(Role::PrivacyOfficer);
    let files = async |token: &str| -> Vec<Value> {
        let (status, _, body) = export(&system, token, &path, &[]).await;
        assert_eq!(status, 200, "{body}");
        let whole: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(whole["cases"][0]["attachments"], json!([]));
        assert!(whole["cases"][1]["timeline"].as_array().unwrap().len() > 100);
        whole["cases"][1]["attachments"].as_array().unwrap().clone()
    };
    let of_customer = files(&own).await;
    assert_eq!(of_customer.len(), 1, "what staff keep is not the customer's");
    let file = &of_customer[0];
    assert_eq!((&file["name"], &file["direction"]), (&json!("a\"b<.html"), &json!("inbound")));
    assert_eq!(file["size_bytes"], letter.len());
    assert!(STANDARD.decode(file["content"].as_str().unwrap()).unwrap() == letter);
    let all = files(&officer.token).await;
    assert_eq!(
        (all.len(), &all[1]["name"], &all[1]["content"]),
        (2, &json!("memo"), &json!("a2VwdA=="))
    );

    let (_, _, page) = export(&system, &own, &format!("{path}?format=html"), &[]).await;
    let link = format!(
        "<a download=\"a&quot;b&lt;.html\" href=\"data:application/octet-stream;base64,{}\">",
        STANDARD.encode(&letter)
    );
    assert!(page.contains(&link) && !page.contains("memo") && page.ends_with("</html>\n"));

    officer.mutate("releaseLegalHold", "customer { id }", json!({ "customerId": customer })).await;
    let erase = json!({ "customerId": customer, "ground": "SUBJECT_REQUEST" });
    officer.mutate("eraseCustomer", "customer { id }", erase).await;
    let left = files(&officer.token).await;
    assert_eq!((&left[0]["name"], &left[0]["content"]), (&Value::Null, &Value::Null));
    assert_eq!((&left[0]["erased"], &left[0]["size_bytes"]), (&json!(true), &json!(letter.len())));
    let (_, _, page) = export(&system, &officer.token, &format!("{path}?format=html"), &[]).await;
    assert!(!page.contains("download") && page.ends_with("</html>\n"), "{page}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_what_was_given_and_asked_for_with_an_account_or_without() {
    let system = System::start().await;
    let (customer, case) = world(&system).await;
    let agent = system.caller(Role::Agent);
    let leader = system.caller(Role::Supervisor);
    let money = json!({ "minorUnits": 700, "currency": "IRR" });
    let input = json!({ "caseId": case, "value": { "points": 40 }, "ground": "DELAY" });
    let done = agent.mutate("proposeRedress", "redress { id }", input).await;
    let step = json!({ "redressId": done["redress"]["id"] });
    leader.mutate("approveRedress", "redress { id }", step).await;
    let input = json!({ "kind": "REQUEST", "subject": "x", "channel": "PHONE", "unit": "care", "customerId": customer });
    let request = agent.mutate("openCase", "case { id }", input).await["case"]["id"].take();
    let input = json!({ "caseId": request, "money": money, "tariff": "card-replacement" });
    agent.mutate("assessFee", "fee { id }", input).await;
    agent.mutate("issueCard", "card { id }", json!({ "customerId": customer })).await;

    let path = format!("/subjects/{customer}/export");
    let own = system.customer(uuid_of(&customer)).token;
    let document = async || -> Value {
        let (status, _, body) = export(&system, &own, &path, &[]).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    let before = document().await;
    assert_eq!((&before["customer"]["account"], &before["postings"]), (&Value::Null, &json!([])));
    assert_eq!(before["customer"]["cards"][0]["status"], "issued");
    let redress = &before["cases"][1]["redress"][0];
    assert_eq!((&redress["points"], &redress["money"]), (&json!(40), &Value::Null));
    assert_eq!((&redress["ground"], &redress["status"]), (&json!("delay"), &json!("approved")));
    let fee = &before["cases"][2]["fees"][0];
    assert_eq!(fee["money"], json!({ "minor_units": 700, "currency": "IRR" }));
    assert_eq!((&fee["tariff"], &fee["status"]), (&json!("card-replacement"), &json!("assessed")));

    let input = json!({ "customerId": customer, "postingId": "receipt-1", "points": 500 });
    leader.mutate("earnPoints", "account { points }", input).await;
    let input = json!({ "customerId": customer, "postingId": "note-1", "money": money });
    leader.mutate("grantCredit", "account { points }", input).await;
    let input = json!({ "customerId": customer, "postingId": "till-1", "points": 120, "centre": "کتاب‌فروشی" });
    agent.mutate("redeemPoints", "account { points }", input).await;
    let after = document().await;
    let account = json!({ "points": 380, "lots": [{ "posting_id": "receipt-1", "points": 380, "expires_at": null }],
        "credit": [{ "minor_units": 700, "currency": "IRR" }] });
    assert_eq!(after["customer"]["account"], account);
    let postings = after["postings"].as_array().unwrap();
    let ids: Vec<_> =
        postings.iter().map(|posting| posting["posting_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["till-1", "note-1", "receipt-1"]);
    assert_eq!(
        (&postings[0]["kind"], &postings[0]["points"]),
        (&json!("points_redeemed"), &json!(-120))
    );
    assert_eq!(
        (&postings[0]["centre"], &postings[1]["money"]["minor_units"]),
        (&json!("کتاب‌فروشی"), &json!(700))
    );

    let (_, _, page) = export(&system, &own, &format!("{path}?format=html"), &[]).await;
    for shown in ["7.00 IRR", "card-replacement", "کتاب‌فروشی", "امتیاز خرج شد", "تأیید شده"]
    {
        assert!(page.contains(shown), "{shown}");
    }
    for tag in ["section", "article", "table", "tbody", "dl", "ul", "li", "p", "bdi", "small"] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_what_the_customer_wishes_and_what_they_paid() {
    let system = System::start().await;
    let (customer, _) = world(&system).await;
    let id = CustomerId(uuid_of(&customer));
    let officer = system.caller(Role::PrivacyOfficer);
    let path = format!("/subjects/{customer}/export");
    let document = async |token: &str| -> Value {
        let (status, _, body) = export(&system, token, &path, &[]).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    let own = system.customer(id.0);
    let before = document(&own.token).await;
    let nothing = json!({ "channels": [], "unwanted_notifications": [] });
    assert_eq!(before["customer"]["preferences"], nothing);
    assert_eq!(before["payments"], json!([]));

    let wishes = json!({ "customerId": customer, "channels": ["SMS", "LETTER"],
        "unwantedNotifications": ["STAGE_ENTERED", "CLOSED"] });
    own.mutate("changePreferences", "customer { id }", wishes).await;
    let fee = FeeId(Uuid::from_u128(9));
    let failed = paid(&system, id, 900, PaymentPurpose::Fee(fee), |_| {
        PaymentCommand::Fail(PaymentFailure::Abandoned)
    });
    failed.await;
    // More than a page of them.
    for units in 1..=101 {
        let came = paid(&system, id, units, PaymentPurpose::TopUp, |money| {
            let provider_reference = ProviderReference::new(format!("bank/{units}")).unwrap();
            PaymentCommand::Confirm(ConfirmPayment { money, provider_reference })
        });
        came.await;
    }
    let head = system.app.store.head().unwrap();
    system.app.read_models.wait_for(head).await.unwrap();

    for token in [&own.token, &officer.token] {
        let seen = document(token).await;
        let preferences = json!({ "channels": ["sms", "letter"], "unwanted_notifications": ["stage_entered", "closed"] });
        assert_eq!(seen["customer"]["preferences"], preferences);
        let payments = seen["payments"].as_array().unwrap();
        assert_eq!(payments.len(), 102);
        let (last, first) = (&payments[0], &payments[101]);
        assert_eq!(last["money"], json!({ "minor_units": 101, "currency": "IRR" }));
        assert_eq!(
            (&last["provider"], &last["provider_reference"], &last["fee_id"]),
            (&json!("shaparak"), &json!("bank/101"), &Value::Null)
        );
        assert_eq!((&last["status"], &last["failure"]), (&json!("confirmed"), &Value::Null));
        assert!(last["requested_at"].is_string() && last["confirmed_at"].is_string(), "{last}");
        assert_eq!((&first["status"], &first["failure"]), (&json!("failed"), &json!("abandoned")));
        assert_eq!(
            (&first["fee_id"], &first["provider_reference"]),
            (&json!(fee.0.to_string()), &Value::Null)
        );
    }
    let (_, _, page) = export(&system, &own.token, &format!("{path}?format=html"), &[]).await;
    for shown in ["پرداخت‌ها", "bank/101", "مشتری کنار گذاشت", "راه‌های دلخواه تماس", "مرحلهٔ تازه"]
    {
        assert!(page.contains(shown), "{shown}");
    }
    for tag in ["section", "table", "tbody", "td", "tr", "dl", "dd", "bdi", "small"] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }

    // An erasure takes the wishes; the books stay.
    officer.mutate("releaseLegalHold", "customer { id }", json!({ "customerId": customer })).await;
    let erase = json!({ "customerId": customer, "ground": "SUBJECT_REQUEST" });
    officer.mutate("eraseCustomer", "customer { id }", erase).await;
    let left = document(&officer.token).await;
    assert_eq!(left["customer"]["preferences"], nothing);
    assert_eq!(left["payments"].as_array().unwrap().len(), 102);
    system.stop().await;
}

/// A payment of so many rials, and what came of it.
async fn paid(
    system: &System,
    customer_id: CustomerId,
    units: i64,
    purpose: PaymentPurpose,
    then: impl FnOnce(Money) -> PaymentCommand,
) {
    let stream = stream("payment", Uuid::now_v7());
    let money = Money::new(units, Currency::new("IRR").unwrap());
    let provider = ProviderId::new("shaparak").unwrap();
    let request = RequestPayment { customer_id, money, purpose, provider };
    for command in [PaymentCommand::Request(request), then(money)] {
        let batch = vec![(metadata(None), command)];
        let done = system.app.commands.execute::<Payment>(&stream, batch, None, |_| true).await;
        done.unwrap();
    }
}
