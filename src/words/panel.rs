//! The sentences of a customer's own page: what they are told of, and the steps of a case.

use jiff::civil::Date;
use parvandeh_domain::customer::NotificationKind;
use parvandeh_domain::redress::RedressValue;

use super::bidi::{in_its_own_direction, left_to_right};
use super::{Language, date, money};

/// What the sentence of a notification names.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Of what it tells.
    pub kind: NotificationKind,
    /// The case's reference.
    pub reference: &'a str,
    /// The stage that the case entered, in the organisation's words.
    pub stage: Option<&'a str>,
    /// The day until which something was promised.
    pub promised_until: Option<Date>,
    /// What is offered, paid or asked for.
    pub value: Option<RedressValue>,
}

/// The sentence of a notification.
pub fn notification(told: Told<'_>, language: Language) -> String {
    let case = left_to_right(told.reference);
    let stage = in_its_own_direction(told.stage.unwrap_or_default());
    let day = told.promised_until.map(|day| date::text(day, language)).unwrap_or_default();
    let value = told.value.map(|value| amount(value, language)).unwrap_or_default();
    match language {
        Language::English => english(told.kind, &case, &stage, &day, &value),
        Language::Persian => persian(told.kind, &case, &stage, &day, &value),
    }
}

fn english(kind: NotificationKind, case: &str, stage: &str, day: &str, value: &str) -> String {
    match kind {
        NotificationKind::Answered => format!("You were answered in case {case}."),
        NotificationKind::Acknowledged => {
            format!("The receipt of your case {case} was acknowledged.")
        }
        NotificationKind::Decided => format!("Your case {case} was decided."),
        NotificationKind::StageEntered => {
            format!("Your case {case} has entered the stage {stage}.")
        }
        NotificationKind::Resolved => format!("Your case {case} was resolved."),
        NotificationKind::Closed => format!("Your case {case} was closed."),
        NotificationKind::Merged => {
            format!("Your case {case} goes on together with another of your cases.")
        }
        NotificationKind::AlternativesOffered => {
            format!("You were told what else you can do in the matter of case {case}.")
        }
        NotificationKind::PromiseMade => {
            format!("Something was promised to you in case {case}, by {day}.")
        }
        NotificationKind::PromiseMissed => {
            format!("What was promised to you in case {case} by {day} was not done in time.")
        }
        NotificationKind::RedressOffered => format!("You are offered {value} for case {case}."),
        NotificationKind::RedressPaid => {
            format!("{value} was paid into your account for case {case}.")
        }
        NotificationKind::FeeAssessed => format!("You are asked to pay {value} for case {case}."),
        NotificationKind::AttachmentSent => format!("A file was sent to you with case {case}."),
        NotificationKind::SurveyAsked => {
            format!("You are asked how content you are with the handling of case {case}.")
        }
    }
}

fn persian(kind: NotificationKind, case: &str, stage: &str, day: &str, value: &str) -> String {
    match kind {
        NotificationKind::Answered => format!("در پروندهٔ {case} به شما پاسخ داده شد."),
        NotificationKind::Acknowledged => format!("دریافت پروندهٔ {case} به شما اعلام شد."),
        NotificationKind::Decided => format!("دربارهٔ پروندهٔ {case} تصمیم گرفته شد."),
        NotificationKind::StageEntered => format!("پروندهٔ {case} به مرحلهٔ {stage} رسید."),
        NotificationKind::Resolved => format!("رسیدگی به پروندهٔ {case} به نتیجه رسید."),
        NotificationKind::Closed => format!("پروندهٔ {case} بسته شد."),
        NotificationKind::Merged => {
            format!("رسیدگی به پروندهٔ {case} با پروندهٔ دیگری از شما یکی شد و در آن ادامه دارد.")
        }
        NotificationKind::AlternativesOffered => {
            format!("در موضوع پروندهٔ {case} راه‌های دیگری که دارید به شما گفته شد.")
        }
        NotificationKind::PromiseMade => {
            format!("در پروندهٔ {case} تا {day} چیزی به شما وعده داده شد.")
        }
        NotificationKind::PromiseMissed => {
            format!("آنچه در پروندهٔ {case} تا {day} به شما وعده داده شده بود به‌هنگام انجام نشد.")
        }
        NotificationKind::RedressOffered => {
            format!("برای پروندهٔ {case} جبرانی به ارزش {value} به شما پیشنهاد شد.")
        }
        NotificationKind::RedressPaid => {
            format!("برای پروندهٔ {case} جبرانی به ارزش {value} به حساب شما واریز شد.")
        }
        NotificationKind::FeeAssessed => {
            format!("برای پروندهٔ {case} پرداخت {value} از شما خواسته شد.")
        }
        NotificationKind::AttachmentSent => format!("با پروندهٔ {case} فایلی برای شما فرستاده شد."),
        NotificationKind::SurveyAsked => {
            format!("از شما پرسیده شد که از رسیدگی به پروندهٔ {case} چه اندازه خشنودید.")
        }
    }
}

fn amount(value: RedressValue, language: Language) -> String {
    match (value, language) {
        (RedressValue::Money(money), _) => money::text(money, language),
        (RedressValue::Points(points), Language::English) => format!("{points} points"),
        (RedressValue::Points(points), Language::Persian) => {
            format!("{} امتیاز", date::with_persian_digits(&points.to_string()))
        }
    }
}

/// A step of a case as its customer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepName {
    /// It was received.
    Received,
    /// The customer was told so.
    Acknowledged,
    /// It was weighed.
    Assessed,
    /// It was decided.
    Decided,
    /// It was answered.
    Answered,
    /// It was finished.
    Closed,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// It is done.
    Done,
    /// It is being done, or comes next.
    Current,
    /// It comes later.
    Ahead,
}

/// The sentence of a step: when it was done, or until when it is promised.
pub fn step(name: StepName, state: StepState, day: Option<Date>, language: Language) -> String {
    let day = day.map(|day| date::text(day, language));
    match language {
        Language::English => {
            let name = match name {
                StepName::Received => "receipt",
                StepName::Acknowledged => "acknowledgement",
                StepName::Assessed => "assessment",
                StepName::Decided => "decision",
                StepName::Answered => "answer",
                StepName::Closed => "closing",
            };
            match (state, day) {
                (StepState::Done, Some(day)) => format!("Done on {day}: {name}."),
                (StepState::Done, None) => format!("Done: {name}."),
                (StepState::Current, Some(day)) => format!("Next, by {day}: {name}."),
                (StepState::Current, None) => format!("Next: {name}."),
                (StepState::Ahead, Some(day)) => format!("Later, by {day}: {name}."),
                (StepState::Ahead, None) => format!("Later: {name}."),
            }
        }
        Language::Persian => {
            let name = match name {
                StepName::Received => "دریافت",
                StepName::Acknowledged => "اعلام دریافت",
                StepName::Assessed => "ارزیابی",
                StepName::Decided => "تصمیم",
                StepName::Answered => "پاسخ",
                StepName::Closed => "بستن پرونده",
            };
            match (state, day) {
                (StepState::Done, Some(day)) => format!("انجام شد در {day}: {name}."),
                (StepState::Done, None) => format!("انجام شد: {name}."),
                (StepState::Current, Some(day)) => format!("گام کنونی، تا {day}: {name}."),
                (StepState::Current, None) => format!("گام کنونی: {name}."),
                (StepState::Ahead, Some(day)) => format!("در پیش، تا {day}: {name}."),
                (StepState::Ahead, None) => format!("در پیش: {name}."),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use parvandeh_domain::money::{Currency, Money, Points};

    use super::*;

    fn told(kind: NotificationKind, value: RedressValue) -> Told<'static> {
        Told {
            kind,
            reference: "7QF3M-2PK9A",
            stage: Some("Visit\u{2069} \u{202e}planned"),
            promised_until: Some("2026-11-22".parse().unwrap()),
            value: Some(value),
        }
    }

    #[test]
    fn latin_letters_in_a_persian_sentence_stand_in_isolates_that_are_balanced() {
        let money = Money { minor_units: 1_250, currency: Currency::new("EUR").unwrap() };
        for value in [RedressValue::Money(money), RedressValue::Points(Points(40))] {
            for kind in NotificationKind::ALL {
                let sentence = notification(told(*kind, value), Language::Persian);
                let mut depth = 0;
                for sign in sentence.chars() {
                    match sign {
                        '\u{2066}' | '\u{2068}' => depth += 1,
                        '\u{2069}' => depth -= 1,
                        _ => {}
                    }
                    assert!((0..=1).contains(&depth), "{kind}: {sentence:?}");
                    let is_latin = sign.is_ascii_alphanumeric();
                    assert!(!is_latin || depth == 1, "{kind}: {sign:?} in {sentence:?}");
                    assert!(!('\u{202a}'..='\u{202e}').contains(&sign), "{kind}: {sentence:?}");
                }
                assert_eq!(depth, 0, "{kind}: {sentence:?}");
                assert!(sentence.ends_with('.') && !sentence.contains(['ي', 'ك']), "{sentence}");
            }
        }
    }

    #[test]
    fn a_sentence_names_what_it_tells_of_in_both_languages() {
        let money = RedressValue::Money(Money {
            minor_units: 1_250,
            currency: Currency::new("EUR").unwrap(),
        });
        let missed = told(NotificationKind::PromiseMissed, money);
        assert_eq!(
            notification(missed, Language::English),
            "What was promised to you in case \u{2066}7QF3M-2PK9A\u{2069} by 22 November 2026 was not done in time."
        );
        assert!(notification(missed, Language::Persian).contains("تا ۱ آذر ۱۴۰۵ به شما"));
        let offered = told(NotificationKind::RedressOffered, RedressValue::Points(Points(40)));
        assert!(notification(offered, Language::Persian).contains("۴۰ امتیاز"));
        let day = Some("2026-11-22".parse().unwrap());
        assert_eq!(
            step(StepName::Answered, StepState::Current, day, Language::English),
            "Next, by 22 November 2026: answer."
        );
        assert_eq!(
            step(StepName::Answered, StepState::Ahead, None, Language::Persian),
            "در پیش: پاسخ."
        );
    }
}
