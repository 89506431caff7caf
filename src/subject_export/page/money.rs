//! Points and money on the page: what was posted, paid, given and asked for.

use parvandeh_domain::payment::PaymentFailure;

use super::{Page, bidi, event, row};
use crate::subject_export::part::{FeePart, PaymentPart, PostingPart, RedressPart};

impl Page {
    pub(super) fn posting(&self, posting: &PostingPart) -> String {
        let amount = match &posting.money {
            Some(money) => bidi(&money.to_string()),
            None => format!("<bdi dir=\"ltr\">{}</bdi>", posting.points),
        };
        let mut what = self.word(posting.kind.as_str());
        if let Some(reversed) = &posting.reversed {
            what += &format!("<br><small>{}</small>", bidi(reversed));
        }
        row(&[
            self.moment(posting.occurred_at),
            format!("{what}<br><small>{}</small>", bidi(&posting.posting_id)),
            amount,
            posting.centre.as_deref().map(bidi).unwrap_or_default(),
            event(&posting.event_id.to_string()),
        ])
    }

    pub(super) fn redress(&self, redress: &RedressPart) -> String {
        let amount = match (&redress.money, redress.points) {
            (Some(money), _) => bidi(&money.to_string()),
            (None, points) => {
                format!("{} {}", points.unwrap_or(0), self.label("امتیاز", "points"))
            }
        };
        let status = self.word(redress.status.as_str());
        let ground = self.word(redress.ground.as_str());
        format!("<li>{amount} · {ground} · {status} · {}</li>\n", self.moment(redress.proposed_at))
    }

    pub(super) fn fee(&self, fee: &FeePart) -> String {
        let (money, tariff) = (bidi(&fee.money.to_string()), bidi(&fee.tariff));
        let status = self.word(fee.status.as_str());
        format!("<li>{money} · {tariff} · {status} · {}</li>\n", self.moment(fee.assessed_at))
    }

    pub(super) fn payment(&self, payment: &PaymentPart) -> String {
        let purpose = match &payment.fee_id {
            Some(id) => format!("{}<br>{}", self.label("هزینه", "fee"), event(&id.to_string())),
            None => self.label("اعتبار", "credit"),
        };
        let mut what = self.word(payment.status.as_str());
        if let Some(failure) = payment.failure {
            what += &format!("<br>{}", self.failure(failure));
        }
        for at in [payment.confirmed_at, payment.refunded_at].into_iter().flatten() {
            what += &format!("<br>{}", self.moment(at));
        }
        let mut provider = bidi(&payment.provider);
        if let Some(reference) = &payment.provider_reference {
            provider += &format!("<br><small>{}</small>", bidi(reference));
        }
        row(&[
            self.moment(payment.requested_at),
            purpose,
            bidi(&payment.money.to_string()),
            what,
            provider,
        ])
    }

    /// These words are not among those of published lists, because people call units and topics so too.
    fn failure(&self, failure: PaymentFailure) -> String {
        match failure {
            PaymentFailure::Declined => self.label("بانک نپذیرفت", "declined"),
            PaymentFailure::Abandoned => self.label("مشتری کنار گذاشت", "abandoned"),
            PaymentFailure::Technical => self.label("خطای فنی", "technical"),
        }
    }
}
