//! The sentences of the demo, each in Persian and in English.

use parvandeh_domain::case::Outcome;
use parvandeh_domain::customer::Language;
use parvandeh_domain::pii::Pii;

/// One sentence in both languages. `{n}` stands for a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Phrase {
    pub(super) fa: &'static str,
    pub(super) en: &'static str,
}

/// Writes a phrase.
pub(super) const fn phrase(fa: &'static str, en: &'static str) -> Phrase {
    Phrase { fa, en }
}

impl Phrase {
    /// The sentence in a language, with the number in its digits.
    pub(super) fn text(self, language: Language, number: i64) -> String {
        let text = match language {
            Language::Persian => self.fa,
            Language::English => self.en,
        };
        text.replace("{n}", &in_digits_of(language, &number.to_string()))
    }

    /// The sentence as personal data, which everything written by or about a customer is.
    pub(super) fn personal(self, language: Language, number: i64) -> Pii<String> {
        Pii::new(self.text(language, number))
    }
}

/// The text with its ASCII digits as the language writes them.
fn in_digits_of(language: Language, text: &str) -> String {
    match language {
        Language::English => text.to_owned(),
        Language::Persian => text
            .chars()
            .map(|c| match c.to_digit(10) {
                Some(digit) => char::from_u32(0x06f0 + digit).unwrap_or(c),
                None => c,
            })
            .collect(),
    }
}

/// The stages that customers see.
pub(super) mod stage {
    use super::{Phrase, phrase};

    pub(in crate::demo) const RECEIVED: Phrase = phrase("دریافت شد", "Received");
    pub(in crate::demo) const REVIEW: Phrase = phrase("در حال بررسی", "Under review");
    pub(in crate::demo) const REFERRED: Phrase =
        phrase("نزد واحد مسئول", "With the responsible unit");
    pub(in crate::demo) const AWAITS_CUSTOMER: Phrase =
        phrase("در انتظار پاسخ شما", "Waiting for your reply");
    pub(in crate::demo) const AWAITS_PARTNER: Phrase =
        phrase("در انتظار سازمان همکار", "Waiting for a partner organisation");
    pub(in crate::demo) const ANSWERED: Phrase = phrase("پاسخ داده شد", "Answered");
    pub(in crate::demo) const REVIEW_AGAIN: Phrase = phrase("بررسی دوباره", "Under review again");
    pub(in crate::demo) const FINISHED: Phrase = phrase("پایان یافت", "Finished");
}

/// What a machine answers at once. It is no first response.
pub(super) const AUTOMATIC_REPLY: Phrase = phrase(
    "پیام شما دریافت شد و پروندهٔ آن باز است. مراحل رسیدگی را با شمارهٔ کارت خود در درگاه مشتریان می‌بینید.",
    "We have received your message and opened a case. You can follow its stages in the customer portal with your card number.",
);

/// What an answer to a letter or a fax begins with.
pub(super) const ON_PAPER: Phrase =
    phrase("بازگشت به نوشتهٔ شما به شمارهٔ {n}: ", "In answer to yours, on file as {n}: ");

/// First answers of staff.
pub(super) const FIRST_RESPONSES: &[Phrase] = &[
    phrase(
        "سلام و سپاس از پیام شما. موضوع را خواندیم و بررسی آن را آغاز کرده‌ایم؛ نتیجه را همین‌جا به شما می‌گوییم.",
        "Thank you for writing. We have read your message and begun to look into it; you will read the result here.",
    ),
    phrase(
        "پیام شما به دست کارشناس رسید. سابقهٔ شما را می‌بینیم و نیازی به تکرار اطلاعات نیست.",
        "Your message has reached a specialist. We can see your record, so you need not repeat anything.",
    ),
    phrase(
        "از اینکه موضوع را با ما در میان گذاشتید سپاسگزاریم. اکنون با واحد مسئول در حال پیگیری هستیم.",
        "Thank you for bringing this to us. We are now following it up with the unit in charge.",
    ),
    phrase(
        "درخواست شما ثبت شد. اگر سند یا تصویری دارید که کمک می‌کند، می‌توانید در پاسخ همین پیام بفرستید.",
        "We have noted your case. If you have a document or picture that helps, you can send it in reply.",
    ),
];

/// What customers ask in between.
pub(super) const CUSTOMER_ASKS: &[Phrase] = &[
    phrase("پیگیری من به کجا رسیده است؟", "How far has my case come?"),
    phrase(
        "یک نکته را در پیام نخست نگفتم: این موضوع ماه گذشته هم پیش آمده بود.",
        "I left something out of my first message: this also happened last month.",
    ),
    phrase(
        "لطفاً پاسخ را کتبی بفرستید؛ در ساعت اداری نمی‌توانم تلفن را جواب بدهم.",
        "Please answer in writing; I cannot take calls during office hours.",
    ),
];

/// What staff answer to that.
pub(super) const STAFF_ANSWERS: &[Phrase] = &[
    phrase(
        "پروندهٔ شما در دست بررسی است و هنوز به نتیجهٔ نهایی نرسیده‌ایم. تا پایان فردا دوباره خبر می‌دهیم.",
        "Your case is being looked into and we have no final result yet. We will write again by the end of tomorrow.",
    ),
    phrase(
        "نکتهٔ شما را به پرونده افزودیم. این سابقه در تصمیم ما اثر دارد.",
        "We have added your point to the case. It matters for our decision.",
    ),
    phrase(
        "حتماً؛ از این پس همهٔ پاسخ‌ها را برای شما کتبی می‌فرستیم.",
        "Certainly; from now on you will have all our answers in writing.",
    ),
];

/// What staff ask the customer for, before they wait.
pub(super) const DOCUMENTS_ASKED: &[Phrase] = &[
    phrase(
        "برای ادامهٔ بررسی به تصویر مدارک خود نیاز داریم. لطفاً آن را در پاسخ همین پیام بفرستید.",
        "To go on we need a picture of your documents. Please send it in reply to this message.",
    ),
    phrase(
        "لطفاً تاریخ و ساعت رویداد و شمارهٔ پیگیری را بنویسید تا بتوانیم آن را در سامانه بیابیم.",
        "Please tell us the date, the time and the tracking number, so that we can find it in our systems.",
    ),
];

/// What the customer sends then.
pub(super) const DOCUMENTS_SENT: &[Phrase] = &[
    phrase("مدرکی که خواسته بودید پیوست است.", "The document that you asked for is attached."),
    phrase(
        "شمارهٔ پیگیری {n} است و موضوع حدود ساعت ده صبح رخ داد.",
        "The tracking number is {n}, and it happened at about ten in the morning.",
    ),
];

/// Why a case is handed on.
pub(super) const REFERRAL_REASONS: &[Phrase] = &[
    phrase(
        "سوابق این موضوع نزد این واحد است؛ لطفاً پاسخ را مستقیم برای مشتری بنویسید.",
        "This unit holds the records of the matter; please answer the customer directly.",
    ),
    phrase(
        "موضوع بر پایهٔ طبقه‌بندی در حوزهٔ مسئولیت این واحد است.",
        "By its subject the matter is this unit's responsibility.",
    ),
    phrase(
        "برای تصمیم نهایی به نظر کارشناسی این واحد نیاز است.",
        "The final decision needs this unit's expertise.",
    ),
];

/// What staff write down.
pub(super) const NOTES: &[Phrase] = &[
    phrase(
        "با مشتری تماس گرفته شد؛ توضیح او با سوابق سامانه می‌خواند.",
        "Called the customer; what they say agrees with our records.",
    ),
    phrase(
        "موضوع مشابهی در هفتهٔ گذشته داشتیم؛ علت مشترک را بررسی کنیم.",
        "We had a similar matter last week; let us look for a common cause.",
    ),
    phrase(
        "پیش از پاسخ، متن را سرپرست واحد ببیند.",
        "The unit's supervisor should read the answer before it goes out.",
    ),
];

/// What colleagues ask each other.
pub(super) const INTERNAL_QUESTIONS: &[Phrase] = &[
    phrase(
        "همکاران گرامی، آیا ثبت این مورد در سامانهٔ شما دیده می‌شود؟",
        "Dear colleagues, can you see this one in your system?",
    ),
    phrase(
        "چه زمانی می‌توانید نتیجهٔ بررسی را بدهید؟ به مشتری قول پاسخ داده‌ایم.",
        "When can you give us the result? We have promised the customer an answer.",
    ),
];

/// What they answer.
pub(super) const INTERNAL_ANSWERS: &[Phrase] = &[
    phrase(
        "بله، دیده می‌شود. گزارش آن را تا پایان وقت اداری می‌فرستیم.",
        "Yes, we can see it. You will have our report by the end of the day.",
    ),
    phrase(
        "بررسی تمام شد و حق با مشتری است؛ اصلاح در نوبت انجام است.",
        "We are done, and the customer is right; the correction is on its way.",
    ),
];

/// Why a case waits for somebody outside.
pub(super) const PARTNER_HOLDS: &[Phrase] = &[
    phrase(
        "استعلام از شرکت ارائه‌دهندهٔ درگاه پرداخت فرستاده شد.",
        "An enquiry has gone to the payment provider.",
    ),
    phrase(
        "در انتظار گزارش شرکت پست دربارهٔ مرسوله.",
        "Waiting for the postal company's report on the parcel.",
    ),
];

/// Why a case waits before anybody has answered it.
pub(super) const IDENTITY_HOLD: Phrase = phrase(
    "پیش از پاسخ، هویت فرستنده باید تأیید شود.",
    "The sender's identity must be confirmed before we answer.",
);

/// What a promised date is announced with.
pub(super) const PROMISE: Phrase = phrase(
    "تاریخ پاسخ نهایی در پرونده ثبت شد و تا آن زمان نتیجه را می‌فرستیم.",
    "The date of our final answer is on your case; you will have the result by then.",
);

/// Why a case became more pressing.
pub(super) const ESCALATION: Phrase = phrase(
    "پیگیری چندم مشتری است؛ اولویت به تصمیم سرپرست بالا رفت.",
    "The customer has asked several times; the supervisor has raised the priority.",
);

/// Why an answer did not settle the matter, in the customer's words.
pub(super) const REOPENINGS: &[Phrase] = &[
    phrase(
        "پاسخ شما بخش دوم پرسش مرا بی‌جواب گذاشته است.",
        "Your answer leaves the second part of my question open.",
    ),
    phrase(
        "گفته بودید اصلاح شده است، اما امروز دوباره همان مشکل پیش آمد.",
        "You wrote that it was corrected, but today the same happened again.",
    ),
];

/// Why staff open a case again.
pub(super) const REOPENING_REASONS: &[Phrase] = &[
    phrase("مشتری پاسخ را کامل نمی‌داند.", "The customer finds the answer incomplete."),
    phrase("مشکل پس از پاسخ تکرار شد.", "The problem came back after our answer."),
];

/// What customers say at the end.
pub(super) const THANKS: &[Phrase] = &[
    phrase("سپاسگزارم، مشکل حل شد.", "Thank you, that settles it."),
    phrase("از پیگیری شما ممنونم.", "Thank you for following it up."),
];

/// The answer in short, for outcomes other than the one that the topic's own answer tells.
pub(super) fn summary(outcome: Outcome) -> Option<Phrase> {
    Some(match outcome {
        Outcome::PartlyUpheld => phrase(
            "بخشی از موضوع پذیرفته و اصلاح شد؛ دلیل پذیرفته‌نشدن بخش دیگر را برای شما نوشته‌ایم.",
            "You were right in part, and that part has been put right; we have written to you why the rest was not.",
        ),
        Outcome::NotUpheld => phrase(
            "بررسی نشان داد که خدمت مطابق تعهد انجام شده است؛ سندهای آن را برای شما فرستادیم.",
            "We found that the service was given as promised; we have sent you the records that show it.",
        ),
        Outcome::Declined => phrase(
            "انجام این درخواست در اختیار ما نیست؛ دلیل آن و مرجع درست را برای شما نوشته‌ایم.",
            "What you ask is not ours to give; we have written to you why, and whom to ask.",
        ),
        Outcome::Withdrawn => phrase(
            "چون پاسخی از شما نرسید پرونده بسته می‌شود؛ با نخستین پیام شما دوباره باز خواهد شد.",
            "As we have not heard from you, the case will be closed; write to us and we open it again.",
        ),
        Outcome::Duplicate => phrase(
            "همین موضوع در پروندهٔ دیگر شما در حال رسیدگی است و پاسخ را آنجا می‌خوانید.",
            "Another case of yours deals with the same matter, and you will read the answer there.",
        ),
        Outcome::Upheld | Outcome::Answered | Outcome::Fulfilled | Outcome::Unknown => return None,
    })
}
