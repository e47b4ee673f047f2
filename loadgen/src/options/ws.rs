//! Servers that are spoken to over WebSocket.

use std::net::SocketAddr;

use super::values::addresses;

/// Paths where none is given: those of the demo server.
const ECHO_PATH: &str = "/ws";
const LOGIN_PATH: &str = "/login";
const MSG_PATH: &str = "/msg";

/// A server, and what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebServer {
    /// Where it is.
    pub address: SocketAddr,
    /// The same as it was named, for the header `Host`.
    pub host: String,
    /// The path whose upgrade is asked for.
    pub path: String,
}

/// What the command line says of WebSocket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WsOptions {
    /// Servers that send every message back; when not empty, the other kinds must be.
    pub echoes: Vec<WebServer>,
    /// Login servers over WebSocket, instead of or beside the others.
    pub logins: Vec<WebServer>,
    /// Message servers over WebSocket, instead of or beside the others.
    pub msgs: Vec<WebServer>,
    /// Parts per million of connections that go over WebSocket where there are servers of both
    /// kinds. None: half of them.
    pub share_ppm: Option<u32>,
    /// Whether the messages to be echoed are text.
    pub is_text: bool,
    /// Whether compression is offered.
    pub deflates: bool,
}

impl WsOptions {
    /// Whether any server is spoken to over it.
    pub fn is_used(&self) -> bool {
        [&self.echoes, &self.logins, &self.msgs].iter().any(|servers| !servers.is_empty())
    }

    /// Notes servers that a flag names, if it is one of these flags.
    pub(super) fn set(&mut self, flag: &str, value: &str) -> Result<(), String> {
        let (list, path) = match flag {
            "ws" => (&mut self.echoes, ECHO_PATH),
            "ws-login" => (&mut self.logins, LOGIN_PATH),
            "ws-msg" => (&mut self.msgs, MSG_PATH),
            _ => return Err(String::from("unknown flag")),
        };
        for one in value.split(',') {
            list.push(server(one, path)?);
        }
        Ok(())
    }
}

/// `host:port`, or `host:port/path`.
fn server(text: &str, path: &str) -> Result<WebServer, String> {
    let (host, path) = match text.find('/') {
        Some(at) => text.split_at(at),
        None => (text, path),
    };
    let address = *addresses(host)?.first().ok_or("it names no server")?;
    Ok(WebServer { address, host: host.to_owned(), path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_be_given() {
        let mut options = WsOptions::default();
        assert!(!options.is_used());
        options.set("ws-msg", "127.0.0.1:1,127.0.0.1:2/deep/er?x=1").unwrap();
        let told: Vec<_> = options.msgs.iter().map(|it| (&*it.host, &*it.path)).collect();
        assert_eq!(told, [("127.0.0.1:1", "/msg"), ("127.0.0.1:2", "/deep/er?x=1")]);
        options.set("ws", "127.0.0.1:3").unwrap();
        options.set("ws-login", "127.0.0.1:3").unwrap();
        assert_eq!((&*options.echoes[0].path, &*options.logins[0].path), ("/ws", "/login"));
        assert!(options.is_used());
        assert!(options.set("ws", "/ws").is_err() && options.set("wss", "x").is_err());
    }
}
