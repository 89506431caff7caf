//! What may become of a case: the order of a story's moves.

use jiff::Timestamp;
use parvandeh_domain::case::Outcome;

use super::reference::UNITS;
use super::story::Story;

/// The course that a case takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plot {
    /// Answered and closed by the unit that it came to.
    Plain,
    /// Another unit has to answer.
    Referred,
    /// The customer is asked for a document, and sends it.
    AwaitsCustomer,
    /// The customer is asked for a document, and does not send it.
    CustomerIsSilent,
    /// A partner organisation has to answer first.
    AwaitsPartner,
    /// The first answer does not settle it.
    Reopened,
    /// A date is promised.
    Promised,
    /// It is not the organisation's matter.
    Misdirected,
    /// Nobody has answered yet.
    Unanswered,
    /// It waits, and nobody has answered yet.
    HeldAtOnce,
    /// A date is promised, this one or one that is not far, and the story ends there.
    UnderWay(Option<Timestamp>),
}

/// Tells the story to its end, however far in the future that lies.
pub(super) fn tell(story: &mut Story<'_>, plot: Plot, in_time_percent: u64) {
    // What is plain to the form that it came by need not be sorted by hand.
    let sorted_at_once = story.random.chance(60);
    story.open(sorted_at_once);
    story.take_up(sorted_at_once);
    let in_time = story.random.chance(in_time_percent + 4);
    match plot {
        Plot::Unanswered => return,
        Plot::HeldAtOnce => return story.hold_at_once(),
        Plot::Misdirected => {
            story.misdirect();
            story.respond(in_time);
            story.finish(Outcome::Declined);
            return story.close();
        }
        Plot::UnderWay(due_at) => {
            story.promise(due_at);
            return;
        }
        _ => story.respond(in_time),
    }
    middle(story, plot);
    if plot == Plot::CustomerIsSilent {
        return story.close();
    }
    if story.random.chance(8) {
        story.escalate();
    }
    let in_time = story.random.chance(in_time_percent);
    story.resolve(in_time);
    if plot == Plot::Reopened {
        if story.random.chance(35) {
            story.close();
        }
        story.reopen();
        let in_time = story.random.chance(in_time_percent);
        story.resolve(in_time);
    }
    story.close();
}

fn middle(story: &mut Story<'_>, plot: Plot) {
    if story.random.chance(35) {
        story.note();
    }
    match plot {
        Plot::Referred => {
            let unit = story.brief.topic.unit;
            let others: Vec<_> = UNITS.into_iter().filter(|other| *other != unit).collect();
            let to = story.random.pick(&others);
            story.refer(to);
        }
        Plot::AwaitsCustomer => {
            story.await_customer();
            story.customer_sends();
        }
        Plot::CustomerIsSilent => {
            story.await_customer();
            story.customer_is_silent();
        }
        Plot::AwaitsPartner => story.await_partner(),
        Plot::Promised => story.promise(None),
        _ if story.random.chance(40) => story.exchange(),
        _ => {}
    }
}
