//! The table of attacks: whatever somebody tries who may not sign in, they are answered alike.

use std::time::Instant;

use parvandeh::principal::Role;
use parvandeh_domain::one_time_code::{FAILURES_MAX, LIFE, LOCK_FIRST};
use serde_json::json;
use uuid::Uuid;

use super::bank::{Answer, Bank, wrong};
use crate::authorisation::documents::{first_answer, global_id};
use crate::erasure::erase;
use crate::harness::Caller;

/// A card's number that was never issued, with the right prefix and check digit.
const NOBODYS: &str = "9364000000000001";

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_may_not_sign_in_is_refused_alike_whatever_they_tried() {
    let bank = Bank::start().await;
    let mut rows: Vec<(&str, Answer)> = Vec::new();

    let holder = bank.holder("+98 912 000 0001").await;
    rows.push(("a code, but none was asked for", bank.enter(&holder.number, "123456").await));
    let code = bank.code(&holder.number).await;
    rows.push(("guessing", bank.enter(&holder.number, &wrong(&code)).await));
    rows.push(("something that is no code", bank.enter(&holder.number, "' OR 1=1").await));
    rows.push(("no code at all", bank.enter(&holder.number, "").await));
    assert_eq!(bank.enter(&holder.number, &code).await.status, 200);
    rows.push(("a code that was used", bank.enter(&holder.number, &code).await));

    rows.push(("a number that is nobody's", bank.enter(NOBODYS, &code).await));
    rows.push(("a number of another issuer", bank.enter("4242424242424242", &code).await));
    rows.push(("a number with a wrong check digit", bank.enter("9364000000000008", &code).await));
    rows.push(("something that is no number", bank.enter("؟", &code).await));

    let holder = bank.holder("+98 912 000 0002").await;
    let code = bank.code(&holder.number).await;
    bank.advance(LIFE.as_secs());
    rows.push(("a code that has expired", bank.enter(&holder.number, &code).await));
    let second = bank.code(&holder.number).await;
    rows.push(("the code before the last", bank.enter(&holder.number, &code).await));
    assert_eq!(bank.enter(&holder.number, &second).await.status, 200);

    let (one, other) =
        (bank.holder("+98 912 000 0003").await, bank.holder("+98 912 000 0004").await);
    let code = bank.code(&one.number).await;
    bank.code(&other.number).await;
    rows.push(("the code of another card", bank.enter(&other.number, &code).await));

    let customer = bank.customer("+98 912 000 0005").await;
    let verification = bank.verify(&customer).await;
    let (card, number) = bank.issue(&customer).await;
    rows.push(("a card that is not active", bank.enter(&number, &verification).await));
    bank.command("activateCard", &card, json!({})).await;
    bank.code(&number).await;
    rows.push(("a code for a contact point", bank.enter(&number, &verification).await));

    for (index, (name, command, input)) in [
        ("a card that was blocked", "blockCard", json!({ "reason": "STOLEN" })),
        ("a card that was replaced", "replaceCard", json!({})),
        ("a card that has expired", "expireCard", json!({})),
    ]
    .into_iter()
    .enumerate()
    {
        let holder = bank.holder(&format!("+98 912 000 001{index}")).await;
        let code = bank.code(&holder.number).await;
        bank.command(command, &holder.card, input).await;
        rows.push((name, bank.enter(&holder.number, &code).await));
    }

    let holder = bank.holder("+98 912 000 0020").await;
    let code = bank.code(&holder.number).await;
    erase(&bank.system, &holder.customer).await;
    rows.push(("a card of somebody who was erased", bank.enter(&holder.number, &code).await));

    let holder = bank.holder("+98 912 000 0021").await;
    let code = bank.code(&holder.number).await;
    for _ in 0..FAILURES_MAX {
        rows.push(("guessing again", bank.enter(&holder.number, &wrong(&code)).await));
    }
    rows.push((
        "the right code after too many wrong ones",
        bank.enter(&holder.number, &code).await,
    ));

    let expected = &rows[0].1;
    assert_eq!(expected.status, 401, "{expected:?}");
    assert!(expected.body.contains("UNAUTHENTICATED"), "{expected:?}");
    for (name, answer) in &rows {
        assert_eq!(answer, expected, "{name}");
    }
    println!("{} attacks, one answer", rows.len());
    bank.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_a_code_is_answered_alike_and_only_a_holder_is_sent_one() {
    let bank = Bank::start().await;
    let holder = bank.holder("+98 912 000 0001").await;
    let unverified = bank.customer("+98 912 000 0002").await;
    let (card, unreachable) = bank.issue(&unverified).await;
    bank.command("activateCard", &card, json!({})).await;
    let blocked = bank.holder("+98 912 000 0003").await;
    bank.command("blockCard", &blocked.card, json!({ "reason": "LOST" })).await;
    let mut answers = Vec::new();
    for number in [&unreachable, &blocked.number, NOBODYS, "nonsense", "", &holder.number] {
        answers.push((number, bank.post("/sign-in/code", json!({ "card": number })).await));
    }
    for (number, answer) in &answers {
        assert_eq!(answer, &answers[0].1, "{number}");
        assert_eq!(answer.status, 202);
    }
    // One message, to the one who may have it.
    assert_eq!(bank.delivered().await.0, "+989120000001");
    assert_eq!(bank.delivery.try_next(), None);
    // Another one is not made at once, and nobody is told.
    let again = bank.post("/sign-in/code", json!({ "card": holder.number })).await;
    assert_eq!(again, answers[0].1);
    bank.advance(60);
    bank.code(&holder.number).await;
    assert_eq!(bank.delivery.try_next(), None);
    bank.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_outlives_the_process_and_ends_in_its_time() {
    let mut bank = Bank::start().await;
    let holder = bank.holder("+98 912 000 0001").await;
    let code = bank.code(&holder.number).await;
    for _ in 1..FAILURES_MAX {
        bank.enter(&holder.number, &wrong(&code)).await;
    }
    // What was counted before the restart counts after it.
    bank = bank.restart().await;
    bank.enter(&holder.number, &wrong(&code)).await;
    assert_eq!(bank.enter(&holder.number, &code).await.status, 401);
    bank = bank.restart().await;
    assert_eq!(bank.enter(&holder.number, &code).await.status, 401);
    bank.advance(LOCK_FIRST.as_secs() - 1);
    bank.post("/sign-in/code", json!({ "card": holder.number })).await;
    bank.advance(1);
    let code = bank.code(&holder.number).await;
    assert_eq!(bank.delivery.try_next(), None, "no code was sent while it was locked");
    assert_eq!(bank.enter(&holder.number, &code).await.status, 200);
    bank.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_guess_at_once_have_no_more_tries_than_one_who_guesses() {
    let bank = Bank::start().await;
    let holder = bank.holder("+98 912 000 0001").await;
    let code = bank.code(&holder.number).await;
    let guess = wrong(&code);
    let guesses = (0..10).map(|_| bank.enter(&holder.number, &guess));
    let statuses: Vec<u16> =
        futures_util::future::join_all(guesses).await.into_iter().map(|a| a.status).collect();
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
    let logged = bank.system.app.store.read_all(None, 10_000).await.unwrap();
    let failed = logged.iter().filter(|event| &*event.type_name == "SignInFailed").count();
    assert_eq!(failed, FAILURES_MAX as usize);
    bank.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_code_that_many_say_at_once_lets_one_in() {
    let bank = Bank::start().await;
    let holder = bank.holder("+98 912 000 0001").await;
    let code = bank.code(&holder.number).await;
    let entering = (0..9).map(|_| bank.enter(&holder.number, &code));
    let answers = futures_util::future::join_all(entering).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    bank.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_about_a_code_comes_before_its_time() {
    let bank = Bank::start_with(|sign_in| sign_in.answer_milliseconds = 300).await;
    let holder = bank.holder("+98 912 000 0001").await;
    let code = bank.code(&holder.number).await;
    for (number, code) in [(NOBODYS, "1"), (&holder.number, "1"), (&holder.number, &code)] {
        let asked_at = Instant::now();
        bank.enter(number, code).await;
        assert!(asked_at.elapsed().as_millis() >= 300, "{:?}", asked_at.elapsed());
    }
    bank.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_finds_nothing_of_another_holders_by_any_door() {
    let bank = Bank::start().await;
    let one = bank.holder("+98 912 000 0001").await;
    let other = bank.holder("+98 912 000 0002").await;
    let (own, theirs) =
        (bank.open_case(&one.customer).await, bank.open_case(&other.customer).await);
    let token = bank.sign_in(&one).await;
    let nobody = |of: &str| global_id(of, Uuid::from_u128(77));
    let by_id = |field: &str| format!("query($id: ID!) {{ {field}(id: $id) {{ id }} }}");
    let block = "mutation($id: ID!) { blockCard(input: { cardId: $id, reason: LOST }) { card { id } userErrors { code field message } } }";
    let verify = "mutation($id: ID!) { verifyContactPoint(input: { customerId: $id, contactPoint: 1, code: \"123456\" }) \
                  { userErrors { code field message } } }";
    let ask = "mutation($id: ID!) { requestContactPointVerification(input: { customerId: $id, contactPoint: 1 }) \
               { userErrors { code field message } } }";
    let write = "mutation($id: ID!) { recordInteraction(input: { caseId: $id, direction: INBOUND, channel: APP, body: \"x\" }) \
                 { userErrors { code field message } } }";
    let rows = [
        (by_id("case"), &theirs, nobody("Case")),
        (by_id("node"), &theirs, nobody("Case")),
        (by_id("node"), &other.customer, nobody("Customer")),
        (by_id("node"), &other.card, nobody("Card")),
        (by_id("customer"), &other.customer, nobody("Customer")),
        ("query($id: ID!) { nodes(ids: [$id]) { id } }".to_owned(), &theirs, nobody("Case")),
        (block.to_owned(), &other.card, nobody("Card")),
        (verify.to_owned(), &other.customer, nobody("Customer")),
        (ask.to_owned(), &other.customer, nobody("Customer")),
        (write.to_owned(), &theirs, nobody("Case")),
    ];
    for (query, theirs, nobodys) in &rows {
        let of_theirs = bank.ask(&token, query, json!({ "id": theirs })).await;
        let of_nobodys = bank.ask(&token, query, json!({ "id": nobodys })).await;
        // The position that an answer was given from moves on as others write; whose thing it was does not show in it.
        let told = |answer: &Answer| (answer.status, answer.body.clone());
        assert_eq!(told(&of_theirs), told(&of_nobodys), "{query}");
        assert!(!of_theirs.body.contains(theirs.as_str()), "{query}: {of_theirs:?}");
    }
    // By the cursor of a list that staff see whole.
    let all = "{ cases(first: 50) { edges { cursor } } }";
    let service = bank.system.caller(Role::Service);
    let cursors = service.ask(all, json!({})).await;
    for edge in cursors["cases"]["edges"].as_array().unwrap() {
        for page in ["after", "before"] {
            let query = format!(
                "query($at: String) {{ cases({page}: $at) {{ nodes {{ id }} }} viewer {{ cases({page}: $at) {{ nodes {{ id }} }} }} }}"
            );
            let answer = bank.send(&token, &query, json!({ "at": edge["cursor"] })).await;
            assert!(!answer.to_string().contains(&theirs), "{answer}");
        }
    }
    // By subscription.
    let follow = "subscription($id: ID!) { caseEvents(caseId: $id) { cursor } }";
    let caller = Caller::with(&bank.system, token.clone());
    let of_theirs = first_answer(&bank.system, &caller, follow, json!({ "id": theirs })).await;
    let of_nobodys =
        first_answer(&bank.system, &caller, follow, json!({ "id": nobody("Case") })).await;
    assert_eq!(of_theirs, of_nobodys);
    assert!(of_theirs["data"].get("caseEvents").is_none_or(|found| found.is_null()), "{of_theirs}");
    let of_own = first_answer(&bank.system, &caller, follow, json!({ "id": own })).await;
    assert!(of_own["data"]["caseEvents"]["cursor"].is_string(), "{of_own}");
    bank.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_refused_alike_in_the_language_that_they_read() {
    let bank = Bank::start().await;
    let holder = bank.holder("+98 912 000 0001").await;
    let code = bank.code(&holder.number).await;
    for (language, begins) in
        [("en", "The card or the code is not right"), ("fa", "کارت یا رمز درست نیست")]
    {
        let mut rows = Vec::new();
        for (number, code) in [(NOBODYS, &*code), (&*holder.number, &*wrong(&code)), ("؟", "")] {
            let request = bank.http.post(bank.system.url("/sign-in"));
            let request = request.header("accept-language", language);
            let request = request.header("content-type", "application/json");
            let body = json!({ "card": number, "code": code }).to_string();
            rows.push(Answer::of(request.body(body).send().await.unwrap()).await);
        }
        let error = rows[0].json()["errors"][0].take();
        assert_eq!(error["extensions"]["code"], "UNAUTHENTICATED", "{error}");
        assert!(error["message"].as_str().unwrap().starts_with(begins), "{error}");
        let has = |name: &str, value: &str| {
            rows[0].headers.iter().any(|(known, said)| known == name && said.contains(value))
        };
        assert!(has("content-language", language) && has("vary", "accept-language"), "{rows:?}");
        assert!(rows.iter().all(|answer| *answer == rows[0]), "{rows:?}");
    }
    bank.stop().await;
}
