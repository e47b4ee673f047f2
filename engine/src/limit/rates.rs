//! The rates that a listener's settings ask for.

use super::bucket::Rate;
use crate::config::Limits;

/// The rates of a listener; none where there is no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    /// Connections of one address.
    pub(crate) connections: Option<Rate>,
    /// Logins of one address.
    pub(crate) logins: Option<Rate>,
    /// Logins of one user.
    pub(crate) user_logins: Option<Rate>,
    /// Connections of all, of one shard.
    pub(crate) accepts: Option<Rate>,
    /// What a session may send.
    pub(crate) meter: MeterRates,
}

impl Rates {
    /// The rates of one of so many shards: what all share is shared in equal parts, at least one.
    pub(crate) fn new(limits: &Limits, shards: u16) -> Rates {
        let accepts = u64::from(limits.accepts_per_second).div_ceil(u64::from(shards.max(1)));
        Rates {
            connections: Rate::per_second(limits.connections_per_second_per_address.into()),
            logins: Rate::per_minute(limits.logins_per_minute_per_address.into()),
            user_logins: Rate::per_minute(limits.logins_per_minute_per_user.into()),
            accepts: Rate::per_second(accepts),
            meter: MeterRates::new(limits),
        }
    }
}

/// What a session may send in a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MeterRates {
    pub(crate) messages: Option<Rate>,
    pub(crate) bytes: Option<Rate>,
}

impl MeterRates {
    pub(crate) fn new(limits: &Limits) -> MeterRates {
        MeterRates {
            messages: Rate::per_second(limits.messages_per_second.into()),
            bytes: Rate::per_second(limits.bytes_per_second),
        }
    }

    /// Whether there is any.
    pub(crate) fn is_on(&self) -> bool {
        self.messages.is_some() || self.bytes.is_some()
    }
}
