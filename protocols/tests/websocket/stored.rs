//! Compressed messages that are longer than what they hold, since it does not shrink.

use skyring_protocols::Compat;
use skyring_protocols::websocket::deflate::{Agreed, Tool};
use skyring_protocols::websocket::{Aid, Connection, Event, Limits, ReadError, Role};

/// What blocks hold that zlib stores, where memory is as usual and where it is least.
const BLOCK_BYTES: [usize; 2] = [2047, 127];

const AGREED: Agreed = Agreed {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};

/// So many bytes that no two blocks of share.
fn content(count: usize) -> Vec<u8> {
    (0..count as u32).map(|index| (index.wrapping_mul(0x9e37_79b1) >> 11) as u8).collect()
}

/// A message in one frame to a client, its content in stored blocks (RFC 1951 section 3.2.4) and the
/// end of the flush left out.
fn message(content: &[u8], block_bytes: usize) -> Vec<u8> {
    let mut payload = Vec::new();
    for block in content.chunks(block_bytes) {
        let length = block.len() as u16;
        payload.push(0);
        payload.extend_from_slice(&length.to_le_bytes());
        payload.extend_from_slice(&(!length).to_le_bytes());
        payload.extend_from_slice(block);
    }
    payload.push(0);
    let mut frame = vec![0xc2, 127];
    frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    frame.append(&mut payload);
    frame
}

/// What a client makes of bytes that come together.
fn read(bytes: &[u8], limits: Limits) -> Result<Vec<Event>, ReadError> {
    let (mut keys, mut tool, mut out) = (|| [0; 4], Tool::default(), Vec::new());
    let mut aid = Aid { limits: &limits, keys: &mut keys, tool: &mut tool };
    let mut connection = Connection::new(Role::Client, Compat::Strict, Some(AGREED));
    let (mut rest, mut events) = (bytes, Vec::new());
    loop {
        let received = connection.receive(rest, &mut aid, &mut out)?;
        rest = &rest[received.consumed..];
        match received.event {
            Some(event) => events.push(event),
            None => return Ok(events),
        }
    }
}

/// WIRE W6: the limit is one of the content, however its sender stores it.
#[test]
fn what_does_not_shrink_may_be_as_long_as_anything() {
    for message_bytes_max in [100_000, 1 << 20, 16 << 20] {
        let limits = Limits { message_bytes_max, ..Limits::default() };
        let content = content(message_bytes_max + 1);
        let longest = &content[..message_bytes_max];
        for block_bytes in BLOCK_BYTES {
            let events = read(&message(longest, block_bytes), limits).unwrap();
            let [Event::Message { data, .. }] = &events[..] else { panic!("one message") };
            assert!(data == longest, "{message_bytes_max} bytes in blocks of {block_bytes}");
            assert_eq!(
                read(&message(&content, block_bytes), limits),
                Err(ReadError::MessageTooLong { max: message_bytes_max })
            );
        }
    }
}

/// WIRE W6: beyond a sixteenth, 1024 bytes and 16 for its frame nothing has to come.
#[test]
fn what_no_sender_needs_is_refused_by_its_head() {
    let max = 1 << 20;
    let limits = Limits { message_bytes_max: max, ..Limits::default() };
    let most = (max + max / 16 + 1024 + 16) as u64;
    let head = |length: u64| [&[0xc2, 127][..], &length.to_be_bytes()].concat();
    assert_eq!(read(&head(most), limits), Ok(Vec::new()));
    assert_eq!(read(&head(most + 1), limits), Err(ReadError::MessageTooLong { max }));
}
