//! `skyring-bench sproto`: what a message costs in sproto, here and elsewhere, and in two other
//! encodings.
//!
//! Each measurement is a process that does one thing with one message so many times, checks what
//! comes out, and says how much processor time it took: this program again (`sproto-body SIDE
//! MESSAGE OPERATION N`), or one built from somebody else's source (`foreign`). Within a round the
//! sides follow one another for each message and operation, in an order that is drawn anew.

pub mod bodies;
mod foreign;
pub mod messages;
pub mod options;
mod protobuf;
pub mod record;
mod report;
mod types;

use std::error::Error;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use lexopt::ValueExt;

use crate::claims::order;
use crate::console;
use crate::host;
use crate::measure::environment::Environment;
use crate::micro::callgrind;
use crate::records;
use bodies::{Operation, Outcome, Side};
use foreign::Foreign;
use messages::Message;
use options::SprotoOptions;
use record::{Cell, Count, Place, Record};

const NO_C: &str = "Skynet's C library: it was not given (`--sproto-c DIRECTORY`)";
const NO_PYTHON: &str = "pysproto: the Python has no such module (`--python PROGRAM`)";
const NO_VALGRIND: &str =
    "valgrind, so no instructions were counted (Debian: apt install valgrind)";

/// Repetitions of a trial that says how many are needed.
const TRIAL: u32 = 64;
/// Repetitions under callgrind: fewer, and more. Small messages take more, or starting would be all.
const COUNTED: [(u32, u32); 2] = [(800, 8_000), (80, 800)];

/// Does what the command line says; `command` is how somebody else would type it.
///
/// # Errors
/// A wrong command line, a C library that cannot be built, or a record that cannot be written. What
/// fails later is in the record and in the exit status.
pub fn command(parser: lexopt::Parser, command: &str) -> Result<ExitCode, Box<dyn Error>> {
    let Some(options) = SprotoOptions::parse(parser)? else {
        console::print(options::USAGE)?;
        return Ok(ExitCode::SUCCESS);
    };
    let mut record = Record {
        claim: "sproto".into(),
        headlines: Vec::new(),
        environment: Environment::read(command)?,
        seed: options.seed,
        compiler: None,
        valgrind: None,
        absent: Vec::new(),
        failures: Vec::new(),
        cells: Vec::new(),
        counts: Vec::new(),
    };
    let foreign = prepare(&options, &mut record)?;
    // Whoever is started from here is there, too.
    host::pin(options.core)?;
    for contest in contests(&foreign) {
        measure(&options, &contest, &foreign, &mut record);
    }
    record.headlines = report::headlines(&record);
    let text = report::render(&record);
    console::print(&text)?;
    if let Some(directory) = &options.record_directory {
        records::write(directory, record.environment.day(), "sproto", &record, &text)?;
    }
    Ok(if record.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Finds and builds what is not ours, and writes down what is not here.
fn prepare(options: &SprotoOptions, record: &mut Record) -> Result<Foreign, Box<dyn Error>> {
    let mut foreign = Foreign::new()?;
    match &options.c_sources {
        Some(sources) => record.compiler = Some(foreign.build(sources, &options.compiler)?),
        None => record.absent.push(NO_C.into()),
    }
    if !foreign.find_python(&options.python)? {
        record.absent.push(NO_PYTHON.into());
    }
    if options.counted {
        record.valgrind = callgrind::version();
        if record.valgrind.is_none() {
            record.absent.push(NO_VALGRIND.into());
        }
    }
    Ok(foreign)
}

/// A message, what is done with it, and by whom.
struct Contest {
    message: Message,
    operation: Operation,
    sides: Vec<&'static str>,
}

fn contests(foreign: &Foreign) -> Vec<Contest> {
    let contest = |message, operation| {
        let ours = Side::ALL.into_iter().filter(|side| side.does(operation)).map(Side::name);
        Contest { message, operation, sides: ours.chain(foreign.sides()).collect() }
    };
    let all = |message| Operation::ALL.map(|operation| contest(message, operation));
    Message::ALL.into_iter().flat_map(all).collect()
}

/// Measures all sides of a contest, in all rounds.
fn measure(options: &SprotoOptions, contest: &Contest, foreign: &Foreign, record: &mut Record) {
    let Contest { message, operation, sides } = contest;
    let mut bodies: Vec<Body> = Vec::new();
    for side in sides {
        let place = Place {
            side: (*side).into(),
            message: message.name().into(),
            operation: operation.name().into(),
        };
        match Body::prepare(place, foreign, options) {
            Ok(body) => bodies.push(body),
            Err(error) => record.failures.push(format!("{side}, {}: {error}", message.name())),
        }
    }
    for round in 0..options.rounds {
        for index in order::of_round(options.seed, round, bodies.len()) {
            match bodies[index].time(round) {
                Ok(cell) => record.cells.push(cell),
                Err(error) => record.failures.push(bodies[index].failed(&*error)),
            }
        }
    }
    if record.valgrind.is_some() {
        for body in bodies.iter().filter(|body| body.place.side != foreign::PYTHON_SIDE) {
            match body.count(*message) {
                Ok(count) => record.counts.push(count),
                Err(error) => record.failures.push(body.failed(&*error)),
            }
        }
    }
}

/// A program that does one thing so many times.
struct Body {
    place: Place,
    program: PathBuf,
    arguments: Vec<PathBuf>,
    /// How often, to take as long as was asked for.
    repetitions: u32,
}

impl Body {
    fn prepare(
        place: Place,
        foreign: &Foreign,
        options: &SprotoOptions,
    ) -> Result<Body, Box<dyn Error>> {
        let (program, mut arguments) = match foreign.program(&place.side) {
            Some(program) => program,
            None => (std::env::current_exe()?, vec!["sproto-body".into(), (&place.side).into()]),
        };
        arguments.extend([PathBuf::from(&place.message), PathBuf::from(&place.operation)]);
        let mut body = Body { place, program, arguments, repetitions: TRIAL };
        let trial = body.run(TRIAL)?;
        let each_ns = (trial.ran_ns / u64::from(TRIAL)).max(1);
        let wanted = options.measured.as_nanos() / u128::from(each_ns);
        body.repetitions = u32::try_from(wanted).unwrap_or(u32::MAX).max(1);
        Ok(body)
    }

    /// Runs it to its end.
    fn run(&self, repetitions: u32) -> Result<Outcome, Box<dyn Error>> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(format!("{repetitions:08}")).stdin(Stdio::null());
        let output = command.output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into());
        }
        let text = String::from_utf8(output.stdout)?;
        let mut numbers = text.split_whitespace();
        let mut number = || numbers.next().ok_or_else(|| format!("it said {text:?}"));
        Ok(Outcome { ran_ns: number()?.parse()?, bytes: number()?.parse()? })
    }

    fn time(&self, round: u32) -> Result<Cell, Box<dyn Error>> {
        let Outcome { ran_ns, bytes } = self.run(self.repetitions)?;
        let (place, repetitions) = (self.place.clone(), self.repetitions);
        Ok(Cell { place, round, repetitions, ran_ns, bytes: bytes as u64 })
    }

    fn count(&self, message: Message) -> Result<Count, Box<dyn Error>> {
        let (fewer, more) = COUNTED[usize::from(message.is_large())];
        let run = |repetitions: u32| {
            let words = self.arguments.iter().map(|word| word.to_string_lossy().into_owned());
            let words: Vec<String> = words.chain([format!("{repetitions:08}")]).collect();
            callgrind::count(&self.program, &words.iter().map(String::as_str).collect::<Vec<_>>())
        };
        // An eighth is done before, to warm up.
        let repetitions = (more + more / 8) - (fewer + fewer / 8);
        let (shorter, longer) = (run(fewer)?, run(more)?);
        Ok(Count { place: self.place.clone(), repetitions, shorter, longer })
    }

    fn failed(&self, error: &dyn Error) -> String {
        let Place { side, message, operation } = &self.place;
        format!("{side}, {operation} {message}: {error}")
    }
}

/// `sproto-body SIDE MESSAGE OPERATION N`: one measurement of a side that is in this program.
///
/// # Errors
/// A word or a number that is none.
pub fn run_body(mut parser: lexopt::Parser) -> Result<ExitCode, Box<dyn Error>> {
    const USAGE: &str = "sproto-body: SIDE MESSAGE OPERATION N";
    let mut word =
        || -> Result<String, Box<dyn Error>> { Ok(parser.value().map_err(|_| USAGE)?.string()?) };
    let side = Side::from_name(&word()?).ok_or(USAGE)?;
    let message = Message::from_name(&word()?).ok_or(USAGE)?;
    let operation = Operation::from_name(&word()?).ok_or(USAGE)?;
    let Outcome { ran_ns, bytes } = bodies::run(side, message, operation, word()?.parse()?);
    console::print(&format!("{ran_ns} {bytes}\n"))?;
    Ok(ExitCode::SUCCESS)
}
