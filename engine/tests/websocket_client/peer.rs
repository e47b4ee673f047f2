//! The server's side of a WebSocket, for scripts: frames are written byte by byte.

use skyring::protocols::websocket::upgrade::accept_key;

use crate::support::hostile::{Conversation, Hostile};

/// The header fields of an answer that upgrades.
pub(crate) const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n";

/// A server that upgrades everyone, and then plays this.
pub(crate) fn upgrading(script: impl Fn(&mut Conversation) + Send + Sync + 'static) -> Hostile {
    Hostile::start(move |talk| {
        if let Some(key) = key(talk) {
            answer(talk, &key, "");
            script(talk);
        }
    })
}

/// The address of a server, for the client.
pub(crate) fn url(server: &Hostile) -> String {
    format!("ws://{}/", server.address)
}

/// Waits for the request; its key. None: nobody has asked.
pub(crate) fn key(talk: &mut Conversation) -> Option<String> {
    let head = talk.request()?.head;
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("sec-websocket-key"));
    Some(line.expect("a key").split_once(':').expect("a field").1.trim().to_owned())
}

/// Upgrades, with these fields too.
pub(crate) fn answer(talk: &mut Conversation, key: &str, more: &str) {
    let accept = accept_key(key.as_bytes());
    let accept = std::str::from_utf8(&accept).expect("base64");
    talk.say(&format!(
        "HTTP/1.1 101 Switching Protocols\r\n{UPGRADE}Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    ));
}

/// A frame of less than 64 KiB. `first` has the opcode and the flags.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ ..126 => frame.push(length as u8),
        length => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(length).expect("a short frame").to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// What a client's frame says, which must be masked: its first byte and its payload. None: the
/// client has left.
pub(crate) fn heard(talk: &mut Conversation) -> Option<(u8, Vec<u8>)> {
    let head = talk.take(2)?;
    assert!(head[1] & 0x80 != 0, "a client masks");
    let length = match head[1] & 0x7f {
        126 => u16::from_be_bytes(talk.take(2)?.try_into().unwrap()).into(),
        127 => u64::from_be_bytes(talk.take(8)?.try_into().unwrap()),
        length => length.into(),
    };
    let key = talk.take(4)?;
    let mut payload = talk.take(usize::try_from(length).unwrap())?;
    for (index, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[index % 4];
    }
    Some((head[0], payload))
}
