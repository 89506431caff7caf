//! Why something was not done, in Persian: one sentence a code. Adding a code to `docs/errors.md` is adding a row here.

/// A row of the table.
pub(super) struct Text {
    /// The stable code.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub sentence: &'static str,
    /// Whether the English message names particulars that somebody needs, so that it follows.
    pub with_particulars: bool,
}

const fn told(code: &'static str, sentence: &'static str) -> Text {
    Text { code, sentence, with_particulars: false }
}

const fn with_particulars(code: &'static str, sentence: &'static str) -> Text {
    Text { code, sentence, with_particulars: true }
}

/// The table, in the order of `docs/errors.md`.
pub(super) const TEXTS: &[Text] = &[
    // Top-level errors
    told("UNAUTHENTICATED", "نشانهٔ ورود معتبر نیست یا زمانش گذشته است؛ دوباره وارد شوید."),
    with_particulars("FORBIDDEN", "نقش شما اجازهٔ این کار را نمی‌دهد."),
    with_particulars("BAD_USER_INPUT", "یکی از مقدارهای درخواست پذیرفتنی نیست؛ آن را درست کنید."),
    with_particulars("GRAPHQL_PARSE_FAILED", "متن درخواست GraphQL نیست."),
    with_particulars("GRAPHQL_VALIDATION_FAILED", "درخواست با طرح‌واره یا با حدهای آن نمی‌خواند."),
    with_particulars(
        "REPORT_TOO_LARGE",
        "گزارش از اندازهٔ مجاز بزرگ‌تر است؛ بازه یا صافی را تنگ‌تر کنید.",
    ),
    told("CONFLICT", "هم‌زمان کسان دیگری همین را تغییر می‌دهند؛ همین درخواست را دوباره بفرستید."),
    told("RATE_LIMITED", "بیش از سهم خود درخواست فرستاده‌اید؛ کمی صبر کنید و دوباره بفرستید."),
    told(
        "REPLICA_BEHIND",
        "این سرور هنوز به آنچه دیده‌اید نرسیده است؛ همین درخواست را دوباره بفرستید.",
    ),
    told("SIMULATION_RUNNING", "شبیه‌سازی دیگری در جریان است؛ کمی بعد دوباره تلاش کنید."),
    told("PAYLOAD_TOO_LARGE", "حجم درخواست از اندازهٔ مجاز بیشتر است؛ هر بار کمتر بفرستید."),
    told("UNSUPPORTED_MEDIA_TYPE", "بدنهٔ درخواست باید JSON فشرده‌نشده با رمزگذاری UTF-8 باشد."),
    told("NOT_FOUND", "چنین چیزی نیست، یا شما از آن آگاه نمی‌شوید."),
    told("METHOD_NOT_ALLOWED", "این کار با این روش HTTP شدنی نیست."),
    told("NOT_ACCEPTABLE", "پاسخ به هیچ‌یک از قالب‌هایی که می‌پذیرید فرستادنی نیست."),
    told(
        "TIMEOUT",
        "پاسخ در زمان مجاز آماده نشد؛ با همان کلید تکرار دوباره بفرستید یا کمتر بخواهید.",
    ),
    told("INTERNAL_SERVER_ERROR", "خطایی در سامانه رخ داد؛ هنگام گزارش، شناسهٔ ردیابی را بنویسید."),
    // Any command
    told(
        "REVISION_CONFLICT",
        "از هنگامی که خوانده‌اید تغییر کرده است؛ دوباره بخوانید و از نو تصمیم بگیرید.",
    ),
    told(
        "IDEMPOTENCY_KEY_REUSED",
        "این کلید برای درخواست دیگری به کار رفته است؛ برای درخواست تازه کلید تازه بسازید.",
    ),
    told("IDEMPOTENCY_KEY_INVALID", "کلید تکرار باید ۱ تا ۲۰۰ بایت و بی نویسهٔ کنترلی باشد."),
    told("OCCURRED_IN_FUTURE", "آنچه رخ داده نمی‌تواند در آینده باشد؛ زمان را درست کنید."),
    told("CODE_INVALID", "این کد پذیرفتنی نیست: ۱ تا ۶۴ حرف، رقم، خط تیره، زیرخط یا نقطه."),
    told("FIELD_NOT_ALLOWED", "این را کارکنان می‌نویسند؛ آن را خالی بگذارید."),
    told("TEXT_EMPTY", "متن خالی است؛ چیزی بنویسید."),
    with_particulars("TEXT_TOO_LONG", "متن بلندتر از اندازهٔ مجاز است؛ کوتاهش کنید."),
    told("TEXT_HAS_CONTROL_CHARACTERS", "متن نویسهٔ کنترلی دارد؛ آن را بردارید."),
    // Cases
    told("CASE_NOT_FOUND", "چنین پرونده‌ای نیست."),
    told("CASE_ALREADY_OPENED", "این پرونده پیش‌تر باز شده است."),
    told("CASE_CLOSED", "پرونده بسته است؛ نخست آن را دوباره باز کنید."),
    told("CASE_RESOLVED", "پرونده حل شده است؛ نخست آن را دوباره باز کنید."),
    told("CASE_NOT_RESOLVED", "تنها پرونده‌ای بسته می‌شود که حل شده باشد؛ نخست نتیجه را ثبت کنید."),
    told("CASE_NOT_FINISHED", "پرونده هنوز در دست رسیدگی است و بازگشایی نمی‌خواهد."),
    told("CASE_ALREADY_ON_HOLD", "پرونده هم‌اکنون در انتظار است؛ نخست آن را از انتظار درآورید."),
    told("CASE_NOT_ON_HOLD", "پرونده در انتظار نیست."),
    with_particulars(
        "CASE_MERGED",
        "این پرونده در پروندهٔ دیگری ادغام شده است؛ کار را آنجا ادامه دهید.",
    ),
    told("CASE_NOT_MERGED", "این پرونده در پروندهٔ دیگری ادغام نشده است."),
    told("MERGE_INTO_ITSELF", "هیچ پرونده‌ای در خودش ادغام نمی‌شود؛ آن را که می‌ماند نام ببرید."),
    with_particulars(
        "MERGE_TARGET_MERGED",
        "آن که قرار بود بماند خود در دیگری ادغام شده است؛ در همان ادغام کنید.",
    ),
    told(
        "MERGE_TARGET_ENDED",
        "پرونده‌ای که قرار بود بماند پایان یافته است؛ آن را بازگشایی کنید یا در پروندهٔ دیگری ادغام کنید.",
    ),
    told(
        "MERGE_TARGET_OF_ANOTHER",
        "پرونده‌ای که قرار بود بماند از آنِ همین مشتری نیست و او نمی‌تواند آن را ببیند.",
    ),
    told("NOTHING_TO_CLASSIFY", "دست‌کم یکی از دسته، اولویت و شدت را بنویسید."),
    told(
        "SAFETY_IS_URGENT",
        "در ارزیابی، ایمنی یا سلامت کسی در میان بوده است؛ پیش از کاستن از اولویت دوباره ارزیابی کنید.",
    ),
    told("OCCURRED_BEFORE_OPENING", "این زمان پیش از باز شدن پرونده است."),
    told("DUE_DATE_PASSED", "این تاریخ گذشته است؛ تاریخی دیرتر بنویسید."),
    // Customers
    told("CUSTOMER_NOT_FOUND", "چنین مشتری‌ای نیست."),
    told("CUSTOMER_ALREADY_REGISTERED", "این مشتری پیش‌تر ثبت شده است."),
    told("NOTHING_TO_CHANGE", "دست‌کم یکی از نام، زبان و سطح را بنویسید."),
    told("PREFERENCES_MISSING", "دست‌کم یکی از راه‌های تماس، آگهی‌های ناخواسته و زبان را بنویسید."),
    told("EMAIL_INVALID", "این نشانی رایانامه نیست؛ آن را درست کنید."),
    told("PHONE_INVALID", "این شمارهٔ تلفن نیست: ۷ تا ۱۵ رقم با کد کشور بنویسید."),
    told("CUSTOMER_ERASED", "داده‌های شخصی این مشتری پاک شده است و چیزی شخصی افزوده نمی‌شود."),
    with_particulars(
        "LEGAL_HOLD",
        "داده‌های این مشتری برای یک موضوع حقوقی نگه داشته می‌شود؛ نخست آن را بردارید.",
    ),
    with_particulars(
        "ERASURE_WAITS_FOR_HOLD",
        "دستور پاک کردن ثبت شده است و انجام می‌شود؛ تنها یک پروندهٔ همین شخص، که همان دم برای یک موضوع حقوقی نگه داشته شد، می‌ماند. پس از برداشتن آن دوباره درخواست کنید.",
    ),
    told("TOO_MANY_CONTACT_POINTS", "هر مشتری حداکثر ۵۰ راه تماس دارد."),
    with_particulars(
        "CUSTOMER_MERGED",
        "این پروندهٔ مشتری در پروندهٔ دیگری از همان شخص ادغام شده است؛ کار را آنجا ادامه دهید.",
    ),
    told("CUSTOMER_NOT_MERGED", "این مشتری در مشتری دیگری ادغام نشده است."),
    told(
        "TOO_MANY_MERGED_RECORDS",
        "حداکثر ۱۰۰ ثبت به یک مشتری می‌رسد؛ بررسی کنید همه یک نفر باشند.",
    ),
    told(
        "REPRESENTATIVE_NOT_FOUND",
        "نماینده باید خود مشتری دیگری باشد که ثبت شده است؛ نخست او را ثبت کنید.",
    ),
    told("REPRESENTATION_ENDED", "پایان نمایندگی پیش از آغاز آن است؛ زمانی دیرتر بنویسید."),
    told(
        "TOO_MANY_REPRESENTATIVES",
        "هر مشتری حداکثر ۲۰ نماینده دارد؛ نمایندگی‌های پایان‌یافته را بردارید.",
    ),
    // Accounts
    told("AMOUNT_NOT_POSITIVE", "مقدار باید بیشتر از صفر باشد."),
    told("BALANCE_TOO_HIGH", "موجودی از آنچه یک حساب نگه می‌دارد بیشتر می‌شود؛ مقدار را بررسی کنید."),
    with_particulars("CREDIT_TOO_LOW", "اعتبار حساب به این ارز کافی نیست."),
    with_particulars(
        "CURRENCY_UNKNOWN",
        "چنین ارزی در کار نیست؛ کد سه‌حرفی آن را بنویسید، مانند IRR.",
    ),
    told("EXPIRY_PASSED", "زمان انقضای امتیازها باید در آینده باشد."),
    with_particulars("POINTS_TOO_FEW", "امتیازهای حساب کافی نیست."),
    told(
        "POSTING_FINAL",
        "انقضا و برگشت را نمی‌توان برگرداند؛ آنچه باید داده شود را از نو ثبت کنید.",
    ),
    told(
        "POSTING_ID_RESERVED",
        "شناسه‌های دارای دونقطه از آن خود سامانه است؛ شناسهٔ دیگری برگزینید.",
    ),
    told(
        "POSTING_REUSED",
        "این شناسه برای ثبت دیگری به کار رفته است؛ برای ثبت تازه شناسهٔ تازه بدهید.",
    ),
    told("POSTING_REVERSED", "این ثبت پیش‌تر برگردانده شده است."),
    told("POSTING_UNKNOWN", "حساب چنین ثبتی ندارد."),
    told("TOO_MANY_LOTS", "شمار دسته‌های امتیاز مصرف‌نشدهٔ این حساب به حد رسیده است."),
    // Redress and fees
    told("CASE_WITHOUT_CUSTOMER", "این پرونده مشتری ندارد."),
    told("FEE_ALREADY_ASSESSED", "این هزینه پیش‌تر تعیین شده است."),
    told("FEE_AMOUNT_INVALID", "مبلغ هزینه باید بیشتر از صفر و در اندازهٔ یک حساب باشد."),
    told("FEE_NOT_FOUND", "چنین هزینه‌ای نیست، یا شما از آن آگاه نمی‌شوید."),
    with_particulars(
        "FEE_NOT_NOW",
        "وضعیت این هزینه اجازهٔ این کار را نمی‌دهد؛ دوباره آن را بخوانید.",
    ),
    told("FEE_ON_COMPLAINT", "رسیدگی به شکایت رایگان است."),
    told(
        "FEE_PAYMENTS_TOO_MANY",
        "پرداخت این هزینه بارها درخواست شده است؛ آن را از اعتبار حساب بپردازید.",
    ),
    told("PAYMENTS_NOT_CONFIGURED", "در این سامانه درگاه پرداختی برقرار نیست."),
    told("PAYMENT_ALREADY_REQUESTED", "این پرداخت پیش‌تر درخواست شده است."),
    told("PAYMENT_AMOUNT_DIFFERS", "مبلغ رسیده با مبلغ درخواست‌شده یکی نیست."),
    told("PAYMENT_AMOUNT_INVALID", "مبلغ پرداخت باید بیشتر از صفر و در اندازهٔ یک حساب باشد."),
    told("PAYMENT_NOT_FOUND", "چنین پرداختی نیست، یا شما از آن آگاه نمی‌شوید."),
    told("PAYMENT_NOT_NOW", "این کار با وضع کنونی پرداخت نمی‌خواند؛ پرداخت را دوباره بخوانید."),
    told(
        "PAYMENT_PROVIDER_UNAVAILABLE",
        "درگاه پرداخت پاسخ نمی‌دهد؛ با همان کلید تکرار دوباره بکوشید.",
    ),
    told("PAYMENT_REFERENCE_DIFFERS", "این پرداخت با شمارهٔ پیگیری دیگری تأیید شده است."),
    told("REDRESS_ABOVE_LIMIT", "این جبران از اختیار نقش شما بیشتر است؛ از سرپرست بخواهید."),
    told("REDRESS_ALREADY_PROPOSED", "این جبران پیش‌تر پیشنهاد شده است."),
    told("REDRESS_NOT_FOUND", "چنین جبرانی نیست، یا شما از آن آگاه نمی‌شوید."),
    with_particulars(
        "REDRESS_NOT_NOW",
        "وضعیت این جبران اجازهٔ این کار را نمی‌دهد؛ دوباره آن را بخوانید.",
    ),
    told("REDRESS_OWN_PROPOSAL", "پیشنهاددهندهٔ جبران آن را تأیید نمی‌کند؛ از دیگری بخواهید."),
    told("REDRESS_VALUE_INVALID", "ارزش جبران باید بیشتر از صفر و در اندازهٔ یک حساب باشد."),
    // Policies and calendars
    with_particulars("POLICY_INVALID", "این سیاست ایراد دارد؛ جای هر ایراد آمده است."),
    with_particulars("CALENDAR_INVALID", "این تقویم ایراد دارد؛ جای هر ایراد آمده است."),
    with_particulars(
        "CALENDAR_UNKNOWN",
        "تقویمی که سیاست با آن می‌شمارد منتشر نشده است؛ نخست آن را منتشر کنید.",
    ),
    // Clocks
    told("CLOCK_UNKNOWN", "پرونده چنین ساعتی ندارد."),
    told("CLOCK_ENDED", "این ساعت پایان یافته است و زمانش افزوده نمی‌شود."),
    told("EXTENSION_NOT_ALLOWED", "سیاست این ساعت افزودن زمان را نمی‌پذیرد."),
    told("CLOCK_EXTENSIONS_USED_UP", "همهٔ زمان‌هایی که سیاست اجازه می‌داد افزوده شده است."),
    told("CLOCK_NOT_BREACHED", "برای این ساعت نقضی ثبت نشده است که از آن چشم‌پوشی شود."),
    // Replicas, opinions, attachments, complaints, units, cards, segments
    told(
        "REPLICA_CUT_OFF",
        "این سرور مدتی است از خوشه بی‌خبر است و دادهٔ شخصی نشان نمی‌دهد و نمی‌گیرد؛ از سرور دیگری بخواهید یا کمی بعد دوباره بفرستید.",
    ),
    told(
        "CASE_NOT_AN_OPINION",
        "کارکنان پیشنهاد، انتقاد و قدردانی ثبت می‌کنند و سرانجام همین‌ها گفته می‌شود؛ برای کار دیگر پروندهٔ دیگری باز کنید.",
    ),
    told(
        "AUTHOR_NOT_TOLD",
        "هنوز به نویسنده گفته نشده است که نظرش به کجا رسید؛ نخست به او بگویید و سپس پرونده را ببندید.",
    ),
    told(
        "CODE_NOT_DRAWN",
        "این رمز از آنِ هیچ پروندهٔ بی‌نامی نیست؛ رمز تازه بگیرید و آن را کامل رونویسی کنید.",
    ),
    told("CODE_USED", "با این رمز پیش‌تر پرونده‌ای باز شده است؛ برای پروندهٔ تازه رمز تازه بگیرید."),
    told("ATTACHMENT_EMPTY", "پرونده‌ای که فرستاده‌اید خالی است؛ محتوای آن را بفرستید."),
    told("ATTACHMENT_TOO_LARGE", "پیوست بزرگ‌تر از ۱۰ مگابایت است؛ پروندهٔ کوچک‌تری بفرستید."),
    told("MEDIA_TYPE_INVALID", "گونهٔ رسانهٔ پیوست درست نیست؛ چیزی مانند application/pdf بنویسید."),
    told(
        "ATTACHMENT_COMPLETE",
        "این پیوست کامل است و دیگر تغییر نمی‌کند؛ آن را با کلید تازه از نو بفرستید.",
    ),
    told(
        "ATTACHMENT_PART_OUT_OF_ORDER",
        "همین پیوست هم‌زمان دو بار فرستاده می‌شود؛ منتظر پاسخ نخست بمانید.",
    ),
    told("CASE_NOT_A_COMPLAINT", "این گام از رسیدگی به شکایت است و این پرونده شکایت نیست."),
    told("ASSESSMENT_MISSING", "شکایت پیش از تصمیم ارزیابی می‌شود؛ نخست آن را ارزیابی کنید."),
    told("DECISION_MISSING", "هنوز تصمیمی گرفته نشده است؛ نخست با ذکر دلیل تصمیم بگیرید."),
    told(
        "OUTCOME_NOT_A_DECISION",
        "تصمیم دربارهٔ شکایت یا وارد است یا تا اندازه‌ای وارد یا ناوارد؛ یکی از این سه را برگزینید.",
    ),
    told("APPEAL_INCOMPLETE", "مهلت اعتراض و مرجع آن با هم می‌آیند؛ هر دو را بنویسید یا هیچ‌یک را."),
    told("DECISION_FINAL", "این تصمیم نهایی است و راه اعتراض ندارد."),
    told("APPEAL_TOO_LATE", "مهلت اعتراض گذشته است؛ اگر باید دوباره بررسی شود پرونده را باز کنید."),
    told(
        "DECISION_ACCEPTED",
        "مشتری تصمیم را پذیرفته است؛ اگر باید دوباره بررسی شود پرونده را باز کنید.",
    ),
    told(
        "DECISION_NOT_ACCEPTED",
        "تصمیم هنوز پذیرفته نشده و راه اعتراض هم بسته نشده است؛ پذیرش را ثبت کنید، منتظر پایان مهلت بمانید یا پس از آخرین تصمیم راه‌های دیگر را پیشنهاد کنید.",
    ),
    told(
        "ANSWER_MISSING",
        "هنوز کسی به مشتری پاسخ نداده است؛ نخست پاسخی را که فرستاده شد ثبت کنید.",
    ),
    told(
        "CORRECTIVE_ACTION_ITSELF",
        "پرونده نمی‌تواند اقدام اصلاحی خودش باشد؛ برای آن پروندهٔ دیگری باز کنید.",
    ),
    told("CASE_NOT_REFERRED", "پرونده ارجاع نشده یا پیش‌تر بازگردانده شده است."),
    told(
        "REFERRAL_ACCEPTED",
        "واحد این ارجاع را پذیرفته است؛ برای واگذاری به واحد دیگر دوباره ارجاع دهید.",
    ),
    told("FOLLOW_UP_UNKNOWN", "پرونده قولی با این شماره ندارد."),
    told(
        "FOLLOW_UP_WAITING",
        "قولی که به مشتری داده شده هنوز انجام نشده است؛ نخست به آن عمل کنید.",
    ),
    told(
        "TOO_MANY_FOLLOW_UPS",
        "قول‌های انجام‌نشدهٔ این پرونده بسیار است؛ نخست به چندتای آن‌ها عمل کنید.",
    ),
    told("CASE_NOT_CLOSED", "پرونده بسته نشده است؛ نخست آن را ببندید."),
    told("NOBODY_TO_ASK", "پرونده مشتری‌ای ندارد که از او پرسیده شود."),
    told("SURVEY_NOT_ASKED", "از مشتری دربارهٔ رضایتش پرسیده نشده است؛ نخست بپرسید."),
    told("SURVEY_ANSWERED", "مشتری میزان رضایت خود را پیش‌تر گفته است؛ هر پرونده یک پاسخ دارد."),
    told("SCORE_OUT_OF_RANGE", "امتیاز باید از یک تا پنج باشد."),
    told("UNIT_NOT_FOUND", "چنین واحدی تعریف نشده است؛ نخست آن را تعریف کنید."),
    told("UNIT_UNDER_ITSELF", "واحد زیرمجموعهٔ خودش می‌شود؛ بالادست دیگری برگزینید."),
    told("TOO_MANY_STAFF", "شمار کارکنان این واحد به سقف رسیده است؛ آن را به چند واحد بخش کنید."),
    told("CARD_NOT_FOUND", "چنین کارتی نیست یا شما از آن آگاه نیستید."),
    told(
        "CARD_NUMBER_INVALID",
        "شمارهٔ کارت درست نیست؛ شانزده رقم آن را دوباره بنویسید یا خالی بگذارید تا شماره‌ای داده شود.",
    ),
    told("CARD_NUMBER_TAKEN", "این شماره از آنِ کارت دیگری است؛ شمارهٔ دیگری برگزینید."),
    told("CARD_BLOCKED", "این کارت مسدود است؛ آن را جایگزین کنید."),
    told("CARD_REPLACED", "کارت دیگری جای این کارت را گرفته است؛ با آن ادامه دهید."),
    told("CARD_EXPIRED", "زمان این کارت گذشته است؛ کارت دیگری صادر کنید."),
    told("CONTACT_POINT_UNKNOWN", "مشتری راه تماسی با این شماره ندارد."),
    told("CONTACT_POINT_TAKES_NO_CODES", "رمز را تنها به شمارهٔ تلفن یا رایانامه می‌توان فرستاد."),
    told(
        "VERIFICATION_TOO_SOON",
        "همین چند لحظه پیش رمزی فرستاده شد یا امروز رمز بسیار فرستاده شده است؛ کمی صبر کنید.",
    ),
    told("VERIFICATION_LOCKED", "رمز نادرست بسیار گفته شد؛ یک ربع یا بیشتر صبر کنید."),
    told("VERIFICATION_CODE_WRONG", "رمز نادرست، به‌کاررفته یا گذشته است؛ رمز دیگری بخواهید."),
    told("DELIVERY_NOT_CONFIGURED", "این سامانه راهی برای فرستادن رمز ندارد."),
    told(
        "SIGN_IN_REFUSED",
        "کارت یا رمز درست نیست، یا رمز به‌کاررفته یا گذشته است؛ رمز دیگری بخواهید و پس از چند رمز نادرست کمی صبر کنید.",
    ),
    with_particulars(
        "SEGMENTATION_INVALID",
        "سند بخش‌بندی درست نیست؛ آنچه در پی می‌آید را درست کنید.",
    ),
];
