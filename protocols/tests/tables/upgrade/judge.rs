//! What the machines make of a row.

use skyring_protocols::Compat;
use skyring_protocols::http1::client::{Event as FromServer, RequestParts};
use skyring_protocols::http1::server::Event as FromClient;
use skyring_protocols::http1::{BodySize, Client, Limits, RequestHead, Server};
use skyring_protocols::websocket::deflate::{Agreed, Mode, Terms};
use skyring_protocols::websocket::upgrade::{Offer, Policy, accept, accept_key};

use crate::case::Case;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const NONCE: &[u8; 16] = b"the sample nonce";

/// What a server answers to the request of a row: the status, then the text of a refusal, or the
/// choices. The answer is what came out of the HTTP machine.
pub(crate) fn request(case: &Case) -> String {
    let usual = [
        "Host: example",
        "Upgrade: websocket",
        "Connection: Upgrade",
        &format!("Sec-WebSocket-Key: {KEY}"),
        "Sec-WebSocket-Version: 13",
    ];
    let input = case.head("GET /ws HTTP/1.1", &usual.map(str::to_owned));
    let mut server = Server::new();
    let received = match server.receive(&input, &Limits::default()) {
        Ok(received) => received,
        Err(error) => return format!("http {}", error.status()),
    };
    let Some(FromClient::Request(head)) = received.event else { panic!("{}: no head", case.name) };
    let (subprotocols, origins) = (case.list("subprotocols"), case.list("origins"));
    let policy = Policy {
        compat: case.setting("skynet").map_or(Compat::Strict, |_| Compat::Skynet),
        subprotocols: &subprotocols,
        requires_subprotocol: case.setting("required").is_some(),
        origins: &origins,
        compression: mode(case),
    };
    let mut out = Vec::new();
    match accept(&head, &policy) {
        Ok(accepted) => server.switch(accepted.headers(), &mut out).unwrap(),
        Err(error) => {
            let headers = error.headers().iter().copied();
            let body = error.body().as_bytes();
            server.respond_whole(error.status(), headers, None, body, &mut out).unwrap();
        }
    }
    answered(&head, &out)
}

/// The answer on the wire in one line.
fn answered(request: &RequestHead, wire: &[u8]) -> String {
    let text = String::from_utf8(wire.to_vec()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    let lines: Vec<_> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let value = |name| lines.iter().find(|line| line.0 == name).map(|line| line.1);
    let version = value("sec-websocket-version").map(|version| format!("versions {version}"));
    assert_eq!(status == "426", version.is_some());
    if status != "101" {
        return if body.is_empty() { status } else { format!("{status} {body}") };
    }
    let key = request.headers().get("sec-websocket-key").unwrap();
    assert_eq!(value("sec-websocket-accept").unwrap().as_bytes(), accept_key(key));
    assert_eq!(value("upgrade"), Some("websocket"));
    assert_eq!(value("connection"), Some("upgrade"));
    let mut parts = vec![status];
    parts.extend(value("sec-websocket-protocol").map(|it| format!("protocol {it}")));
    parts.extend(value("sec-websocket-extensions").map(str::to_owned));
    parts.join(" | ")
}

/// What a client makes of the answer of a row: the error, or what was agreed on.
pub(crate) fn answer(case: &Case) -> String {
    let terms = case.setting("terms").map(terms).or(mode(case).terms());
    let offer = match Offer::new(*NONCE, &case.list("subprotocols"), terms) {
        Ok(offer) => offer,
        Err(error) => return format!("{error:?}"),
    };
    let mut client = Client::new();
    let parts =
        RequestParts { method: "GET", target: "/ws", host: "example", body: BodySize::Empty };
    let mut asked = Vec::new();
    client.request(&parts, offer.headers(), &mut asked).unwrap();

    let usual = [
        "Upgrade: websocket".to_owned(),
        "Connection: Upgrade".to_owned(),
        format!("Sec-WebSocket-Accept: {}", str::from_utf8(&accept_key(KEY.as_bytes())).unwrap()),
    ];
    let input = case.head("HTTP/1.1 101 Switching Protocols", &usual);
    let received = match client.receive(&input, &Limits::default()) {
        Ok(received) => received,
        Err(error) => return format!("http {error:?}"),
    };
    let Some(FromServer::Response(head)) = received.event else { panic!("{}: no head", case.name) };
    let agreement = match offer.check(&head) {
        Ok(agreement) => agreement,
        Err(error) => return format!("{error:?}"),
    };
    let mut parts = vec!["ok".to_owned()];
    parts.extend(agreement.subprotocol.map(|it| format!("protocol {it}")));
    parts.extend(agreement.deflate.map(agreed));
    if case.setting("asked").is_some() {
        let asked = String::from_utf8(asked).unwrap();
        let name = "sec-websocket-extensions: ";
        parts.extend(asked.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned));
    }
    parts.join(" | ")
}

fn mode(case: &Case) -> Mode {
    match case.setting("compression") {
        None => Mode::Off,
        Some("shared") => Mode::Shared,
        Some("dedicated") => Mode::Dedicated,
        Some(other) => panic!("what is {other:?}?"),
    }
}

/// `server_alone`, `client_alone`, `server BITS`, `client BITS`.
fn terms(text: &str) -> Terms {
    let mut terms = Terms::default();
    let mut words = text.split(' ');
    while let Some(word) = words.next() {
        let mut bits = || Some(words.next().unwrap().parse().unwrap());
        match word {
            "server_alone" => terms.server_no_context_takeover = true,
            "client_alone" => terms.client_no_context_takeover = true,
            "server" => terms.server_max_window_bits = bits(),
            "client" => terms.client_max_window_bits = bits(),
            "" => {}
            other => panic!("what is {other:?}?"),
        }
    }
    terms
}

/// `server 15 alone, client 15`.
fn agreed(agreed: Agreed) -> String {
    let side = |bits, alone| format!("{bits}{}", if alone { " alone" } else { "" });
    format!(
        "server {}, client {}",
        side(agreed.server_max_window_bits, agreed.server_no_context_takeover),
        side(agreed.client_max_window_bits, agreed.client_no_context_takeover),
    )
}
