//! Showing that a contact point is the customer's: what was sent there is said back.

use jiff::Timestamp;

use super::command::ContactPointCode;
use super::error::CustomerRefusal;
use super::event::{
    ContactPointVerificationFailed, ContactPointVerificationRequested, ContactPointVerified,
    CustomerEvent,
};
use super::state::CustomerState;
use crate::one_time_code::{Checked, CodeProblem, LIFE};

/// A code was made for a contact point. Nothing to do where it is verified already.
pub(super) fn requested(
    state: &CustomerState,
    code: ContactPointCode,
    now: Timestamp,
) -> Result<Vec<CustomerEvent>, CustomerRefusal> {
    let number = code.contact_point;
    let (kind, _) = state.contact_point(number).ok_or(CustomerRefusal::ContactPointUnknown)?;
    if kind.takes_codes().is_none() {
        return Err(CustomerRefusal::ContactPointTakesNoCodes);
    }
    if let Some(known) = state.verifications.get(&number) {
        if known.verified_at.is_some() {
            return Ok(vec![]);
        }
        known.codes.may_issue(now).map_err(|problem| match problem {
            CodeProblem::Locked => CustomerRefusal::VerificationLocked,
            CodeProblem::TooSoon => CustomerRefusal::VerificationTooSoon,
        })?;
    }
    let event = ContactPointVerificationRequested {
        contact_point: number,
        code_hash: code.code_hash,
        expires_at: now.saturating_add(LIFE).unwrap_or(now),
    };
    Ok(vec![event.into()])
}

/// A code was said. A wrong one is an event, not a refusal: it must count after a crash and on other replicas.
pub(super) fn said(
    state: &CustomerState,
    code: &ContactPointCode,
    now: Timestamp,
) -> Result<Vec<CustomerEvent>, CustomerRefusal> {
    let contact_point = code.contact_point;
    state.contact_point(contact_point).ok_or(CustomerRefusal::ContactPointUnknown)?;
    let known =
        state.verifications.get(&contact_point).ok_or(CustomerRefusal::VerificationCodeWrong)?;
    match known.codes.check(&code.code_hash, now) {
        Checked::Right => Ok(vec![ContactPointVerified { contact_point }.into()]),
        Checked::Wrong { locked_until } => {
            Ok(vec![ContactPointVerificationFailed { contact_point, locked_until }.into()])
        }
        Checked::Void => Err(CustomerRefusal::VerificationCodeWrong),
    }
}

#[cfg(test)]
mod tests {
    use super::super::attribute::ContactPointKind::{Email, Phone, PostalAddress};
    use super::*;
    use crate::customer::state::{Erasure, Verification};
    use crate::one_time_code::{CodeHash, FAILURES_MAX};
    use crate::pii::Pii;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_774_080_000 + seconds).unwrap()
    }

    fn code(contact_point: u32, code: &str) -> ContactPointCode {
        ContactPointCode { contact_point, code_hash: CodeHash(code.to_owned()) }
    }

    fn customer() -> CustomerState {
        let point = |kind, value: &str| (kind, Pii::new(value.to_owned()));
        CustomerState {
            name: Some(Pii::new("x".to_owned())),
            contact_points: vec![
                point(PostalAddress, "Tehran"),
                point(Email, "a@example.org"),
                point(Phone, "+982112345678"),
                point(Phone, "+982112345679"),
            ],
            ..CustomerState::default()
        }
    }

    fn sent(number: u32) -> CustomerState {
        let mut state = customer();
        let mut verification = Verification::default();
        verification.codes.issued(CodeHash("a".to_owned()), at(300), at(0));
        state.verifications.insert(number, verification);
        state
    }

    #[test]
    fn a_code_is_sent_to_a_telephone_or_an_email_address_that_is_known() {
        use CustomerRefusal::{ContactPointTakesNoCodes, ContactPointUnknown};
        assert_eq!(requested(&customer(), code(1, "a"), at(0)), Err(ContactPointTakesNoCodes));
        for number in [0, 5, u32::MAX] {
            assert_eq!(requested(&customer(), code(number, "a"), at(0)), Err(ContactPointUnknown));
            assert_eq!(said(&customer(), &code(number, "a"), at(0)), Err(ContactPointUnknown));
        }
        let events = requested(&customer(), code(2, "a"), at(0)).unwrap();
        let [CustomerEvent::VerificationRequested(event)] = &events[..] else { panic!() };
        assert_eq!((event.contact_point, event.expires_at), (2, at(300)));
    }

    #[test]
    fn the_right_code_verifies_and_a_wrong_one_is_on_record() {
        let state = sent(3);
        let right = said(&state, &code(3, "a"), at(299)).unwrap();
        assert_eq!(right, [ContactPointVerified { contact_point: 3 }.into()]);
        let wrong = said(&state, &code(3, "b"), at(299)).unwrap();
        assert!(matches!(wrong[..], [CustomerEvent::VerificationFailed(_)]));
        let refused = Err(CustomerRefusal::VerificationCodeWrong);
        assert_eq!(said(&state, &code(3, "a"), at(300)), refused);
        // A code for one contact point verifies no other.
        assert_eq!(said(&state, &code(4, "a"), at(1)), refused);
    }

    #[test]
    fn codes_are_sent_slowly_and_not_at_all_after_too_many_wrong_ones() {
        let mut state = sent(3);
        let again = requested(&state, code(3, "c"), at(59));
        assert_eq!(again, Err(CustomerRefusal::VerificationTooSoon));
        let known = state.verifications.get_mut(&3).unwrap();
        (1..FAILURES_MAX).for_each(|_| known.codes.failed(None));
        let events = said(&state, &code(3, "b"), at(1)).unwrap();
        let [CustomerEvent::VerificationFailed(event)] = &events[..] else { panic!() };
        let until = event.locked_until.unwrap();
        state.verifications.get_mut(&3).unwrap().codes.failed(Some(until));
        let refused = requested(&state, code(3, "c"), at(60));
        assert_eq!(refused, Err(CustomerRefusal::VerificationLocked));
        assert_eq!(said(&state, &code(3, "a"), at(2)), Err(CustomerRefusal::VerificationCodeWrong));
    }

    #[test]
    fn who_signs_in_is_sent_the_code_to_the_telephone_that_was_verified_last() {
        let mut state = customer();
        assert_eq!(state.sign_in_contact_point(), None);
        let mut verify = |number, seconds| {
            let verified_at = Some(at(seconds));
            let verification = Verification { verified_at, ..Verification::default() };
            state.verifications.insert(number, verification);
            state.sign_in_contact_point()
        };
        assert_eq!(verify(2, 90), Some(2));
        assert_eq!(verify(4, 10), Some(4));
        assert_eq!(verify(3, 20), Some(3));
        state.erasure = Erasure::Ordered;
        assert_eq!(state.sign_in_contact_point(), None);
    }
}
