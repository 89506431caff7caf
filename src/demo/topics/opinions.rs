//! Opinions, and what media ask: suggestions, criticism, praise and media inquiries.

use parvandeh_domain::case::{CaseKind, Severity};

use super::Topic;
use crate::demo::text::phrase;

/// Every topic of this file.
pub(super) const TOPICS: &[Topic] = &[
    Topic {
        kind: CaseKind::Suggestion,
        category: "website",
        unit: "public-relations",
        severity: Severity::Minor,
        numbers: (1, 2),
        subject: phrase("خواناتر شدن وبگاه برای همه", "A website that everyone can read"),
        description: phrase(
            "پیشنهاد می‌کنم اندازهٔ نوشته‌ها در وبگاه قابل تغییر باشد تا سالمندان هم آسان‌تر از آن استفاده کنند.",
            "I suggest letting readers change the size of the text on your website, so that older people can use it too.",
        ),
        answer: phrase(
            "پیشنهاد شما پذیرفته شد و در نسخهٔ بعدی وبگاه اجرا می‌شود. نتیجه را به شما خبر می‌دهیم.",
            "We have taken up your suggestion for the next version of the website and will tell you when it is there.",
        ),
    },
    Topic {
        kind: CaseKind::Suggestion,
        category: "loyalty",
        unit: "card-services",
        severity: Severity::Minor,
        numbers: (1, 2),
        subject: phrase(
            "افزودن مراکز فرهنگی به طرح امتیاز",
            "Cultural centres in the points scheme",
        ),
        description: phrase(
            "پیشنهاد می‌کنم موزه‌ها و کتابفروشی‌ها هم به مراکز طرف قرارداد کارت افزوده شوند.",
            "I suggest adding museums and bookshops to the centres that take the card.",
        ),
        answer: phrase(
            "با چند مرکز فرهنگی گفت‌وگو آغاز شد. نام مراکز تازه در خبرنامه می‌آید.",
            "We have begun to talk with several cultural centres. The newsletter will name those that join.",
        ),
    },
    Topic {
        kind: CaseKind::Suggestion,
        category: "process",
        unit: "customer-care",
        severity: Severity::Minor,
        numbers: (3, 9),
        subject: phrase("کوتاه‌کردن فرم درخواست", "A shorter request form"),
        description: phrase(
            "در فرم درخواست، {n} پرسش تکراری هست که پاسخ آن‌ها را سازمان از پیش دارد. حذف آن‌ها کار را آسان می‌کند.",
            "The request form asks {n} things that the organisation knows already. Leaving them out would help everyone.",
        ),
        answer: phrase(
            "پرسش‌های تکراری از فرم برداشته شد. از همراهی شما سپاسگزاریم.",
            "Those questions have been removed from the form. Thank you for your help.",
        ),
    },
    Topic {
        kind: CaseKind::Criticism,
        category: "waiting-time",
        unit: "customer-care",
        severity: Severity::Minor,
        numbers: (1, 2),
        subject: phrase("طولانی‌بودن انتظار پشت خط تلفن", "Long waits on the telephone"),
        description: phrase(
            "میانگین انتظار پشت خط شما زیاد است و پیام انتظار هم زمان درستی نمی‌گوید.",
            "Callers wait too long on your line, and the recorded message gives a wrong time.",
        ),
        answer: phrase(
            "نقد شما درست است. شمار پاسخگویان در ساعت‌های شلوغ بیشتر شد و پیام انتظار زمان واقعی را می‌گوید.",
            "You are right. More people now answer at busy hours, and the message tells the true waiting time.",
        ),
    },
    Topic {
        kind: CaseKind::Criticism,
        category: "announcements",
        unit: "public-relations",
        severity: Severity::Minor,
        numbers: (1, 2),
        subject: phrase("دیر رسیدن خبر تغییر تعرفه", "News of the new tariff came late"),
        description: phrase(
            "خبر تغییر تعرفه را یک روز پیش از اجرا دیدم. چنین خبری باید زودتر و روشن‌تر گفته شود.",
            "I saw the news of the new tariff one day before it took effect. Such news should come earlier and be clearer.",
        ),
        answer: phrase(
            "از این پس تغییرها دست‌کم دو هفته پیش از اجرا و با مقایسهٔ پیش و پس اعلام می‌شود.",
            "From now on changes will be announced at least two weeks ahead, with old and new side by side.",
        ),
    },
    Topic {
        kind: CaseKind::Praise,
        category: "staff-praise",
        unit: "customer-care",
        severity: Severity::Minor,
        numbers: (1, 2),
        subject: phrase("قدردانی از پاسخگویی کارشناسان", "Thanks to your staff"),
        description: phrase(
            "کارشناس شما با حوصله همهٔ پرسش‌های ما را پاسخ داد و فردای آن روز هم پیگیر بود. سپاسگزاریم.",
            "Your agent answered all our questions with patience and called back the next day. Thank you.",
        ),
        answer: phrase(
            "پیام شما به همکارمان رسید و در پروندهٔ کاری او ثبت شد. از مهر شما سپاسگزاریم.",
            "Your message has reached our colleague and is on their record. Thank you for your kindness.",
        ),
    },
    Topic {
        kind: CaseKind::Praise,
        category: "service-praise",
        unit: "technical",
        severity: Severity::Minor,
        numbers: (1, 2),
        subject: phrase("رضایت از نسخهٔ تازهٔ برنامه", "The new version of the app is good"),
        description: phrase(
            "نسخهٔ تازهٔ برنامه سریع‌تر است و دیدن مراحل پرونده در آن بسیار ساده شده است.",
            "The new version of the app is faster, and following a case has become very easy.",
        ),
        answer: phrase(
            "خوشحالیم که تغییرها به کار شما آمده است. پیام شما را به گروه فنی رساندیم.",
            "We are glad that the changes help you. The technical team has read your message.",
        ),
    },
    Topic {
        kind: CaseKind::MediaInquiry,
        category: "figures",
        unit: "public-relations",
        severity: Severity::Minor,
        numbers: (1, 2),
        subject: phrase("پرسش دربارهٔ آمار رسیدگی به شکایت‌ها", "Figures on complaint handling"),
        description: phrase(
            "برای گزارشی دربارهٔ پاسخگویی سازمان‌ها به آمار شکایت‌های سه ماه گذشته و میانگین زمان پاسخ نیاز داریم.",
            "For a report on how organisations answer the public we need your complaint figures of the last three months and the average time to answer.",
        ),
        answer: phrase(
            "آمار خواسته‌شده همراه با روش محاسبه و فایل آمادهٔ چاپ فرستاده شد.",
            "The figures have been sent, with how they were worked out and a file ready for print.",
        ),
    },
    Topic {
        kind: CaseKind::MediaInquiry,
        category: "interview",
        unit: "public-relations",
        severity: Severity::Minor,
        numbers: (12, 240),
        subject: phrase("درخواست گفت‌وگو دربارهٔ طرح کارت", "Interview about the card scheme"),
        description: phrase(
            "برای شمارهٔ {n} نشریه، گفت‌وگویی کوتاه با مسئول طرح کارت مشتری می‌خواهیم.",
            "For issue {n} we would like a short interview with the manager of the customer card scheme.",
        ),
        answer: phrase(
            "زمان گفت‌وگو هماهنگ شد و پرسش‌های پیش‌بینی‌شده با پاسخ کتبی فرستاده شد.",
            "The interview is arranged, and written answers to the expected questions have been sent.",
        ),
    },
    Topic {
        kind: CaseKind::MediaInquiry,
        category: "statement",
        unit: "public-relations",
        severity: Severity::Moderate,
        numbers: (1, 2),
        subject: phrase("پرسش دربارهٔ قطعی اخیر خدمت", "Question on the recent outage"),
        description: phrase(
            "علت قطعی اخیر چه بود، چند مشتری از آن آسیب دیدند و چگونه جبران می‌شود؟",
            "What caused the recent outage, how many customers were affected, and how will you make up for it?",
        ),
        answer: phrase(
            "پاسخ رسمی با علت، شمار مشتریان و شیوهٔ جبران برای رسانه فرستاده شد.",
            "The official answer has gone out, with the cause, the number of customers and the redress.",
        ),
    },
];
