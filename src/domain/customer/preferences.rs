//! How customers wish to be reached and told of things, and what of it they have read.
//!
//! A wish says by which channel somebody likes to be reached; it is no consent, and codes for signing in go to verified contact points,
//! whatever is wished.

use std::collections::BTreeSet;

use super::command::{ChangePreferences, ReadNotifications};
use super::error::CustomerRefusal;
use super::event::{CustomerEvent, NotificationsRead, PreferencesChanged};
use super::state::CustomerState;
use crate::case::Channel;

/// What changes, in order and each once; nothing when it is so already.
pub(super) fn changed(
    state: &CustomerState,
    change: ChangePreferences,
) -> Result<Vec<CustomerEvent>, CustomerRefusal> {
    let ChangePreferences { channels, unwanted_notifications, language } = change;
    if channels.is_none() && unwanted_notifications.is_none() && language.is_none() {
        return Err(CustomerRefusal::NoPreference);
    }
    let unwanted = unwanted_notifications.map(|kinds| kinds.into_iter().collect::<BTreeSet<_>>());
    let event = PreferencesChanged {
        channels: channels.map(each_once).filter(|channels| *channels != state.channels),
        unwanted_notifications: unwanted
            .filter(|unwanted| *unwanted != state.unwanted_notifications)
            .map(|unwanted| unwanted.into_iter().collect()),
        language: language.filter(|language| state.language != Some(*language)),
    };
    let is_new = event.channels.is_some()
        || event.unwanted_notifications.is_some()
        || event.language.is_some();
    Ok(if is_new { vec![event.into()] } else { vec![] })
}

/// The channels in the order in which each was named first.
fn each_once(channels: Vec<Channel>) -> Vec<Channel> {
    let mut seen = BTreeSet::new();
    channels.into_iter().filter(|channel| seen.insert(*channel)).collect()
}

/// What was read stays read: an earlier mark says nothing new.
pub(super) fn read(state: &CustomerState, read: &ReadNotifications) -> Vec<CustomerEvent> {
    let until = read.until;
    let is_new = until > state.notifications_read_until;
    if is_new { vec![NotificationsRead { until }.into()] } else { vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::{Language, NotificationKind};

    fn change() -> ChangePreferences {
        ChangePreferences { channels: None, unwanted_notifications: None, language: None }
    }

    fn state(event: &PreferencesChanged) -> CustomerState {
        CustomerState {
            channels: event.channels.clone().unwrap_or_default(),
            unwanted_notifications: event
                .unwanted_notifications
                .iter()
                .flatten()
                .copied()
                .collect(),
            language: event.language,
            ..CustomerState::default()
        }
    }

    #[test]
    fn preferences_are_kept_in_order_and_each_once_and_said_again_they_are_nothing_new() {
        let wished = ChangePreferences {
            channels: Some(vec![Channel::Sms, Channel::Email, Channel::Sms]),
            unwanted_notifications: Some(vec![
                NotificationKind::Closed,
                NotificationKind::Answered,
            ]),
            language: Some(Language::Persian),
        };
        let events = changed(&CustomerState::default(), wished.clone()).unwrap();
        let [CustomerEvent::PreferencesChanged(event)] = &events[..] else { panic!("{events:?}") };
        assert_eq!(event.channels, Some(vec![Channel::Sms, Channel::Email]));
        let kinds = vec![NotificationKind::Answered, NotificationKind::Closed];
        assert_eq!(event.unwanted_notifications, Some(kinds));
        assert_eq!(changed(&state(event), wished), Ok(vec![]));
        let none = ChangePreferences { unwanted_notifications: Some(vec![]), ..change() };
        assert_eq!(changed(&state(event), none).unwrap().len(), 1);
        assert_eq!(changed(&state(event), change()), Err(CustomerRefusal::NoPreference));
    }

    #[test]
    fn what_was_read_stays_read() {
        let state = CustomerState { notifications_read_until: 7, ..CustomerState::default() };
        assert_eq!(read(&state, &ReadNotifications { until: 7 }), []);
        let further = read(&state, &ReadNotifications { until: 8 });
        assert_eq!(further, [NotificationsRead { until: 8 }.into()]);
    }
}
