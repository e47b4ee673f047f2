//! What a shard has seen: counters, histograms, troubles, and the first wrong answers in words.
//!
//! Each shard fills one record alone; the records are added up at the end. Times are nanoseconds.
//! *Response time* counts from the due instant, *service time* from the (last) sent instant,
//! *lateness* is how long after its due instant the generator took a request up. A request whose
//! user was without a connection in between, because the generator had dropped it, says nothing
//! about the server's speed, so its response time goes to a histogram of its own. A connection that
//! the server ended is the server's own delay.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::check::Fault;
pub use crate::trouble::{Finding, Step, Trouble};

/// Longest time a histogram holds, one hour; longer ones count as this.
const HISTOGRAM_NS_MAX: u64 = 3_600_000_000_000;

/// Wrong answers that are kept in words.
pub const FINDINGS_MAX: usize = 10;

/// Declares counters once, for adding up and for the JSON alike.
macro_rules! counters {
    ($($(#[$meta:meta])* $name:ident,)*) => {
        /// Counts of one shard or of all.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Counters { $($(#[$meta])* pub $name: u64,)* }

        impl Counters {
            /// Adds another's counts.
            pub fn add(&mut self, other: &Counters) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

counters! {
    /// Connections asked for.
    connects,
    /// Connections that did not come about.
    connects_failed,
    /// Logins granted.
    logins,
    /// Attaches accepted, or connections of another protocol that are ready.
    attaches,
    /// Of those, the ones after a lost connection.
    reattaches,
    /// Connections that the generator dropped on purpose.
    drops,
    /// Frames cut in the middle by such a drop.
    cuts,
    /// Requests whose fate was to lose their connection, in any way.
    doomed,
    /// Right answers taken as not heard, so that the repeat had to bring the same.
    unheard,
    /// Users that left and logged in again on purpose.
    churns,
    /// Sessions that the server knew no more, as `--relogin` allows; their users logged in again.
    relogins,
    /// Connections that ended with an answer, because request or answer said so.
    closes,
    /// TLS handshakes in full.
    tls_full,
    /// TLS handshakes that resumed an earlier session.
    tls_resumed,
    /// WebSocket upgrades.
    ws_upgrades,
    /// Of those, the ones where the server agreed to compress messages.
    ws_deflated,
    /// Attaches accepted over WebSocket.
    ws_attaches,
    /// Attaches over WebSocket of users whose last one was over TCP, or the other way round.
    ws_moves,
    /// Connections that the server ended or that broke.
    losses,
    /// Requests that fell due.
    due,
    /// Requests sent for the first time.
    requests,
    /// Requests sent again.
    repeats,
    /// Right answers.
    answers,
    /// Right answers that arrived while measuring, whenever they were due.
    answers_measured,
    /// Right answers to requests that were sent more than once.
    replays,
    /// Of those, the ones where the server ran a repeat, as it may when it never read the original.
    repeats_run,
    /// Requests that ran twice in a way that `--skynet` allows.
    reruns_allowed,
    /// Requests given up with their connection, on a protocol without repeats.
    abandoned,
    /// Requests that fell due while too many were open, and were left out.
    skipped,
    /// Requests that fell due and were never sent.
    unsent,
    /// Pushed frames.
    pushes,
    /// Pushes that were awaited and came.
    pushes_awaited,
    /// Bytes received while playing.
    bytes_in,
    /// Bytes sent while playing.
    bytes_out,
    /// Answers that are wrong, lost ones included.
    wrong,
}

/// Distributions of one shard or of all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Times {
    /// From connecting to the login server to the granted login.
    #[serde(with = "crate::histograms")]
    pub login: Histogram<u64>,
    /// From connecting to the message server to the accepted attach, or to the gate or HTTP
    /// connection that is ready.
    #[serde(with = "crate::histograms")]
    pub attach: Histogram<u64>,
    /// From the connection to the completed TLS handshake; a part of the login and attach times.
    #[serde(with = "crate::histograms")]
    pub tls: Histogram<u64>,
    /// From a lost connection to the next accepted attach.
    #[serde(with = "crate::histograms")]
    pub reattach: Histogram<u64>,
    /// Response times of requests whose user was connected all along but for what the server ended.
    #[serde(with = "crate::histograms")]
    pub response: Histogram<u64>,
    /// Service times of the same requests.
    #[serde(with = "crate::histograms")]
    pub service: Histogram<u64>,
    /// Response times of the other requests.
    #[serde(with = "crate::histograms")]
    pub disturbed: Histogram<u64>,
    /// Lateness of requests that the clock makes due: in an open loop, and after a thought.
    #[serde(with = "crate::histograms")]
    pub lateness: Histogram<u64>,
}

/// An empty histogram of this program's range: 1 ns to one hour, three digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HISTOGRAM_NS_MAX, 3).expect("the bounds are constants that fit")
}

/// An empty histogram for a live view: small, two digits, from a microsecond to a minute.
pub fn recent_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 60_000_000_000, 2).expect("the bounds are constants that fit")
}

impl Times {
    fn all(&mut self) -> [&mut Histogram<u64>; 8] {
        [
            &mut self.login,
            &mut self.attach,
            &mut self.tls,
            &mut self.reattach,
            &mut self.response,
            &mut self.service,
            &mut self.disturbed,
            &mut self.lateness,
        ]
    }
}

impl Default for Times {
    fn default() -> Times {
        Times {
            login: histogram(),
            attach: histogram(),
            tls: histogram(),
            reattach: histogram(),
            response: histogram(),
            service: histogram(),
            disturbed: histogram(),
            lateness: histogram(),
        }
    }
}

/// What fell due in one stage of the play.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageRecord {
    /// Requests that fell due.
    pub due: u64,
    /// Right answers that arrived, whenever they were due.
    pub answers: u64,
    /// Wrong answers that arrived.
    pub wrong: u64,
    /// Connections that failed or were lost, not on purpose.
    pub troubles: u64,
    /// Response times of requests whose user was connected all along but for what the server ended.
    #[serde(with = "crate::histograms")]
    pub response: Histogram<u64>,
    /// Service times of the same requests.
    #[serde(with = "crate::histograms")]
    pub service: Histogram<u64>,
    /// Response times of the other requests.
    #[serde(with = "crate::histograms")]
    pub disturbed: Histogram<u64>,
    /// Lateness of requests that the clock makes due.
    #[serde(with = "crate::histograms")]
    pub lateness: Histogram<u64>,
    /// The storm at its beginning, if there was one.
    pub storm: Option<Storm>,
}

impl Default for StageRecord {
    fn default() -> StageRecord {
        StageRecord {
            due: 0,
            answers: 0,
            wrong: 0,
            troubles: 0,
            response: histogram(),
            service: histogram(),
            disturbed: histogram(),
            lateness: histogram(),
            storm: None,
        }
    }
}

impl StageRecord {
    fn add(&mut self, other: &StageRecord) {
        self.due += other.due;
        self.answers += other.answers;
        self.wrong += other.wrong;
        self.troubles += other.troubles;
        add(&mut self.response, &other.response);
        add(&mut self.service, &other.service);
        add(&mut self.disturbed, &other.disturbed);
        add(&mut self.lateness, &other.lateness);
        self.storm = Storm::both(self.storm, other.storm);
    }
}

/// Adds one of this program's histograms to another.
fn add(into: &mut Histogram<u64>, from: &Histogram<u64>) {
    into.add(from).expect("all histograms have the same bounds");
}

/// A reconnect storm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storm {
    /// Users whose connections were dropped.
    pub dropped: u64,
    /// Users not attached again yet.
    pub missing: u64,
    /// When it began.
    pub began_ns: u64,
    /// When the last user was attached again; meaningful when nobody is missing.
    pub recovered_ns: u64,
}

/// Everything that a shard has seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// Counts.
    pub counters: Counters,
    /// Distributions.
    pub times: Times,
    /// Troubles with connections, and how often.
    #[serde(with = "crate::histograms::pairs")]
    pub troubles: BTreeMap<Trouble, u64>,
    /// Wrong answers by [`Fault::kind`].
    pub faults: [u64; Fault::KINDS.len()],
    /// The first wrong answers.
    pub findings: Vec<Finding>,
    /// What fell due in each stage, in their order.
    pub stages: Vec<StageRecord>,
    /// Response times by the kind of request, in the order of the scenario, where there are several.
    #[serde(with = "crate::histograms::list")]
    pub requests: Vec<Histogram<u64>>,
    /// Users that gave up.
    pub users_failed: u64,
    /// Users attached when the play ended.
    pub users_attached: u64,
    /// Users of whom a request fell due.
    pub users_asked: u64,
    /// Users that got at least one right answer.
    pub users_answered: u64,
}

impl Record {
    /// An empty record of a play with so many stages and kinds of requests.
    pub fn new(stages: usize, requests: usize) -> Record {
        Record {
            // Not cloned: an empty histogram is memory that nobody has touched.
            stages: (0..stages).map(|_| StageRecord::default()).collect(),
            requests: (0..requests).filter(|_| requests > 1).map(|_| histogram()).collect(),
            ..Record::default()
        }
    }

    /// Adds the stages that count to the distributions of the whole play.
    pub fn add_up(&mut self, is_measured: impl Fn(usize) -> bool) {
        for (_, stage) in self.stages.iter().enumerate().filter(|(index, _)| is_measured(*index)) {
            add(&mut self.times.response, &stage.response);
            add(&mut self.times.service, &stage.service);
            add(&mut self.times.disturbed, &stage.disturbed);
            add(&mut self.times.lateness, &stage.lateness);
        }
    }

    /// All storms together, if there were any, with the instants of the longest.
    pub fn storm(&self) -> Option<Storm> {
        self.stages.iter().filter_map(|stage| stage.storm).reduce(Storm::then)
    }

    /// Counts a wrong answer.
    pub fn wrong(&mut self, user: u32, id: Option<u32>, fault: Fault) {
        self.counters.wrong += 1;
        self.faults[fault.kind()] += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { user, id, fault });
        }
    }

    /// Counts a trouble.
    pub fn trouble(&mut self, trouble: Trouble) {
        *self.troubles.entry(trouble).or_insert(0) += 1;
    }

    /// Adds another shard's record.
    pub fn add(&mut self, mut other: Record) {
        self.counters.add(&other.counters);
        for (mine, theirs) in self.times.all().into_iter().zip(other.times.all()) {
            add(mine, theirs);
        }
        for (trouble, count) in other.troubles {
            *self.troubles.entry(trouble).or_insert(0) += count;
        }
        for (mine, theirs) in self.faults.iter_mut().zip(other.faults) {
            *mine += theirs;
        }
        self.findings.extend(other.findings);
        self.findings.truncate(FINDINGS_MAX);
        merge(&mut self.stages, other.stages, |mine, theirs| mine.add(&theirs));
        merge(&mut self.requests, other.requests, |mine, theirs| add(mine, &theirs));
        self.users_failed += other.users_failed;
        self.users_attached += other.users_attached;
        self.users_asked += other.users_asked;
        self.users_answered += other.users_answered;
    }
}

/// Adds one list to another, place by place; the shorter one has nothing at the end.
fn merge<T>(into: &mut Vec<T>, from: Vec<T>, each: impl Fn(&mut T, T)) {
    for (index, item) in from.into_iter().enumerate() {
        match into.get_mut(index) {
            Some(mine) => each(mine, item),
            None => into.push(item),
        }
    }
}

impl Storm {
    fn both(one: Option<Storm>, two: Option<Storm>) -> Option<Storm> {
        match (one, two) {
            (Some(one), Some(two)) => Some(one.with(two)),
            (one, two) => one.or(two),
        }
    }

    /// Two storms, one after the other.
    fn then(self, other: Storm) -> Storm {
        let length_ns = |storm: &Storm| storm.recovered_ns.saturating_sub(storm.began_ns);
        let longer = if length_ns(&other) > length_ns(&self) { other } else { self };
        Storm {
            dropped: self.dropped + other.dropped,
            missing: self.missing + other.missing,
            ..longer
        }
    }

    /// One storm, on several shards.
    fn with(self, other: Storm) -> Storm {
        Storm {
            dropped: self.dropped + other.dropped,
            missing: self.missing + other.missing,
            began_ns: self.began_ns.min(other.began_ns),
            recovered_ns: self.recovered_ns.max(other.recovered_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_add_up() {
        let mut all = Record::default();
        for shard in 0..3 {
            let mut one = Record::default();
            one.counters.answers = 5;
            one.times.response.saturating_record(1000 * (shard + 1));
            one.trouble(Trouble::Refused(Step::Login, 401));
            one.wrong(shard as u32, Some(1), Fault::Lost);
            one.stages = vec![StageRecord::default(); 2];
            one.stages[1].storm =
                Some(Storm { dropped: 2, missing: 0, began_ns: 9, recovered_ns: shard });
            one.stages[1].response.saturating_record(5000);
            all.add(one);
        }
        assert_eq!((all.counters.answers, all.counters.wrong), (15, 3));
        assert_eq!(all.times.response.len(), 3);
        assert_eq!(all.troubles[&Trouble::Refused(Step::Login, 401)], 3);
        assert_eq!(all.faults[Fault::Lost.kind()], 3);
        assert_eq!(all.findings.len(), 3);
        all.add_up(|stage| stage == 1);
        assert_eq!(all.times.response.len(), 6);
        let storm = all.storm().unwrap();
        assert_eq!((storm.dropped, storm.began_ns, storm.recovered_ns), (6, 9, 2));
    }

    #[test]
    fn of_several_storms_the_longest_counts_and_not_what_lies_between() {
        let stage = |began_ns, recovered_ns| StageRecord {
            storm: Some(Storm { dropped: 2, missing: 1, began_ns, recovered_ns }),
            ..StageRecord::default()
        };
        let stages = vec![stage(10, 15), StageRecord::default(), stage(100, 130), stage(200, 201)];
        let storm = Record { stages, ..Record::default() }.storm().unwrap();
        assert_eq!((storm.dropped, storm.missing), (6, 3));
        assert_eq!((storm.began_ns, storm.recovered_ns), (100, 130));
    }

    #[test]
    fn only_the_first_findings_are_kept_but_all_are_counted() {
        let mut record = Record::default();
        for id in 0..100 {
            record.wrong(1, Some(id), Fault::Doubled);
        }
        assert_eq!(record.findings.len(), FINDINGS_MAX);
        assert_eq!(record.counters.wrong, 100);
        assert_eq!(record.findings[0].to_string(), "user 1, request 0: was answered a second time");
    }
}
