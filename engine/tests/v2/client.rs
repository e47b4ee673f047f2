//! A blocking client of the secure handshake, and a server that has an identity.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use skyring::config::{Config, Handshake, ListenerKind};
use skyring::identity::ServerIdentity;
use skyring::protocols::login::{LoginClientOutput, LoginClientV2, PinnedKeys, SessionKey};
use skyring::protocols::msg::{ClientEvent, MsgClient, Username};
use skyring::protocols::secure::ExchangeKey;

use crate::support::{config, connect, listener, read_more, token};

/// A key file that is taken away with this.
pub(crate) struct KeyFile {
    pub(crate) path: PathBuf,
    /// What clients must know.
    pub(crate) public: String,
}

impl KeyFile {
    pub(crate) fn new() -> KeyFile {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("skyring-v2-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&path);
        let public = ServerIdentity::generate(&path).unwrap();
        KeyFile { path, public }
    }

    pub(crate) fn pinned(&self) -> PinnedKeys {
        PinnedKeys::new(vec![PinnedKeys::parse(&self.public).unwrap()])
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A server of two shards whose login and http listeners have this identity.
pub(crate) fn secure(key: &KeyFile, handshake: Handshake) -> Config {
    let mut config = config(2);
    for kind in [ListenerKind::Login, ListenerKind::Http] {
        let listener = listener(&mut config, kind);
        listener.identity = Some(key.path.clone());
        listener.handshake = handshake;
    }
    config
}

/// A nonce or private key that no other test uses: what matters is that it is another each time.
pub(crate) fn fresh<const BYTES: usize>() -> [u8; BYTES] {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    [COUNT.fetch_add(1, Ordering::Relaxed); BYTES]
}

/// A login v2 to its end; an error is the status of the refusal, 0 where the client left.
pub(crate) fn login(
    address: SocketAddr,
    uid: &str,
    pinned: PinnedKeys,
) -> Result<(Vec<u8>, SessionKey), u16> {
    let mut stream = connect(address);
    let exchange = ExchangeKey::new(&fresh());
    let mut client = LoginClientV2::new(token(uid).format(), pinned, exchange);
    let mut heard = Vec::new();
    loop {
        while let Some(output) = client.poll_output() {
            match output {
                LoginClientOutput::Send(line) => stream.write_all(&line).unwrap(),
                LoginClientOutput::Granted { subid } => {
                    let (uid, server) = (uid.as_bytes().to_vec(), b"sample".to_vec());
                    let username = Username { uid, server, subid }.format();
                    return Ok((username, client.key().unwrap().clone()));
                }
                LoginClientOutput::Refused(code) => return Err(code),
                LoginClientOutput::Broken(_) => return Err(0),
            }
        }
        match read_more(&mut stream, &mut heard) {
            true => client.on_bytes(&std::mem::take(&mut heard)),
            false => client.on_disconnect(),
        }
    }
}

/// A player of version 2, who may lose connections.
pub(crate) struct Player {
    pub(crate) client: MsgClient,
    pub(crate) index: u64,
    pub(crate) stream: Option<TcpStream>,
}

impl Player {
    pub(crate) fn new(username: Vec<u8>, key: SessionKey) -> Player {
        Player { client: MsgClient::new(username, key), index: 0, stream: None }
    }

    /// Attaches; an error is the status of the refusal.
    pub(crate) fn attach(&mut self, address: SocketAddr) -> Result<(), u16> {
        self.index += 1;
        let mut stream = connect(address);
        stream.write_all(&self.client.attach_with(self.index, &fresh())).unwrap();
        self.stream = Some(stream);
        loop {
            match self.next_event() {
                Some(ClientEvent::Challenged(proof)) => {
                    self.stream.as_mut().unwrap().write_all(&proof).unwrap();
                }
                Some(ClientEvent::Attached) => return Ok(()),
                Some(ClientEvent::Refused(status)) => return Err(status),
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) fn ask(&mut self, id: u32, content: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        self.client.request(id, content, &mut frame).unwrap();
        self.stream.as_mut().unwrap().write_all(&frame).unwrap();
        match self.next_event() {
            Some(ClientEvent::Response { content, .. }) => content,
            other => panic!("{other:?}"),
        }
    }

    /// None: the connection has ended.
    pub(crate) fn next_event(&mut self) -> Option<ClientEvent> {
        let mut heard = Vec::new();
        loop {
            if let Some(event) = self.client.poll_event() {
                return Some(event);
            }
            if !read_more(self.stream.as_mut()?, &mut heard) {
                return None;
            }
            self.client.on_bytes(&std::mem::take(&mut heard));
        }
    }
}
