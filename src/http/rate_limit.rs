//! How much a caller may ask for in a time.
//!
//! A principal has a budget of *cost*: what admission reckons for a request (fields times page sizes), and a little for the request itself.
//! It fills again evenly, up to a *burst*. Whoever asks for more is told when to come back. Before it is known who calls, only failures
//! count: an address that fails to authenticate too often waits before the next unknown token of its is looked at; tokens that were found
//! good a moment ago still are.
//!
//! The bucket of each key is one number, the time at which it will be full again (the generic cell rate algorithm). They stand in a cache
//! of bounded size, so that no flood of names or addresses fills the memory; what is pushed out is a full bucket again. The crate
//! `governor` has the same algorithm, but its keyed store grows until somebody prunes it.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use moka::sync::Cache;
use serde::Deserialize;

use crate::error::RequestError;
use crate::metrics::RateLimitScope;

/// What a request costs beside what it asks for.
pub const REQUEST_COST: u64 = 100;
/// Callers whose budgets are remembered.
const KEYS_MAX: u64 = 100_000;
/// A budget that nobody touched for so long is full again, whatever the limits are.
const IDLE_MAX: Duration = Duration::from_secs(3_600);

/// What callers may ask for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimitConfig {
    /// The cost that a principal may cause in a second, for as long as they like; 0 for no limit.
    pub cost_per_second: u32,
    /// The cost that a principal may cause at once, having been quiet before.
    pub cost_burst: u32,
    /// How often an address may fail to authenticate in a minute, and at once; 0 for no limit.
    pub failed_authentications_per_minute: u32,
    /// Proxies whose `X-Forwarded-For` is believed: addresses, or networks such as `10.0.0.0/8`.
    pub trusted_proxies: Vec<Network>,
}

impl Default for RateLimitConfig {
    fn default() -> Self {
        Self {
            cost_per_second: 100_000,
            cost_burst: 400_000,
            failed_authentications_per_minute: 60,
            trusted_proxies: Vec::new(),
        }
    }
}

impl RateLimitConfig {
    /// No limits.
    pub fn none() -> Self {
        Self { cost_per_second: 0, failed_authentications_per_minute: 0, ..Self::default() }
    }
}

/// An address, or all that begin as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    bits: u128,
    prefix_length: u32,
}

/// A text that names no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an address nor a network such as 10.0.0.0/8")]
pub struct InvalidNetwork(String);

impl TryFrom<String> for Network {
    type Error = InvalidNetwork;

    fn try_from(text: String) -> Result<Self, InvalidNetwork> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address.parse(), Some(length.parse::<u32>())),
            None => (text.parse(), None),
        };
        let (Ok(address), None | Some(Ok(_))) = (address, &length) else {
            return Err(InvalidNetwork(text));
        };
        let (address_length, offset) = match address {
            IpAddr::V4(_) => (32, 96),
            IpAddr::V6(_) => (128, 0),
        };
        let length = length.and_then(Result::ok).unwrap_or(address_length);
        if length > address_length {
            return Err(InvalidNetwork(text));
        }
        Ok(Self { bits: bits(address), prefix_length: length + offset })
    }
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        let shift = 128 - self.prefix_length;
        shift == 128 || (self.bits ^ bits(address)) >> shift == 0
    }
}

/// An address as IPv6 has it, where those of IPv4 have a place of their own.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The budgets of all callers.
pub(super) struct RateLimits {
    costs: Option<Buckets<String>>,
    failures: Option<Buckets<IpAddr>>,
    trusted_proxies: Vec<Network>,
}

impl RateLimits {
    pub(super) fn new(config: RateLimitConfig) -> Self {
        let per_second = |number, burst| Buckets::new(Duration::from_secs(1), number, burst);
        let (failures, minute) =
            (config.failed_authentications_per_minute, Duration::from_secs(60));
        Self {
            costs: (config.cost_per_second > 0)
                .then(|| per_second(config.cost_per_second, config.cost_burst)),
            failures: (failures > 0).then(|| Buckets::new(minute, failures, failures)),
            trusted_proxies: config.trusted_proxies,
        }
    }

    /// Takes the cost from a principal's budget.
    ///
    /// # Errors
    /// A refusal that says when there is enough again. Nothing was taken then.
    pub(super) fn charge(&self, subject: &str, cost: u64) -> Result<(), RequestError> {
        let Some(costs) = &self.costs else { return Ok(()) };
        costs.take(subject, cost).map_err(|wait| {
            RateLimitScope::Principal.count();
            let message = "You have asked for more than your share for the moment. Wait a little, and ask for smaller pages or \
                           fewer fields.";
            RequestError::rate_limited(message, wait)
        })
    }

    /// How long this address has to wait before an unknown token of its is looked at; `None` when it may try.
    pub(super) fn wait_of(&self, address: Option<IpAddr>) -> Option<Duration> {
        let wait = self.failures.as_ref()?.wait_of(&network_of(address?))?;
        RateLimitScope::Address.count();
        Some(wait)
    }

    /// Somebody at this address has failed to authenticate.
    pub(super) fn failed(&self, address: Option<IpAddr>) {
        if let (Some(failures), Some(address)) = (&self.failures, address) {
            // What is more than the bucket holds was refused before.
            let _ = failures.take(&network_of(address), 1);
        }
    }

    /// Where a request comes from: the peer, or before trusted proxies whom the last of them has seen.
    pub(super) fn address(&self, request: &HttpRequest) -> Option<IpAddr> {
        let mut address = request.peer_addr()?.ip();
        let trusts = |address| self.trusted_proxies.iter().any(|proxy| proxy.contains(address));
        let forwarded = request.headers().get_all("x-forwarded-for");
        let forwarded: Vec<&str> =
            forwarded.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')).collect();
        for before in forwarded.into_iter().rev() {
            if !trusts(address) {
                break;
            }
            match before.trim().parse() {
                Ok(before) => address = before,
                Err(_) => break,
            }
        }
        Some(address)
    }
}

/// Whoever has one IPv6 address has the 2^64 around it.
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> 64))),
        },
    }
}

/// One bucket for each key.
pub(crate) struct Buckets<K> {
    /// How long one unit takes to come back.
    unit_nanoseconds: u64,
    /// How long a whole bucket takes to come back.
    burst_nanoseconds: u64,
    /// When each will be full again, in nanoseconds since `origin`.
    full_at: Cache<K, Arc<AtomicU64>>,
    origin: Instant,
}

impl<K: Hash + Eq + Send + Sync + 'static> Buckets<K> {
    /// Buckets that hold `burst` units and get back `number` in each period.
    pub(crate) fn new(period: Duration, number: u32, burst: u32) -> Self {
        let unit_nanoseconds = period.as_nanos() as u64 / u64::from(number.max(1));
        Self {
            unit_nanoseconds,
            burst_nanoseconds: unit_nanoseconds * u64::from(burst.max(1)),
            full_at: Cache::builder().max_capacity(KEYS_MAX).time_to_idle(IDLE_MAX).build(),
            origin: Instant::now(),
        }
    }

    fn now(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    /// Takes so many units, or all that a full bucket has where they are more; or says how long until they are there.
    pub(crate) fn take<Q>(&self, key: &Q, units: u64) -> Result<(), Duration>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let full_at = match self.full_at.get(key) {
            Some(full_at) => full_at,
            None => self.full_at.get_with(key.to_owned(), Arc::default),
        };
        self.take_at(&full_at, units, self.now())
    }

    fn take_at(&self, full_at: &AtomicU64, units: u64, now: u64) -> Result<(), Duration> {
        let taken = units.saturating_mul(self.unit_nanoseconds).min(self.burst_nanoseconds);
        let fill = |full_at: u64| {
            let full_at = full_at.max(now).saturating_add(taken);
            (full_at - now <= self.burst_nanoseconds).then_some(full_at)
        };
        match full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fill) {
            Ok(_) => Ok(()),
            Err(full_at) => {
                let over = full_at.max(now) + taken - now - self.burst_nanoseconds;
                Err(Duration::from_nanos(over))
            }
        }
    }

    /// How long until one unit is there; `None` when it is.
    fn wait_of(&self, key: &K) -> Option<Duration> {
        let (full_at, now) = (self.full_at.get(key)?.load(Ordering::Relaxed), self.now());
        let over = (full_at.max(now) + self.unit_nanoseconds - now)
            .checked_sub(self.burst_nanoseconds)
            .filter(|over| *over > 0)?;
        Some(Duration::from_nanos(over))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_bucket_gives_a_burst_and_then_what_comes_back() {
        let buckets = Buckets::<String>::new(Duration::from_secs(1), 10, 30);
        let full_at = AtomicU64::new(0);
        let take = |units, now| buckets.take_at(&full_at, units, now);
        assert_eq!(take(20, 0), Ok(()));
        assert_eq!(take(10, 0), Ok(()));
        assert_eq!(take(5, 0), Err(Duration::from_millis(500)));
        // What was refused took nothing.
        assert_eq!(take(5, SECOND / 2), Ok(()));
        assert_eq!(take(1, SECOND / 2), Err(Duration::from_millis(100)));
        // A quiet hour gives one burst, not more.
        assert_eq!(take(30, 3_600 * SECOND), Ok(()));
        assert_eq!(take(1, 3_600 * SECOND), Err(Duration::from_millis(100)));
        // More than a burst is let in when the bucket is full, or it would never be.
        assert_eq!(take(31, 3_602 * SECOND), Err(Duration::from_secs(1)));
        assert_eq!(take(31, 3_603 * SECOND), Ok(()));
    }

    #[test]
    fn callers_do_not_share_a_budget() {
        let config = RateLimitConfig { cost_per_second: 1, cost_burst: 10, ..Default::default() };
        let limits = RateLimits::new(config);
        assert_eq!(limits.charge("sara", 10), Ok(()));
        let refused = limits.charge("sara", 10).unwrap_err();
        assert_eq!(
            (refused.code.as_str(), refused.retry_after_seconds),
            ("RATE_LIMITED", Some(10))
        );
        assert_eq!(limits.charge("omid", 10), Ok(()));
        assert_eq!(RateLimits::new(RateLimitConfig::none()).charge("sara", u64::MAX), Ok(()));
    }

    #[test]
    fn an_address_that_fails_too_often_waits_and_its_neighbours_of_ipv6_with_it() {
        let config =
            RateLimitConfig { failed_authentications_per_minute: 2, ..RateLimitConfig::default() };
        let limits = RateLimits::new(config);
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        for _ in 0..2 {
            assert_eq!(limits.wait_of(address("2001:db8::1")), None);
            limits.failed(address("2001:db8::1"));
        }
        assert!(limits.wait_of(address("2001:db8::2")).unwrap() > Duration::from_secs(20));
        assert_eq!(limits.wait_of(address("2001:db8:0:1::1")), None);
        assert_eq!(limits.wait_of(address("192.0.2.1")), None);
        assert_eq!(limits.wait_of(None), None);
    }

    #[test]
    fn only_trusted_proxies_are_believed_about_where_a_request_comes_from() {
        let network = |text: &str| Network::try_from(text.to_owned());
        let trusted_proxies = vec![network("10.0.0.0/8").unwrap(), network("::1").unwrap()];
        let limits = RateLimits::new(RateLimitConfig { trusted_proxies, ..Default::default() });
        let of = |peer: &str, forwarded: &str| {
            let request = TestRequest::default()
                .peer_addr(format!("{peer}:80").parse().unwrap())
                .insert_header(("x-forwarded-for", forwarded))
                .to_http_request();
            limits.address(&request).unwrap().to_string()
        };
        assert_eq!(of("192.0.2.1", "198.51.100.7"), "192.0.2.1");
        assert_eq!(of("10.1.2.3", "198.51.100.7"), "198.51.100.7");
        assert_eq!(of("[::1]", "203.0.113.9, 198.51.100.7, 10.9.9.9"), "198.51.100.7");
        assert_eq!(of("10.1.2.3", "198.51.100.7, nonsense"), "10.1.2.3");
        for wrong in ["", "10.0.0.0/33", "10.0.0.0/x", "example.org", "::/129"] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
        assert!(network("0.0.0.0/0").unwrap().contains("192.0.2.1".parse().unwrap()));
        assert!(network("::/0").unwrap().contains("192.0.2.1".parse().unwrap()));
    }
}
