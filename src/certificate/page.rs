//! A certificate as a page that prints well: one file without scripts or anything from elsewhere. Texts of the case may be of any
//! script and direction.

use jiff::Timestamp;
use parvandeh_domain::calendar::Measure;
use parvandeh_domain::sla::certificate::{Certificate, EventReference, Part};
use parvandeh_domain::sla::{ClockState, IntervalCourse};

use crate::local_time::{LocalTimes, amount};

const STYLE: &str = include_str!("page.css");

/// The page, as HTML.
pub fn page(certificate: &Certificate) -> String {
    let zone = certificate.parts.iter().rev().find_map(|part| part.calendar.as_ref());
    let times = LocalTimes::new(zone.map_or("UTC", |calendar| &calendar.time_zone));
    let page = Page { certificate, times };
    let title = format!("{} of case {}", certificate.clock, certificate.case_reference);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        text(&title)
    );
    html += &page.head();
    html += &page.sums();
    html += &page.parts();
    html += &page.facts();
    html += &page.documents();
    html += &page.foot();
    html + "</main>\n</body>\n</html>\n"
}

struct Page<'a> {
    certificate: &'a Certificate,
    times: LocalTimes,
}

impl Page<'_> {
    fn head(&self) -> String {
        let it = self.certificate;
        let moment =
            |at: Option<Timestamp>, none: &str| at.map_or(text(none), |at| self.moment(at));
        let stopped = if it.stopped_at.is_some() { "" } else { "still open" };
        let mut rows = vec![
            ("Case", format!("{} <small>{}</small>", bidi(&it.case_reference), it.case_id)),
            (
                "Clock",
                format!("{} <small>metric {}</small>", bidi(&it.clock.to_string()), it.metric),
            ),
            ("Promise", text(&it.promise)),
            ("Rule", self.rule(&it.rule, it.policy_id.as_str(), it.policy_version)),
            ("Started", self.moment(it.started_at)),
            ("Due", moment(it.due_at, "not due while it stands so")),
            ("Stopped", moment(it.stopped_at, stopped)),
            ("As of", self.moment(it.as_of)),
        ];
        if it.attached_at != it.started_at {
            rows.insert(5, ("Got its target", self.moment(it.attached_at)));
        }
        let rows: String =
            rows.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>\n")).collect();
        let late = matches!(it.verdict, ClockState::Breached | ClockState::Waived);
        let class = if late { "verdict late" } else { "verdict" };
        let left_out = match it.facts_left_out {
            0 => String::new(),
            count => format!(
                "<p class=\"late\">{count} facts of the case found no room; the account may not tell all.</p>\n"
            ),
        };
        format!(
            "<header>\n<h1>Certificate of a service-level clock</h1>\n<p class=\"{class}\">{}</p>\n</header>\n\
             <dl>\n{rows}</dl>\n{left_out}",
            it.verdict
        )
    }

    fn sums(&self) -> String {
        let it = self.certificate;
        let measured = |duration| amount(duration, it.measure);
        let wall = |duration| amount(duration, Measure::Elapsed);
        let mut rows = vec![("Elapsed", measured(it.sums.elapsed))];
        if let Some(target) = it.target {
            rows.push(("of the target", measured(target)));
            let left = target - it.sums.elapsed;
            let name = if left.is_negative() { "Over the target" } else { "Left" };
            rows.push((name, measured(left.abs())));
        }
        rows.push(("Paused", measured(it.sums.paused)));
        rows.push(("Running, by the wall clock", wall(it.sums.running_wall_clock)));
        rows.push(("Start to end, by the wall clock", wall(it.sums.wall_clock)));
        let rows: String = rows
            .iter()
            .map(|(name, value)| format!("<div><dt>{name}</dt><dd>{value}</dd></div>\n"))
            .collect();
        format!("<section>\n<h2>Sums</h2>\n<dl class=\"sums\">\n{rows}</dl>\n</section>\n")
    }

    fn parts(&self) -> String {
        let it = self.certificate;
        let counted = match it.measure {
            Measure::Elapsed => "every minute counts",
            Measure::WorkingTime => "open hours count",
            Measure::WorkingDays => {
                "each working date counts as one day, its open hours as shares of it"
            }
        };
        let groups = it.parts.chunk_by(is_of_one_stretch);
        let rows: String = groups.map(|parts| self.stretch(parts)).collect();
        format!(
            "<section>\n<h2>Every minute</h2>\n<p>Local times of {}; {counted}. A part ends where something changes, where a calendar's \
             version changes, and at midnight.</p>\n<table class=\"parts\">\n<thead><tr><th>From</th><th>To</th>\
             <th>By the wall clock</th><th>Counted</th></tr></thead>\n{rows}\
             <tbody><tr class=\"sum\"><td colspan=\"2\">Running parts together</td><td>{}</td><td>{}</td></tr></tbody>\n\
             </table>\n</section>\n",
            text(self.times.zone()),
            amount(it.sums.running_wall_clock, Measure::Elapsed),
            amount(it.sums.elapsed, it.measure)
        )
    }

    /// The parts that one event began, under a line that says why and by what they are counted.
    fn stretch(&self, parts: &[Part]) -> String {
        let Some(first) = parts.first() else { return String::new() };
        let mut said = vec![format!("{} because of {}", course(first.course), first.cause)];
        said.extend(first.hold.map(|hold| format!("on hold: {hold}")));
        said.extend(first.unit.as_ref().map(|unit| format!("unit {}", bidi(unit.as_str()))));
        said.extend(
            first.assignee.as_ref().map(|staff| format!("assigned to {}", bidi(staff.as_str()))),
        );
        let (policy, version) = (bidi(first.policy_id.as_str()), first.policy_version);
        said.push(format!("rule {} of policy {policy} version {version}", bidi(&first.rule)));
        said.push(match &first.calendar {
            Some(calendar) => {
                let id = bidi(calendar.id.as_str());
                let zone = text(&calendar.time_zone);
                format!("calendar {id} version {}, hours of {zone}", calendar.version)
            }
            None => "counted by the wall clock".to_owned(),
        });
        let class = course(first.course);
        let mut html = format!(
            "<tbody class=\"{class}\">\n<tr class=\"stretch\"><th colspan=\"4\" scope=\"rowgroup\">{}<br>\
             <small>{}</small></th></tr>\n",
            said.join(" · "),
            self.event(&first.event)
        );
        for part in parts {
            html += &format!(
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                self.moment(part.from),
                self.moment(part.to),
                amount(part.wall_clock, Measure::Elapsed),
                counted(part, self.certificate.measure)
            );
        }
        html + "</tbody>\n"
    }

    fn facts(&self) -> String {
        if self.certificate.facts.is_empty() {
            return "<section>\n<h2>On record</h2>\n<p>Nothing had been recorded of the clock.</p>\n</section>\n".to_owned();
        }
        let facts = self.certificate.facts.iter();
        let rows: String = facts
            .map(|fact| {
                let (name, event) = (text(&fact.fact), &fact.event);
                format!(
                    "<tr><td>{name}</td><td>{}</td><td><small>{}</small></td></tr>\n",
                    self.moment(event.recorded_at),
                    self.event(event)
                )
            })
            .collect();
        format!(
            "<section>\n<h2>On record</h2>\n<table>\n<thead><tr><th>Fact</th><th>Recorded</th><th>Event</th></tr></thead>\n\
             <tbody>\n{rows}</tbody>\n</table>\n</section>\n"
        )
    }

    fn documents(&self) -> String {
        let it = self.certificate;
        let mut html =
            "<section class=\"documents\">\n<h2>Documents that counted</h2>\n".to_owned();
        let mut add = |kind: &str,
                       id: &str,
                       version: u32,
                       from,
                       event: &EventReference,
                       json: &str| {
            let from = if from == Timestamp::MIN { "always".to_owned() } else { self.moment(from) };
            html += &format!(
                "<h3>{kind} {} version {version}</h3>\n<p>In force from {from}; published by <small>{}</small></p>\n\
                 <pre dir=\"auto\">{}</pre>\n",
                bidi(id),
                self.event(event),
                text(json)
            );
        };
        for used in &it.policies {
            let json = serde_json::to_string_pretty(&used.document).unwrap_or_default();
            add("Policy", used.id.as_str(), used.version, used.effective_from, &used.event, &json);
        }
        for used in &it.calendars {
            let json = serde_json::to_string_pretty(&used.document).unwrap_or_default();
            add(
                "Calendar",
                used.id.as_str(),
                used.version,
                used.effective_from,
                &used.event,
                &json,
            );
        }
        html + "</section>\n"
    }

    fn foot(&self) -> String {
        let it = self.certificate;
        format!(
            "<footer>\n<p>{} version {}. SHA-256 of the certificate: <code>{}</code></p>\n\
             <p>This page is for reading. The certificate itself is the JSON document of the same digest; \
             <code>parvandeh sla certificate --check FILE</code> checks it against the log.</p>\n</footer>\n",
            text(&it.format),
            it.version,
            text(&it.digest)
        )
    }

    /// A moment that does not break in the middle, in Iran with the Jalali date below it.
    fn moment(&self, at: Timestamp) -> String {
        let local = self.times.text(at);
        let jalali = self.times.jalali(at);
        let jalali = jalali.map(|date| format!(" <small class=\"date\">{date}</small>"));
        format!("<time datetime=\"{at}\">{}</time>{}", text(&local), jalali.unwrap_or_default())
    }

    fn event(&self, event: &EventReference) -> String {
        format!("{}, event {}, id {}", text(&event.stream), event.revision, event.id)
    }

    fn rule(&self, rule: &str, policy: &str, version: u32) -> String {
        format!("{}<br><small>policy {} version {version}</small>", bidi(rule), bidi(policy))
    }
}

/// Whether nothing changed between two parts but the day.
fn is_of_one_stretch(one: &Part, other: &Part) -> bool {
    let same = |part: &Part| Part {
        from: one.from,
        to: one.to,
        wall_clock: one.wall_clock,
        counted: one.counted,
        ..part.clone()
    };
    *one == same(other)
}

fn course(course: IntervalCourse) -> &'static str {
    match course {
        IntervalCourse::Running => "running",
        IntervalCourse::Paused => "paused",
        IntervalCourse::Idle => "stopped",
    }
}

/// What a part counts, and for what.
fn counted(part: &Part, measure: Measure) -> String {
    match part.course {
        IntervalCourse::Running => amount(part.counted, measure),
        IntervalCourse::Paused => format!("{} of pause", amount(part.counted, measure)),
        IntervalCourse::Idle => "nothing".to_owned(),
    }
}

/// A text that people wrote, in its own direction.
fn bidi(plain: &str) -> String {
    format!("<bdi dir=\"auto\">{}</bdi>", text(plain))
}

/// Text in HTML.
pub fn text(plain: &str) -> String {
    let mut escaped = String::with_capacity(plain.len());
    for character in plain.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_cannot_become_markup() {
        assert_eq!(
            bidi("<b a='1'>&\""),
            "<bdi dir=\"auto\">&lt;b a=&#39;1&#39;&gt;&amp;&quot;</bdi>"
        );
        assert_eq!(bidi("پیگیری"), "<bdi dir=\"auto\">پیگیری</bdi>");
    }
}
