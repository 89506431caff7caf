//! Certificates of clocks, sealed with a digest, and checked by their own sums and against the log.
//!
//! What a certificate is, and how it is issued and counted again, is pure and stands in [`parvandeh_domain::sla::certificate`].

mod page;

use jiff::Timestamp;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::sla::ClockKey;
use parvandeh_domain::sla::certificate::{
    Certificate, CertificateRefusal, Discrepancy, Evidence, issue,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::replay::ClocksFold;

pub use page::{page, text};

/// The sealed certificate of a clock, as it was known at a moment: `fold` and `events` hold what had been recorded by then. `events` are
/// those that the fold took in.
pub fn certify(
    fold: &ClocksFold,
    events: &[Recorded<DomainEvent>],
    key: &ClockKey,
    as_of: Timestamp,
) -> Result<Certificate, CertificateRefusal> {
    let Some(ground) = &fold.ground else {
        return Err(CertificateRefusal::NoSuchClock { key: key.clone(), known: String::new() });
    };
    let evidence = Evidence { case_id: fold.case_id(), history: &ground.history, events };
    let mut certificate = issue(evidence, &fold.reference, &fold.reference, key, as_of)?;
    certificate.digest = digest(&certificate);
    Ok(certificate)
}

/// Whether a certificate agrees with itself: its digest, its parts and its sums. It asks nothing else.
pub fn check_alone(certificate: &Certificate) -> Result<(), Discrepancy> {
    certificate.check()?;
    let is = digest(certificate);
    if certificate.digest == is {
        return Ok(());
    }
    let message = format!("the certificate says {}, it is {is}", certificate.digest);
    Err(Discrepancy { field: "digest".to_owned(), message })
}

/// The SHA-256 of a certificate without its digest, in hexadecimal digits.
pub fn digest(certificate: &Certificate) -> String {
    let mut fields = serde_json::to_value(certificate).expect("it has plain values only");
    if let Some(fields) = fields.as_object_mut() {
        fields.remove("digest");
    }
    let mut canonical = String::new();
    write_canonical(&fields, &mut canonical);
    Sha256::digest(canonical).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// JSON in the one form that everybody can produce: keys sorted by their code points, no white space. Certificates have integers only,
/// so that numbers have one form too.
fn write_canonical(value: &Value, into: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            into.push('{');
            for (place, (name, value)) in fields.into_iter().enumerate() {
                if place > 0 {
                    into.push(',');
                }
                *into += &Value::from(name.as_str()).to_string();
                into.push(':');
                write_canonical(value, into);
            }
            into.push('}');
        }
        Value::Array(values) => {
            into.push('[');
            for (place, value) in values.iter().enumerate() {
                if place > 0 {
                    into.push(',');
                }
                write_canonical(value, into);
            }
            into.push(']');
        }
        plain => *into += &plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn canonical_json_has_sorted_keys_and_no_white_space() {
        let mut text = String::new();
        write_canonical(&json!({ "b": [1, { "ی": null, "a": "x y\n" }], "a": true }), &mut text);
        assert_eq!(text, "{\"a\":true,\"b\":[1,{\"a\":\"x y\\n\",\"ی\":null}]}");
    }
}
