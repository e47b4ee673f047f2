//! Logging users in and attaching their connections, many at a time.
//!
//! A batch takes each step together: all send, then all are read, so that a step costs one wait for
//! the batch and not one for each user. Each connection is a user of its own.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use skyring_protocols::crypt::{Secret, randomkey};
use skyring_protocols::login::{LoginClient, LoginClientOutput, SampleToken};
use skyring_protocols::msg::{ClientEvent, MsgClient, Username};
use thiserror::Error;

use super::dial::connect;

/// The msgserver's name and the users' password in skyring's and Skynet's demos.
const SERVER: &[u8] = b"sample";
const PASSWORD: &[u8] = b"password";
const RECEIVE_BYTES: usize = 4096;

/// Why a user could not get in.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The connection broke.
    #[error("logging in: {0}")]
    Io(#[from] io::Error),
    /// The system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// The login was refused, or the login server broke the protocol.
    #[error("user {user} was not logged in: {outcome}")]
    Login {
        /// Number of the user.
        user: usize,
        /// What the client half reports.
        outcome: String,
    },
    /// The attach was refused, or the msgserver broke the protocol.
    #[error("user {user} was not attached: {outcome}")]
    Attach {
        /// Number of the user.
        user: usize,
        /// What the client half reports.
        outcome: String,
    },
}

/// A user who is logged in.
struct Ticket {
    username: Vec<u8>,
    secret: Secret,
}

/// Logs in the users of these numbers and returns a connection for each, attached.
pub(super) fn open(
    login: SocketAddr,
    msg: SocketAddr,
    users: std::ops::Range<usize>,
    congestion: Option<&str>,
) -> Result<Vec<TcpStream>, SessionError> {
    let tickets = log_in(login, users.clone(), congestion)?;
    attach(msg, users, tickets, congestion)
}

fn log_in(
    login: SocketAddr,
    users: std::ops::Range<usize>,
    congestion: Option<&str>,
) -> Result<Vec<Ticket>, SessionError> {
    let start = |user| Login::start(login, user, congestion);
    let mut logins = users.map(start).collect::<Result<Vec<_>, _>>()?;
    while logins.iter().any(|login| login.ticket.is_none()) {
        logins.iter_mut().try_for_each(Login::step)?;
    }
    Ok(logins.into_iter().filter_map(|login| login.ticket).collect())
}

/// One login conversation.
struct Login {
    user: usize,
    socket: TcpStream,
    client: LoginClient,
    ticket: Option<Ticket>,
}

impl Login {
    fn start(
        address: SocketAddr,
        user: usize,
        congestion: Option<&str>,
    ) -> Result<Login, SessionError> {
        let token = SampleToken {
            user: uid(user),
            server: SERVER.to_vec(),
            password: PASSWORD.to_vec().into(),
        };
        let mut random = [0; 8];
        getrandom::fill(&mut random)?;
        let client = LoginClient::new(token.format(), randomkey(random));
        let socket = connect(address, congestion)?;
        Ok(Login { user, socket, client, ticket: None })
    }

    /// Waits for what the server says next and answers it.
    fn step(&mut self) -> Result<(), SessionError> {
        if self.ticket.is_some() {
            return Ok(());
        }
        let mut buffer = [0; RECEIVE_BYTES];
        match self.socket.read(&mut buffer)? {
            0 => self.client.on_disconnect(),
            bytes => self.client.on_bytes(&buffer[..bytes]),
        }
        while let Some(output) = self.client.poll_output() {
            match output {
                LoginClientOutput::Send(bytes) => self.socket.write_all(&bytes)?,
                LoginClientOutput::Granted { subid } => {
                    let secret = self.client.secret().expect("a granted login has it").clone();
                    let name = Username { uid: uid(self.user), server: SERVER.to_vec(), subid };
                    self.ticket = Some(Ticket { username: name.format(), secret });
                }
                outcome => {
                    let outcome = format!("{outcome:?}");
                    return Err(SessionError::Login { user: self.user, outcome });
                }
            }
        }
        Ok(())
    }
}

fn attach(
    msg: SocketAddr,
    users: std::ops::Range<usize>,
    tickets: Vec<Ticket>,
    congestion: Option<&str>,
) -> Result<Vec<TcpStream>, SessionError> {
    let mut attaching = Vec::with_capacity(tickets.len());
    for ticket in tickets {
        let mut client = MsgClient::new(ticket.username, ticket.secret);
        let mut socket = connect(msg, congestion)?;
        socket.write_all(&client.attach(1))?;
        attaching.push((client, socket));
    }
    let mut attached = Vec::with_capacity(attaching.len());
    for (user, (mut client, mut socket)) in users.zip(attaching) {
        let event = loop {
            if let Some(event) = client.poll_event() {
                break event;
            }
            let mut buffer = [0; RECEIVE_BYTES];
            match socket.read(&mut buffer)? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                bytes => client.on_bytes(&buffer[..bytes]),
            }
        };
        if event != ClientEvent::Attached {
            return Err(SessionError::Attach { user, outcome: format!("{event:?}") });
        }
        attached.push(socket);
    }
    Ok(attached)
}

fn uid(user: usize) -> Vec<u8> {
    format!("bench{user}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// A server that ends the conversation is an error, not a wait.
    #[test]
    fn a_closed_login_is_reported() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || drop(listener.accept()));
        assert!(matches!(
            open(address, address, 0..1, None),
            Err(SessionError::Login { user: 0, .. })
        ));
        server.join().unwrap();
    }
}
