//! What one session sends: its messages and their bytes.

use super::bucket::Bucket;
use super::rates::MeterRates;

/// The buckets of one session, gate connection or WebSocket.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meter {
    messages: Bucket,
    bytes: Bucket,
}

impl Meter {
    /// A message of so many bytes has come.
    pub(crate) fn charge(&mut self, bytes: usize, rates: &MeterRates, now_ms: u64) {
        if let Some(rate) = rates.messages {
            self.messages.charge(1, rate, now_ms);
        }
        if let Some(rate) = rates.bytes {
            self.bytes.charge(bytes as u64, rate, now_ms);
        }
    }

    /// Milliseconds until the next message may be taken; 0: now. A message of any size may be taken
    /// while a byte's token is there, and is paid for afterwards.
    pub(crate) fn wait_ms(&self, rates: &MeterRates, now_ms: u64) -> u64 {
        let messages = rates.messages.map_or(0, |rate| self.messages.wait_ms(rate, now_ms));
        let bytes = rates.bytes.map_or(0, |rate| self.bytes.wait_ms(rate, now_ms));
        messages.max(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Listener, ListenerKind};

    #[test]
    fn the_stricter_of_both_rates_counts() {
        let mut listener = Listener::new(ListenerKind::Msg);
        listener.limits.messages_per_second = 2;
        listener.limits.bytes_per_second = 1_000;
        let rates = MeterRates::new(&listener.limits);
        let mut meter = Meter::default();
        meter.charge(10, &rates, 0);
        assert_eq!(meter.wait_ms(&rates, 0), 0);
        meter.charge(10, &rates, 0);
        assert_eq!(meter.wait_ms(&rates, 0), 500, "messages");
        meter.charge(5_000, &rates, 0);
        assert_eq!(meter.wait_ms(&rates, 0), 4_021, "bytes");
    }
}
