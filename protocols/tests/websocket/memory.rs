//! What a connection costs while nothing comes.

use skyring_protocols::Compat;
use skyring_protocols::websocket::deflate::Tool;
use skyring_protocols::websocket::{Aid, Connection, Limits, Role};

/// WIRE W16.
#[test]
fn a_connection_is_small() {
    assert!(size_of::<Connection>() <= 48, "{} bytes", size_of::<Connection>());
}

/// WIRE W16: what a message needed is given back with it.
#[test]
fn nothing_is_kept_between_messages() {
    let (limits, mut keys, mut tool) = (Limits::default(), || [0; 4], Tool::default());
    let mut aid = Aid { limits: &limits, keys: &mut keys, tool: &mut tool };
    let mut connection = Connection::new(Role::Client, Compat::Strict, None);
    let mut out = Vec::new();
    for (input, is_idle) in [
        (&b"\x01\x02ab"[..], false),
        (b"\x89\x02p", false),
        (b"i", false),
        (b"\x80\x01", false),
        (b"c", true),
        (b"\x89\x02p", false),
        (b"i", true),
        (b"\x82\x02p", false),
        (b"\x88", true),
        (b"\x02\x01a", false),
        (b"\x88\x02\x03", false),
        (b"\xe8", true),
    ] {
        let mut rest = input;
        loop {
            let received = connection.receive(rest, &mut aid, &mut out).unwrap();
            rest = &rest[received.consumed..];
            if received.event.is_none() {
                break;
            }
        }
        assert_eq!(rest, b"", "a whole head was given");
        assert_eq!(connection.is_idle(), is_idle, "{input:?}");
    }
}
