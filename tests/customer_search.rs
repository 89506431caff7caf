//! Customers are found by what is sealed, and no longer once it is erased.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use crate::erasure::erase;
use crate::harness::System;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_is_found_by_their_whole_name_or_number_until_they_are_erased() {
    let system = System::start().await;
    let worker = system.caller(Role::Service);
    let register = json!({ "kind": "INDIVIDUAL", "name": "مهری Sample", "language": "PERSIAN" });
    let done = worker.mutate("registerCustomer", "customer { id }", register).await;
    let customer = done["customer"]["id"].as_str().unwrap().to_owned();
    let phone = json!({ "customerId": customer, "kind": "PHONE", "value": "+۹۸ ۲۱ ۱۲۳۴ ۵۶۷۸" });
    worker.mutate("addContactPoint", "", phone).await;
    let email = json!({ "customerId": customer, "kind": "EMAIL", "value": "Mehri@Example.com" });
    worker.mutate("addContactPoint", "", email).await;

    let found = async |filter: Value| {
        let query = "query($filter: CustomerFilterInput) { customers(filter: $filter) { totalCount nodes { id } } }";
        let answer = worker.ask(query, json!({ "filter": filter })).await;
        answer["customers"]["totalCount"].as_i64().unwrap()
    };
    let finding = [
        json!({ "name": "  مهری   SAMPLE" }),
        json!({ "contactPoint": "+98 (21) 1234-5678" }),
        json!({ "name": "مهري\u{200c}Sample" }),
        json!({ "contactPoint": "021-12345678" }),
        json!({ "contactPoint": "٠٠٩٨ ٢١ ١٢٣٤ ٥٦٧٨" }),
        json!({ "contactPoint": "mehri@example.com" }),
        json!({ "name": "مهری sample", "contactPoint": "mehri@example.com" }),
    ];
    let missing = [
        json!({ "name": "مهری" }),
        json!({ "contactPoint": "1234 5678" }),
        json!({ "name": "مهری sample", "contactPoint": "other@example.com" }),
        // A name is no contact point.
        json!({ "contactPoint": "مهری sample" }),
    ];
    for rebuilt in [false, true] {
        if rebuilt {
            system.app.read_models.rebuild(|_| {}).await.unwrap();
        }
        for filter in &finding {
            assert_eq!(found(filter.clone()).await, 1, "{filter}, rebuilt: {rebuilt}");
        }
        for filter in &missing {
            assert_eq!(found(filter.clone()).await, 0, "{filter}, rebuilt: {rebuilt}");
        }
    }
    let rename = json!({ "customerId": customer, "name": "مهری دیگر" });
    worker.mutate("changeCustomerDetails", "", rename).await;
    assert_eq!(found(finding[0].clone()).await, 0, "by the name before");
    assert_eq!(found(json!({ "name": "مهری دیگر" })).await, 1);

    erase(&system, &customer).await;
    for filter in finding.iter().chain([&json!({ "name": "مهری دیگر" })]) {
        assert_eq!(found(filter.clone()).await, 0, "{filter}");
    }
    system.stop().await;
}
