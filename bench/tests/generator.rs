//! The generator drives a real server and finds out a lying one.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use skyring_bench::child::{PeerProcess, Target};
use skyring_bench::generator::{FRAME_BYTES, Generator, GeneratorError, Load, Tally, dial};
use skyring_bench::host;
use skyring_bench::measure::times::Times;
use skyring_bench::peers::Peer;

const PHASE: Duration = Duration::from_millis(300);

fn run(generator: &mut Generator, target: &Target, load: Load) -> Result<Tally, GeneratorError> {
    let dialled = dial::dial(target, 0..20).unwrap();
    let mut run = generator.start(dialled, load)?;
    let tally = run.phase(PHASE)?;
    run.finish()?;
    Ok(tally)
}

fn generator() -> Generator {
    let cores = host::cores().unwrap();
    Generator::new(cores[cores.len() - 1]).unwrap()
}

#[test]
fn loads_run_and_every_answer_is_counted_once() {
    let program = Path::new(env!("CARGO_BIN_EXE_skyring-bench"));
    let process = PeerProcess::start(program, Peer::Epoll, host::cores().unwrap()[0]).unwrap();
    let mut generator = generator();
    for load in [Load::Closed { depth: 1 }, Load::Closed { depth: 7 }, Load::Open { rate: 2000 }] {
        let before = Times::of_process(process.target().pid).unwrap();
        let tally = run(&mut generator, process.target(), load).unwrap();
        let times = Times::of_process(process.target().pid).unwrap().since(before);
        assert!(tally.answers > 100, "{load:?}: {}", tally.answers);
        assert_eq!(tally.answers, tally.response_ns.len());
        assert!(times.ran_ns > 0);
        if let Load::Open { rate } = load {
            let expected = f64::from(rate) * tally.elapsed.as_secs_f64();
            assert!((tally.answers as f64) < expected * 1.1, "{}", tally.answers);
        }
    }
}

/// What a server does wrong from its fifth message on.
#[derive(Clone, Copy, Debug)]
enum Lie {
    FlipLastBit,
    AnswerTwice,
    AnswerWithTheMessageBefore,
    Close,
}

/// An echo server, one thread a connection, that lies.
fn liar(lie: Lie) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || echo_and_lie(stream, lie));
        }
    });
    Target { name: "liar".into(), address, login: None, pid: std::process::id() }
}

fn echo_and_lie(mut stream: TcpStream, lie: Lie) -> std::io::Result<()> {
    let mut before = [0; FRAME_BYTES];
    for message in 1.. {
        let mut frame = [0; FRAME_BYTES];
        stream.read_exact(&mut frame)?;
        let honest = frame;
        if message >= 5 {
            match lie {
                Lie::FlipLastBit => frame[FRAME_BYTES - 1] ^= 1,
                Lie::AnswerTwice => stream.write_all(&frame)?,
                Lie::AnswerWithTheMessageBefore => frame = before,
                Lie::Close => return Ok(()),
            }
        }
        stream.write_all(&frame)?;
        before = honest;
    }
    Ok(())
}

#[test]
fn every_lie_is_found_out_and_the_generator_goes_on() {
    let mut generator = generator();
    for lie in [Lie::FlipLastBit, Lie::AnswerTwice, Lie::AnswerWithTheMessageBefore, Lie::Close] {
        let found = run(&mut generator, &liar(lie), Load::Closed { depth: 1 });
        let is_right = match lie {
            Lie::FlipLastBit | Lie::AnswerWithTheMessageBefore => {
                matches!(found, Err(GeneratorError::WrongAnswer { sequence: 4, .. }))
            }
            // The second copy answers the next request, or none.
            Lie::AnswerTwice => matches!(
                found,
                Err(GeneratorError::WrongAnswer { .. } | GeneratorError::Unasked { .. })
            ),
            Lie::Close => matches!(found, Err(GeneratorError::Closed { .. })),
        };
        assert!(is_right, "{lie:?}: {:?}", found.err());
    }
}
