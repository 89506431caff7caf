//! Signing in with a card, and everything that somebody may try who holds none.

mod attacks;
pub mod bank;
pub mod process;
mod representatives;
mod tokens;

use parvandeh::principal::Role;
use serde_json::json;

use bank::Bank;

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_signs_in_and_reads_their_own_page() {
    let bank = Bank::start().await;
    let holder = bank.holder("+98 912 111 2233").await;
    let case = bank.open_case(&holder.customer).await;
    let token = bank.sign_in(&holder).await;
    let page =
        "{ viewer { customer { id name } cases { nodes { id } } cards { maskedNumber status } } }";
    let answer = bank.send(&token, page, json!({})).await;
    let last = &holder.number[12..];
    let expected = json!({ "viewer": {
        "customer": { "id": holder.customer, "name": "مهری" },
        "cases": { "nodes": [{ "id": case }] },
        "cards": [{ "maskedNumber": format!("•••• •••• •••• {last}"), "status": "ACTIVE" }],
    } });
    assert_eq!(answer["data"], expected, "{answer}");
    // Staff are no viewers.
    let staff = bank.system.caller(Role::Agent).ask("{ viewer { cards { id } } }", json!({})).await;
    assert_eq!(staff, json!({ "viewer": null }));
    bank.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_named_in_any_script_and_so_is_a_code() {
    let bank = Bank::start().await;
    let holder = bank.holder("+98 912 111 2233").await;
    let persian = |text: &str| -> String {
        let digit = |c: char| char::from_u32('۰' as u32 + c.to_digit(10).unwrap()).unwrap();
        text.chars().map(digit).collect()
    };
    let written = persian(&holder.number);
    let asked = bank.post("/sign-in/code", json!({ "card": format!(" {written}") })).await;
    assert_eq!(asked.status, 202);
    let (address, code) = bank.delivered().await;
    assert_eq!(address, "+989121112233");
    let entered = bank.post("/sign-in", json!({ "card": written, "code": persian(&code) })).await;
    assert_eq!(entered.status, 200, "{entered:?}");
    bank.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_in_another_way_than_it_should_be_is_refused_before_anybody_looks() {
    let bank = Bank::start().await;
    let holder = bank.holder("+98 912 111 2233").await;
    let long = json!({ "card": "1".repeat(2_000), "code": "123456" }).to_string();
    let rows = [
        ("/sign-in", "text/plain", json!({ "card": "x", "code": "y" }).to_string(), 415),
        ("/sign-in", "application/json", "{".to_owned(), 400),
        ("/sign-in", "application/json", json!({ "card": holder.number }).to_string(), 400),
        ("/sign-in", "application/json", json!({ "card": 1, "code": 2 }).to_string(), 400),
        (
            "/sign-in",
            "application/json",
            json!({ "card": "x", "code": "y", "z": 1 }).to_string(),
            400,
        ),
        ("/sign-in", "application/json", long.clone(), 413),
        ("/sign-in/code", "application/json", long, 413),
        ("/sign-in/code", "application/json", json!({ "card": "x", "code": "y" }).to_string(), 400),
    ];
    for (path, media_type, body, status) in rows {
        let answer = bank.post_text(path, media_type, &body).await;
        assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
        assert!(!answer.body.contains(&holder.number), "{answer:?}");
    }
    for path in ["/sign-in", "/sign-in/code"] {
        assert_eq!(bank.get(path).await.status, 405, "{path}");
    }
    bank.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_named_too_often_is_rationed_whether_or_not_it_is_a_cards() {
    let bank = Bank::start().await;
    let holder = bank.holder("+98 912 111 2233").await;
    for number in [holder.number.as_str(), "9364000000000001", "nonsense"] {
        let mut statuses = Vec::new();
        for _ in 0..12 {
            let said = json!({ "card": number, "code": "wrong" });
            statuses.push(bank.post("/sign-in", said).await.status);
        }
        assert_eq!(statuses[..10], [401; 10], "{number}");
        assert_eq!(statuses[10..], [429; 2], "{number}");
    }
    bank.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asks_too_often_waits_whatever_cards_it_names() {
    let bank = Bank::start_with(|sign_in| sign_in.requests_per_address_per_minute = 5).await;
    let mut statuses = Vec::new();
    for card in 0..6 {
        statuses.push(bank.post("/sign-in/code", json!({ "card": card.to_string() })).await.status);
    }
    assert_eq!(statuses, [202, 202, 202, 202, 202, 429]);
    bank.stop().await;
}
