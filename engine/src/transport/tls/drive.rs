//! The loop around rustls's unbuffered interface, the same for both sides.
//!
//! rustls is asked what it wants until it wants nothing that can be done now. What it decrypts it
//! decrypts in the buffer that it is shown, and a handshake message in several records stays there,
//! decrypted, until the last of them has come. So the bytes that are kept for the next time are those
//! of the buffer, not those that were received; and whenever rustls is asked anything it must be shown
//! the same bytes again, or it looks for a message where none is and panics. After an error it is asked
//! only for what it has already made, which it gives before it looks at the buffer.

use rustls::CommonState;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic,
};

use super::{RECORD_OVERHEAD_BYTES_MAX, RECORD_PLAINTEXT_BYTES_MAX, TlsError};

/// A connection of either side.
pub(super) trait Machine {
    /// rustls's name for the side.
    type Data;

    /// Asks rustls what it wants. `cipher`: all that has come in and is not done with.
    fn process<'c, 'i>(&'c mut self, cipher: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;

    /// What both sides have in common.
    fn common(&self) -> &CommonState;
}

impl Machine for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        cipher: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, ServerConnectionData> {
        self.process_tls_records(cipher)
    }

    fn common(&self) -> &CommonState {
        self
    }
}

impl Machine for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(
        &'c mut self,
        cipher: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, ClientConnectionData> {
        self.process_tls_records(cipher)
    }

    fn common(&self) -> &CommonState {
        self
    }
}

/// What came of an input.
pub(super) struct Pumped {
    /// Bytes at its front that are done with.
    pub(super) consumed: usize,
    /// Whether it held the peer's `close_notify`.
    pub(super) closed: bool,
    pub(super) result: Result<(), rustls::Error>,
}

/// Takes what is in `cipher` as far as it goes.
pub(super) fn pump<M: Machine>(
    machine: &mut M,
    cipher: &mut [u8],
    plain: &mut Vec<u8>,
    records: &mut Vec<u8>,
) -> Pumped {
    let mut pumped = Pumped { consumed: 0, closed: false, result: Ok(()) };
    let mut wants_more = true;
    while wants_more {
        let UnbufferedStatus { mut discard, state } =
            machine.process(&mut cipher[pumped.consumed..]);
        match state {
            Ok(state) => match step(state, plain, records) {
                Ok(Step::Read { discard: read }) => discard += read,
                Ok(Step::Wrote) => {}
                Ok(Step::PeerClosed) => pumped.closed = true,
                Ok(Step::Waits) => wants_more = false,
                Err(error) => pumped.result = Err(error),
            },
            Err(error) => pumped.result = Err(error),
        }
        pumped.consumed += discard;
        wants_more &= pumped.result.is_ok();
    }
    pumped
}

/// What one state of rustls was.
enum Step {
    /// Plaintext; so many bytes more of the input are done with.
    Read { discard: usize },
    /// Something to send, or that it was taken.
    Wrote,
    /// The peer's last word.
    PeerClosed,
    /// It has no wish that could be fulfilled now.
    Waits,
}

fn step<Data>(
    state: ConnectionState<'_, '_, Data>,
    plain: &mut Vec<u8>,
    records: &mut Vec<u8>,
) -> Result<Step, rustls::Error> {
    match state {
        ConnectionState::ReadTraffic(mut read) => {
            let mut discard = 0;
            while let Some(record) = read.next_record() {
                let record = record?;
                plain.extend_from_slice(record.payload);
                discard += record.discard;
            }
            Ok(Step::Read { discard })
        }
        ConnectionState::EncodeTlsData(mut data) => {
            append(records, RECORD_OVERHEAD_BYTES_MAX, |room| match data.encode(room) {
                Ok(bytes) => Ok(bytes),
                Err(EncodeError::InsufficientSize(short)) => Err(Some(short.required_size)),
                Err(EncodeError::AlreadyEncoded) => Err(None),
            });
            Ok(Step::Wrote)
        }
        ConnectionState::TransmitTlsData(sent) => {
            // It is in `records`, which the caller sends in order.
            sent.done();
            Ok(Step::Wrote)
        }
        ConnectionState::PeerClosed => Ok(Step::PeerClosed),
        // Early data is never accepted, so that state does not come; nor does any that rustls adds.
        _ => Ok(Step::Waits),
    }
}

/// Appends what `write` writes. It is given at least `guess` bytes of room, and again as many as it
/// asks for by its error. False: it could not.
fn append(
    records: &mut Vec<u8>,
    guess: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> bool {
    let start = records.len();
    let mut room = guess;
    let written = loop {
        records.resize(start + room, 0);
        match write(&mut records[start..]) {
            Ok(bytes) => break Some(bytes),
            Err(Some(required)) if required > room => room = required,
            Err(_) => break None,
        }
    };
    records.truncate(start + written.unwrap_or(0));
    written.is_some()
}

/// Appends what waits to be sent, then what `write` writes. None: nothing can be written now.
/// `partial` is what came in and is not done with; it was looked at before, so that nothing new is in
/// it.
fn write<M: Machine, T>(
    machine: &mut M,
    partial: &mut [u8],
    records: &mut Vec<u8>,
    write: impl FnOnce(&mut WriteTraffic<'_, M::Data>, &mut Vec<u8>) -> T,
) -> Option<T> {
    loop {
        let UnbufferedStatus { discard, state } = machine.process(partial);
        debug_assert_eq!(discard, 0, "all that could be done with it was done");
        match state {
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                return Some(write(&mut traffic, records));
            }
            Ok(state) => match step(state, &mut Vec::new(), records) {
                Ok(Step::Wrote | Step::PeerClosed) => {}
                Ok(Step::Read { .. } | Step::Waits) | Err(_) => return None,
            },
            Err(_) => return None,
        }
    }
}

/// Appends the records of a plaintext.
pub(super) fn seal<M: Machine>(
    machine: &mut M,
    partial: &mut [u8],
    plain: &[u8],
    records: &mut Vec<u8>,
) -> Result<(), TlsError> {
    let count = plain.len().div_ceil(RECORD_PLAINTEXT_BYTES_MAX);
    let guess = plain.len() + count * RECORD_OVERHEAD_BYTES_MAX;
    let sealed = write(machine, partial, records, |traffic, records| {
        append(records, guess, |room| encrypted(traffic.encrypt(plain, room)))
    });
    if sealed == Some(true) {
        return Ok(());
    }
    Err(TlsError::Internal(String::from("nothing more can be encrypted on this connection")))
}

/// Appends `close_notify`.
pub(super) fn close<M: Machine>(machine: &mut M, partial: &mut [u8], records: &mut Vec<u8>) {
    write(machine, partial, records, |traffic, records| {
        append(records, 2 + RECORD_OVERHEAD_BYTES_MAX, |room| {
            encrypted(traffic.queue_close_notify(room))
        })
    });
}

fn encrypted(result: Result<usize, EncryptError>) -> Result<usize, Option<usize>> {
    result.map_err(|error| match error {
        EncryptError::InsufficientSize(short) => Some(short.required_size),
        EncryptError::EncryptExhausted => None,
    })
}

/// Appends, after an error, what rustls has made to tell the peer of it.
pub(super) fn drain<M: Machine>(machine: &mut M, records: &mut Vec<u8>) {
    while machine.common().wants_write() {
        let UnbufferedStatus { state, .. } = machine.process(&mut []);
        let told = state.and_then(|state| step(state, &mut Vec::new(), records));
        if !matches!(told, Ok(Step::Wrote)) {
            return;
        }
    }
}
