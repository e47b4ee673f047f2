//! Completions become events.
//!
//! Each completion is matched to its operation by its token alone. One that matches nothing is
//! counted and ignored; a buffer that comes with a failed receive goes straight back.

use super::UringDriver;
use super::ring::Completion;
use super::token::Kind;
use crate::driver::{Errno, Event, ReceiveEnd, ShardIndex};

/// The result as a count, or as the error it stands for.
fn outcome(result: i32) -> Result<u32, Errno> {
    u32::try_from(result).map_err(|_| Errno(result.wrapping_neg()))
}

impl UringDriver {
    /// Acts on one completion.
    pub(super) fn complete(&mut self, completion: Completion, events: &mut Vec<Event>) {
        let operation = completion.operation;
        let Some(kind) = operation.kind() else {
            self.ring.stats.stale += 1;
            return;
        };
        let result = outcome(completion.result);
        let token = operation.token();
        match kind {
            Kind::Receive => self.on_received(completion, events),
            Kind::Send => self.on_sent(operation.index(), result, events),
            Kind::Accept => self.on_accepted(operation.index(), result, events),
            Kind::ShutDown => events.push(Event::ShutDown { token }),
            Kind::Close => {
                self.ring.stats.closes_failed += u64::from(result.is_err());
                events.push(Event::Closed { token });
            }
            Kind::HandOver => {
                events.push(Event::HandedOver { token, result: result.map(|_| ()) });
            }
            Kind::Install => self.on_installed(operation.index(), result, events),
            Kind::Connect => self.on_connected(operation.index(), result, events),
            Kind::Abandon => self.on_abandoned(operation.index(), events),
            Kind::WakerRead => {
                self.listen_to_waker();
                // A call that was heard on the way into or out of a park rings late.
                if self.waker.hear() {
                    events.push(Event::Woken);
                }
            }
            Kind::Arrived => match result {
                Ok(slot) => {
                    let from = ShardIndex(operation.generation() as u16);
                    events.push(Event::Arrived { from, key: operation.index(), slot });
                }
                Err(_) => self.ring.stats.stale += 1,
            },
            Kind::Woken => events.push(Event::Woken),
            Kind::CancelFailed => self.ring.stats.cancels_late += u64::from(result.is_err()),
            Kind::WakeFailed if result.is_err() => self.on_wake_failed(operation),
            Kind::WakeFailed => {}
            Kind::ReleaseFailed => self.ring.stats.closes_failed += u64::from(result.is_err()),
        }
    }

    fn on_received(&mut self, completion: Completion, events: &mut Vec<Event>) {
        let token = completion.operation.token();
        let result = outcome(completion.result);
        let bytes = result.unwrap_or(0);
        let lease = completion.buffer().map(|number| self.buffers.lease(number, bytes));
        let reason = match (result, lease) {
            (Ok(1..), Some(lease)) => {
                events.push(Event::Received { token, lease, armed: completion.more() });
                return;
            }
            (result, lease) => {
                if let Some(lease) = lease {
                    self.buffers.give_back(lease.buffer);
                }
                self.end_of_receive(result)
            }
        };
        events.push(Event::ReceiveEnded { token, reason });
    }

    fn end_of_receive(&mut self, result: Result<u32, Errno>) -> ReceiveEnd {
        match result {
            Ok(_) => ReceiveEnd::EndOfStream,
            Err(Errno(libc::ENOBUFS)) => {
                self.ring.stats.no_buffers += 1;
                ReceiveEnd::NoBuffers
            }
            Err(Errno(libc::ECANCELED)) => ReceiveEnd::Cancelled,
            Err(errno) => ReceiveEnd::Failed(errno),
        }
    }

    fn on_sent(&mut self, index: u32, result: Result<u32, Errno>, events: &mut Vec<Event>) {
        let Some(send) = self.sends.remove(index) else {
            self.ring.stats.stale += 1;
            return;
        };
        let result = result.map(|bytes| bytes as usize);
        events.push(Event::Sent { token: send.token, buffer: send.buffer, result });
    }

    fn on_accepted(&mut self, index: u32, result: Result<u32, Errno>, events: &mut Vec<Event>) {
        let Some(accept) = self.accepts.remove(index) else {
            self.ring.stats.stale += 1;
            return;
        };
        let listener = accept.listener;
        // A listener takes internet sockets only, so the kernel has written such an address.
        let unknown = || (std::net::Ipv4Addr::UNSPECIFIED, 0).into();
        events.push(match result {
            Ok(slot) => {
                let peer = accept.peer.address().unwrap_or_else(unknown);
                Event::Accepted { listener, slot, peer }
            }
            Err(errno) => Event::AcceptFailed { listener, errno },
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::driver::uring::directory::RingDirectory;
    use crate::driver::uring::options::UringOptions;
    use crate::driver::uring::token::OperationToken;
    use crate::driver::{Driver, Wait};

    /// The kernel says that it had no memory for a call.
    fn failed_call(shard: u16) -> Completion {
        let operation = OperationToken::indexed(Kind::WakeFailed, u32::from(shard));
        Completion { operation, result: -libc::ENOMEM, flags: 0 }
    }

    #[test]
    fn a_call_that_the_ring_could_not_make_is_made_by_the_bell() {
        let directory = Arc::new(RingDirectory::new(2));
        let options = UringOptions { slots: 4, ..UringOptions::default() };
        let driver = |shard| UringDriver::new(&options, ShardIndex(shard), directory.clone());
        let (mut here, mut there) = (driver(0).unwrap(), driver(1).unwrap());
        let mut events = Vec::new();
        here.complete(failed_call(1), &mut events);
        here.turn(Wait::Poll, &mut events);
        assert!(events.is_empty(), "{events:?}");
        there.turn(Wait::AtMost(Duration::from_secs(10)), &mut events);
        assert!(matches!(events[..], [Event::Woken]), "{events:?}");
        // One that is parked sleeps in its executor, on another bell.
        events.clear();
        assert!(there.prepare_to_park(&mut events), "{events:?}");
        here.complete(failed_call(1), &mut events);
        there.unpark();
        there.turn(Wait::Poll, &mut events);
        assert!(matches!(events[..], [Event::Woken]), "{events:?}");
        drop(there);
        here.complete(failed_call(1), &mut events);
        assert_eq!(here.stats().wakes_failed, 3);
    }
}
