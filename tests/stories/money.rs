//! What was done wrongly is made good into the customer's account; a fee is paid from it and given back; points come and go.

use parvandeh::principal::Role;
use serde_json::json;

use super::{Stage, assert_in_order, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_redress_a_fee_and_points_in_one_account() {
    let stage = Stage::set();
    let (agent, lead, till) =
        (stage.staff(Role::Agent), stage.staff(Role::Supervisor), stage.staff(Role::Service));
    let customer = stage.register("مهری").await;
    let own = stage.customer(&customer);
    let mut cases = Vec::new();
    for kind in ["COMPLAINT", "REQUEST"] {
        let open = json!({ "kind": kind, "subject": "قبض", "channel": "PHONE", "unit": "care", "customerId": customer });
        cases.push(agent.mutate("openCase", "case { id }", open).await["case"]["id"].take());
    }
    let (complaint, request) = (&cases[0], &cases[1]);
    let rials = |units: i64| json!({ "minorUnits": units, "currency": "IRR" });

    // Whoever proposes does not approve; what the customer accepts is paid by itself.
    let propose =
        json!({ "caseId": complaint, "value": { "money": rials(900_000) }, "ground": "FAULT" });
    let redress =
        lead.mutate("proposeRedress", "redress { id }", propose).await["redress"]["id"].take();
    let step = json!({ "redressId": redress });
    assert_eq!(lead.refusal("approveRedress", step.clone()).await, "REDRESS_OWN_PROPOSAL");
    let other = stage.staff_of(Role::Supervisor, "supervisor-2", "care");
    other.mutate("approveRedress", "redress { status }", step.clone()).await;
    own.mutate("acceptRedress", "redress { id }", step).await;
    let seen = "query($id: ID!) { case(id: $id) { redress { status } fees { status } } }";
    let of = |case| json!({ "id": case });
    until(&agent, seen, of(complaint), "/case/redress/0/status", json!("PAID")).await;

    let fee = json!({ "caseId": complaint, "money": rials(1), "tariff": "card-replacement" });
    assert_eq!(agent.refusal("assessFee", fee).await, "FEE_ON_COMPLAINT");
    let fee = json!({ "caseId": request, "money": rials(400_000), "tariff": "card-replacement" });
    let fee = agent.mutate("assessFee", "fee { id }", fee).await["fee"]["id"].take();
    let fee = json!({ "feeId": fee });
    for _ in 0..2 {
        let paid = own.mutate("payFee", "fee { status }", fee.clone()).await;
        assert_eq!(paid["fee"]["status"], "PAID");
    }
    let account = "{ viewer { customer { account { points credit { text } postings { nodes { kind } } } } } }";
    let held = "/viewer/customer/account/credit/0/text";
    until(&own, account, json!({}), held, json!("5000.00 IRR")).await;
    lead.mutate("refundFee", "fee { id }", fee).await;
    until(&own, account, json!({}), held, json!("9000.00 IRR")).await;

    let earn = json!({ "customerId": customer, "postingId": "receipt-118", "points": 500 });
    lead.mutate("earnPoints", "account { points }", earn).await;
    let redeem = |points: i64, id: &str| json!({ "customerId": customer, "postingId": id, "points": points, "centre": "کتاب‌فروشی مرکزی" });
    assert_eq!(till.refusal("redeemPoints", redeem(501, "till-1")).await, "POINTS_TOO_FEW");
    for _ in 0..2 {
        let left = till.mutate("redeemPoints", "account { points }", redeem(120, "till-2")).await;
        assert_eq!(left["account"]["points"], 380, "sent twice, done once");
    }
    let told = own.ask(account, json!({})).await;
    let postings = &told["viewer"]["customer"]["account"]["postings"]["nodes"];
    let kinds = ["POINTS_REDEEMED", "POINTS_EARNED", "REVERSAL", "CREDIT_SPENT", "CREDIT_GRANTED"];
    assert_eq!(*postings, json!(kinds.map(|kind| json!({ "kind": kind }))));

    let told = stage.tell_the_log(&["مهری", "قبض"]);
    let once =
        |name: &str| assert_eq!(told.iter().filter(|told| *told == name).count(), 1, "{name}");
    ["RedressPaid", "FeePaid", "CreditGranted", "CreditSpent", "PointsRedeemed"]
        .iter()
        .for_each(|name| once(name));
    assert_in_order(
        &told,
        &[
            "RedressProposed",
            "RedressApproved",
            "RedressAccepted",
            "CreditGranted",
            "FeeAssessed",
            "CreditSpent",
            "FeeRefunded",
            "PostingReversed",
            "PointsEarned",
            "PointsRedeemed",
        ],
    );
}
