//! The ways in which things end, as they are counted.

use crate::shard::counters::Counter;

/// The reasons for which a connection ends; each connection is counted by exactly one.
pub(super) const ENDS: [Counter; 13] = [
    Counter::RefusedMaxclient,
    Counter::RefusedMemory,
    Counter::RefusedAddressRate,
    Counter::Superseded,
    Counter::ClosedByPeer,
    Counter::ClosedByServer,
    Counter::ClosedBroken,
    Counter::ClosedProtocol,
    Counter::ClosedHandshakeLate,
    Counter::ClosedUnauthenticated,
    Counter::ClosedMemory,
    Counter::ClosedIdle,
    Counter::ClosedSlowConsumer,
];
/// The ways in which a call to a service ends; each is counted by exactly one.
pub(super) const CALL_ENDS: [Counter; 10] = [
    Counter::ServiceAnswered,
    Counter::ServiceFailed,
    Counter::ServiceUnread,
    Counter::ServiceNone,
    Counter::ServiceInboxFull,
    Counter::ServiceLate,
    Counter::ServiceStopped,
    Counter::ServiceBusy,
    Counter::ServiceTooDeep,
    Counter::ServiceCancelled,
];
