//! The demo's cases over sixty days up to now.
//!
//! Every case is told to its end, and what lies after now is left out: so the older ones are closed, the latest still open,
//! and all that lies between is under way. Beside these some are told so that there is something to watch in every demo,
//! whatever the weekday: cases that nobody has answered, promises that were missed, and promises that are due soon.

use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::calendar::WorkingTime;
use parvandeh_domain::case::{CaseCommand, CaseKind, Channel, Priority};
use parvandeh_domain::customer::{CustomerKind, Language};
use parvandeh_domain::id::{CaseId, CategoryId};

use super::customers::{self, Sender};
use super::plot::{Plot, tell};
use super::random::Random;
use super::reference::{self, Reference};
use super::story::{Brief, Story, is_on_paper, later};
use super::topics::{self, Topic};
use super::{Portfolio, Step};

/// The seed of all chance in the demo.
pub(super) const SEED: u64 = 0x7061_7276_616e_6465;

/// Cases that come as the days pass.
const NATURAL: usize = 258;
/// Cases that nobody has answered: they came within the last hour and a half.
const FRESH: usize = 10;
/// Open cases whose promised date has passed.
const OVERDUE: usize = 6;
/// Open cases whose promised date comes within ten minutes.
const DUE_IN_MINUTES: usize = 14;
/// Open cases whose promised date comes within hours.
const DUE_IN_HOURS: usize = 12;
const WINDOW_MIN: i64 = 60 * 24 * 60;

/// The demo as it stands at `now`, to the minute: the same for the same minute.
pub fn portfolio(now: Timestamp) -> Portfolio {
    let second = now.as_second();
    let now = Timestamp::from_second(second - second.rem_euclid(60)).unwrap_or(now);
    let reference = Reference::new(now);
    let customers = customers::customers(now, SEED);
    let senders = customers::senders(&customers);
    let plan = Plan { now, reference: &reference, senders: &senders };

    let natural = (0..NATURAL).map(|number| plan.natural(number));
    let special = (0..FRESH)
        .map(|index| plan.fresh(index))
        .chain((0..OVERDUE).map(|index| plan.overdue(index)))
        .chain((0..DUE_IN_MINUTES).map(|index| plan.due_in_minutes(index)))
        .chain((0..DUE_IN_HOURS).map(|index| plan.due_in_hours(index)));
    let special = special.enumerate();
    let special = special.map(|(index, part)| plan.special(NATURAL + index, part));

    let mut cases: Vec<_> = natural.chain(special).collect();
    for (_, steps) in &mut cases {
        steps.retain(|step| step.recorded_at <= now);
    }
    cases.retain(|(_, steps)| !steps.is_empty());
    cases.sort_by_key(|(id, steps)| (steps[0].recorded_at, *id));
    Portfolio {
        calendars: reference::calendars(now),
        policies: reference::policies(now),
        customers,
        cases,
    }
}

struct Plan<'a> {
    now: Timestamp,
    reference: &'a Reference,
    senders: &'a [Sender],
}

/// A case with what happened to it.
type Case = (CaseId, Vec<Step<CaseCommand>>);

/// A case that is there to be watched: how long ago it came, and its course.
struct Special {
    age_s: i64,
    plot: Plot,
    due_at_opening: Option<Timestamp>,
}

impl Plan<'_> {
    /// A case of everyday life.
    fn natural(&self, number: usize) -> Case {
        let mut random = Random::of_stream(SEED, number as u64);
        let share = WINDOW_MIN / NATURAL as i64;
        let age_min = WINDOW_MIN - number as i64 * share - random.between(1, share);
        let came_at = self.now - SignedDuration::from_mins(age_min);
        let matter = Matter::drawn(&mut random, self.senders);
        // People call and come while the office is open, and most of the rest is written by day as well.
        let by_day =
            matches!(matter.channel, Channel::Phone | Channel::InPerson) || random.chance(60);
        let within = SignedDuration::from_mins(random.between(1, 200));
        let opened_at = if by_day {
            Some(later(self.reference.office(), came_at, within)).filter(|at| *at < self.now)
        } else {
            None
        };
        let plot = random.weighted(&[
            (36, Plot::Plain),
            (22, Plot::Referred),
            (13, Plot::AwaitsCustomer),
            (5, Plot::CustomerIsSilent),
            (8, Plot::AwaitsPartner),
            (10, Plot::Reopened),
            (9, Plot::Promised),
            (3, Plot::Misdirected),
            (if age_min < 10 * 24 * 60 { 6 } else { 0 }, Plot::Unanswered),
        ]);
        let opened_at = opened_at.unwrap_or(came_at);
        // A journalist has a deadline of their own.
        let due_at = (matter.topic.kind == CaseKind::MediaInquiry)
            .then(|| opened_at + SignedDuration::from_hours(random.between(6, 48)))
            .filter(|_| !is_on_paper(matter.channel));
        let promise = matter.promise(self.reference);
        let in_time_percent = if matter.topic.unit == "finance" { 66 } else { 84 };
        let key = number.to_string();
        let hours = promise.hours;
        let mut story = Story::new(matter.brief(key, opened_at, due_at, hours, promise), random);
        tell(&mut story, plot, in_time_percent);
        story.end()
    }

    /// A case that people on duty take up, at any hour.
    fn special(&self, number: usize, special: Special) -> Case {
        let mut random = Random::of_stream(SEED, number as u64);
        let mut matter = Matter::drawn(&mut random, self.senders);
        if is_on_paper(matter.channel) {
            matter.channel = Channel::Portal;
        }
        let promise = matter.promise(self.reference);
        let opened_at = self.now - SignedDuration::from_secs(special.age_s);
        let hours = self.reference.always();
        let due_at = special.due_at_opening;
        let brief = matter.brief(number.to_string(), opened_at, due_at, hours, promise);
        let mut story = Story::new(brief, random);
        tell(&mut story, special.plot, 100);
        story.end()
    }

    fn fresh(&self, index: usize) -> Special {
        let plot = if index % 4 == 3 { Plot::HeldAtOnce } else { Plot::Unanswered };
        // The held ones are old enough to have been taken up.
        let age_s = 150 + index as i64 * 540 + if plot == Plot::HeldAtOnce { 2400 } else { 0 };
        Special { age_s, plot, due_at_opening: None }
    }

    fn overdue(&self, index: usize) -> Special {
        let hours_ago = 1 + index as i64 * 9;
        let due_at = self.now - SignedDuration::from_hours(hours_ago);
        let age_s = (hours_ago + 40) * 3600;
        Special { age_s, plot: Plot::UnderWay(Some(due_at)), due_at_opening: None }
    }

    fn due_in_minutes(&self, index: usize) -> Special {
        let due_at = self.now + SignedDuration::from_secs(75 + index as i64 * 40);
        self.due(index, due_at)
    }

    fn due_in_hours(&self, index: usize) -> Special {
        let due_at = self.now + SignedDuration::from_mins(15 + index as i64 * 40);
        self.due(index, due_at)
    }

    /// Every third has had its date from the beginning.
    fn due(&self, index: usize, due_at: Timestamp) -> Special {
        let age_s = (3 + index as i64 * 4) * 3600;
        Special {
            age_s,
            plot: Plot::UnderWay(Some(due_at)),
            due_at_opening: index.is_multiple_of(3).then_some(due_at),
        }
    }
}

/// Who writes about what, how, and how pressing it is.
pub(super) struct Matter {
    pub(super) topic: &'static Topic,
    pub(super) sender: Sender,
    pub(super) channel: Channel,
    pub(super) priority: Priority,
}

impl Matter {
    /// Something that could come next.
    pub(super) fn drawn(random: &mut Random, senders: &[Sender]) -> Self {
        let kinds: Vec<_> = CaseKind::ALL.iter().map(|kind| (share_of(*kind), *kind)).collect();
        let kind = random.weighted(&kinds);
        let topic = random.pick(&topics::of_kind(kind));
        let sender = sender_of(kind, random, senders);
        let channel = channel_of(kind, random);
        let priority = priority_of(kind, random);
        Self { topic, sender, channel, priority }
    }

    pub(super) fn promise<'a>(&self, reference: &'a Reference) -> reference::Promise<'a> {
        let category = CategoryId::new(self.topic.category).ok();
        reference.promise(self.topic.kind, category.as_ref(), self.priority, self.channel)
    }

    pub(super) fn brief<'a>(
        self,
        key: String,
        opened_at: Timestamp,
        due_at: Option<Timestamp>,
        hours: &'a WorkingTime,
        promise: reference::Promise<'a>,
    ) -> Brief<'a> {
        let Self { topic, sender, channel, priority } = self;
        Brief { key, topic, sender, channel, priority, opened_at, due_at, hours, promise }
    }
}

/// How many cases of this kind there are, beside the shares of the others.
fn share_of(kind: CaseKind) -> usize {
    match kind {
        CaseKind::Complaint => 30,
        CaseKind::Request => 22,
        CaseKind::Question => 17,
        CaseKind::Suggestion => 7,
        CaseKind::Criticism => 6,
        CaseKind::Praise | CaseKind::MediaInquiry => 5,
        CaseKind::Incident => 8,
    }
}

fn sender_of(kind: CaseKind, random: &mut Random, senders: &[Sender]) -> Sender {
    use CustomerKind::{Employee, Individual, Media, Organisation, Partner, Prospect};
    let opinion = matches!(kind, CaseKind::Suggestion | CaseKind::Criticism | CaseKind::Praise);
    if opinion && random.chance(15) {
        let language = random.pick(&[Language::Persian, Language::English]);
        let subject = "anonymous".to_owned();
        return Sender { kind: Individual, language, customer_id: None, subject };
    }
    let fitting: &[CustomerKind] = match kind {
        CaseKind::MediaInquiry => &[Media],
        CaseKind::Suggestion | CaseKind::Criticism => &[Individual, Organisation, Employee],
        CaseKind::Question => &[Individual, Organisation, Prospect],
        CaseKind::Incident => &[Individual, Organisation, Partner, Employee],
        CaseKind::Complaint | CaseKind::Request | CaseKind::Praise => {
            &[Individual, Organisation, Partner]
        }
    };
    let fitting: Vec<&Sender> =
        senders.iter().filter(|sender| fitting.contains(&sender.kind)).collect();
    random.pick(&fitting).clone()
}

fn channel_of(kind: CaseKind, random: &mut Random) -> Channel {
    match kind {
        CaseKind::MediaInquiry => random.weighted(&[
            (5, Channel::Email),
            (3, Channel::Phone),
            (2, Channel::Website),
            (1, Channel::Fax),
        ]),
        CaseKind::Incident => random.weighted(&[
            (4, Channel::App),
            (4, Channel::Phone),
            (3, Channel::Portal),
            (2, Channel::Sms),
            (2, Channel::SocialNetwork),
        ]),
        _ => random.weighted(&[
            (20, Channel::Portal),
            (14, Channel::Email),
            (11, Channel::Website),
            (14, Channel::App),
            (7, Channel::Sms),
            (14, Channel::Phone),
            (4, Channel::Fax),
            (7, Channel::Letter),
            (6, Channel::InPerson),
            (6, Channel::SocialNetwork),
        ]),
    }
}

fn priority_of(kind: CaseKind, random: &mut Random) -> Priority {
    use Priority::{High, Low, Normal, Urgent};
    match kind {
        CaseKind::Incident => random.weighted(&[(4, Urgent), (4, High), (2, Normal)]),
        CaseKind::MediaInquiry => random.weighted(&[(2, Urgent), (5, High), (3, Normal)]),
        CaseKind::Complaint => random.weighted(&[(1, Urgent), (3, High), (6, Normal)]),
        CaseKind::Request => random.weighted(&[(2, High), (6, Normal), (2, Low)]),
        CaseKind::Question => random.weighted(&[(1, High), (5, Normal), (4, Low)]),
        CaseKind::Suggestion | CaseKind::Criticism | CaseKind::Praise => {
            random.weighted(&[(3, Normal), (7, Low)])
        }
    }
}
