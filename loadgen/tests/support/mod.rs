//! A server to be measured in tests: small, on blocking sockets, a thread a connection, built from
//! the protocol crate's server halves. It can be told to misbehave in one way.

#![allow(dead_code, reason = "each test program uses its own part")]

pub(crate) mod cells;

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use skyring_loadgen::live::Live;
use skyring_loadgen::options::Options;
use skyring_loadgen::plan::{Limits, Plan};
use skyring_loadgen::report::Report;
use skyring_loadgen::run;
use skyring_protocols::crypt::Secret;
use skyring_protocols::decode::{Compat, Decode};
use skyring_protocols::frame;
use skyring_protocols::login::server::{LoginOutput, LoginServer, LoginVerdict};
use skyring_protocols::login::token::SampleToken;
use skyring_protocols::msg::attach::{AttachAnswer, AttachLine};
use skyring_protocols::msg::session::{Answer, Session, SessionPolicy, Verdict};
use skyring_protocols::msg::{Flag, Username, request, response};

/// One way to be wrong. All but the first two do so every [`EVERY`] requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// None: it does what WIRE.md says.
    None,
    /// It stops for this long, this long after its start; right, but slow.
    Stall { after: Duration, lasts: Duration },
    /// A user gets the content of another.
    SwapUsers,
    /// A user gets the content of its own earlier request.
    SwapRequests,
    /// A request is never answered.
    Lose,
    /// A request is answered twice.
    Double,
    /// A bit of the content is wrong.
    Alter,
    /// The handler fails.
    Fail,
    /// A repeat runs although the answer is stored.
    RunAgain,
    /// It ends the connection instead of running a request.
    Reset,
    /// It knows the answers of a user's earlier logins by their ids. Always.
    Remember,
}

/// A fault happens once in so many requests.
const EVERY: u64 = 50;

/// How long an answer is held back.
const HELD: Duration = Duration::from_millis(1);

const POLICY: SessionPolicy = SessionPolicy {
    compat: Compat::Strict,
    replay_duplicates: false,
    expired_number: 128,
    cache_bytes_max: 1 << 20,
    pending_requests_max: 1024,
};

/// The server. Its threads end with the test program.
pub(crate) struct Server {
    pub(crate) login: SocketAddr,
    pub(crate) msg: SocketAddr,
    pub(crate) gate: SocketAddr,
}

pub(crate) struct State {
    fault: Fault,
    /// Whether handlers finish in the order of their requests.
    in_order: bool,
    began: Instant,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    sessions: HashMap<Vec<u8>, Session>,
    logins: u64,
    requests: u64,
    last: Vec<u8>,
    last_of: HashMap<Vec<u8>, Vec<u8>>,
    remembered: HashMap<(Vec<u8>, u32), Vec<u8>>,
}

impl Server {
    /// Starts on ports of the kernel's choice.
    pub(crate) fn start(fault: Fault) -> Server {
        Server::of(State::new(fault, false))
    }

    /// The same, and answers come in the order of their requests.
    pub(crate) fn start_in_order(fault: Fault) -> Server {
        Server::of(State::new(fault, true))
    }

    fn of(state: State) -> Server {
        let state = Arc::new(state);
        Server {
            login: serve(Arc::clone(&state), login),
            msg: serve(Arc::clone(&state), msg),
            gate: serve(state, gate),
        }
    }

    /// Options for a short run against it.
    pub(crate) fn options(&self) -> Options {
        Options {
            logins: vec![self.login],
            msgs: vec![self.msg],
            users: 40,
            play_ns: 700_000_000,
            drain_ns: 1_000_000_000,
            allow_late: true,
            ..Options::default()
        }
    }
}

/// Runs a plan in this process and sums it up.
pub(crate) fn play(options: Options) -> Report {
    let plan = Plan::new(options, Limits { descriptors: 4096, ports: 28_000 }).expect("a plan");
    let outcome = run::run(plan.clone(), &mut Live::new(true), &false.into()).expect("a run");
    Report::new(&plan, &outcome, Vec::new())
}

fn serve(state: Arc<State>, part: fn(&State, TcpStream) -> io::Result<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let state = Arc::clone(&state);
            // A connection that breaks is the other side's choice.
            thread::spawn(move || part(&state, stream));
        }
    });
    address
}

fn login(state: &State, mut stream: TcpStream) -> io::Result<()> {
    let mut machine = LoginServer::new(Compat::Strict, [7; 8], [9; 8]);
    let mut bytes = [0; 1024];
    loop {
        while let Some(output) = machine.poll_output() {
            match output {
                LoginOutput::Send(line) => stream.write_all(&line)?,
                LoginOutput::Close(_) => return Ok(()),
                LoginOutput::Judge { token } => {
                    let secret = machine.secret().expect("it is agreed on").clone();
                    machine.on_verdict(judge(state, &token, secret));
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

pub(crate) fn judge(state: &State, token: &[u8], secret: Secret) -> LoginVerdict {
    match SampleToken::parse(token) {
        Some(token) if *token.password == b"password" => {
            let mut inner = state.inner.lock().expect("no thread panics with it");
            inner.logins += 1;
            let subid = inner.logins.to_string().into_bytes();
            let username = Username { uid: token.user, server: token.server, subid: subid.clone() };
            inner.sessions.insert(username.format(), Session::new(secret));
            LoginVerdict::Granted { subid }
        }
        _ => LoginVerdict::Unauthorized,
    }
}

/// Calls `each` with every frame, and with none when nothing has come for a while, until it says to
/// stop.
fn frames(
    stream: &mut TcpStream,
    mut each: impl FnMut(&mut TcpStream, Option<&[u8]>) -> io::Result<bool>,
) -> io::Result<()> {
    let (mut unread, mut bytes) = (Vec::new(), [0; 16 << 10]);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_millis(3)))?;
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

fn gate(state: &State, mut stream: TcpStream) -> io::Result<()> {
    frames(&mut stream, |stream, payload| {
        state.stall();
        let mut out = Vec::new();
        if let Some(payload) = payload {
            frame::encode(payload, &mut out).expect("as long as it came");
        }
        stream.write_all(&out).map(|()| true)
    })
}

/// Every third answer is held back for a while: handlers may finish in any order.
fn msg(state: &State, mut stream: TcpStream) -> io::Result<()> {
    let mut attached: Option<(Vec<u8>, u64)> = None;
    let (mut held, mut since) = (Vec::new(), Instant::now());
    frames(&mut stream, |stream, payload| {
        let Some(payload) = payload else {
            return stream.write_all(&std::mem::take(&mut held)).map(|()| true);
        };
        let Some((username, attach_index)) = &attached else {
            let line = AttachLine::parse(payload);
            let answer = state.attach(&line);
            let index = line.index_number(Compat::Strict);
            attached = line.username.map(<[u8]>::to_vec).zip(index);
            let mut out = Vec::new();
            frame::encode(answer.payload(), &mut out).expect("short");
            stream.write_all(&out)?;
            return Ok(answer == AttachAnswer::Ok);
        };
        state.stall();
        let Some((id, mut out)) = state.request(username, *attach_index, payload) else {
            return Ok(false);
        };
        if id % 3 == 0 && held.is_empty() && !state.in_order {
            (held, since) = (out, Instant::now());
            return Ok(true);
        }
        if since.elapsed() > HELD {
            out.append(&mut held);
        }
        stream.write_all(&out).map(|()| true)
    })
}

impl State {
    pub(crate) fn new(fault: Fault, in_order: bool) -> State {
        State { fault, in_order, began: Instant::now(), inner: Mutex::default() }
    }

    pub(crate) fn attach(&self, line: &AttachLine<'_>) -> AttachAnswer {
        let mut inner = self.inner.lock().expect("no thread panics with it");
        match line.username.and_then(|username| inner.sessions.get_mut(username)) {
            Some(session) => session.attach(line, &POLICY).err().unwrap_or(AttachAnswer::Ok),
            None => AttachAnswer::UserNotFound,
        }
    }

    fn stall(&self) {
        if let Fault::Stall { after, lasts } = self.fault {
            let since = self.began.elapsed();
            if (after..after + lasts).contains(&since) {
                thread::sleep(after + lasts - since);
            }
        }
    }

    /// The id of a request and the frames that answer it. None: close, also when a newer connection
    /// has taken the user over.
    pub(crate) fn request(
        &self,
        username: &[u8],
        attach_index: u64,
        payload: &[u8],
    ) -> Option<(u32, Vec<u8>)> {
        let asked = request::decode(payload).ok()?;
        let mut inner = self.inner.lock().expect("no thread panics with it");
        inner.requests += 1;
        let now = inner.requests.is_multiple_of(EVERY);
        let always = matches!(self.fault, Fault::RunAgain | Fault::Remember);
        let fault = if now || always { self.fault } else { Fault::None };
        if fault == Fault::Reset {
            return None;
        }
        let content = inner.handle(username, asked.id, asked.content, fault);
        let session = inner.sessions.get_mut(username)?;
        if session.attach_index() != attach_index {
            return None;
        }
        let stored = match session.on_request(asked.id, &POLICY) {
            Verdict::Run(ticket) => {
                let answer = match fault {
                    Fault::Fail => Answer::Failed,
                    _ => Answer::Content(&content),
                };
                session.on_answer(ticket, answer, &POLICY)?
            }
            Verdict::Replay(stored) => stored,
            Verdict::Absorbed | Verdict::Conflict | Verdict::Refused => return None,
        };
        let content = if fault == Fault::RunAgain { &content } else { stored.content };
        assert_ne!(stored.flag, Flag::Push);
        Some((asked.id, encoded(content, stored.flag, asked.id, fault)))
    }
}

fn encoded(content: &[u8], flag: Flag, id: u32, fault: Fault) -> Vec<u8> {
    let mut out = Vec::new();
    let times = match fault {
        Fault::Lose => 0,
        Fault::Double => 2,
        _ => 1,
    };
    for _ in 0..times {
        response::encode(content, flag, id, &mut out).expect("it fits");
    }
    out
}

impl Inner {
    fn handle(&mut self, username: &[u8], id: u32, asked: &[u8], fault: Fault) -> Vec<u8> {
        let mut content = asked.to_vec();
        match fault {
            Fault::SwapUsers => content.clone_from(&self.last),
            Fault::SwapRequests => {
                content = self.last_of.get(username).cloned().unwrap_or(content);
            }
            Fault::Remember => {
                // What is in front of the subid is the same in every login.
                let account = username.split(|byte| *byte == b'#').next().unwrap_or_default();
                content = self.remembered.entry((account.to_vec(), id)).or_insert(content).clone();
            }
            Fault::Alter => content[asked.len() / 2] ^= 1,
            _ => {}
        }
        self.last_of.insert(username.to_vec(), asked.to_vec());
        self.last = asked.to_vec();
        content
    }
}
