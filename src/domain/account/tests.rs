//! What may be posted to an account, told as given, when, then; and the laws that hold for every course of postings.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::command::{
    AccountCommand, EarnPoints, GrantCredit, RedeemPoints, ReversePosting, SpendCredit,
};
use super::decide::LOTS_MAX;
use super::{Account, AccountEvent, AccountRefusal, AccountState, Balances};
use crate::decider::{Actor, ActorKind, Context, Decider, Metadata};
use crate::id::{CentreId, CommandId, PostingId, derived};
use crate::money::{Currency, MINOR_UNITS_MAX, Money, POINTS_MAX, Points};

/// An account in the course of a test.
struct Ledger {
    state: AccountState,
    events: Vec<AccountEvent>,
    now: Timestamp,
    commands: u64,
}

impl Ledger {
    fn new() -> Self {
        let now = "2026-03-21T08:00:00Z".parse().unwrap();
        Self { state: AccountState::default(), events: Vec::new(), now, commands: 0 }
    }

    fn pass(&mut self, days: i64) {
        self.now += SignedDuration::from_hours(24 * days);
    }

    /// Sends a command; answers how many events it wrote.
    fn send(&mut self, command: AccountCommand) -> Result<usize, AccountRefusal> {
        self.commands += 1;
        let command_id = CommandId(derived(&["test", &self.commands.to_string()]));
        let actor = Actor { kind: ActorKind::Service, id: "till-4".to_owned() };
        let (occurred_at, recorded_at) = (self.now, self.now);
        let context = Context { command_id, occurred_at, recorded_at, actor: actor.clone() };
        let events = Account::decide(&self.state, command, &context)?;
        let meta = Metadata {
            occurred_at,
            recorded_at,
            actor,
            causation_id: command_id,
            correlation_id: command_id.0,
            command_digest: None,
            personal: None,
        };
        for event in &events {
            self.state = Account::evolve(std::mem::take(&mut self.state), event, &meta);
        }
        self.events.extend(events.iter().cloned());
        Ok(events.len())
    }

    fn points(&self) -> i64 {
        self.state.balances.points(self.now).0
    }

    fn credit(&self) -> i64 {
        self.state.balances.credit(rial())
    }
}

fn rial() -> Currency {
    Currency::new("IRR").unwrap()
}

fn id(name: &str) -> PostingId {
    PostingId::new(name).unwrap()
}

fn earn(name: &str, points: i64, expires_at: Option<Timestamp>) -> AccountCommand {
    let (posting_id, points) = (id(name), Points(points));
    AccountCommand::EarnPoints(EarnPoints { posting_id, points, expires_at, case_id: None })
}

fn redeem(name: &str, points: i64) -> AccountCommand {
    let centre = CentreId::new("سینما").unwrap();
    let (posting_id, points) = (id(name), Points(points));
    AccountCommand::RedeemPoints(RedeemPoints { posting_id, points, centre })
}

fn grant(name: &str, minor_units: i64) -> AccountCommand {
    let money = Money::new(minor_units, rial());
    AccountCommand::GrantCredit(GrantCredit { posting_id: id(name), money, case_id: None })
}

fn spend(name: &str, minor_units: i64) -> AccountCommand {
    let money = Money::new(minor_units, rial());
    AccountCommand::SpendCredit(SpendCredit { posting_id: id(name), money })
}

fn reverse(name: &str, reversed: &str) -> AccountCommand {
    let (posting_id, reversed) = (id(name), id(reversed));
    AccountCommand::ReversePosting(ReversePosting { posting_id, reversed })
}

#[test]
fn what_was_earned_can_be_redeemed_and_no_point_more() {
    let mut ledger = Ledger::new();
    ledger.send(earn("a", 100, None)).unwrap();
    ledger.send(redeem("b", 60)).unwrap();
    assert_eq!(ledger.points(), 40);
    assert_eq!(
        ledger.send(redeem("c", 41)),
        Err(AccountRefusal::PointsTooFew { points: Points(40) })
    );
    ledger.send(redeem("d", 40)).unwrap();
    assert_eq!(ledger.points(), 0);
}

#[test]
fn credit_is_kept_by_currency_and_never_overdrawn() {
    let mut ledger = Ledger::new();
    ledger.send(grant("a", 500)).unwrap();
    let euros = Money::new(1, Currency::new("EUR").unwrap());
    let spend_euros =
        AccountCommand::SpendCredit(SpendCredit { posting_id: id("b"), money: euros });
    assert_eq!(
        ledger.send(spend_euros),
        Err(AccountRefusal::CreditTooLow { credit: Money::new(0, euros.currency) })
    );
    let too_much = Err(AccountRefusal::CreditTooLow { credit: Money::new(500, rial()) });
    assert_eq!(ledger.send(spend("c", 501)), too_much);
    ledger.send(spend("d", 500)).unwrap();
    assert_eq!(ledger.credit(), 0);
}

#[test]
fn the_same_posting_twice_is_once_and_with_another_content_is_refused() {
    let mut ledger = Ledger::new();
    assert_eq!(ledger.send(grant("a", 500)), Ok(1));
    assert_eq!(ledger.send(grant("a", 500)), Ok(0));
    for other in [grant("a", 501), spend("a", 500), earn("a", 500, None), reverse("a", "a")] {
        assert_eq!(ledger.send(other), Err(AccountRefusal::PostingReused));
    }
    ledger.send(spend("b", 500)).unwrap();
    // Not even when there is nothing left to spend.
    assert_eq!(ledger.send(spend("b", 500)), Ok(0));
    assert_eq!(ledger.credit(), 0);
}

#[test]
fn an_amount_is_above_zero_and_below_the_bound() {
    let mut ledger = Ledger::new();
    for command in [earn("a", 0, None), redeem("a", -1), grant("a", 0), spend("a", i64::MIN)] {
        let refused = ledger.send(command).unwrap_err();
        assert!(matches!(refused, AccountRefusal::NotPositive { .. }), "{refused:?}");
    }
    ledger.send(grant("a", MINOR_UNITS_MAX)).unwrap();
    ledger.send(earn("b", POINTS_MAX, None)).unwrap();
    for command in
        [grant("c", 1), grant("c", i64::MAX), earn("c", 1, None), earn("c", i64::MAX, None)]
    {
        let refused = ledger.send(command).unwrap_err();
        assert!(matches!(refused, AccountRefusal::BalanceTooHigh { .. }), "{refused:?}");
    }
}

#[test]
fn points_that_expire_first_are_used_first_and_those_without_an_expiry_last() {
    let mut ledger = Ledger::new();
    let in_days = |days: i64| Some(ledger.now + SignedDuration::from_hours(24 * days));
    let (soon, late) = (in_days(10), in_days(20));
    for (name, expires_at) in [("never", None), ("late", late), ("soon", soon), ("late 2", late)] {
        ledger.send(earn(&name.replace(' ', "-"), 100, expires_at)).unwrap();
    }
    ledger.send(redeem("r", 250)).unwrap();
    let Some(AccountEvent::PointsRedeemed(redeemed)) = ledger.events.last() else { panic!() };
    let used: Vec<_> =
        redeemed.lots.iter().map(|used| (used.lot.as_str(), used.points.0)).collect();
    assert_eq!(used, [("soon", 100), ("late", 100), ("late-2", 50)]);
}

#[test]
fn expired_points_are_worth_nothing_whether_that_was_recorded_or_not() {
    let mut ledger = Ledger::new();
    let expires_at = Some(ledger.now + SignedDuration::from_hours(24));
    ledger.send(earn("a", 100, expires_at)).unwrap();
    ledger.send(earn("b", 30, None)).unwrap();
    ledger.pass(1);
    assert_eq!(ledger.points(), 30);
    assert_eq!(
        ledger.send(redeem("c", 31)),
        Err(AccountRefusal::PointsTooFew { points: Points(30) })
    );
    // Whoever comes next records the expiry, once.
    assert_eq!(ledger.send(redeem("d", 10)), Ok(2));
    assert_eq!(ledger.send(AccountCommand::ExpirePoints), Ok(0));
    assert_eq!(ledger.points(), 20);
    let refused = ledger.send(earn("e", 5, Some(ledger.now)));
    assert_eq!(refused, Err(AccountRefusal::ExpiryPassed));
}

#[test]
fn a_reversed_redemption_gives_the_points_back_as_they_were() {
    let mut ledger = Ledger::new();
    let expires_at = Some(ledger.now + SignedDuration::from_hours(24));
    ledger.send(earn("a", 100, expires_at)).unwrap();
    ledger.send(earn("b", 50, None)).unwrap();
    let before = ledger.state.balances.clone();
    ledger.send(redeem("c", 120)).unwrap();
    ledger.send(reverse("d", "c")).unwrap();
    assert_eq!(ledger.state.balances, before);
    assert_eq!(ledger.send(reverse("e", "c")), Err(AccountRefusal::PostingReversed));
    assert_eq!(ledger.send(reverse("f", "d")), Err(AccountRefusal::PostingFinal));
    assert_eq!(ledger.send(reverse("g", "unknown")), Err(AccountRefusal::PostingUnknown));
    // What comes back late expires at once, and again.
    ledger.send(redeem("h", 120)).unwrap();
    ledger.pass(2);
    ledger.send(reverse("i", "h")).unwrap();
    assert_eq!(ledger.points(), 50);
    assert_eq!(ledger.send(AccountCommand::ExpirePoints), Ok(1));
    assert_eq!(ledger.points(), 50);
}

#[test]
fn what_was_given_by_mistake_is_taken_back_unless_it_is_spent() {
    let mut ledger = Ledger::new();
    ledger.send(earn("a", 100, None)).unwrap();
    ledger.send(earn("b", 30, None)).unwrap();
    ledger.send(redeem("c", 40)).unwrap();
    // The lot itself has 60 left; there are only 90 in all.
    assert_eq!(
        ledger.send(reverse("d", "a")),
        Err(AccountRefusal::PointsTooFew { points: Points(90) })
    );
    ledger.send(earn("e", 10, None)).unwrap();
    ledger.send(reverse("f", "a")).unwrap();
    assert_eq!(ledger.points(), 0);
    ledger.send(grant("g", 100)).unwrap();
    ledger.send(spend("h", 1)).unwrap();
    assert!(matches!(ledger.send(reverse("i", "g")), Err(AccountRefusal::CreditTooLow { .. })));
    ledger.send(reverse("j", "h")).unwrap();
    ledger.send(reverse("k", "g")).unwrap();
    assert_eq!(ledger.credit(), 0);
}

#[test]
fn what_has_expired_of_a_gift_is_not_taken_back_once_more() {
    // Once with the expiry on record, once at the moment of the reversal.
    for recorded in [true, false] {
        let mut ledger = Ledger::new();
        let tomorrow = Some(ledger.now + SignedDuration::from_hours(24));
        ledger.send(earn("a", 100, tomorrow)).unwrap();
        ledger.send(earn("b", 100, None)).unwrap();
        ledger.send(redeem("c", 40)).unwrap();
        ledger.pass(2);
        if recorded {
            ledger.send(AccountCommand::ExpirePoints).unwrap();
        }
        // 60 have expired; the 40 that were used are taken from what is left.
        ledger.send(reverse("d", "a")).unwrap();
        assert_eq!(ledger.points(), 60);
    }
}

#[test]
fn a_gift_that_has_expired_as_a_whole_is_reversed_and_takes_nothing() {
    let mut ledger = Ledger::new();
    let tomorrow = Some(ledger.now + SignedDuration::from_hours(24));
    ledger.send(earn("a", 100, tomorrow)).unwrap();
    ledger.pass(2);
    ledger.send(reverse("b", "a")).unwrap();
    assert_eq!(ledger.points(), 0);
    assert_eq!(ledger.send(reverse("c", "a")), Err(AccountRefusal::PostingReversed));
}

#[test]
fn what_was_spent_or_redeemed_comes_back_only_where_there_is_room_for_it() {
    let mut ledger = Ledger::new();
    ledger.send(grant("a", 10)).unwrap();
    ledger.send(spend("b", 10)).unwrap();
    ledger.send(grant("c", MINOR_UNITS_MAX)).unwrap();
    let refused = |field| Err(AccountRefusal::BalanceTooHigh { field });
    assert_eq!(ledger.send(reverse("d", "b")), refused("money"));
    ledger.send(earn("e", 10, None)).unwrap();
    ledger.send(redeem("f", 10)).unwrap();
    ledger.send(earn("g", POINTS_MAX, None)).unwrap();
    assert_eq!(ledger.send(reverse("h", "f")), refused("points"));
}

#[test]
fn an_account_has_a_bounded_number_of_lots() {
    let mut ledger = Ledger::new();
    for number in 0..LOTS_MAX {
        ledger.send(earn(&format!("lot-{number}"), 1, None)).unwrap();
    }
    assert_eq!(ledger.send(earn("more", 1, None)), Err(AccountRefusal::TooManyLots));
    ledger.send(redeem("r", 1)).unwrap();
    ledger.send(earn("more", 1, None)).unwrap();
    // What was redeemed finds no room to come back to.
    assert_eq!(ledger.send(reverse("back", "r")), Err(AccountRefusal::TooManyLots));
}

/// One posting of a random course: what, its number, how much, how many days it expires after, how many days pass before it.
type Step = (u8, u8, i64, i64, i64);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amounts = prop_oneof![8 => 0_i64..60, 1 => Just(-3_i64), 1 => any::<i64>()];
    proptest::collection::vec((0..7_u8, 0..30_u8, amounts, 0..8_i64, 0..3_i64), 1..120)
}

proptest! {
    #[test]
    fn in_every_course_of_postings_each_is_made_once_and_the_sums_are_exact_and_never_below_zero(steps in steps()) {
        let mut ledger = Ledger::new();
        let mut accepted = HashMap::new();
        for (what, number, amount, expiry_days, days) in steps {
            ledger.pass(days);
            let expires_at = (expiry_days > 0).then(|| ledger.now + SignedDuration::from_hours(24 * expiry_days));
            let name = format!("p{number}");
            let command = match what {
                0 => earn(&name, amount, expires_at),
                1 | 2 => redeem(&name, amount),
                3 => grant(&name, amount),
                4 => spend(&name, amount),
                5 => reverse(&name, &format!("p{}", amount.rem_euclid(30))),
                _ => AccountCommand::ExpirePoints,
            };
            let said = command.posting().map(|(_, said)| said);
            let before = ledger.state.clone();
            match ledger.send(command) {
                Ok(_) => if let Some(said) = said {
                    let first = accepted.entry(name).or_insert_with(|| said.clone());
                    prop_assert_eq!(first, &said);
                },
                Err(_) => prop_assert_eq!(&ledger.state, &before),
            }
            prop_assert!(ledger.state.balances.lots.iter().all(|lot| lot.points.0 > 0));
            prop_assert!(ledger.state.balances.credit.values().all(|credit| *credit >= 0));
        }
        // Every posting once.
        let mut seen = HashSet::new();
        prop_assert!(ledger.events.iter().all(|event| seen.insert(event.posting_id().clone())));
        let by_callers = seen.iter().filter(|id| !id.as_str().contains(':')).count();
        prop_assert_eq!(by_callers, accepted.len());
        // The sums are those of the postings, counted by themselves.
        ledger.send(AccountCommand::ExpirePoints).unwrap();
        let points: i128 = ledger.events.iter().map(|event| i128::from(event.points().0)).sum();
        prop_assert_eq!(i128::from(ledger.points()), points);
        let money = ledger.events.iter().filter_map(AccountEvent::money);
        let money: i128 = money.map(|money| i128::from(money.minor_units)).sum();
        prop_assert_eq!(i128::from(ledger.credit()), money);
        // What the read model folds is what decisions look at.
        let mut balances = Balances::default();
        ledger.events.iter().for_each(|event| balances.apply(event));
        prop_assert_eq!(balances, ledger.state.balances);
    }
}
