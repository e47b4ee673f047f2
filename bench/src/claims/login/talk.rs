//! One conversation with a login or message server, as a machine without I/O.
//!
//! A real one is skyring's own client half. A bare one sends what a real one would send, in size and
//! order, to a server that only counts lines.

use skyring_protocols::crypt::{Key64, Secret, randomkey};
use skyring_protocols::login::{
    LoginClient, LoginClientOutput, LoginClientV2, LoginSecret, PinnedKeys, SampleToken,
};
use skyring_protocols::msg::{ClientEvent, MsgClient, Username};
use skyring_protocols::secure::{ExchangeKey, SigningKey};

use crate::peers::session::IDENTITY_SEED;

/// The msgserver's name and the users' password in skyring's and Skynet's demos.
const SERVER: &[u8] = b"sample";
const PASSWORD: &[u8] = b"password";
/// A public value or a proof on the wire: eight bytes in base64, and the end of the line.
const KEY_LINE: &[u8] = b"AAAAAAAAAAA=\n";
/// A block of the cipher that a token is encrypted with.
const BLOCK_BYTES: usize = 8;

/// What a login leaves behind for the attach.
pub(super) struct Ticket {
    username: Vec<u8>,
    secret: LoginSecret,
}

/// A login by one handshake or the other.
pub(super) enum Client {
    /// Skynet's.
    V1(LoginClient),
    /// The secure one.
    V2(LoginClientV2),
}

/// A conversation.
pub(super) enum Talk {
    /// A login.
    Login { client: Box<Client>, user: u64, ticket: Option<Ticket> },
    /// An attach.
    Attach(MsgClient),
    /// What looks like a login of this token, in so many bytes.
    BareLogin { lines: usize, token_bytes: usize },
    /// What looks like an attach.
    BareAttach,
}

impl Talk {
    /// A login of a user whose private key is made of these bytes.
    pub(super) fn login(user: u64, random: [u8; 8]) -> Talk {
        let client = LoginClient::new(token(user), randomkey(random));
        Talk::Login { client: Box::new(Client::V1(client)), user, ticket: None }
    }

    /// The same by the secure handshake, with the server that has [`IDENTITY_SEED`].
    pub(super) fn secure_login(user: u64, random: &[u8; 32]) -> Talk {
        let pinned = PinnedKeys::new(vec![SigningKey::new(&IDENTITY_SEED).public()]);
        let client = LoginClientV2::new(token(user), pinned, ExchangeKey::new(random));
        Talk::Login { client: Box::new(Client::V2(client)), user, ticket: None }
    }

    /// Something of the same size.
    pub(super) fn bare_login(user: u64) -> Talk {
        let padded_bytes = (token(user).len() / BLOCK_BYTES + 1) * BLOCK_BYTES;
        Talk::BareLogin { lines: 0, token_bytes: padded_bytes.div_ceil(3) * 4 + 1 }
    }

    /// The attach that follows a login that was granted.
    pub(super) fn next(self) -> Talk {
        match self {
            Talk::Login { ticket: Some(ticket), .. } => {
                Talk::Attach(MsgClient::new(ticket.username, ticket.secret))
            }
            _ => Talk::BareAttach,
        }
    }

    /// What is said before the server says anything.
    pub(super) fn opening(&mut self, user: u64) -> Option<Vec<u8>> {
        match self {
            Talk::Login { .. } | Talk::BareLogin { .. } => None,
            // Each user attaches once, so one nonce is as good as another.
            Talk::Attach(client) => Some(client.attach_with(1, &[9; 16])),
            Talk::BareAttach => {
                let secret = Secret::new(Key64::default());
                Some(MsgClient::new(username(user, b"1000".to_vec()), secret).attach(1))
            }
        }
    }

    /// Takes bytes of the server and appends what is to be sent. Says whether the server has said
    /// its last.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub(super) fn on_bytes(&mut self, bytes: &[u8], send: &mut Vec<u8>) -> Result<bool, String> {
        match self {
            Talk::Login { ticket: Some(_), .. } => {
                Err(format!("{} after the grant", bytes.escape_ascii()))
            }
            Talk::Login { client, user, ticket } => {
                client.on_bytes(bytes);
                *ticket = drive(client, *user, send)?;
                Ok(ticket.is_some())
            }
            Talk::Attach(client) => {
                client.on_bytes(bytes);
                match client.poll_event() {
                    None => Ok(false),
                    Some(ClientEvent::Attached) => Ok(true),
                    Some(ClientEvent::Challenged(proof)) => {
                        send.extend_from_slice(&proof);
                        Ok(false)
                    }
                    Some(event) => Err(format!("not attached: {event:?}")),
                }
            }
            Talk::BareLogin { lines, token_bytes } => {
                let before = *lines;
                *lines += bytes.iter().filter(|byte| **byte == b'\n').count();
                if before == 0 && *lines > 0 {
                    send.extend_from_slice(KEY_LINE);
                }
                if before < 2 && *lines >= 2 {
                    send.extend_from_slice(KEY_LINE);
                    send.resize(send.len() + *token_bytes - 1, b'A');
                    send.push(b'\n');
                }
                Ok(*lines >= 3)
            }
            Talk::BareAttach => Ok(true),
        }
    }
}

impl Client {
    fn on_bytes(&mut self, bytes: &[u8]) {
        match self {
            Client::V1(client) => client.on_bytes(bytes),
            Client::V2(client) => client.on_bytes(bytes),
        }
    }

    fn poll_output(&mut self) -> Option<LoginClientOutput> {
        match self {
            Client::V1(client) => client.poll_output(),
            Client::V2(client) => client.poll_output(),
        }
    }

    fn secret(&self) -> Option<LoginSecret> {
        match self {
            Client::V1(client) => client.secret().cloned().map(LoginSecret::from),
            Client::V2(client) => client.key().cloned().map(LoginSecret::from),
        }
    }
}

fn drive(client: &mut Client, user: u64, send: &mut Vec<u8>) -> Result<Option<Ticket>, String> {
    while let Some(output) = client.poll_output() {
        match output {
            LoginClientOutput::Send(bytes) => send.extend_from_slice(&bytes),
            LoginClientOutput::Granted { subid } => {
                let secret = client.secret().expect("a granted login has it");
                return Ok(Some(Ticket { username: username(user, subid), secret }));
            }
            outcome => return Err(format!("not logged in: {outcome:?}")),
        }
    }
    Ok(None)
}

fn token(user: u64) -> Vec<u8> {
    SampleToken { user: uid(user), server: SERVER.to_vec(), password: PASSWORD.to_vec().into() }
        .format()
}

fn username(user: u64, subid: Vec<u8>) -> Vec<u8> {
    Username { uid: uid(user), server: SERVER.to_vec(), subid }.format()
}

fn uid(user: u64) -> Vec<u8> {
    format!("login{user}").into_bytes()
}

#[cfg(test)]
mod tests {
    use skyring_protocols::line;

    use super::*;

    /// A real login against made-up values of a server, and what it sent.
    fn sent_by_a_login(user: u64) -> usize {
        let mut talk = Talk::login(user, [7; 8]);
        let mut sent = Vec::new();
        for value in [[1; 8], [9; 8]] {
            let mut text = Vec::new();
            line::encode_base64(&value, &mut text);
            assert_eq!(talk.on_bytes(&text, &mut sent), Ok(false));
        }
        sent.len()
    }

    #[test]
    fn a_bare_login_sends_as_many_bytes_as_a_real_one() {
        for user in [1, 10, 100, 123_456, 1_234_567, 12_345_678] {
            let mut talk = Talk::bare_login(user);
            let mut sent = Vec::new();
            assert_eq!(talk.on_bytes(KEY_LINE, &mut sent), Ok(false));
            assert_eq!(talk.on_bytes(KEY_LINE, &mut sent), Ok(false));
            assert_eq!(sent.len(), sent_by_a_login(user), "user {user}");
            assert_eq!(talk.on_bytes(b"200 MQ==\n", &mut sent), Ok(true));
        }
    }

    #[test]
    fn what_comes_after_a_grant_is_an_error_and_costs_nobody_the_ticket() {
        let mut talk = Talk::login(1, [7; 8]);
        let mut sent = Vec::new();
        let mut answers = Vec::new();
        for value in [[1; 8], [9; 8]] {
            line::encode_base64(&value, &mut answers);
        }
        answers.extend_from_slice(b"200 MQ==\n");
        assert_eq!(talk.on_bytes(&answers, &mut sent), Ok(true));
        assert!(talk.on_bytes(b"200 MQ==\n", &mut sent).is_err());
        assert!(matches!(talk.next(), Talk::Attach(_)));
    }

    #[test]
    fn a_refusal_is_an_error() {
        let mut talk = Talk::login(1, [7; 8]);
        let refused = talk.on_bytes(b"AQEBAQEBAQE=\n401 Unauthorized\n", &mut Vec::new());
        assert!(refused.unwrap_err().contains("401"));
    }
}
