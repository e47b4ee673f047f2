//! The handshakes among the recordings of WebSocket (WIRE W20 to W29).
//!
//! Header names have no case and no order, so lines are compared as a set; everything else is
//! compared as it is. Where skyring does something else, [`DIFFERENCES`] says what and why, and a
//! recording that is listed must not pass as recorded.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use skyring_protocols::Compat;
use skyring_protocols::http1::client::{Event as FromServer, RequestParts};
use skyring_protocols::http1::server::Event as FromClient;
use skyring_protocols::http1::{BodySize, Client, Limits, Server};
use skyring_protocols::websocket::deflate::Mode;
use skyring_protocols::websocket::upgrade::{Offer, Policy, accept};

use crate::source;
use crate::transcript::Step;
use crate::websocket::read;

/// Recording, what comes in its place, and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("handshake-without-host", "400 ", "every HTTP request is refused without a body for this"),
    ("handshake-without-sec-websocket-version", VERSION_REQUIRED, VERSION_REASON),
    ("handshake-version-8", VERSION_REQUIRED, VERSION_REASON),
    ("handshake-key-bad-base64", "400 Sec-WebSocket-Key invalid", "peers are told why"),
    ("handshake-http20", "505 ", "RFC 9112 section 2.3: a version that nobody speaks like this"),
    ("handshake-garbage", "400 ", "peers are told why"),
    (
        "handshake-protocol-other",
        "101 ",
        "RFC 6455 section 4.2.2: to have none is the client's choice",
    ),
    ("handshake-repeated-upgrade", "101 ", "RFC 9110 section 5.3: lines of a list are one list"),
    ("connection-list", "ok", "RFC 6455 section 4.1: Connection is a list"),
];

const VERSION_REQUIRED: &str = "426 Sec-WebSocket-Version must 13";
const VERSION_REASON: &str = "RFC 6455 section 4.4: 426, and the version that is spoken";

/// What became of a handshake: the status and the text of a refusal, or `ok`. With the headers.
type Outcome = (String, BTreeMap<String, String>);

/// A line if the outcome is neither as recorded nor as the differences say.
fn compare(name: &str, recorded: &Outcome, ours: &Outcome) -> Option<String> {
    let listed = DIFFERENCES.iter().find(|(listed, ..)| *listed == name);
    let is_right = match listed {
        Some((_, wanted, _)) => ours.0 == *wanted && ours.0 != recorded.0,
        None => ours == recorded,
    };
    (!is_right).then(|| format!("{name}: recorded {recorded:?}, ours {ours:?}"))
}

#[derive(Deserialize)]
struct Transcripts {
    transcripts: Vec<Transcript>,
}

#[derive(Deserialize)]
struct Transcript {
    name: String,
    steps: Vec<Step>,
}

/// What servers answer to the first bytes of every transcript. WIRE W20, W21, W22, W25, W27.
pub(crate) fn server() -> Vec<String> {
    let Transcripts { transcripts } = read("server");
    let names = transcripts.iter().map(|it| &it.name[..]);
    let wrong = transcripts.iter().filter_map(|transcript| {
        let is_in = |step: &&Step, op: &str| step.op == op;
        let sent = transcript.steps.iter().find(|step| is_in(step, "send"))?.bytes();
        let answer = transcript.steps.iter().find(|step| is_in(step, "recv"));
        let recorded = answer.map_or_else(Outcome::default, |step| answered(&step.bytes()));
        compare(&transcript.name, &recorded, &answered(&answer_to(&sent)))
    });
    wrong.chain(unused(names, |name| name.starts_with("handshake"))).collect()
}

/// A difference that no recording shows would look like one that is mended.
fn unused<'n>(
    names: impl Iterator<Item = &'n str>,
    belongs: impl Fn(&str) -> bool,
) -> impl Iterator<Item = String> {
    let names: Vec<_> = names.collect();
    let listed = DIFFERENCES.iter().filter(move |(name, ..)| belongs(name));
    let strays = listed.filter(move |(name, ..)| source::is_committed() && !names.contains(name));
    strays.map(|(name, ..)| format!("no recording shows {name}")).collect::<Vec<_>>().into_iter()
}

/// A server whose sub-protocol is that of the recorded one.
fn answer_to(request: &[u8]) -> Vec<u8> {
    let mut server = Server::new();
    let mut out = Vec::new();
    let head = match server.receive(request, &Limits::default()) {
        Ok(received) => match received.event {
            Some(FromClient::Request(head)) => head,
            other => panic!("{other:?} is no request"),
        },
        Err(error) => {
            server.refuse(error.status(), None, &mut out);
            return out;
        }
    };
    let subprotocols = ["chat".to_owned()];
    let policy = Policy {
        compat: Compat::Skynet,
        subprotocols: &subprotocols,
        compression: Mode::Dedicated,
        ..Policy::default()
    };
    match accept(&head, &policy) {
        Ok(accepted) => server.switch(accepted.headers(), &mut out).unwrap(),
        Err(error) => {
            let headers = error.headers().iter().copied();
            let body = error.body().as_bytes();
            server.respond_whole(error.status(), headers, None, body, &mut out).unwrap();
        }
    }
    out
}

/// The front of what a server sent. Frames may follow the head.
fn answered(wire: &[u8]) -> Outcome {
    let end = wire.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(wire[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let body = if status == "101" { &[] } else { &wire[end + 4..] };
    let text = format!("{status} {}", String::from_utf8_lossy(body));
    // Whatever else is answered closes the connection, which ours say and Skynet's does not.
    let lines = lines.filter(|_| status == "101").map(header).collect();
    (text, lines)
}

/// A name with its value; tokens that have no case in lower case.
fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap();
    let name = name.to_ascii_lowercase();
    let value = value.trim();
    let has_case = name.starts_with("sec-");
    (name, if has_case { value.to_owned() } else { value.to_ascii_lowercase() })
}

#[derive(Deserialize)]
struct Handshakes {
    handshakes: Vec<Handshake>,
}

#[derive(Deserialize)]
struct Handshake {
    name: String,
    request_line: String,
    extra_header: Vec<(String, String)>,
    header_lines: Vec<String>,
    reply: String,
    ok: bool,
}

/// What clients ask, and what they make of the answer. WIRE W28, W29.
pub(crate) fn client() -> Vec<String> {
    let Handshakes { handshakes } = read("client");
    let names = handshakes.iter().map(|it| &it.name[..]);
    let wrong = handshakes.iter().filter_map(handshake);
    wrong.chain(unused(names, |name| !name.starts_with("handshake"))).collect()
}

fn handshake(recorded: &Handshake) -> Option<String> {
    let mut lines: BTreeMap<_, _> = recorded.header_lines.iter().map(|line| header(line)).collect();
    // A request without a body has no length, and needs none.
    assert_eq!(lines.remove("content-length").as_deref(), Some("0"));
    let nonce = STANDARD.decode(&lines["sec-websocket-key"]).unwrap();
    let offer = Offer::new(nonce.try_into().unwrap(), &[], None).unwrap();

    let mut client = Client::new();
    let target = recorded.request_line.split(' ').nth(1).unwrap();
    let parts = RequestParts { method: "GET", target, host: "127.0.0.1", body: BodySize::Empty };
    let extra = recorded.extra_header.iter().map(|(name, value)| (&name[..], value.as_bytes()));
    let mut wire = Vec::new();
    client.request(&parts, offer.headers().chain(extra), &mut wire).unwrap();
    let asked = String::from_utf8(wire).unwrap();
    let mut asked = asked.trim_end().lines();
    assert_eq!(asked.next(), Some(&recorded.request_line[..]));
    let asked: BTreeMap<_, _> = asked.map(header).collect();
    if asked != lines {
        return Some(format!("{}: asks {asked:?}", recorded.name));
    }

    let outcome = |is_ok| (if is_ok { "ok" } else { "refused" }.to_owned(), BTreeMap::new());
    let reply = source::bytes(&recorded.reply);
    let ours = match client.receive(&reply, &Limits::default()) {
        Ok(received) => match received.event {
            Some(FromServer::Response(head)) => offer.check(&head).is_ok(),
            other => panic!("{other:?} is no answer"),
        },
        Err(_) => false,
    };
    compare(&recorded.name, &outcome(recorded.ok), &outcome(ours))
}
