//! Liveness, readiness and metrics.

use std::sync::{Arc, Mutex};

use actix_web::{App, test};
use parvandeh::http::health::configure;
use parvandeh::http::metrics::Metrics;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

#[actix_web::test]
async fn what_is_not_ready_says_why_and_stays_alive() {
    let reasons = Arc::new(Mutex::new(Vec::<String>::new()));
    let mut registry = Registry::default();
    let appended = Counter::<u64>::default();
    registry.register("appended_events", "Events appended", appended.clone());
    appended.inc_by(3);
    let (asked, metrics) = (reasons.clone(), Arc::new(Metrics::from(registry)));
    let readiness = Arc::new(move || asked.lock().unwrap().clone());
    let app = App::new().configure(|app| configure(app, readiness, metrics));
    let app = test::init_service(app).await;
    let ask = async |path: &str| {
        let response = test::call_service(&app, test::TestRequest::get().uri(path).to_request());
        let response = response.await;
        let status = response.status().as_u16();
        (status, String::from_utf8(test::read_body(response).await.to_vec()).unwrap())
    };

    assert_eq!(ask("/health/ready").await.0, 200);
    reasons.lock().unwrap().push("the read models are behind".to_owned());
    let (status, body) = ask("/health/ready").await;
    assert_eq!(status, 503);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["reasons"], json!(["the read models are behind"]));
    assert_eq!(ask("/health/live").await.0, 200);
    let (status, metrics) = ask("/metrics").await;
    assert_eq!(status, 200);
    assert!(metrics.contains("appended_events_total 3"), "{metrics}");
}
