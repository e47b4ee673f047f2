//! The message server's tables: the transitions of a connection (WIRE M8), what attach lines are
//! answered in each mode (WIRE M2 to M6), and what becomes of a request in every situation (WIRE M12
//! to M16).

use skyring_protocols::Compat;
use skyring_protocols::crypt::{Secret, base64encode, hmac_hash, hmac64_md5};
use skyring_protocols::msg::state::{Event, State};
use skyring_protocols::msg::{
    Answer, AttachAnswer, AttachLine, Flag, Session, SessionPolicy, Ticket, Username, Verdict,
    attach,
};

use crate::snapshot;

const SECRET: [u8; 8] = [0x51, 2, 3, 4, 5, 6, 7, 8];

#[test]
fn transitions() {
    let table = snapshot::transitions(State::ALL, Event::ALL, State::after);
    snapshot::assert_same("msg", &table);
}

/// WIRE M8. What the client sends is an event exactly where it is read, and nothing breaks the
/// protocol where nothing is read.
#[test]
fn only_what_is_read_is_an_event() {
    for state in State::ALL {
        let read = state.client_frame();
        for event in [Event::AttachLine, Event::Request] {
            assert_eq!(state.after(event).is_some(), read == Some(event), "{state:?}");
        }
        assert_eq!(state.after(Event::Fault).is_some(), read.is_some(), "{state:?}");
        assert!(state.after(Event::Response).is_none() || state == State::Attached);
    }
}

/// WIRE M4 to M6. Every kind of attach line against a session whose last index is 5.
#[test]
fn attach_answers() {
    let heading = ["attach line", "strict", "strict, uniform", "skynet"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for (name, line) in attach_lines() {
        let status = |answer: AttachAnswer| answer.status().to_string();
        let (strict, skynet) = (judge(&line, Compat::Strict), judge(&line, Compat::Skynet));
        let name = name.to_owned();
        rows.push(vec![name, status(strict), status(strict.uniform()), status(skynet)]);
    }
    snapshot::assert_same("msg_attach", &snapshot::align(&rows));
}

fn username() -> Vec<u8> {
    Username { uid: b"u".to_vec(), server: b"s".to_vec(), subid: b"1".to_vec() }.format()
}

/// A username whose attach line with an index of one digit has so many bytes.
fn long_username(line_bytes: usize) -> Vec<u8> {
    vec![b'u'; line_bytes - b":6:".len() - base64encode(&[0; 8]).len()]
}

/// A server with one session, whose last accepted index is 5, under a few names.
fn judge(line: &[u8], compat: Compat) -> AttachAnswer {
    let policy = policy(compat, false);
    let mut session = Session::new(Secret::new(SECRET));
    let earlier = attach::format(&username(), 5, &Secret::new(SECRET));
    session.attach(&AttachLine::parse(&earlier), &policy).unwrap();
    let line = AttachLine::parse(line);
    let names = [username(), long_username(8192), long_username(8193)];
    if !line.username.is_some_and(|name| names.iter().any(|known| known == name)) {
        return AttachAnswer::UserNotFound;
    }
    let answer = session.attach(&line, &policy).err().unwrap_or(AttachAnswer::Ok);
    let moved = session.attach_index() != 5;
    assert_eq!(moved, answer == AttachAnswer::Ok, "a refused line changes nothing");
    answer
}

/// A line with this index and its proper MAC.
fn with_index(index: &str) -> Vec<u8> {
    let signed = [username().as_slice(), b":", index.as_bytes()].concat();
    let mac = base64encode(&hmac_hash(&SECRET, &signed));
    [signed.as_slice(), b":", mac.as_bytes()].concat()
}

/// Index 6 with a MAC field made from the proper MAC.
fn with_mac(index: &str, mac_field: impl Fn(&str) -> String) -> Vec<u8> {
    let line = with_index(index);
    let start = line.iter().rposition(|&byte| byte == b':').unwrap() + 1;
    let mac = String::from_utf8(line[start..].to_vec()).unwrap();
    [&line[..start], mac_field(&mac).as_bytes()].concat()
}

fn attach_lines() -> Vec<(&'static str, Vec<u8>)> {
    let mut lines = vec![("good", with_index("6")), ("good, far ahead", with_index("4294967295"))];
    lines.extend(index_lines());
    lines.extend(mac_lines());
    lines.extend(name_lines());
    lines
}

fn index_lines() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("index repeated", with_index("5")),
        ("index 0", with_index("0")),
        ("index negative", with_index("-6")),
        ("index with leading zeros", with_index("006")),
        ("index 2^32", with_index("4294967296")),
        ("index 2^63-1", with_index("9223372036854775807")),
        ("index 2^63", with_index("9223372036854775808")),
        ("index of 20 digits", with_index("99999999999999999999")),
        ("index empty", with_index("")),
        ("index a minus sign", with_index("-")),
        ("index with a plus sign", with_index("+6")),
        ("index with spaces", with_index(" 6 ")),
        ("index hexadecimal", with_index("0x10")),
        ("index with a fraction", with_index("6.0")),
        ("index with an exponent", with_index("1e2")),
        ("index infinite", with_index("1e999")),
        ("index a word", with_index("six")),
    ]
}

fn mac_lines() -> Vec<(&'static str, Vec<u8>)> {
    let wrong = |_: &str| base64encode(&[0; 8]);
    let other = base64encode(&hmac64_md5(&SECRET, &SECRET));
    vec![
        ("mac wrong", with_mac("6", wrong)),
        ("mac wrong, index repeated", with_mac("5", wrong)),
        ("mac of another index", with_mac("6", |_| with_mac_of("7"))),
        ("mac of another function", with_mac("6", |_| other.clone())),
        ("mac of 7 bytes", with_mac("6", |_| base64encode(&[0; 7]))),
        ("mac with a ninth byte", with_mac("6", |mac| format!("{mac}AA=="))),
        ("mac empty", with_mac("6", |_| String::new())),
        ("mac not base64", with_mac("6", |_| "=".to_owned())),
        ("mac not base64, index repeated", with_mac("5", |_| "=".to_owned())),
        ("mac without padding", with_mac("6", |mac| mac.trim_end_matches('=').to_owned())),
        ("mac with a blank in front", with_mac("6", |mac| format!(" {mac}"))),
        ("mac with a line feed behind", with_mac("6", |mac| format!("{mac}\n"))),
    ]
}

fn with_mac_of(index: &str) -> String {
    let line = with_index(index);
    String::from_utf8(line.rsplit(|&byte| byte == b':').next().unwrap().to_vec()).unwrap()
}

fn name_lines() -> Vec<(&'static str, Vec<u8>)> {
    let renamed = |name: &[u8]| {
        let signed = [name, b":6"].concat();
        let mac = base64encode(&hmac_hash(&SECRET, &signed));
        [signed.as_slice(), b":", mac.as_bytes()].concat()
    };
    vec![
        ("user unknown", renamed(b"dg==@cw==#MQ==")),
        ("user unknown, index a word", b"dg==@cw==#MQ==:six:AAAA".to_vec()),
        ("user spelled without padding", renamed(b"dQ@cw==#MQ==")),
        ("user with a blank in front", renamed(b" dQ==@cw==#MQ==")),
        ("one colon", with_index("6").rsplitn(2, |&byte| byte == b':').last().unwrap().to_vec()),
        ("no colon", username()),
        ("8192 bytes", renamed(&long_username(8192))),
        ("8193 bytes", renamed(&long_username(8193))),
        ("empty", Vec::new()),
        ("a further field", [with_index("6").as_slice(), b":more"].concat()),
        ("a further field, empty", [with_index("6").as_slice(), b":"].concat()),
        (
            "a further field, mac wrong",
            [with_mac("6", |_| "AAAA".to_owned()), b":".to_vec()].concat(),
        ),
    ]
}

fn policy(compat: Compat, replay_duplicates: bool) -> SessionPolicy {
    let (expired_number, cache_bytes_max, pending_requests_max) = (128, 1 << 20, 2);
    SessionPolicy {
        compat,
        replay_duplicates,
        expired_number,
        cache_bytes_max,
        pending_requests_max,
    }
}

/// What happened to a request id before the request that is looked at. `A` attaches anew, `Q` is a
/// request, `H` ends its first handler.
const HISTORIES: [(&str, &str); 11] = [
    ("never seen", ""),
    ("runs", "Q"),
    ("runs, repeated", "QQ"),
    ("runs, from an older attach", "QA"),
    ("runs, taken over", "QAQ"),
    ("runs, taken over from an older attach", "QAQA"),
    ("answered", "QH"),
    ("answered on an older attach", "QHA"),
    ("answered after a new attach", "QAH"),
    ("answered after it was taken over", "QAQH"),
    ("answered, replayed", "QHAQ"),
];

/// WIRE M11, M12, M13, M14, M15, M16. Every situation a request can meet: what becomes of it, and where
/// the answer of its handler goes when that ends on the same attach, or after a newer one.
#[test]
fn request_verdicts() {
    let heading = ["the request id", "run", "replay", "handler ends now", "handler ends later"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for (name, history) in HISTORIES {
        let last = |replay_duplicates: bool, rest: &str| {
            let steps = [history, rest].concat();
            Player::play(&steps, policy(Compat::Strict, replay_duplicates))
        };
        let verdicts = [last(false, "Q"), last(true, "Q")];
        let answers = [last(false, "QH"), last(false, "QAH")];
        let row = std::iter::once(name.to_owned()).chain(verdicts).chain(answers);
        rows.push(row.collect());
    }
    snapshot::assert_same("msg_requests", &snapshot::align(&rows));
}

/// Plays a history and says how its last step ended.
struct Player {
    session: Session,
    policy: SessionPolicy,
    handlers: Vec<Ticket>,
}

impl Player {
    fn play(steps: &str, policy: SessionPolicy) -> String {
        let session = Session::new(Secret::new(SECRET));
        let mut player = Player { session, policy, handlers: Vec::new() };
        player.attach();
        steps.chars().map(|step| player.step(step)).last().unwrap_or_default()
    }

    fn attach(&mut self) -> String {
        let index = self.session.attach_index() + 1;
        let line = attach::format(b"u", index, &Secret::new(SECRET));
        self.session.attach(&AttachLine::parse(&line), &self.policy).unwrap();
        String::new()
    }

    fn step(&mut self, step: char) -> String {
        match step {
            'A' => self.attach(),
            'Q' => self.request(),
            _ => self.end_handler(),
        }
    }

    fn request(&mut self) -> String {
        let text = match self.session.on_request(7, &self.policy) {
            Verdict::Run(ticket) => {
                self.handlers.push(ticket);
                "run"
            }
            Verdict::Replay(answer) => {
                assert_eq!((answer.flag, answer.content), (Flag::Ok, &b"1"[..]));
                "replay"
            }
            Verdict::Absorbed => "absorb",
            Verdict::Conflict => "conflict",
            Verdict::Refused => "refuse",
        };
        text.to_owned()
    }

    fn end_handler(&mut self) -> String {
        if self.handlers.is_empty() {
            return "-".to_owned();
        }
        let ticket = self.handlers.remove(0);
        let stored = self.session.answered_count();
        let sent = self.session.on_answer(ticket, Answer::Content(b"1"), &self.policy).is_some();
        let text = match (sent, self.session.answered_count() > stored) {
            (true, true) => "sent, stored",
            (true, false) => "sent",
            (false, true) => "stored",
            (false, false) => "discarded",
        };
        text.to_owned()
    }
}
