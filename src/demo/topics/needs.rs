//! Matters that need something done: complaints, requests, questions and incidents.

use parvandeh_domain::case::{CaseKind, Severity};

use super::Topic;
use crate::demo::text::phrase;

/// Every topic of this file.
pub(super) const TOPICS: &[Topic] = &[
    Topic {
        kind: CaseKind::Complaint,
        category: "billing",
        unit: "finance",
        severity: Severity::Moderate,
        numbers: (10000, 99999),
        subject: phrase("مغایرت در صورت‌حساب شمارهٔ {n}", "Wrong amount on invoice {n}"),
        description: phrase(
            "مبلغ صورت‌حساب شمارهٔ {n} با تعرفه‌ای که اعلام کرده‌اید نمی‌خواند و چند ردیف آن برای من روشن نیست.",
            "The amount on invoice {n} does not agree with your published tariff, and I do not understand some of its lines.",
        ),
        answer: phrase(
            "یک ردیف دو بار حساب شده بود. صورت‌حساب اصلاح شد و مبلغ اضافه به حساب شما برگشت.",
            "One line had been counted twice. The invoice is corrected and the difference is back on your account.",
        ),
    },
    Topic {
        kind: CaseKind::Complaint,
        category: "double-payment",
        unit: "finance",
        severity: Severity::Major,
        numbers: (100000, 999999),
        subject: phrase("کسر دوبارهٔ وجه در پرداخت {n}", "Payment {n} was taken twice"),
        description: phrase(
            "برای پرداخت {n} دو بار از حساب من برداشت شد و هنوز چیزی برنگشته است.",
            "Payment {n} was taken from my account twice and nothing has been returned yet.",
        ),
        answer: phrase(
            "برداشت دوم برگشت داده شد و تا دو روز کاری در حساب شما می‌نشیند. از پیش‌آمدن این خطا پوزش می‌خواهیم.",
            "The second payment has been reversed and will reach your account within two working days. We apologise for the error.",
        ),
    },
    Topic {
        kind: CaseKind::Complaint,
        category: "card-delivery",
        unit: "card-services",
        severity: Severity::Minor,
        numbers: (9, 40),
        subject: phrase("نرسیدن کارت مشتری پس از {n} روز", "Customer card not here after {n} days"),
        description: phrase(
            "کارت مشتری من با گذشت {n} روز از ثبت درخواست به دستم نرسیده است و کسی از وضعیت آن خبر ندارد.",
            "My customer card has not arrived {n} days after I asked for it, and nobody can tell me where it is.",
        ),
        answer: phrase(
            "مرسوله در مرکز پخش مانده بود. کارت امروز با پیک فرستاده شد و شمارهٔ رهگیری را برای شما نوشتیم.",
            "The parcel had been left at the sorting centre. Your card went out by courier today, and we have sent you its tracking number.",
        ),
    },
    Topic {
        kind: CaseKind::Complaint,
        category: "staff-conduct",
        unit: "customer-care",
        severity: Severity::Moderate,
        numbers: (1, 2),
        subject: phrase("نحوهٔ برخورد در مراجعهٔ حضوری", "How I was treated at your counter"),
        description: phrase(
            "در مراجعهٔ حضوری نزدیک به یک ساعت منتظر ماندم و پاسخ روشنی نگرفتم؛ انتظار رفتار بهتری داشتم.",
            "I waited for almost an hour at your counter and got no clear answer; I had expected better treatment.",
        ),
        answer: phrase(
            "حق با شماست و پوزش می‌خواهیم. نوبت‌دهی آن باجه تغییر کرد و موضوع با سرپرست آن مرور شد.",
            "You are right, and we apologise. That counter now works by appointment, and its supervisor has gone through the matter with us.",
        ),
    },
    Topic {
        kind: CaseKind::Complaint,
        category: "service-quality",
        unit: "technical",
        severity: Severity::Major,
        numbers: (3, 12),
        subject: phrase("قطع پی‌درپی خدمت در هفتهٔ گذشته", "Service kept failing last week"),
        description: phrase(
            "در هفتهٔ گذشته خدمت شما دست‌کم {n} بار قطع شد و هیچ اطلاعی پیش از آن داده نشد.",
            "Your service failed at least {n} times last week, and we were not told beforehand.",
        ),
        answer: phrase(
            "علت، یک قطعهٔ معیوب در مرکز بود که عوض شد. هزینهٔ روزهای قطعی از صورت‌حساب بعدی کم می‌شود.",
            "The cause was a faulty part at our exchange, now replaced. The days of failure will be deducted from your next invoice.",
        ),
    },
    Topic {
        kind: CaseKind::Request,
        category: "card-replacement",
        unit: "card-services",
        severity: Severity::Minor,
        numbers: (1, 2),
        subject: phrase("درخواست صدور کارت جایگزین", "Please replace my card"),
        description: phrase(
            "کارت مشتری من آسیب دیده است و خوانده نمی‌شود. لطفاً کارت جایگزین صادر کنید و کارت پیشین را ببندید.",
            "My customer card is damaged and cannot be read. Please issue a new one and block the old.",
        ),
        answer: phrase(
            "کارت پیشین بسته و کارت تازه صادر شد. امتیازهای شما بی‌کم‌وکاست به کارت تازه منتقل شده است.",
            "The old card is blocked and a new one is issued. All your points have moved to it.",
        ),
    },
    Topic {
        kind: CaseKind::Request,
        category: "refund",
        unit: "finance",
        severity: Severity::Moderate,
        numbers: (10000, 99999),
        subject: phrase("بازگشت وجه سفارش {n}", "Refund of order {n}"),
        description: phrase(
            "سفارش {n} را پیش از ارسال لغو کرده‌ام. لطفاً وجه آن را به همان حساب برگردانید.",
            "I cancelled order {n} before it was sent. Please return the payment to the same account.",
        ),
        answer: phrase(
            "وجه سفارش {n} به همان حساب برگشت داده شد. رسید آن در درگاه مشتریان دیده می‌شود.",
            "The payment for order {n} has been returned to the same account. The receipt is in the customer portal.",
        ),
    },
    Topic {
        kind: CaseKind::Request,
        category: "contact-change",
        unit: "customer-care",
        severity: Severity::Minor,
        numbers: (1, 2),
        subject: phrase("تغییر نشانی و شمارهٔ تماس", "Change of address and telephone"),
        description: phrase(
            "نشانی و شمارهٔ تماس ما تغییر کرده است. لطفاً سوابق را به‌روز کنید تا نامه‌ها به نشانی درست برسد.",
            "Our address and telephone number have changed. Please update your records so that letters reach us.",
        ),
        answer: phrase(
            "نشانی و شمارهٔ تازه ثبت شد و از این پس همهٔ نامه‌ها به همان نشانی می‌رود.",
            "The new address and number are on record, and all letters will go there from now on.",
        ),
    },
    Topic {
        kind: CaseKind::Request,
        category: "certificate",
        unit: "customer-care",
        severity: Severity::Minor,
        numbers: (2, 15),
        subject: phrase("درخواست گواهی سابقهٔ همکاری", "Certificate of our customer relationship"),
        description: phrase(
            "برای ارائه به یک سازمان دیگر به گواهی سابقهٔ {n} سالهٔ همکاری نیاز داریم.",
            "We need a certificate of our {n} years as your customer, for another organisation.",
        ),
        answer: phrase(
            "گواهی با مهر الکترونیک صادر شد و در درگاه مشتریان آمادهٔ دریافت است.",
            "The certificate is issued with an electronic seal and is ready in the customer portal.",
        ),
    },
    Topic {
        kind: CaseKind::Request,
        category: "installation",
        unit: "technical",
        severity: Severity::Moderate,
        numbers: (1, 2),
        subject: phrase("درخواست نصب در نشانی تازه", "Installation at a new address"),
        description: phrase(
            "لطفاً زمانی برای نصب دستگاه در نشانی تازهٔ ما تعیین کنید؛ صبح‌ها مناسب‌تر است.",
            "Please set a time to install the equipment at our new address; mornings suit us best.",
        ),
        answer: phrase(
            "نصب انجام شد و کارشناس ما درستی کار را با شما آزمود.",
            "The installation is done, and our technician has tested it with you.",
        ),
    },
    Topic {
        kind: CaseKind::Question,
        category: "points",
        unit: "card-services",
        severity: Severity::Minor,
        numbers: (300, 9000),
        subject: phrase("چگونگی استفاده از امتیازهای کارت", "How do I use the points on my card?"),
        description: phrase(
            "روی کارت من {n} امتیاز هست. در کدام مراکز می‌توانم از آن استفاده کنم و تا چه زمانی اعتبار دارد؟",
            "There are {n} points on my card. Where can I use them, and until when are they good?",
        ),
        answer: phrase(
            "امتیازها در همهٔ مراکز طرف قرارداد تا پایان سال اعتبار دارد. نشانی مراکز در درگاه مشتریان آمده است.",
            "The points are good until the end of the year at every contracted centre. The customer portal lists them.",
        ),
    },
    Topic {
        kind: CaseKind::Question,
        category: "fees",
        unit: "finance",
        severity: Severity::Minor,
        numbers: (1, 2),
        subject: phrase("کارمزد پرداخت غیرحضوری", "Fee for paying remotely"),
        description: phrase(
            "کارمزد پرداخت غیرحضوری چگونه محاسبه می‌شود و آیا برای شرکت‌ها متفاوت است؟",
            "How is the fee for remote payments worked out, and is it different for companies?",
        ),
        answer: phrase(
            "کارمزد درصد ثابتی با سقف روزانه است و برای شرکت‌ها نیمی از آن گرفته می‌شود. جدول آن را پیوست کردیم.",
            "The fee is a fixed percentage with a daily limit, and companies pay half. We have attached the table.",
        ),
    },
    Topic {
        kind: CaseKind::Question,
        category: "app-usage",
        unit: "technical",
        severity: Severity::Minor,
        numbers: (1, 2),
        subject: phrase("روشن‌کردن اعلان‌های برنامه", "Turning on notifications in the app"),
        description: phrase(
            "اعلان‌های برنامه روی گوشی من نمی‌آید. از کجا باید روشن شود؟",
            "I get no notifications from your app. Where do I turn them on?",
        ),
        answer: phrase(
            "در برنامه به بخش تنظیمات و سپس اعلان‌ها بروید و اجازهٔ گوشی را هم بدهید. تصویر گام‌ها را فرستادیم.",
            "Open Settings, then Notifications, and allow them on the telephone too. We have sent pictures of each step.",
        ),
    },
    Topic {
        kind: CaseKind::Question,
        category: "opening-hours",
        unit: "customer-care",
        severity: Severity::Minor,
        numbers: (1, 2),
        subject: phrase("ساعت کار باجه در روزهای پنجشنبه", "Counter hours on Thursdays"),
        description: phrase(
            "باجه‌های شما پنجشنبه‌ها تا چه ساعتی باز است و آیا باید نوبت گرفت؟",
            "Until what time are your counters open on Thursdays, and do I need an appointment?",
        ),
        answer: phrase(
            "پنجشنبه‌ها تا ساعت دوازده‌ونیم باز هستیم و با نوبت اینترنتی معطل نمی‌شوید.",
            "We are open until half past twelve on Thursdays; with an appointment you will not have to wait.",
        ),
    },
    Topic {
        kind: CaseKind::Incident,
        category: "payment-gateway",
        unit: "technical",
        severity: Severity::Critical,
        numbers: (500, 520),
        subject: phrase("اختلال درگاه پرداخت", "Payment gateway is failing"),
        description: phrase(
            "از ساعتی پیش پرداخت‌ها با خطای {n} برمی‌گردد و مشتریان نمی‌توانند صورت‌حساب خود را بپردازند.",
            "For an hour payments have been coming back with error {n}, and customers cannot pay their invoices.",
        ),
        answer: phrase(
            "اتصال درگاه برقرار شد و پرداخت‌های ناتمام به حساب مشتریان برگشت.",
            "The gateway is connected again, and unfinished payments have been returned.",
        ),
    },
    Topic {
        kind: CaseKind::Incident,
        category: "app-login",
        unit: "technical",
        severity: Severity::Major,
        numbers: (1, 2),
        subject: phrase("ناممکن‌بودن ورود به برنامه", "Nobody can log in to the app"),
        description: phrase(
            "پس از به‌روزرسانی، ورود به برنامه ممکن نیست و رمز یک‌بارمصرف نمی‌رسد.",
            "Since the update nobody can log in to the app, and the one-time password does not arrive.",
        ),
        answer: phrase(
            "خطای نسخهٔ تازه برطرف شد. اگر برنامه را به‌روز کنید ورود مانند پیش انجام می‌شود.",
            "The fault of the new version is mended. Update the app and you can log in as before.",
        ),
    },
    Topic {
        kind: CaseKind::Incident,
        category: "sms-delivery",
        unit: "technical",
        severity: Severity::Moderate,
        numbers: (1, 2),
        subject: phrase("نرسیدن پیامک‌های اطلاع‌رسانی", "Text messages do not arrive"),
        description: phrase(
            "از دیروز پیامک‌های تأیید به شماری از مشتریان نمی‌رسد یا با چند ساعت تأخیر می‌رسد.",
            "Since yesterday confirmation messages have not reached some customers, or have come hours late.",
        ),
        answer: phrase(
            "مسیر ارسال پیامک عوض شد و پیامک‌های مانده فرستاده شد.",
            "Messages now go by another route, and those that were waiting have been sent.",
        ),
    },
    Topic {
        kind: CaseKind::Incident,
        category: "card-terminal",
        unit: "card-services",
        severity: Severity::Major,
        numbers: (1, 60),
        subject: phrase(
            "خوانده‌نشدن کارت در مرکز طرف قرارداد {n}",
            "Cards are not read at centre {n}",
        ),
        description: phrase(
            "دستگاه مرکز طرف قرارداد {n} کارت مشتریان را نمی‌خواند و امتیازها ثبت نمی‌شود.",
            "The terminal of contracted centre {n} does not read customer cards, and points are not recorded.",
        ),
        answer: phrase(
            "دستگاه آن مرکز عوض شد و امتیازهای ثبت‌نشده به کارت‌ها افزوده شد.",
            "The centre has a new terminal, and the missing points have been added to the cards.",
        ),
    },
];
