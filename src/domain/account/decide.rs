//! What may be posted to an account.

use jiff::Timestamp;

use super::Account;
use super::balances::Balances;
use super::command::{
    AccountCommand, EarnPoints, GrantCredit, RedeemPoints, ReversePosting, SpendCredit,
};
use super::error::AccountRefusal;
use super::event::{
    AccountEvent, CreditGranted, CreditSpent, LotUse, PointsEarned, PointsExpired, PointsRedeemed,
    PostingReversed,
};
use super::state::{AccountState, Said};
use crate::decider::{Context, Decider, Metadata};
use crate::id::{CommandId, PostingId, derived};
use crate::money::{MINOR_UNITS_MAX, Money, Points, sum_within};

/// The most lots of points that an account has at one time.
pub const LOTS_MAX: usize = 1_000;

impl Decider for Account {
    type Command = AccountCommand;
    type Event = AccountEvent;
    type State = AccountState;
    type Refusal = AccountRefusal;

    const CATEGORY: &'static str = "account";

    fn name(command: &AccountCommand) -> &'static str {
        match command {
            AccountCommand::EarnPoints(_) => "earn_points",
            AccountCommand::RedeemPoints(_) => "redeem_points",
            AccountCommand::ExpirePoints => "expire_points",
            AccountCommand::GrantCredit(_) => "grant_credit",
            AccountCommand::SpendCredit(_) => "spend_credit",
            AccountCommand::ReversePosting(_) => "reverse_posting",
        }
    }

    fn decide(
        state: &AccountState,
        command: AccountCommand,
        context: &Context,
    ) -> Result<Vec<AccountEvent>, AccountRefusal> {
        if let Some((id, said)) = command.posting()
            && let Some(made) = state.postings.get(id)
        {
            return if made.said == said { Ok(vec![]) } else { Err(AccountRefusal::PostingReused) };
        }
        // What has expired goes first: it cannot be used, and makes room for new lots. The ledger lives by the time at which it learns of
        // things, so that no posting can be dated back to before an expiry.
        let now = context.recorded_at;
        let mut events = expired(&state.balances, now, context.command_id);
        let mut balances = state.balances.clone();
        events.iter().for_each(|event| balances.apply(event));
        events.extend(match command {
            AccountCommand::ExpirePoints => None,
            AccountCommand::EarnPoints(earn) => Some(earned(&balances, earn, now)?),
            AccountCommand::RedeemPoints(redeem) => Some(redeemed(&balances, redeem, now)?),
            AccountCommand::GrantCredit(grant) => Some(granted(&balances, grant)?),
            AccountCommand::SpendCredit(spend) => Some(spent(&balances, spend)?),
            AccountCommand::ReversePosting(reverse) => {
                Some(reversed(state, &balances, reverse, now)?)
            }
        });
        Ok(events)
    }

    fn evolve(state: AccountState, event: &AccountEvent, meta: &Metadata) -> AccountState {
        state.evolve(event, meta)
    }
}

fn expired(balances: &Balances, now: Timestamp, command_id: CommandId) -> Vec<AccountEvent> {
    let gone = balances.lots.iter().filter(|lot| lot.is_expired(now));
    gone.map(|lot| {
        // A lot can expire twice: what comes back into it later expires as well.
        let id = derived(&["points expiry", &command_id.to_string(), lot.posting_id.as_str()]);
        let posting_id = PostingId::of_system("expiry", id);
        PointsExpired { posting_id, lot: lot.posting_id.clone(), points: lot.points }.into()
    })
    .collect()
}

fn earned(
    balances: &Balances,
    earn: EarnPoints,
    now: Timestamp,
) -> Result<AccountEvent, AccountRefusal> {
    let EarnPoints { posting_id, points, expires_at, case_id } = earn;
    positive("points", points.0)?;
    if expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(AccountRefusal::ExpiryPassed);
    }
    if balances.lots.len() >= LOTS_MAX {
        return Err(AccountRefusal::TooManyLots);
    }
    room_for(balances, points, now)?;
    Ok(PointsEarned { posting_id, points, expires_at, case_id }.into())
}

fn redeemed(
    balances: &Balances,
    redeem: RedeemPoints,
    now: Timestamp,
) -> Result<AccountEvent, AccountRefusal> {
    let RedeemPoints { posting_id, points, centre } = redeem;
    positive("points", points.0)?;
    let lots = covered(balances, points, now)?;
    Ok(PointsRedeemed { posting_id, points, centre, lots }.into())
}

fn granted(balances: &Balances, grant: GrantCredit) -> Result<AccountEvent, AccountRefusal> {
    let GrantCredit { posting_id, money, case_id } = grant;
    positive("money", money.minor_units)?;
    changed_credit(balances, money)?;
    Ok(CreditGranted { posting_id, money, case_id }.into())
}

fn spent(balances: &Balances, spend: SpendCredit) -> Result<AccountEvent, AccountRefusal> {
    let SpendCredit { posting_id, money } = spend;
    positive("money", money.minor_units)?;
    changed_credit(balances, money.negated())?;
    Ok(CreditSpent { posting_id, money }.into())
}

fn reversed(
    state: &AccountState,
    balances: &Balances,
    reverse: ReversePosting,
    now: Timestamp,
) -> Result<AccountEvent, AccountRefusal> {
    let ReversePosting { posting_id, reversed } = reverse;
    let posting = state.postings.get(&reversed).ok_or(AccountRefusal::PostingUnknown)?;
    if posting.reversed_by.is_some() {
        return Err(AccountRefusal::PostingReversed);
    }
    let change = |points, lots, money| {
        AccountEvent::from(PostingReversed {
            posting_id: posting_id.clone(),
            reversed: reversed.clone(),
            points,
            lots,
            money,
        })
    };
    match &posting.said {
        // The points of that lot where they are there still, else those that are used first; what has expired is gone already.
        Said::Earned { points, .. } => {
            let own = state.balances.lots.iter().filter(|lot| lot.posting_id == reversed);
            let expires_now = own.filter(|lot| lot.is_expired(now)).map(|lot| lot.points.0);
            let left = Points(points.0 - posting.expired.0 - expires_now.sum::<i64>());
            let lots = taken_back(balances, &reversed, left, now)?;
            Ok(change(Points(-left.0), lots, None))
        }
        // They come back as they were: with the expiry that they had.
        Said::Redeemed { points, .. } => {
            room_for(balances, *points, now)?;
            let is_gone =
                |used: &&LotUse| balances.lots.iter().all(|lot| lot.posting_id != used.lot);
            if balances.lots.len() + posting.lots.iter().filter(is_gone).count() > LOTS_MAX {
                return Err(AccountRefusal::TooManyLots);
            }
            Ok(change(*points, posting.lots.clone(), None))
        }
        Said::Granted { money, .. } => {
            changed_credit(balances, money.negated())?;
            Ok(change(Points(0), vec![], Some(money.negated())))
        }
        Said::Spent { money } => {
            changed_credit(balances, *money)?;
            Ok(change(Points(0), vec![], Some(*money)))
        }
        Said::Expired { .. } | Said::Reversed { .. } => Err(AccountRefusal::PostingFinal),
    }
}

fn taken_back(
    balances: &Balances,
    lot: &PostingId,
    points: Points,
    now: Timestamp,
) -> Result<Vec<LotUse>, AccountRefusal> {
    let own = balances.lots.iter().find(|known| known.posting_id == *lot);
    let Some(own) = own else { return covered(balances, points, now) };
    let taken = Points(points.0.min(own.points.0));
    let mut others = balances.clone();
    others.lots.retain(|known| known.posting_id != *lot);
    let mut lots = vec![LotUse { lot: lot.clone(), points: taken, expires_at: own.expires_at }];
    match others.cover(Points(points.0 - taken.0), now) {
        Some(more) => lots.extend(more),
        None => return Err(AccountRefusal::PointsTooFew { points: balances.points(now) }),
    }
    Ok(lots)
}

fn covered(
    balances: &Balances,
    points: Points,
    now: Timestamp,
) -> Result<Vec<LotUse>, AccountRefusal> {
    balances
        .cover(points, now)
        .ok_or_else(|| AccountRefusal::PointsTooFew { points: balances.points(now) })
}

fn positive(field: &'static str, amount: i64) -> Result<(), AccountRefusal> {
    if amount > 0 { Ok(()) } else { Err(AccountRefusal::NotPositive { field }) }
}

/// Whether the account holds so many points more.
fn room_for(balances: &Balances, points: Points, now: Timestamp) -> Result<(), AccountRefusal> {
    let sum = balances.points(now).checked_add(points);
    sum.map(|_| ()).ok_or(AccountRefusal::BalanceTooHigh { field: "points" })
}

/// Whether the credit can change by so much: not below zero, and not beyond the bound.
fn changed_credit(balances: &Balances, change: Money) -> Result<(), AccountRefusal> {
    let credit = balances.credit(change.currency);
    match sum_within(credit, change.minor_units, MINOR_UNITS_MAX) {
        Some(0..) => Ok(()),
        _ if change.minor_units > 0 => Err(AccountRefusal::BalanceTooHigh { field: "money" }),
        _ => {
            let credit = Money::new(credit, change.currency);
            Err(AccountRefusal::CreditTooLow { credit })
        }
    }
}
