//! The built-in server: small, on blocking sockets, a thread a connection. It is no measure of
//! speed; what it does, and what it does wrong, is known.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use skyring_protocols::decode::{Compat, Decode};
use skyring_protocols::frame;
use skyring_protocols::login::server::{LoginOutput, LoginServer};
use skyring_protocols::msg::attach::{AttachAnswer, AttachLine};

use super::state::{Fault, State};

/// In which order requests of one user are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they came.
    Kept,
    /// Every third answer is held back for a while: handlers may finish in any order.
    Mixed,
}

/// How long an answer is held back.
const HELD: Duration = Duration::from_millis(1);

/// How long a connection may be quiet before what is held back goes out.
const QUIET: Duration = Duration::from_millis(3);

/// A running server. When it is dropped it accepts no more; its connections end with their peers.
#[derive(Debug)]
pub struct Server {
    /// Where users log in.
    pub login: SocketAddr,
    /// Where they play.
    pub msg: SocketAddr,
    /// Where frames come back.
    pub gate: SocketAddr,
    state: Arc<State>,
    stopped: Arc<AtomicBool>,
}

/// What a listener does with a connection.
type Part = fn(&State, Order, TcpStream) -> io::Result<()>;

impl Server {
    /// Starts on loopback, on ports of the kernel's choice.
    ///
    /// # Errors
    /// The operating system's, when there is no port.
    pub fn start(fault: Fault, order: Order) -> io::Result<Server> {
        let (state, stopped) = (Arc::new(State::new(fault)), Arc::new(AtomicBool::new(false)));
        let serve = |part| serve(&state, &stopped, order, part);
        let [login, msg, gate] = [serve(login)?, serve(msg)?, serve(gate)?];
        Ok(Server { login, msg, gate, state, stopped })
    }

    /// How often its fault has happened so far.
    pub fn faults(&self) -> u64 {
        self.state.faults()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Each listener hears of it with its next connection.
        for address in [self.login, self.msg, self.gate] {
            let _ = TcpStream::connect(address);
        }
    }
}

fn serve(
    state: &Arc<State>,
    stopped: &Arc<AtomicBool>,
    order: Order,
    part: Part,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let (state, stopped) = (Arc::clone(state), Arc::clone(stopped));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            let state = Arc::clone(&state);
            // A connection that breaks is the other side's choice.
            thread::spawn(move || part(&state, order, stream));
        }
    });
    Ok(address)
}

fn login(state: &State, _: Order, mut stream: TcpStream) -> io::Result<()> {
    let mut machine = LoginServer::new(Compat::Strict, [7; 8], [9; 8]);
    let mut bytes = [0; 1024];
    loop {
        while let Some(output) = machine.poll_output() {
            match output {
                LoginOutput::Send(line) => stream.write_all(&line)?,
                LoginOutput::Close(_) => return Ok(()),
                LoginOutput::Judge { token } => {
                    let secret = machine.secret().expect("a token is read with it").clone();
                    machine.on_verdict(state.judge(&token, secret));
                }
            }
        }
        let count = stream.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        machine.on_bytes(&bytes[..count]);
    }
}

/// Calls `each` with every frame, and, where answers are held back, with none when nothing has come
/// for a while, until it says to stop.
fn frames(
    stream: &mut TcpStream,
    order: Order,
    mut each: impl FnMut(&mut TcpStream, Option<&[u8]>) -> io::Result<bool>,
) -> io::Result<()> {
    let (mut unread, mut bytes) = (Vec::new(), [0; 16 << 10]);
    stream.set_nodelay(true)?;
    stream.set_read_timeout((order == Order::Mixed).then_some(QUIET))?;
    loop {
        let mut used = 0;
        while let Decode::Done { value, consumed } = frame::decode(&unread[used..]) {
            used += consumed;
            if !each(stream, Some(value))? {
                return Ok(());
            }
        }
        unread.drain(..used);
        match stream.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(count) => unread.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                each(stream, None)?;
            }
            Err(error) => return Err(error),
        }
    }
}

fn framed(payload: &[u8], out: &mut Vec<u8>) {
    frame::encode(payload, out).expect("what came in a frame, or is shorter, fits one");
}

fn gate(state: &State, order: Order, mut stream: TcpStream) -> io::Result<()> {
    frames(&mut stream, order, |stream, payload| {
        let mut out = Vec::new();
        if let Some(payload) = payload {
            state.stall();
            framed(payload, &mut out);
        }
        stream.write_all(&out).map(|()| true)
    })
}

fn msg(state: &State, order: Order, mut stream: TcpStream) -> io::Result<()> {
    let mut attached: Option<(Vec<u8>, u64)> = None;
    let (mut held, mut since) = (Vec::new(), Instant::now());
    frames(&mut stream, order, |stream, payload| {
        let Some(payload) = payload else {
            return stream.write_all(&std::mem::take(&mut held)).map(|()| true);
        };
        let Some((username, attach_index)) = &attached else {
            let line = AttachLine::parse(payload);
            let answer = state.attach(&line);
            let index = line.index_number(Compat::Strict);
            attached = line.username.map(<[u8]>::to_vec).zip(index);
            let mut out = Vec::new();
            framed(answer.payload(), &mut out);
            stream.write_all(&out)?;
            return Ok(answer == AttachAnswer::Ok);
        };
        state.stall();
        let Some((id, mut out)) = state.request(username, *attach_index, payload) else {
            return Ok(false);
        };
        if id % 3 == 0 && held.is_empty() && order == Order::Mixed {
            (held, since) = (out, Instant::now());
            return Ok(true);
        }
        if since.elapsed() > HELD {
            out.append(&mut held);
        }
        stream.write_all(&out).map(|()| true)
    })
}
