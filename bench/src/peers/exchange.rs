//! What a login costs before anybody thinks: accept, the lines of a login in their sizes and order,
//! close. The same for an attach: one frame in, one frame out, until the client closes.
//!
//! No key is exchanged and nothing is remembered. The difference to a real login is what the
//! protocol and the server add to the kernel's connections. Level-triggered epoll, accept, read and
//! write one by one, blocking sends of a few bytes: what a competent user would write in an hour.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use super::{BACKLOG, PeerOptions, announce_all};
use crate::host;

const EVENTS_PER_WAIT: usize = 1024;
const RECEIVE_BYTES: usize = 4096;

/// A challenge or a public value: eight bytes in base64, and the end of the line.
const KEY_LINE: &[u8] = b"AAAAAAAAAAA=\n";
/// A login granted.
const GRANTED: &[u8] = b"200 MTAwMA==\n";
/// An attach granted, as a frame.
const ATTACHED: &[u8] = b"\x00\x06200 OK";
/// Lines of the client before the result: its public value, its proof, its token.
const LINES_BEFORE_KEY: usize = 1;
const LINES_OF_CLIENT: usize = 3;

pub(super) fn serve(options: &PeerOptions) -> io::Result<()> {
    let attach = options.listen()?;
    let login = host::listen((Ipv4Addr::LOCALHOST, 0).into(), BACKLOG, options.congestion())?;
    announce_all(&[attach.local_addr()?, login.local_addr()?])?;
    let mut server = Server::new(login, attach)?;
    let mut events = Vec::with_capacity(EVENTS_PER_WAIT);
    loop {
        events.clear();
        match epoll::wait(&server.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            server.on_event(*event)?;
        }
    }
}

struct Server {
    epoll: OwnedFd,
    login: TcpListener,
    attach: TcpListener,
    /// By descriptor number.
    guests: HashMap<u64, Guest>,
}

struct Guest {
    stream: TcpStream,
    /// Lines received; none for an attach, which is one frame.
    lines: Option<usize>,
}

impl Server {
    fn new(login: TcpListener, attach: TcpListener) -> io::Result<Server> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        for listener in [&login, &attach] {
            listener.set_nonblocking(true)?;
            epoll::add(&epoll, listener, EventData::new_u64(name(listener)), EventFlags::IN)?;
        }
        Ok(Server { epoll, login, attach, guests: HashMap::new() })
    }

    fn on_event(&mut self, event: Event) -> io::Result<()> {
        let index = event.data.u64();
        if index == name(&self.login) || index == name(&self.attach) {
            return self.accept_all(index == name(&self.login));
        }
        let Some(guest) = self.guests.get_mut(&index) else { return Ok(()) };
        // Whatever breaks it, the guest is gone; closing takes it out of epoll.
        if !guest.on_readable().unwrap_or(false) {
            self.guests.remove(&index);
        }
        Ok(())
    }

    fn accept_all(&mut self, is_login: bool) -> io::Result<()> {
        let listener = if is_login { &self.login } else { &self.attach };
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            if is_login && stream.write_all(KEY_LINE).is_err() {
                continue;
            }
            let index = name(&stream);
            epoll::add(&self.epoll, &stream, EventData::new_u64(index), EventFlags::IN)?;
            self.guests.insert(index, Guest { stream, lines: is_login.then_some(0) });
        }
    }
}

impl Guest {
    /// Reads what is there and answers it. False: the conversation is over.
    fn on_readable(&mut self) -> io::Result<bool> {
        let mut buffer = [0; RECEIVE_BYTES];
        let bytes = self.stream.read(&mut buffer)?;
        if bytes == 0 {
            return Ok(false);
        }
        let Some(before) = self.lines else {
            // A client sends its frame in one piece.
            self.stream.write_all(ATTACHED)?;
            return Ok(true);
        };
        let lines = before + buffer[..bytes].iter().filter(|byte| **byte == b'\n').count();
        self.lines = Some(lines);
        if before < LINES_BEFORE_KEY && lines >= LINES_BEFORE_KEY {
            self.stream.write_all(KEY_LINE)?;
        }
        if lines >= LINES_OF_CLIENT {
            self.stream.write_all(GRANTED)?;
        }
        Ok(lines < LINES_OF_CLIENT)
    }
}

fn name(descriptor: &(impl AsFd + AsRawFd)) -> u64 {
    descriptor.as_raw_fd() as u64
}
