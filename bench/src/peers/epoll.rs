//! A bare loop around epoll: level-triggered, one receive and one send a readiness.
//!
//! The receive buffer is shared, so an idle connection costs its table entry only. Output that the
//! socket does not take waits in the connection and is sent when epoll says that there is room.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use super::frames::whole_frames;
use super::{PeerOptions, announce};

const EVENTS_PER_WAIT: usize = 1024;
const RECEIVE_BYTES: usize = 64 << 10;

pub(super) fn serve(options: &PeerOptions) -> io::Result<()> {
    let listener = options.listen()?;
    listener.set_nonblocking(true)?;
    announce(listener.local_addr()?)?;
    let mut server = Server::new(listener)?;
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
    listener: TcpListener,
    /// By descriptor number.
    connections: Vec<Option<Connection>>,
    buffer: Box<[u8]>,
}

impl Server {
    fn new(listener: TcpListener) -> io::Result<Server> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, name(&listener), EventFlags::IN)?;
        let buffer = vec![0; RECEIVE_BYTES].into_boxed_slice();
        Ok(Server { epoll, listener, connections: Vec::new(), buffer })
    }

    fn on_event(&mut self, event: Event) -> io::Result<()> {
        if event.data.u64() == name(&self.listener).u64() {
            return self.accept_all();
        }
        let index = event.data.u64() as usize;
        let Some(Some(connection)) = self.connections.get_mut(index) else {
            return Ok(());
        };
        let flags = event.flags;
        let mut result = Ok(());
        if flags.contains(EventFlags::OUT) {
            result = connection.flush(&self.epoll);
        }
        if result.is_ok() && flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            result = connection.echo(&self.epoll, &mut self.buffer);
        }
        if result.is_err() {
            self.connections[index] = None;
        }
        Ok(())
    }

    fn accept_all(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            epoll::add(&self.epoll, &stream, name(&stream), EventFlags::IN)?;
            let index = stream.as_raw_fd() as usize;
            if self.connections.len() <= index {
                self.connections.resize_with(index + 1, || None);
            }
            self.connections[index] =
                Some(Connection { stream, remainder: Vec::new(), unsent: Vec::new() });
        }
    }
}

fn name(descriptor: &(impl AsFd + AsRawFd)) -> EventData {
    EventData::new_u64(descriptor.as_raw_fd() as u64)
}

struct Connection {
    stream: TcpStream,
    /// Received bytes of an unfinished frame.
    remainder: Vec<u8>,
    /// Output that the socket has not taken.
    unsent: Vec<u8>,
}

impl Connection {
    fn echo(&mut self, epoll: &OwnedFd, buffer: &mut [u8]) -> io::Result<()> {
        let bytes = match self.stream.read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        if self.remainder.is_empty() {
            let echoed = whole_frames(&buffer[..bytes]);
            self.remainder.extend_from_slice(&buffer[echoed..bytes]);
            return self.send(epoll, &buffer[..echoed]);
        }
        let mut input = std::mem::take(&mut self.remainder);
        input.extend_from_slice(&buffer[..bytes]);
        let echoed = whole_frames(&input);
        self.remainder.extend_from_slice(&input[echoed..]);
        self.send(epoll, &input[..echoed])
    }

    fn send(&mut self, epoll: &OwnedFd, output: &[u8]) -> io::Result<()> {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(output);
            return Ok(());
        }
        let mut sent = 0;
        while sent < output.len() {
            match self.stream.write(&output[sent..]) {
                Ok(bytes) => sent += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.unsent.extend_from_slice(&output[sent..]);
                    return self.watch(epoll, EventFlags::IN | EventFlags::OUT);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn flush(&mut self, epoll: &OwnedFd) -> io::Result<()> {
        let output = std::mem::take(&mut self.unsent);
        self.watch(epoll, EventFlags::IN)?;
        self.send(epoll, &output)
    }

    fn watch(&self, epoll: &OwnedFd, flags: EventFlags) -> io::Result<()> {
        Ok(epoll::modify(epoll, &self.stream, name(&self.stream), flags)?)
    }
}
