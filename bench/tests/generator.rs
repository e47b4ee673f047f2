//! The generator drives a real server and finds out a lying one.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use skyring_bench::child::{PeerProcess, PeerSetup, Target};
use skyring_bench::generator::{
    FRAME_BYTES, Generator, GeneratorError, Load, Samples, Tally, Wire, dial,
};
use skyring_bench::host;
use skyring_bench::measure::times::Times;
use skyring_bench::peers::Peer;

const PHASE: Duration = Duration::from_millis(300);

fn run(
    generator: &mut Generator,
    target: &Target,
    load: Load,
    duration: Duration,
) -> Result<(Tally, Samples), GeneratorError> {
    let dialled = dial::dial(target, 0..20, Some("reno")).unwrap();
    let mut run = generator.start(dialled, load)?;
    let tally = run.measured_phase(duration)?;
    Ok((tally, run.finish()?))
}

fn setup(cores: &[usize]) -> PeerSetup<'_> {
    PeerSetup { cores, shards: 1, congestion: Some("reno"), besides: false, certificate: None }
}

fn generator() -> Generator {
    let cores = host::cores().unwrap();
    Generator::new(cores[cores.len() - 1]).unwrap()
}

#[test]
fn loads_run_and_every_answer_is_counted_once() {
    let program = Path::new(env!("CARGO_BIN_EXE_skyring-bench"));
    let process =
        PeerProcess::start(program, Peer::Epoll, setup(&host::cores().unwrap()[..1])).unwrap();
    let mut generator = generator();
    for load in [Load::Closed { depth: 1 }, Load::Closed { depth: 7 }, Load::Open { rate: 2000 }] {
        let before = Times::of_process(process.target().pid).unwrap();
        let (tally, samples) = run(&mut generator, process.target(), load, PHASE).unwrap();
        let times = Times::of_process(process.target().pid).unwrap().since(before);
        assert!(tally.answers > 100, "{load:?}: {}", tally.answers);
        assert!(times.ran_ns > 0);
        assert_eq!(samples.response_ns.len(), samples.service_ns.len());
        if let Load::Open { rate } = load {
            let expected = f64::from(rate) * tally.elapsed.as_secs_f64();
            assert!((tally.answers as f64) < expected * 1.1, "{}", tally.answers);
            // Every request that was due in the phase, no other.
            let sampled = samples.response_ns.len();
            assert!((sampled as f64 - expected).abs() <= 2.0, "{sampled} of {expected}");
            assert_eq!(samples.late_ns.len(), sampled);
        } else {
            assert_eq!(tally.answers, samples.response_ns.len());
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
    /// Not a lie: it stops until its listener is this old, and goes on as if nothing had been.
    Stall(Instant, Duration),
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
                Lie::Stall(since, lasts) => {
                    std::thread::sleep(lasts.saturating_sub(since.elapsed()));
                }
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
        let found = run(&mut generator, &liar(lie), Load::Closed { depth: 1 }, PHASE);
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
            Lie::Stall(..) => unreachable!("it is no lie"),
        };
        assert!(is_right, "{lie:?}: {:?}", found.err());
    }
}

/// An echo server that answers sixteen requests with two writes: five answers, then eleven. Before
/// that it answers thirteen, so that the five stand where the places of sixteen requests wrap.
fn echo_in_two_writes() -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || -> std::io::Result<()> {
                stream.set_nodelay(true)?;
                let mut frames = vec![0; 16 * FRAME_BYTES];
                stream.read_exact(&mut frames[..13 * FRAME_BYTES])?;
                stream.write_all(&frames[..13 * FRAME_BYTES])?;
                loop {
                    stream.read_exact(&mut frames)?;
                    let (five, eleven) = frames.split_at(5 * FRAME_BYTES);
                    stream.write_all(five)?;
                    stream.write_all(eleven)?;
                }
            });
        }
    });
    Target { name: "two writes".into(), address, login: None, pid: std::process::id() }
}

/// The answers to five requests and to eleven arrive in one turn of the generator; what follows the
/// five wraps, and what follows the eleven must still go out behind all of it. The server waits for
/// sixteen, so that the last ones are never answered.
#[test]
fn requests_of_one_connection_leave_in_order_where_they_wrap() {
    let mut generator = generator();
    let dialled = dial::dial(&echo_in_two_writes(), 0..20, None).unwrap();
    let mut run = generator.start(dialled, Load::Closed { depth: 16 }).unwrap();
    let tally = run.phase(3 * PHASE).unwrap();
    assert!(tally.answers > 20 * 10 * 16, "{}", tally.answers);
}

/// What a socket does not take at once is not sent later, behind what may have passed it: the run is
/// void, and no server is called wrong.
#[test]
fn a_load_that_does_not_fit_into_a_socket_is_refused() {
    let target = liar(Lie::Stall(Instant::now(), 4 * PHASE));
    let mut generator = generator();
    let dialled = dial::dial(&target, 0..2, None).unwrap();
    for socket in &dialled.sockets {
        rustix::net::sockopt::set_socket_send_buffer_size(socket, 16 << 10).unwrap();
    }
    let mut run = generator.start(dialled, Load::Closed { depth: 50_000 }).unwrap();
    let found = run.phase(PHASE);
    assert!(matches!(found, Err(GeneratorError::Full { .. })), "{found:?}");
}

/// An HTTP server whose fifth answer differs in one byte from what it says first.
fn http_liar(from: &'static str, to: &'static str) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let body = "Hello. This answer is sixty-four bytes long, whoever may send it";
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n{body}");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (honest, lie) = (answer.clone(), answer.replace(from, to));
            std::thread::spawn(move || {
                let mut request = vec![0; Wire::Http.request_bytes()];
                for message in 1.. {
                    stream.read_exact(&mut request)?;
                    let answer = if message == 5 { &lie } else { &honest };
                    stream.write_all(answer.as_bytes())?;
                }
                std::io::Result::Ok(())
            });
        }
    });
    Target { name: "liar".into(), address, login: None, pid: std::process::id() }
}

#[test]
fn a_wrong_answer_to_an_http_request_is_found_out() {
    let mut generator = generator();
    for (from, to) in [("200", "500"), ("64\r", "65\r"), ("Hello", "hello"), ("OK", "OK")] {
        let target = http_liar(from, to);
        let dialled = dial::dial_for(&target, Wire::Http, 0..4, None).unwrap();
        let mut run = generator.start(dialled, Load::Closed { depth: 1 }).unwrap();
        let found = run.phase(PHASE).map(|tally| tally.answers);
        match found {
            Ok(answers) => assert!(from == to && answers > 100, "{from} to {to}: {answers}"),
            Err(GeneratorError::WrongAnswer { sequence, .. }) => assert_eq!(sequence, 4),
            Err(error) => panic!("{from} to {to}: {error}"),
        }
        if from == to {
            run.finish().unwrap();
        }
    }
}

/// A server that stops long enough for the requests under way to fill every connection's window: its
/// own slowness is in the response times, of those requests too that were due before the end and
/// answered after it, and none of it is called the generator's lateness.
#[test]
fn a_stall_is_the_servers_and_not_the_generators() {
    let lasts = Duration::from_millis(1500);
    let duration = Duration::from_millis(1000);
    let load = Load::Open { rate: 2000 };
    let target = liar(Lie::Stall(Instant::now(), lasts));
    let (tally, samples) = run(&mut generator(), &target, load, duration).unwrap();
    let due = 2000.0 * tally.elapsed.as_secs_f64();
    let sampled = samples.response_ns.len();
    assert!((sampled as f64 - due).abs() <= 2.0, "{sampled} of {due}");
    assert!(samples.response_ns.value_at_quantile(0.5) > 400_000_000);
    let late_ns = samples.late_ns.value_at_quantile(0.5);
    assert!(late_ns < 50_000_000, "{late_ns}");
}
