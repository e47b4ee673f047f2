//! Both halves of the login protocol (WIRE L1 to L14).

use proptest::prelude::*;
use skyring_protocols::crypt::{Key64, base64encode, randomkey};
use skyring_protocols::login::state::State;
use skyring_protocols::login::{
    LoginClient, LoginClientOutput, LoginClose, LoginError, LoginOutput, LoginServer, LoginVerdict,
    SampleToken, UNREAD_BYTES_MAX,
};
use skyring_protocols::{Blame, Compat};
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// More rounds than a login has lines: an exchange that lasts longer would never end.
const ROUNDS_MAX: usize = 10;

const CHALLENGE: Key64 = [3; 8];
const SERVER_KEY: Key64 = [5, 0, 0, 0, 0, 0, 0, 1];
const CLIENT_KEY: Key64 = [7, 0, 0, 0, 0, 0, 0, 2];

/// Cuts what one side wrote into the pieces in which the other side gets it.
type Cut<'a> = &'a mut dyn FnMut(&[u8]) -> Vec<Vec<u8>>;

/// A client and a server, and what they told their owners.
struct Pair {
    client: LoginClient,
    server: LoginServer,
    verdict: LoginVerdict,
    /// Tokens that were to be judged.
    judged: Vec<Zeroizing<Vec<u8>>>,
    outcomes: Vec<LoginClientOutput>,
    closes: Vec<LoginClose>,
}

impl Pair {
    fn new(compat: Compat, keys: [Key64; 3], token: &[u8], verdict: LoginVerdict) -> Self {
        let [challenge, server_key, client_key] = keys;
        Self {
            client: LoginClient::new(token.to_vec(), client_key),
            server: LoginServer::new(compat, challenge, server_key),
            verdict,
            judged: Vec::new(),
            outcomes: Vec::new(),
            closes: Vec::new(),
        }
    }

    /// Carries bytes to and fro until nobody has anything to say.
    fn drive(&mut self, cut: Cut<'_>) {
        for _ in 0..ROUNDS_MAX {
            let to_client = self.drain_server();
            for piece in cut(&to_client) {
                self.client.on_bytes(&piece);
            }
            let to_server = self.drain_client();
            for piece in cut(&to_server) {
                self.server.on_bytes(&piece);
            }
            if to_client.is_empty() && to_server.is_empty() {
                return;
            }
        }
        panic!("the login did not end in {ROUNDS_MAX} rounds");
    }

    fn drain_server(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(output) = self.server.poll_output() {
            assert!(self.closes.is_empty(), "{output:?} after the close");
            match output {
                LoginOutput::Send(text) => bytes.extend(text),
                LoginOutput::Judge { token } => {
                    assert!(self.server.is_being_judged());
                    self.judged.push(token);
                    self.server.on_verdict(self.verdict.clone());
                }
                LoginOutput::Close(close) => self.closes.push(close),
            }
        }
        bytes
    }

    fn drain_client(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(output) = self.client.poll_output() {
            assert!(self.outcomes.is_empty(), "{output:?} after the outcome");
            match output {
                LoginClientOutput::Send(text) => bytes.extend(text),
                outcome => self.outcomes.push(outcome),
            }
        }
        bytes
    }
}

fn whole(bytes: &[u8]) -> Vec<Vec<u8>> {
    vec![bytes.to_vec()]
}

fn byte_by_byte(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.iter().map(|&byte| vec![byte]).collect()
}

/// Cuts after as many bytes as the lengths say, one after the other and over again.
fn pieces(lengths: Vec<usize>) -> impl FnMut(&[u8]) -> Vec<Vec<u8>> {
    let mut lengths = lengths.into_iter().cycle();
    move |mut bytes| {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let length = lengths.next().unwrap().min(bytes.len());
            let (piece, rest) = bytes.split_at(length);
            pieces.push(piece.to_vec());
            bytes = rest;
        }
        pieces
    }
}

fn sample_token() -> Vec<u8> {
    let [user, server, password] = [&b"hello"[..], b"sample", b"password"].map(<[u8]>::to_vec);
    SampleToken { user, server, password: password.into() }.format()
}

fn granted() -> LoginVerdict {
    LoginVerdict::Granted { subid: b"1".to_vec() }
}

fn check_granted(mut pair: Pair, token: &[u8], cut: Cut<'_>) {
    let LoginVerdict::Granted { subid } = pair.verdict.clone() else { panic!("not granted") };
    pair.drive(cut);
    assert_eq!(pair.judged.len(), 1);
    assert_eq!(*pair.judged[0], token);
    assert_eq!(pair.outcomes, [LoginClientOutput::Granted { subid }]);
    assert!(pair.client.secret().is_some());
    assert_eq!(pair.client.secret(), pair.server.secret());
    assert!(!pair.server.is_being_judged());
    assert_eq!(pair.closes, [LoginClose::Answered(200)]);
    assert_eq!((pair.client.state(), pair.server.state()), (State::Ended, State::Ended));
}

/// WIRE L4, L6, L8.
#[test]
fn a_login_succeeds_whole_and_byte_by_byte() {
    for compat in [Compat::Strict, Compat::Skynet] {
        for cut in [whole, byte_by_byte] {
            let token = sample_token();
            let keys = [CHALLENGE, SERVER_KEY, CLIENT_KEY];
            let pair = Pair::new(compat, keys, &token, granted());
            check_granted(pair, &token, &mut { cut });
        }
    }
}

#[test]
fn every_refusal_reaches_the_client_with_its_code() {
    let refusals = [
        (LoginVerdict::Unauthorized, 401),
        (LoginVerdict::Forbidden, 403),
        (LoginVerdict::InProgress, 406),
    ];
    for (verdict, code) in refusals {
        let keys = [CHALLENGE, SERVER_KEY, CLIENT_KEY];
        let mut pair = Pair::new(Compat::Strict, keys, &sample_token(), verdict);
        pair.drive(&mut whole);
        assert_eq!(pair.outcomes, [LoginClientOutput::Refused(code)]);
        assert_eq!(pair.closes, [LoginClose::Answered(code)]);
    }
}

/// A verdict may come when the connection is long over: it changes nothing.
#[test]
fn a_verdict_without_a_question_is_ignored() {
    let mut server = LoginServer::new(Compat::Strict, CHALLENGE, SERVER_KEY);
    server.on_verdict(granted());
    assert_eq!(server.state(), State::ClientKey);
    server.on_bytes(b"nonsense\n");
    while server.poll_output().is_some() {}
    server.on_verdict(granted());
    assert_eq!(server.poll_output(), None);
}

/// WIRE L17. A server may end it behind its first line, and says when to come back.
#[test]
fn a_server_may_refuse_at_once() {
    let mut server = LoginServer::new(Compat::Strict, CHALLENGE, SERVER_KEY);
    server.refuse(LoginVerdict::Busy { retry_after_ms: 1_500 });
    server.refuse(LoginVerdict::Forbidden);
    let mut client = LoginClient::new(sample_token(), CLIENT_KEY);
    let mut closes = Vec::new();
    while let Some(output) = server.poll_output() {
        match output {
            LoginOutput::Send(line) => client.on_bytes(&line),
            LoginOutput::Close(close) => closes.push(close),
            LoginOutput::Judge { .. } => panic!("nothing was asked"),
        }
    }
    assert_eq!(closes, [LoginClose::Answered(503)], "once");
    assert!(matches!(client.poll_output(), Some(LoginClientOutput::Send(_))));
    assert_eq!(client.poll_output(), Some(LoginClientOutput::Refused(503)));
    assert_eq!((client.poll_output(), client.retry_after_ms()), (None, Some(1_500)));
}

/// A key of zero is the caller's mistake: it breaks logins, not the process.
#[test]
fn private_keys_of_zero_fail_without_a_panic() {
    let zero = [0; 8];
    let keys = [CHALLENGE, zero, CLIENT_KEY];
    let mut pair = Pair::new(Compat::Skynet, keys, &sample_token(), granted());
    pair.drive(&mut whole);
    assert_eq!(pair.outcomes, [LoginClientOutput::Refused(401)]);

    let keys = [CHALLENGE, SERVER_KEY, zero];
    let mut pair = Pair::new(Compat::Skynet, keys, &sample_token(), granted());
    pair.drive(&mut whole);
    assert_eq!(pair.outcomes, [LoginClientOutput::Broken(LoginError::PrivateKeyZero)]);
    assert_eq!(LoginError::PrivateKeyZero.blame(), Blame::Caller);
}

/// What a client makes of servers that do not keep to the order (WIRE L1, L8, L10, L11).
#[test]
fn broken_servers_are_told_apart() {
    use LoginClientOutput::{Broken, Refused};
    let challenge = base64encode(&CHALLENGE);
    let weak = base64encode(&1u64.to_le_bytes());
    let fine = base64encode(&9u64.to_le_bytes());
    let cases = [
        ("MQ==\n".to_owned(), Broken(LoginError::Challenge)),
        ("401 Unauthorized\n".to_owned(), Broken(LoginError::Challenge)),
        (format!("{challenge}\n*\n"), Broken(LoginError::ServerKey)),
        (format!("{challenge}\n{weak}\n"), Broken(LoginError::ServerKeyWeak)),
        (format!("{challenge}\n400 Bad Request\n"), Refused(400)),
        (format!("{challenge}\n200 MQ==\n"), Broken(LoginError::Result)),
        (format!("{challenge}\n{fine}\n{fine}\n"), Broken(LoginError::Result)),
        (format!("{challenge}\n{fine}\n200 MQ\n"), Broken(LoginError::Result)),
        ("x".repeat(UNREAD_BYTES_MAX + 1), Broken(LoginError::LineTooLong)),
    ];
    for (text, expected) in cases {
        let mut client = LoginClient::new(sample_token(), CLIENT_KEY);
        client.on_bytes(text.as_bytes());
        client.on_disconnect();
        let outputs: Vec<_> = std::iter::from_fn(|| client.poll_output()).collect();
        assert_eq!(outputs.last(), Some(&expected), "{text}");
    }
}

#[test]
fn a_connection_that_ends_early_is_an_outcome() {
    let mut client = LoginClient::new(sample_token(), CLIENT_KEY);
    client.on_bytes(b"half a li");
    client.on_disconnect();
    client.on_disconnect();
    let broken = LoginClientOutput::Broken(LoginError::Disconnected);
    assert_eq!(client.poll_output(), Some(broken));
    assert_eq!(client.poll_output(), None);
}

/// Neither credentials nor secrets are printed by accident, nor what they could be computed from.
#[test]
fn what_is_judged_and_sent_does_not_print() {
    let output = LoginOutput::Judge { token: b"credentials".to_vec().into() };
    assert_eq!(format!("{output:?}"), "Judge { .. }");
    assert_eq!(format!("{:?}", LoginOutput::Send(b"line\n".to_vec())), "Send(5 bytes)");
    let output = LoginClientOutput::Send(b"proof\ntoken\n".to_vec());
    assert_eq!(format!("{output:?}"), "Send(12 bytes)");
    let client = LoginClient::new(b"credentials".to_vec(), [65; 8]);
    assert_eq!(format!("{client:?}"), "LoginClient { state: Challenge, .. }");
}

/// WIRE C17. What is handed over is wiped by whoever drops it, and a secret is not handed over: it
/// never leaves the machine that made it, which wipes it.
#[test]
fn credentials_are_wiped_and_secrets_stay_in_their_machines() {
    fn is_wiped_on_drop<T: ZeroizeOnDrop>(_: &T) {}
    let keys = [CHALLENGE, SERVER_KEY, CLIENT_KEY];
    let mut pair = Pair::new(Compat::Strict, keys, &sample_token(), granted());
    assert!(pair.client.secret().is_none() && pair.server.secret().is_none());
    pair.drive(&mut whole);
    // The outputs have no other fields, or these patterns would not be whole.
    let [LoginClientOutput::Granted { subid: _ }] = &pair.outcomes[..] else { panic!("granted") };
    let judged = LoginOutput::Judge { token: pair.judged.remove(0) };
    let LoginOutput::Judge { token } = &judged else { unreachable!() };
    is_wiped_on_drop(token);
    is_wiped_on_drop(pair.server.secret().unwrap());
    let password = SampleToken::parse(token).unwrap().password;
    is_wiped_on_drop(&password);
    assert_eq!(*password, b"password");
}

/// Everything a server says, with every token granted.
fn answers(compat: Compat, pieces: &[Vec<u8>]) -> Vec<LoginOutput> {
    let mut server = LoginServer::new(compat, CHALLENGE, SERVER_KEY);
    let mut outputs = Vec::new();
    for piece in std::iter::once(&Vec::new()).chain(pieces) {
        server.on_bytes(piece);
        while let Some(output) = server.poll_output() {
            if matches!(output, LoginOutput::Judge { .. }) {
                server.on_verdict(granted());
            }
            outputs.push(output);
        }
    }
    outputs
}

/// Bytes that look like lines of a login, and bytes that do not.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        any::<Key64>().prop_map(|key| base64encode(&key).into_bytes()),
        "[A-Za-z0-9+/=\r ]{0,24}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    prop::collection::vec(line, 0..6).prop_map(|lines| lines.join(&b'\n'))
}

proptest! {
    #[test]
    fn a_login_succeeds_in_any_pieces(
        keys: [Key64; 3],
        token: Vec<u8>,
        subid: Vec<u8>,
        lengths in prop::collection::vec(1usize..9, 1..9),
        strict: bool,
    ) {
        let compat = if strict { Compat::Strict } else { Compat::Skynet };
        let verdict = LoginVerdict::Granted { subid };
        let pair = Pair::new(compat, keys.map(randomkey), &token, verdict);
        check_granted(pair, &token, &mut pieces(lengths));
    }

    /// The same bytes get the same answers however they are cut, as long as they fit the limit.
    #[test]
    fn a_server_does_not_see_where_bytes_are_cut(
        bytes in hostile_bytes(),
        lengths in prop::collection::vec(1usize..30, 1..9),
        strict: bool,
    ) {
        let compat = if strict { Compat::Strict } else { Compat::Skynet };
        let expected = answers(compat, &whole(&bytes));
        prop_assert_eq!(&expected, &answers(compat, &byte_by_byte(&bytes)));
        prop_assert_eq!(&expected, &answers(compat, &pieces(lengths)(&bytes)));
        let closes = expected.iter().filter(|output| matches!(output, LoginOutput::Close(_)));
        prop_assert!(closes.count() <= 1);
        let lines = expected.iter().filter(|output| matches!(output, LoginOutput::Send(_)));
        prop_assert!(lines.count() <= 3);
    }

    /// Whatever a server sends, a client says at most what a login has, and has one outcome.
    #[test]
    fn a_client_survives_any_server(bytes in hostile_bytes(), challenge: Key64) {
        let mut client = LoginClient::new(sample_token(), CLIENT_KEY);
        client.on_bytes(format!("{}\n", base64encode(&challenge)).as_bytes());
        for piece in byte_by_byte(&bytes) {
            client.on_bytes(&piece);
        }
        client.on_disconnect();
        let outputs: Vec<_> = std::iter::from_fn(|| client.poll_output()).collect();
        let is_send = |output: &&LoginClientOutput| matches!(output, LoginClientOutput::Send(_));
        let sends = outputs.iter().filter(is_send).count();
        prop_assert!(sends <= 2);
        prop_assert_eq!(outputs.len(), sends + 1);
    }
}
