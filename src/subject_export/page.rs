//! An export for people: one page without scripts or anything from elsewhere, in Persian and English, beginning with the customer's own
//! language. Written part by part; texts may be of any script and direction.

use jiff::Timestamp;
use parvandeh_domain::customer::Language;

use super::content::Base64Text;
use super::part::{
    AccessPart, AttachmentPart, CasePart, ClockPart, ConsentPart, EntryPart, Head, Part, Recipient,
    Section,
};
use super::{Rendering, words};
use crate::certificate::text;
use crate::local_time::LocalTimes;

mod money;

const STYLE: &str = include_str!("page.css");

/// The page as far as it is written.
#[derive(Debug)]
pub struct Page {
    times: LocalTimes,
    language: Language,
    /// The section that is open, and whether it has a member.
    section: Option<(Section, bool)>,
    /// Whether the list of a case's files is open.
    files: bool,
    /// The content of a file, while one is being written.
    content: Option<Base64Text>,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            times: LocalTimes::new("UTC"),
            language: Language::English,
            section: None,
            files: false,
            content: None,
        }
    }
}

impl Rendering for Page {
    fn add(&mut self, part: &Part, html: &mut String) {
        match part {
            Part::Head(head) => *html += &self.head(head),
            Part::Section(section) => {
                self.close_section(html);
                self.section = Some((*section, false));
                *html += &self.section(*section);
            }
            Part::Consent(consent) => {
                self.member();
                *html += &self.consent(consent);
            }
            Part::Posting(posting) => {
                self.member();
                *html += &self.posting(posting);
            }
            Part::Payment(payment) => {
                self.member();
                *html += &self.payment(payment);
            }
            Part::Case(case) => {
                self.member();
                *html += &self.case(case);
            }
            Part::Attachment(attachment) => {
                if !std::mem::replace(&mut self.files, true) {
                    *html += &format!("<p>{}</p>\n<ul>\n", self.label("پیوست‌ها", "Files"));
                }
                *html += &self.attachment(attachment);
            }
            Part::Content(bytes) => {
                if let Some(content) = &mut self.content {
                    content.add(bytes, html);
                }
            }
            Part::AttachmentEnd => {
                if let Some(mut content) = self.content.take() {
                    content.end(html);
                    *html += "\">↓</a>";
                }
                *html += "</li>\n";
            }
            Part::Timeline => {
                if std::mem::take(&mut self.files) {
                    *html += "</ul>\n";
                }
                *html += &self.timeline();
            }
            Part::Entry(entry) => *html += &self.entry(entry),
            Part::CaseEnd => *html += "</tbody>\n</table>\n</article>\n",
            Part::Access(access) => {
                self.member();
                *html += &self.access(access);
            }
            Part::End => {
                self.close_section(html);
                *html += "</main>\n</body>\n</html>\n";
            }
        }
    }
}

impl Page {
    fn head(&mut self, head: &Head) -> String {
        let customer = &head.customer;
        self.language = customer.language;
        self.times = LocalTimes::new(match self.language {
            Language::Persian => "Asia/Tehran",
            Language::English => "UTC",
        });
        let (lang, dir) = match self.language {
            Language::Persian => ("fa", "rtl"),
            Language::English => ("en", "ltr"),
        };
        let mut rows = vec![
            (self.label("نام", "Name"), self.personal(customer.name.as_deref(), customer.erased)),
            (self.label("نوع", "Kind"), self.word(customer.kind.as_str())),
            (self.label("زبان", "Language"), self.word(customer.language.as_str())),
            (self.label("ثبت شده در", "Registered"), self.moment(customer.registered_at)),
            (self.label("شناسه", "Id"), format!("<small dir=\"ltr\">{}</small>", customer.id)),
        ];
        if let Some(tier) = &customer.tier {
            rows.insert(3, (self.label("سطح", "Tier"), bidi(tier)));
        }
        for point in &customer.contact_points {
            let value = self.personal(point.value.as_deref(), point.erased);
            rows.push((self.word(point.kind.as_str()), value));
        }
        let preferences = &customer.preferences;
        if !preferences.channels.is_empty() {
            let channels = preferences.channels.iter().map(|channel| self.word(channel.as_str()));
            let channels = channels.collect::<Vec<_>>().join(" · ");
            rows.push((self.label("راه‌های دلخواه تماس", "Wishes to be reached by"), channels));
        }
        if !preferences.unwanted_notifications.is_empty() {
            let kinds = preferences.unwanted_notifications.iter();
            let kinds = kinds.map(|kind| self.word(kind.as_str())).collect::<Vec<_>>().join(" · ");
            rows.push((self.label("خبرهای ناخواسته", "Does not wish to be told of"), kinds));
        }
        for card in &customer.cards {
            let number = self.personal(card.masked_number.as_deref(), card.erased);
            let status = self.word(card.status.as_str());
            let issued = self.moment(card.issued_at);
            rows.push((self.label("کارت", "Card"), format!("{number} · {status} · {issued}")));
        }
        if let Some(account) = &customer.account {
            let points = format!("<bdi dir=\"ltr\">{}</bdi>", account.points);
            rows.push((self.label("امتیاز", "Points"), points));
            let credit = account.credit.iter().map(|money| bidi(&money.to_string()));
            rows.extend(credit.map(|money| (self.label("اعتبار", "Credit"), money)));
        }
        if let Some(matter) = &customer.legal_hold {
            rows.push((self.label("نگه‌داشته برای", "Kept for the matter"), bidi(matter)));
        }
        if let Some(erasure) = &customer.erasure {
            let ordered = format!(
                "{} · {}",
                self.word(erasure.ground.as_str()),
                self.moment(erasure.ordered_at)
            );
            rows.push((self.label("دستور پاک‌سازی", "Erasure ordered"), ordered));
            if let Some(receipt) = &erasure.receipt {
                let done = format!(
                    "{} <small dir=\"ltr\">{}</small>",
                    self.moment(receipt.erased_at),
                    receipt.event_id
                );
                rows.push((self.label("پاک شد در", "Erased"), done));
            }
        }
        let rows: String =
            rows.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>\n")).collect();
        let title = self.label("داده‌های شما نزد ما", "Your data with us");
        let scope = match head.recipient {
            Recipient::Customer => {
                self.label("آنچه مشتری می‌تواند ببیند", "what the customer may see")
            }
            Recipient::PrivacyOfficer => {
                self.label("همه، برای مسئول داده‌های شخصی", "everything, for the privacy officer")
            }
        };
        format!(
            "<!DOCTYPE html>\n<html lang=\"{lang}\" dir=\"{dir}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>داده‌های شخصی · Personal data</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <header>\n<h1>{title}</h1>\n<p>{}: {} · {}: {} · {scope}</p>\n</header>\n<dl>\n{rows}</dl>\n",
            self.label("تاریخ", "Made"),
            self.moment(head.exported_at),
            self.label("برای", "For"),
            self.said_or_word(&head.purpose),
        )
    }

    fn section(&self, section: Section) -> String {
        let head = |columns: &[(&str, &str)]| {
            let columns = columns.iter().map(|(fa, en)| format!("<th>{}</th>", self.label(fa, en)));
            format!("<table>\n<thead><tr>{}</tr></thead>\n<tbody>\n", columns.collect::<String>())
        };
        let (title, table) = match section {
            Section::Consents => (
                self.label("رضایت‌ها", "Consents"),
                head(&[
                    ("زمان", "When"),
                    ("برای", "For"),
                    ("از راه", "By"),
                    ("چه شد", "What"),
                    ("رویداد گواه", "Proving event"),
                ]),
            ),
            Section::Postings => (
                self.label("گردش حساب", "Account"),
                head(&[
                    ("زمان", "When"),
                    ("چه شد", "What"),
                    ("چقدر", "How much"),
                    ("کجا", "Where"),
                    ("رویداد گواه", "Proving event"),
                ]),
            ),
            Section::Payments => (
                self.label("پرداخت‌ها", "Payments"),
                head(&[
                    ("زمان", "When"),
                    ("برای", "For"),
                    ("چقدر", "How much"),
                    ("چه شد", "What"),
                    ("از راه", "By"),
                ]),
            ),
            Section::Cases => (self.label("پرونده‌ها", "Cases"), String::new()),
            Section::Accesses => (
                self.label("چه کسی داده‌های شما را خواند", "Who read your data"),
                head(&[
                    ("زمان", "When"),
                    ("خواننده", "Reader"),
                    ("برای", "For"),
                    ("چه خوانده شد", "What was read"),
                    ("رویداد گواه", "Proving event"),
                ]),
            ),
        };
        format!("<section>\n<h2>{title}</h2>\n{table}")
    }

    fn member(&mut self) {
        if let Some((_, has_members)) = &mut self.section {
            *has_members = true;
        }
    }

    fn close_section(&mut self, html: &mut String) {
        let Some((section, has_members)) = self.section.take() else { return };
        if section != Section::Cases {
            *html += "</tbody>\n</table>\n";
        }
        if !has_members {
            *html += &format!("<p>{}</p>\n", self.label("هیچ", "None"));
        }
        *html += "</section>\n";
    }

    fn consent(&self, consent: &ConsentPart) -> String {
        let what = match consent.given {
            true => self.label("داده شد", "given"),
            false => self.label("پس گرفته شد", "withdrawn"),
        };
        row(&[
            self.moment(consent.occurred_at),
            self.word(consent.purpose.as_str()),
            self.word(consent.channel.as_str()),
            what,
            event(&consent.event_id.to_string()),
        ])
    }

    /// What a file is, and a link that saves it from this page: its content follows. The link says nothing of the file's type, so that
    /// nothing that came from elsewhere is ever shown as a page.
    fn attachment(&mut self, file: &AttachmentPart) -> String {
        let said = [
            self.personal(file.name.as_deref(), file.erased),
            self.word(file.direction.as_str()),
            bidi(&file.media_type),
            format!("<bdi dir=\"ltr\">{} B</bdi>", file.size_bytes),
            self.moment(file.added_at),
        ];
        let said = said.join(" · ");
        if file.erased {
            return format!("<li>{said}");
        }
        self.content = Some(Base64Text::default());
        let name = text(file.name.as_deref().unwrap_or_default());
        format!("<li>{said} <a download=\"{name}\" href=\"data:application/octet-stream;base64,")
    }

    fn case(&self, case: &CasePart) -> String {
        let mut facts = vec![
            self.word(case.kind.as_str()),
            self.word(case.status.as_str()),
            self.word(case.channel.as_str()),
        ];
        facts.extend(case.hold_reason.map(|reason| self.word(reason.as_str())));
        facts.extend(case.outcome.map(|outcome| self.word(outcome.as_str())));
        for own in [&case.category, &case.unit, &case.stage, &case.assignee] {
            facts.extend(own.as_deref().map(bidi));
        }
        let mut html = format!(
            "<article>\n<h3><span dir=\"ltr\">{}</span> · {}</h3>\n<p>{}</p>\n<p>{}: {}",
            text(&case.reference),
            self.personal(case.subject.as_deref(), case.erased),
            facts.join(" · "),
            self.label("باز شد", "Opened"),
            self.moment(case.opened_at),
        );
        for (name, at) in [
            (self.label("سررسید", "Due"), case.due_at),
            (self.label("حل شد", "Resolved"), case.resolved_at),
            (self.label("بسته شد", "Closed"), case.closed_at),
        ] {
            if let Some(at) = at {
                html += &format!(" · {name}: {}", self.moment(at));
            }
        }
        html += "</p>\n";
        if let Some(description) = &case.description {
            html += &format!("<p class=\"said\" dir=\"auto\">{}</p>\n", text(description));
        }
        if !case.clocks.is_empty() {
            let clocks: String = case.clocks.iter().map(|clock| self.clock(clock)).collect();
            html += &format!("<p>{}</p>\n<ul>\n{clocks}</ul>\n", self.label("قول‌ها", "Promises"));
        }
        if !case.redress.is_empty() {
            let redress: String = case.redress.iter().map(|given| self.redress(given)).collect();
            html += &format!("<p>{}</p>\n<ul>\n{redress}</ul>\n", self.label("جبران", "Redress"));
        }
        if !case.fees.is_empty() {
            let fees: String = case.fees.iter().map(|fee| self.fee(fee)).collect();
            html += &format!("<p>{}</p>\n<ul>\n{fees}</ul>\n", self.label("هزینه‌ها", "Fees"));
        }
        html
    }

    fn timeline(&self) -> String {
        format!(
            "<table>\n<thead><tr><th>{}</th><th>{}</th><th>{}</th><th>{}</th></tr></thead>\n<tbody>\n",
            self.label("زمان", "When"),
            self.label("چه شد", "What"),
            self.label("چه کسی", "Who"),
            self.label("متن", "Text"),
        )
    }

    fn clock(&self, clock: &ClockPart) -> String {
        let mut said = vec![self.word(clock.metric.as_str())];
        said.extend(clock.goal.as_deref().map(bidi));
        said.push(self.word(clock.state.as_str()));
        for (name, at) in [
            (self.label("سررسید", "due"), clock.due_at),
            (self.label("پایان", "ended"), clock.stopped_at),
        ] {
            said.extend(at.map(|at| format!("{name} {}", self.moment(at))));
        }
        format!("<li>{}</li>\n", said.join(" · "))
    }

    fn entry(&self, entry: &EntryPart) -> String {
        let mut what = vec![self.word(&entry.event_type)];
        what.extend(entry.channel.map(|channel| self.word(channel.as_str())));
        what.extend(entry.direction.map(|direction| self.word(direction.as_str())));
        let mut said = match (&entry.text, entry.erased) {
            (None, false) => String::new(),
            (text, erased) => format!("<p>{}</p>", self.personal(text.as_deref(), erased)),
        };
        for change in &entry.changes {
            let value = change.value.as_deref().unwrap_or("–");
            let value = match words::persian(value) {
                Some(_) => self.word(value),
                None => self.value(value),
            };
            said += &format!("<p>{}: {value}</p>", self.word(&change.field));
        }
        let mut who = self.word(kind_name(entry.actor_kind));
        if let Some(id) = &entry.actor_id {
            who += &format!("<br><small>{}</small>", bidi(id));
        }
        row(&[self.moment(entry.occurred_at), what.join(" · "), who, said])
    }

    /// The value of a field: a moment as people read it, or a text.
    fn value(&self, value: &str) -> String {
        value.parse::<Timestamp>().map_or_else(|_| bidi(value), |at| self.moment(at))
    }

    fn access(&self, access: &AccessPart) -> String {
        let reader = match &access.reader {
            Some(reader) => {
                format!("{}<br><small>{}</small>", self.word(&access.reader_role), bidi(reader))
            }
            None => self.word(&access.reader_role),
        };
        let what =
            format!("{}<br><small>{}</small>", self.word(access.data), bidi(&access.operation));
        row(&[
            self.moment(access.at),
            reader,
            self.said_or_word(&access.purpose),
            what,
            event(&access.event_id.to_string()),
        ])
    }

    /// A text in the customer's language, with the other after it.
    fn label(&self, persian: &str, english: &str) -> String {
        match self.language {
            Language::Persian => {
                format!("{persian} <small lang=\"en\" dir=\"ltr\">{english}</small>")
            }
            Language::English => {
                format!("{english} <small lang=\"fa\" dir=\"rtl\">{persian}</small>")
            }
        }
    }

    /// A value of a published list.
    fn word(&self, stored: &str) -> String {
        let english = text(&words::english(stored));
        match words::persian(stored) {
            Some(persian) => self.label(persian, &english),
            None => format!("<bdi dir=\"ltr\" lang=\"en\">{english}</bdi>"),
        }
    }

    /// A text that may be one of ours.
    fn said_or_word(&self, said: &str) -> String {
        if words::persian(said).is_some() { self.word(said) } else { bidi(said) }
    }

    /// What somebody said or is called, or that it was erased.
    fn personal(&self, said: Option<&str>, erased: bool) -> String {
        match said {
            Some(said) => bidi(said),
            None if erased => format!("<em>{}</em>", self.label("پاک شده", "erased")),
            None => "–".to_owned(),
        }
    }

    fn moment(&self, at: Timestamp) -> String {
        // What happened within a minute is for programs; people read minutes.
        let minute = at.as_second().div_euclid(60) * 60;
        let shown = Timestamp::from_second(minute).unwrap_or(at);
        let local = text(&self.times.text(shown));
        let jalali = self.times.jalali(at).map(|date| format!("{date} "));
        format!(
            "<time dir=\"ltr\" datetime=\"{at}\">{}<small>{local}</small></time>",
            jalali.unwrap_or_default()
        )
    }
}

fn kind_name(kind: parvandeh_domain::decider::ActorKind) -> &'static str {
    use parvandeh_domain::decider::ActorKind;
    match kind {
        ActorKind::Customer => "customer",
        ActorKind::Representative => "representative",
        ActorKind::Staff => "staff",
        ActorKind::Service => "service",
        ActorKind::System => "system",
    }
}

fn row(cells: &[String]) -> String {
    let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
    format!("<tr>{cells}</tr>\n")
}

fn event(id: &str) -> String {
    format!("<small dir=\"ltr\">{}</small>", text(id))
}

/// A text that people wrote, in its own direction.
fn bidi(plain: &str) -> String {
    format!("<bdi dir=\"auto\">{}</bdi>", text(plain))
}
