//! `skyring-bench attack`: honest users play while everything is done to the server that a stranger can
//! do.
//!
//! The server is `skyring serve` as it ships, in a process of its own. The honest users are the load
//! generator's, each answer checked. The attackers are many short scripts on one thread, from other
//! addresses of 127.0.0.0/8 than the users. First comes a rehearsal of it all, so that caches, pools and
//! tables are as large as they get; then everybody leaves, and what the server holds is written down.
//! Then comes the attack, everybody leaves, and it must hold the same again.
//!
//! | module | what |
//! |---|---|
//! | [`options`] | the command line |
//! | [`server`] | the server under attack, and what it is like |
//! | `honest` | who plays |
//! | [`kinds`], [`muster`] | who attacks, and with what |
//! | [`sortie`], [`field`] | one hostile connection, and all of them |
//! | `judge` | what must hold |
//! | [`record`], `report` | what is kept and shown |

pub mod field;
mod honest;
mod judge;
pub mod kinds;
pub mod muster;
pub mod options;
pub mod record;
mod report;
pub mod server;
pub mod sortie;

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::console;
use crate::measure::environment::Environment;
use crate::records;
use field::Field;
use honest::Play;
use kinds::Kind;
use muster::Muster;
use options::{Asked, AttackOptions};
use record::{Group, Record, State, Tally};
use server::{Counters, Served};
use sortie::{Ending, Outcome, Sortie};

/// How long a turn of the field waits at most.
const TURN: Duration = Duration::from_millis(10);
/// From one SIGHUP to the next.
const HANG_UP_EVERY: Duration = Duration::from_secs(7);
/// The least time from one look at the server to the next, and how often it is looked at otherwise.
const LOOK_EVERY_MIN: Duration = Duration::from_secs(10);
const LOOKS: u32 = 20;
/// How much longer than they should the honest users may take before they are called back.
const HONEST_LATE_MAX: Duration = Duration::from_secs(120);
/// How long the server may take to see that everybody has gone.
const SETTLE_MAX: Duration = Duration::from_secs(60);
/// From one look to the next meanwhile.
const SETTLE_STEP: Duration = Duration::from_millis(500);

/// Does what the command line says; `command` is how somebody else would type it.
///
/// # Errors
/// A wrong command line, a server that cannot be started or asked, a record that cannot be written. What
/// does not hold is in the record and in the exit status.
pub fn command(parser: lexopt::Parser, command: &str) -> Result<ExitCode, Box<dyn Error>> {
    let options = match AttackOptions::parse(parser)? {
        Asked::Attack(options) => options,
        Asked::Text(text) => {
            console::print(&text)?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let mut record = attack(&options, Environment::read(command)?)?;
    record.headlines = report::headlines(&record);
    let text = report::render(&record);
    console::print(&text)?;
    if let Some(directory) = &options.record_directory {
        records::write(directory, record.environment.day(), "attack", &record, &text)?;
    }
    for failure in &record.failures {
        console::complain(format_args!("skyring-bench: {failure}\n"));
    }
    Ok(if record.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn attack(options: &AttackOptions, environment: Environment) -> Result<Record, Box<dyn Error>> {
    let served = Served::start(&options.program)?;
    let fresh = served.state()?;
    let mut battle = Battle {
        served: &served,
        options,
        muster: Muster::gather(served.targets, options.seed)?,
        field: Field::default(),
    };
    let rehearsed = battle.fight(options.rehearsal())?;
    let before = settled(&served, fresh.connections)?;
    let counted = served.counters()?;
    let fought = battle.fight(options.lasts)?;
    let after = settled(&served, fresh.connections)?;
    let counters = grown(&counted, &served.counters()?);
    let (status, said) = served.end()?;
    let mut record = Record {
        claim: "attack".into(),
        headlines: Vec::new(),
        environment,
        users: options.users,
        rate: options.rate,
        seed: options.seed,
        seconds: (options.rehearsal().as_secs_f64(), options.lasts.as_secs_f64()),
        groups: fought.groups,
        kinds: fought.kinds,
        hang_ups: fought.hang_ups,
        counters,
        before,
        after,
        samples: fought.samples,
        failures: Vec::new(),
    };
    let chosen: Vec<&Kind> = chosen(options).into_iter().map(|(_, kind)| kind).collect();
    record.failures = judge::failures(&record, &chosen);
    record.failures.extend(judge::rehearsal(&rehearsed.groups));
    record.failures.extend(judge::ending(status, &said));
    Ok(record)
}

/// The kinds of a run, each with its number among all.
fn chosen(options: &AttackOptions) -> Vec<(usize, &'static Kind)> {
    let is_wanted =
        |kind: &Kind| options.only.is_empty() || options.only.iter().any(|it| it == kind.name);
    kinds::all().into_iter().enumerate().filter(|(_, kind)| is_wanted(kind)).collect()
}

/// What a server counted from one look at it to another.
fn grown(before: &Counters, after: &Counters) -> Counters {
    let since = |(name, count): (&String, &u64)| {
        let before = before.get(name).copied().unwrap_or(0);
        (name.clone(), count.saturating_sub(before))
    };
    after.iter().map(since).collect()
}

/// The server once everybody has gone. When they do not go, it is as it is, and that will be told.
fn settled(served: &Served, connections: u64) -> io::Result<State> {
    let until = Instant::now() + SETTLE_MAX;
    loop {
        std::thread::sleep(SETTLE_STEP);
        let state = served.state()?;
        let is_quiet = state.connections == connections && state.sockets == 0;
        if is_quiet || Instant::now() > until {
            return Ok(state);
        }
    }
}

/// What an attack came to.
struct Fought {
    groups: Vec<Group>,
    kinds: Vec<Tally>,
    hang_ups: u64,
    samples: Vec<(f64, State)>,
}

/// One side's means against the server.
struct Battle<'a> {
    served: &'a Served,
    options: &'a AttackOptions,
    muster: Muster,
    field: Field,
}

impl Battle<'_> {
    /// Has the honest users play for so long and attacks meanwhile, until all have gone.
    fn fight(&mut self, lasts: Duration) -> Result<Fought, Box<dyn Error>> {
        let AttackOptions { users, seed, rate, .. } = *self.options;
        let kinds = chosen(self.options);
        let tally = |&(_, kind): &(usize, &Kind)| Tally {
            name: kind.name.into(),
            what: kind.what.into(),
            ..Tally::default()
        };
        let mut tallies: Vec<Tally> = kinds.iter().map(tally).collect();
        let (mut hang_ups, mut samples) = (0, Vec::new());
        let look_every = (lasts / LOOKS).max(LOOK_EVERY_MIN);
        let (began, mut due) = (Instant::now(), 0);
        let playing = honest::begin(self.served, Play { users, lasts, seed })?;
        while playing.goes_on() || !self.field.is_empty() {
            let elapsed = began.elapsed();
            if elapsed > lasts + HONEST_LATE_MAX {
                playing.stop();
            }
            let wanted = (elapsed.as_secs_f64() * f64::from(rate)) as u64;
            while due < wanted && playing.goes_on() {
                due += 1;
                self.launch(&kinds, &mut tallies)?;
            }
            if elapsed > HANG_UP_EVERY * (hang_ups + 1) {
                hang_ups += 1;
                self.served.hang_up()?;
            }
            if elapsed > look_every * (samples.len() as u32 + 1) {
                samples.push((elapsed.as_secs_f64(), self.served.state()?));
            }
            self.field
                .turn(TURN, |index, outcome| note(&mut tallies[index], kinds[index].1, &outcome))?;
        }
        let groups = playing.end();
        Ok(Fought { groups, kinds: tallies, hang_ups: hang_ups.into(), samples })
    }

    /// Begins a sortie of a kind that is drawn by weight, unless it has enough under way.
    fn launch(&mut self, kinds: &[(usize, &Kind)], tallies: &mut [Tally]) -> io::Result<()> {
        let all: u64 = kinds.iter().map(|(_, kind)| u64::from(kind.weight)).sum();
        let mut drawn = self.muster.random.below(all);
        let is_it = |(_, kind): &(usize, &Kind)| {
            let is_it = drawn < u64::from(kind.weight);
            drawn = drawn.wrapping_sub(kind.weight.into());
            is_it
        };
        let index = kinds.iter().position(is_it).unwrap_or(0);
        let (number, kind) = kinds[index];
        if self.field.count(index) >= kind.at_once_max {
            return Ok(());
        }
        let from = self.muster.source(number, kind.has_one_address);
        let (to, moves) = (kind.make)(&mut self.muster);
        tallies[index].begun += 1;
        self.field.launch(index, Sortie { to, from, moves }, Instant::now())
    }
}

/// Writes down how a sortie ended.
fn note(tally: &mut Tally, kind: &Kind, outcome: &Outcome) {
    let count = match outcome.ending {
        Ending::ByServer => &mut tally.ended,
        Ending::Done => &mut tally.done,
        Ending::Outlasted => &mut tally.outlasted,
        Ending::NotConnected => &mut tally.not_connected,
    };
    *count += 1;
    if kind.is_refused && outcome.was_let_in() {
        tally.let_in += 1;
    }
}
