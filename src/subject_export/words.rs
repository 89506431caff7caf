//! The values of published lists as people read them, in Persian and English.

/// What a stored name is called in Persian, where it has a word of its own.
pub fn persian(stored: &str) -> Option<&'static str> {
    WORDS.iter().find(|(name, _)| *name == stored).map(|(_, persian)| *persian)
}

/// A stored name as English words: `in_person` and `CaseOpened` are "in person" and "case opened".
pub fn english(stored: &str) -> String {
    match stored {
        "fa" => return "Persian".to_owned(),
        "en" => return "English".to_owned(),
        _ => {}
    }
    let mut words = String::with_capacity(stored.len() + 4);
    for (index, sign) in stored.char_indices() {
        match sign {
            '_' => words.push(' '),
            sign if sign.is_ascii_uppercase() => {
                if index > 0 {
                    words.push(' ');
                }
                words.push(sign.to_ascii_lowercase());
            }
            sign => words.push(sign),
        }
    }
    words
}

const WORDS: &[(&str, &str)] = &[
    // Customers
    ("individual", "شخص"),
    ("organisation", "سازمان"),
    ("employee", "کارمند"),
    ("media", "رسانه"),
    ("partner", "همکار"),
    ("prospect", "مشتری آینده"),
    ("postal_address", "نشانی پستی"),
    ("fa", "فارسی"),
    ("en", "انگلیسی"),
    ("subject_request", "درخواست خود شخص"),
    ("retention_ended", "پایان مدت نگه‌داری"),
    ("unlawful", "نگه‌داری بی‌مجوز"),
    ("marketing", "بازاریابی"),
    ("survey", "نظرسنجی"),
    ("newsletter", "خبرنامه"),
    ("research", "پژوهش"),
    // Cases
    ("complaint", "شکایت"),
    ("request", "درخواست"),
    ("question", "پرسش"),
    ("suggestion", "پیشنهاد"),
    ("criticism", "انتقاد"),
    ("praise", "قدردانی"),
    ("media_inquiry", "پرسش رسانه"),
    ("incident", "رخداد"),
    ("low", "کم"),
    ("normal", "عادی"),
    ("high", "زیاد"),
    ("urgent", "فوری"),
    ("minor", "جزئی"),
    ("moderate", "متوسط"),
    ("major", "عمده"),
    ("critical", "بحرانی"),
    ("open", "باز"),
    ("pending", "در انتظار"),
    ("on_hold", "متوقف"),
    ("resolved", "حل شده"),
    ("closed", "بسته"),
    ("merged", "ادغام شده"),
    ("awaiting_customer", "در انتظار مشتری"),
    ("awaiting_third_party", "در انتظار دیگران"),
    ("other", "دیگر"),
    ("upheld", "وارد"),
    ("partly_upheld", "تا اندازه‌ای وارد"),
    ("not_upheld", "ناوارد"),
    ("answered", "پاسخ داده شد"),
    ("fulfilled", "انجام شد"),
    ("declined", "پذیرفته نشد"),
    ("withdrawn", "پس گرفته شد"),
    ("duplicate", "تکراری"),
    ("unknown", "نامعلوم"),
    // Channels and directions
    ("portal", "درگاه مشتریان"),
    ("email", "رایانامه"),
    ("website", "وب‌گاه"),
    ("app", "برنامک"),
    ("sms", "پیامک"),
    ("phone", "تلفن"),
    ("fax", "دورنگار"),
    ("letter", "نامه"),
    ("in_person", "حضوری"),
    ("social_network", "شبکهٔ اجتماعی"),
    ("inbound", "از مشتری"),
    ("outbound", "به مشتری"),
    ("internal", "درون سازمان"),
    // Fields
    ("kind", "نوع"),
    ("category", "موضوع"),
    ("priority", "اولویت"),
    ("severity", "شدت"),
    ("unit", "واحد"),
    ("assignee", "مسئول"),
    ("stage", "مرحله"),
    ("outcome", "نتیجه"),
    ("due_at", "سررسید"),
    ("answer_due_at", "سررسید پاسخ"),
    ("hold_reason", "دلیل توقف"),
    ("merged_into", "ادغام در"),
    ("split_from", "جدا شده از"),
    ("activity", "کار"),
    ("resource", "انجام‌دهنده"),
    ("group", "گروه"),
    ("transition", "گذار"),
    ("safety", "ایمنی"),
    ("complexity", "پیچیدگی"),
    ("impact", "گستره"),
    ("evidence", "مدرک"),
    ("level", "مرتبه"),
    ("appeal_until", "مهلت تجدید نظر"),
    ("appeal_to", "مرجع تجدید نظر"),
    ("cause", "علت"),
    ("corrective_action", "اقدام اصلاحی"),
    ("from_unit", "از واحد"),
    ("escalated_to", "گزارش به"),
    ("follow_up", "پیگیری"),
    ("attachment", "پیوست"),
    ("media_type", "نوع فایل"),
    ("size_bytes", "اندازه به بایت"),
    ("true", "بله"),
    ("false", "خیر"),
    ("simple", "ساده"),
    ("involved", "چندجانبه"),
    ("complex", "پیچیده"),
    ("single", "یک مشتری"),
    ("several", "چند مشتری"),
    ("widespread", "فراگیر"),
    // Events
    ("CaseOpened", "پرونده باز شد"),
    ("CaseClassified", "پرونده رده‌بندی شد"),
    ("CaseReferred", "پرونده ارجاع شد"),
    ("CaseAssigned", "پرونده سپرده شد"),
    ("CaseStageEntered", "به مرحله‌ای رسید"),
    ("InteractionRecorded", "پیام"),
    ("CaseNoteAdded", "یادداشت"),
    ("CaseHeld", "پرونده متوقف شد"),
    ("CaseResumed", "رسیدگی ادامه یافت"),
    ("CaseDueDateSet", "سررسید تعیین شد"),
    ("CaseResolved", "پرونده حل شد"),
    ("CaseReopened", "پرونده دوباره باز شد"),
    ("CaseClosed", "پرونده بسته شد"),
    ("CaseMerged", "پرونده ادغام شد"),
    ("CaseUnmerged", "ادغام برگشت"),
    ("CaseActivityRecorded", "کاری ثبت شد"),
    ("CaseRaisedByStaff", "از سوی کارکنان"),
    ("CaseAuthorTold", "سرانجام به نویسنده گفته شد"),
    ("raised_by", "از سوی"),
    ("became", "سرانجام"),
    ("under_consideration", "در دست بررسی"),
    ("planned", "در برنامه"),
    ("adopted", "پذیرفته و انجام شد"),
    ("partly_adopted", "بخشی انجام شد"),
    ("not_adopted", "پذیرفته نشد"),
    ("passed_on", "به گوش اهلش رسید"),
    ("CaseAcknowledged", "دریافت شکایت اعلام شد"),
    ("CaseAssessed", "شکایت ارزیابی شد"),
    ("FindingRecorded", "یافته ثبت شد"),
    ("CaseDecided", "تصمیم گرفته شد"),
    ("CaseAppealed", "درخواست تجدید نظر"),
    ("DecisionAccepted", "تصمیم پذیرفته شد"),
    ("AlternativesOffered", "راه‌های دیگر پیشنهاد شد"),
    ("RootCauseRecorded", "علت ریشه‌ای ثبت شد"),
    ("CorrectiveActionLinked", "اقدام اصلاحی پیوند شد"),
    ("ReferralAccepted", "ارجاع پذیرفته شد"),
    ("ReferralReturned", "ارجاع برگشت داده شد"),
    ("ReferralEscalated", "ارجاع به مسئول واحد گزارش شد"),
    ("FollowUpPromised", "قول پیگیری داده شد"),
    ("FollowUpKept", "به قول پیگیری عمل شد"),
    ("FollowUpMissed", "مهلت قول پیگیری گذشت"),
    ("AttachmentAdded", "پیوست افزوده شد"),
    ("FollowUpReminded", "قول پیگیری یادآوری شد"),
    ("SurveyAsked", "از رضایت مشتری پرسیده شد"),
    ("SurveyAnswered", "مشتری میزان رضایت خود را گفت"),
    ("score", "امتیاز"),
    ("SlaExtended", "مهلت بیشتر شد"),
    ("SlaWaived", "از تأخیر چشم‌پوشی شد"),
    // Promises
    ("first_response", "نخستین پاسخ"),
    ("next_response", "پاسخ بعدی"),
    ("periodic_update", "خبر دوره‌ای"),
    ("requester_wait", "انتظار مشتری"),
    ("responder_work", "کار کارکنان"),
    ("ownership", "نزد واحد"),
    ("resolution", "حل"),
    ("due_date", "تاریخ قول داده شده"),
    ("custom", "سفارشی"),
    ("scheduled", "برنامه‌ریزی شده"),
    ("running", "در جریان"),
    ("paused", "متوقف"),
    ("met", "به موقع"),
    ("breached", "با تأخیر"),
    ("waived", "چشم‌پوشی شده"),
    ("cancelled", "لغو شده"),
    ("measured", "سنجیده"),
    // People
    ("customer", "مشتری"),
    ("staff", "کارکنان"),
    ("service", "برنامه"),
    ("system", "سامانه"),
    ("agent", "کارشناس"),
    ("supervisor", "سرپرست"),
    ("auditor", "حسابرس"),
    ("monitor", "پایشگر"),
    ("admin", "مدیر سامانه"),
    ("privacy_officer", "مسئول داده‌های شخصی"),
    // Reading
    ("personal_data", "داده‌های شخصی"),
    ("access_log", "فهرست خوانندگان"),
    ("case handling", "رسیدگی به پرونده"),
    ("audit", "حسابرسی"),
    ("privacy", "داده‌های شخصی"),
    ("own data", "داده‌های خود"),
    // Money
    ("points_earned", "امتیاز داده شد"),
    ("points_redeemed", "امتیاز خرج شد"),
    ("points_expired", "زمان امتیاز گذشت"),
    ("credit_granted", "اعتبار داده شد"),
    ("credit_spent", "اعتبار خرج شد"),
    ("reversal", "برگشت داده شد"),
    ("delay", "دیرکرد"),
    ("fault", "کوتاهی"),
    ("loss", "زیان"),
    ("inconvenience", "زحمت"),
    ("goodwill", "دلجویی"),
    ("proposed", "پیشنهاد شده"),
    ("approved", "تأیید شده"),
    ("rejected", "تأیید نشده"),
    ("accepted", "پذیرفته شده"),
    ("paid", "پرداخت شده"),
    ("assessed", "تعیین شده"),
    ("refunded", "پس داده شده"),
    ("redress", "جبران"),
    ("fee", "هزینه"),
    ("payment", "پرداخت"),
    ("money", "مبلغ"),
    ("points", "امتیاز"),
    ("tariff", "تعرفه"),
    ("ground", "دلیل"),
    ("failure", "دلیل ناکامی"),
    ("error", "اشتباه"),
    ("hardship", "ناتوانی مالی"),
    ("abandoned", "رها شد"),
    ("technical", "فنی"),
    ("RedressProposed", "جبران پیشنهاد شد"),
    ("RedressApproved", "جبران تأیید شد"),
    ("RedressRejected", "جبران تأیید نشد"),
    ("RedressAccepted", "جبران پذیرفته شد"),
    ("RedressDeclined", "جبران پذیرفته نشد"),
    ("RedressPaid", "جبران پرداخت شد"),
    ("FeeAssessed", "هزینه‌ای تعیین شد"),
    ("FeeWaived", "از هزینه چشم‌پوشی شد"),
    ("FeePaid", "هزینه پرداخت شد"),
    ("FeeRefunded", "هزینه پس داده شد"),
    ("PaymentRequested", "پرداخت درخواست شد"),
    ("PaymentConfirmed", "پول رسید"),
    ("PaymentFailed", "پولی نرسید"),
    ("PaymentExpired", "مهلت پرداخت گذشت"),
    ("PaymentRefundRequested", "بازگرداندن پول درخواست شد"),
    ("PaymentRefundDeclined", "پول بازگردانده نشد"),
    ("PaymentRefunded", "پول بازگردانده شد"),
    ("requested", "در انتظار پرداخت"),
    ("confirmed", "پول رسید"),
    ("failed", "انجام نشد"),
    ("refund_requested", "در حال پس دادن"),
    // What customers are told of
    ("acknowledged", "دریافت شکایت"),
    ("decided", "تصمیم"),
    ("stage_entered", "مرحلهٔ تازه"),
    ("alternatives_offered", "راه‌های دیگر"),
    ("promise_made", "قول تازه"),
    ("promise_missed", "قولی که گذشت"),
    ("redress_offered", "پیشنهاد جبران"),
    ("redress_paid", "پرداخت جبران"),
    ("fee_assessed", "تعیین هزینه"),
    ("attachment_sent", "فایل تازه"),
    ("survey_asked", "پرسش از رضایت"),
    // Cards
    ("issued", "صادر شده"),
    ("active", "فعال"),
    ("blocked", "مسدود"),
    ("replaced", "جایگزین شده"),
    ("expired", "پایان یافته"),
];

#[cfg(test)]
mod tests {
    use parvandeh_domain::account::PostingKind;
    use parvandeh_domain::card::CardStatus;
    use parvandeh_domain::case::{
        Became, CaseEvent, CaseKind, Channel, Direction, HoldReason, Outcome, Priority, Severity,
        Status,
    };
    use parvandeh_domain::customer::{
        ConsentPurpose, ContactPointKind, CustomerKind, ErasureGround, Language, NotificationKind,
    };
    use parvandeh_domain::event::StoredEvent as _;
    use parvandeh_domain::fee::event::WaiverGround;
    use parvandeh_domain::fee::{FeeEvent, FeeStatus};
    use parvandeh_domain::payment::{PaymentEvent, PaymentFailure, PaymentStatus};
    use parvandeh_domain::redress::{RedressEvent, RedressGround, RedressStatus};
    use parvandeh_domain::sla::{ClockState, Metric};

    use super::*;
    use crate::principal::Role;

    #[test]
    fn every_value_that_a_page_can_show_has_a_persian_word() {
        let mut all: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        macro_rules! add {
            ($($list:ty),+) => { $( all.extend(<$list>::ALL.iter().map(|value| value.as_str())); )+ };
        }
        add!(CaseKind, Channel, Direction, HoldReason, Outcome, Priority, Severity, Status);
        add!(Became);
        add!(ConsentPurpose, ContactPointKind, CustomerKind, ErasureGround, Language);
        add!(ClockState, Metric, CardStatus);
        add!(PostingKind, RedressGround, RedressStatus, FeeStatus);
        add!(WaiverGround, PaymentFailure, PaymentStatus, NotificationKind);
        for events in [CaseEvent::TYPES, RedressEvent::TYPES, FeeEvent::TYPES, PaymentEvent::TYPES]
        {
            all.extend(events.iter().map(|event_type| event_type.name));
        }
        let missing: Vec<_> = all.into_iter().filter(|name| persian(name).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn stored_names_are_english_words() {
        assert_eq!(english("in_person"), "in person");
        assert_eq!(english("CaseOpened"), "case opened");
        assert_eq!(english("fa"), "Persian");
    }
}
