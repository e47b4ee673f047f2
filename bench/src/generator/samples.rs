//! The times of the measured phase of a run.
//!
//! In open loop a request belongs to the phase when it was *due* in it, however late its answer is;
//! in closed loop, where the next request waits for an answer, when the answer arrived in it.

use hdrhistogram::Histogram;

use crate::statistics;

/// Times of one phase, in nanoseconds.
pub struct Samples {
    is_by_due: bool,
    begin_ns: u64,
    end_ns: u64,
    /// From due to answer; in closed loop a request is due when it is sent.
    pub response_ns: Histogram<u64>,
    /// From send to answer.
    pub service_ns: Histogram<u64>,
    /// Open loop: from due to the instant at which the generator took the request up.
    pub late_ns: Histogram<u64>,
}

impl Samples {
    /// Of a phase that has not begun.
    pub(super) fn new(is_by_due: bool) -> Samples {
        Samples {
            is_by_due,
            begin_ns: u64::MAX,
            end_ns: u64::MAX,
            response_ns: statistics::histogram(),
            service_ns: statistics::histogram(),
            late_ns: statistics::histogram(),
        }
    }

    /// The phase begins.
    pub(super) fn begin(&mut self, now_ns: u64) {
        self.begin_ns = now_ns;
    }

    /// The phase is over.
    pub(super) fn end(&mut self, now_ns: u64) {
        self.end_ns = now_ns;
    }

    /// A request that was due at an instant is taken up.
    pub(super) fn on_taken_up(&mut self, due_ns: u64, now_ns: u64) {
        if self.has(due_ns) {
            self.late_ns.saturating_record(now_ns.saturating_sub(due_ns));
        }
    }

    /// A right answer has arrived.
    pub(super) fn on_answer(&mut self, due_ns: u64, sent_ns: u64, now_ns: u64) {
        if self.has(if self.is_by_due { due_ns } else { now_ns }) {
            self.response_ns.saturating_record(now_ns.saturating_sub(due_ns));
            self.service_ns.saturating_record(now_ns.saturating_sub(sent_ns));
        }
    }

    fn has(&self, at_ns: u64) -> bool {
        (self.begin_ns..self.end_ns).contains(&at_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests due before, in and after a phase from 1,000 to 2,000, each answered 800 later.
    fn answered(is_by_due: bool) -> Vec<u64> {
        let mut samples = Samples::new(is_by_due);
        for due_ns in [300, 900, 1_500, 1_900, 2_000] {
            if due_ns >= 900 {
                samples.begin(1_000);
            }
            if due_ns >= 2_000 {
                samples.end(2_000);
            }
            samples.on_taken_up(due_ns, due_ns + 1);
        }
        let mut taken = Vec::new();
        for due_ns in [300, 900, 1_500, 1_900, 2_000] {
            let before = samples.response_ns.len();
            samples.on_answer(due_ns, due_ns, due_ns + 800);
            if samples.response_ns.len() > before {
                taken.push(due_ns);
            }
        }
        assert_eq!(samples.late_ns.len(), 2);
        taken
    }

    #[test]
    fn an_open_loop_keeps_what_was_due_in_the_phase() {
        assert_eq!(answered(true), [1_500, 1_900]);
    }

    #[test]
    fn a_closed_loop_keeps_what_was_answered_in_the_phase() {
        assert_eq!(answered(false), [300, 900]);
    }
}
