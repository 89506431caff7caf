//! Rules and conditions in words, for people who check what a policy says.

use std::fmt::{self, Display};

use super::{Condition, Selection, Target, Test};

impl Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Happened(happening) => happening.fmt(f),
            Self::AnyOf(any) => one_of(f, any),
            Self::Test(test) => test.fmt(f),
        }
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(any) => one_of(f, any),
            Self::All(all) if all.is_empty() => f.write_str("always"),
            Self::All(all) => f.write_str(&joined(all.iter().map(bracketed), " and ")),
            Self::Not(inner) => write!(f, "not {}", bracketed(inner)),
            Self::ClockStopped(clock) => write!(f, "{clock} stopped"),
            Self::Status(list) => named(f, "status", "any status", list),
            Self::Hold(list) => named(f, "on hold for", "on hold", list),
            Self::Unit(list) => named(f, "owned by", "owned by a unit", list),
            Self::Stage(list) => named(f, "in stage", "in a stage", list),
            Self::Assignee(list) => named(f, "assigned to", "assigned", list),
            Self::Kind(list) => named(f, "kind", "of a kind", list),
            Self::Category(list) => named(f, "category", "of a category", list),
            Self::Priority(list) => named(f, "priority", "of a priority", list),
            Self::Severity(list) => named(f, "severity", "of a severity", list),
            Self::Channel(list) => named(f, "channel", "of a channel", list),
            Self::Tier(list) => named(f, "tier", "of a tier", list),
            Self::CustomerKind(list) => named(f, "customer", "of a customer", list),
            Self::Responded(true) => f.write_str("responded"),
            Self::Responded(false) => f.write_str("not responded"),
            Self::Unanswered(true) => f.write_str("unanswered"),
            Self::Unanswered(false) => f.write_str("not unanswered"),
        }
    }
}

impl Display for Selection {
    /// `all cases` without lists.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T: Display>(name: &str, list: Option<&Vec<T>>) -> Option<String> {
            list.map(|list| format!("{name} {}", joined(list, " or ")))
        }
        let lists = [
            list("kind", self.kind.as_ref()),
            list("category", self.category.as_ref()),
            list("priority", self.priority.as_ref()),
            list("severity", self.severity.as_ref()),
            list("channel", self.channel.as_ref()),
            list("unit", self.unit.as_ref()),
            list("stage", self.stage.as_ref()),
            list("tier", self.tier.as_ref()),
            list("customer", self.customer_kind.as_ref()),
        ];
        let lists: Vec<_> = lists.into_iter().flatten().collect();
        f.write_str(&if lists.is_empty() { "all cases".to_owned() } else { lists.join(", ") })
    }
}

impl Target {
    /// The six conditions in force, in one line. What never holds is left out.
    pub fn conditions_in_words(&self) -> String {
        let in_force = self.conditions();
        let conditions = [
            ("starts", Some(&in_force.start)),
            ("pauses", Some(&in_force.pause)),
            ("resumes", in_force.resume.as_ref()),
            ("stops", Some(&in_force.stop)),
            ("is cancelled", Some(&in_force.cancel)),
            ("is reset", Some(&in_force.reset)),
        ];
        let holds = conditions.into_iter().filter_map(|(verb, condition)| {
            let condition = condition.filter(|condition| !is_never(condition))?;
            // A pause lasts as long as a state does; all else happens once.
            let lasts = verb == "pauses" && !condition.may_be_momentary();
            let word = if lasts { "while" } else { "when" };
            Some(format!("{verb} {word} {condition}"))
        });
        holds.collect::<Vec<_>>().join("; ")
    }
}

fn is_never(condition: &Condition) -> bool {
    matches!(condition, Condition::AnyOf(any) if any.is_empty())
}

fn joined<T: Display>(all: impl IntoIterator<Item = T>, by: &str) -> String {
    let all: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    all.join(by)
}

fn one_of(f: &mut fmt::Formatter<'_>, any: &[Condition]) -> fmt::Result {
    f.write_str(&if any.is_empty() { "never".to_owned() } else { joined(any, " or ") })
}

fn named<T: Display>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    of_any: &str,
    list: &[T],
) -> fmt::Result {
    if list.is_empty() { f.write_str(of_any) } else { write!(f, "{name} {}", joined(list, " or ")) }
}

/// A combination inside another in brackets, so that it reads in one way.
fn bracketed(condition: &Condition) -> String {
    let is_one = match condition {
        Condition::Happened(_) => true,
        Condition::AnyOf(any) => any.len() < 2,
        Condition::Test(test) => !matches!(**test, Test::Any(_) | Test::All(_)),
    };
    if is_one { condition.to_string() } else { format!("({condition})") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicyDocument;

    #[test]
    fn the_conditions_in_force_read_as_one_line() {
        let document: PolicyDocument = serde_saphyr::from_str(
            r#"
name: any
rules:
  - name: urgent
    when: {priority: [high, urgent], unit: [پشتیبانی]}
    targets:
      - {metric: resolution, target: 4 working hours, pause_on: [awaiting_customer]}
      - {metric: next_response, target: 2 working hours}
      - metric: custom
        clock: visit
        start: {any: [{clock_stopped: resolution}, {all: [referred, {unit: [field]}, {not: {hold: []}}]}]}
        stop: [resolved, closed]
        reset: {all: [[held, resumed], {unanswered: true}]}
  - {name: rest, targets: []}
"#,
        )
        .unwrap();
        let rule = &document.rules[0];
        assert_eq!(rule.when.to_string(), "priority high or urgent, unit پشتیبانی");
        assert_eq!(document.rules[1].when.to_string(), "all cases");
        let words: Vec<_> = rule.targets.iter().map(Target::conditions_in_words).collect();
        assert_eq!(
            words,
            [
                "starts when opened or reopened; pauses while on hold for awaiting_customer; \
                 stops when resolved; is cancelled when closed",
                "starts when customer_message and responded; pauses while on hold; \
                 stops when response or resolved; is cancelled when closed",
                "starts when resolution stopped or referred and owned by field and not on hold; \
                 stops when resolved or closed; is cancelled when closed; \
                 is reset when (held or resumed) and unanswered",
            ]
        );
    }
}
