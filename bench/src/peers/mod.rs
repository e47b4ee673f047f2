//! The servers that are compared, each a process of its own with one pinned thread.
//!
//! Most echo frames of the gate (a big-endian length of two bytes, then the payload); some answer
//! HTTP requests, some echo WebSocket messages, and skyring's HTTP listener does both. Each is what a competent user of its library would write: default settings, one task a connection
//! where the library has tasks, one receive buffer of 4 KiB a task, every whole frame of a receive
//! answered in one send, `TCP_NODELAY` on. None knows anything of the load it will get.
//!
//! A peer is started by `skyring-bench peer NAME`, prints `ready ADDRESS` once it listens (the
//! msgserver also that of its login and, if asked, those of its gate and its admin port), and serves until it is killed.

mod broadcast;
mod epoll;
mod exchange;
mod frames;
mod glommio;
mod hyper;
mod monoio;
mod raw;
mod ring;
pub(crate) mod session;
mod shout;
mod skyring;
mod tokio;
mod websocket;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

use crate::generator::Wire;
use crate::host;

/// Bytes of the receive buffer of one connection, wherever a connection has one.
pub(crate) const BUFFER_BYTES: usize = 4096;

/// Connections that the kernel may hold for a peer before they are accepted.
pub(crate) const BACKLOG: u32 = 4096;

/// A server that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peer {
    /// The smallest io_uring echo: the floor.
    Ring,
    /// Frames echoed on skyring's driver inside a glommio executor, without sessions.
    Raw,
    /// skyring's msgserver: attach, response cache, the demo's echo handler.
    Session,
    /// The same with a key of its own, so that clients may speak the secure handshake.
    SecureSession,
    /// glommio's own sockets.
    Glommio,
    /// tokio, current-thread runtime.
    Tokio,
    /// monoio on io_uring.
    Monoio,
    /// A loop around epoll.
    Epoll,
    /// A login's bytes and round trips without the login, by a loop around epoll.
    Exchange,
    /// skyring's HTTP listener.
    Skyring,
    /// hyper on tokio, current-thread runtime.
    Hyper,
    /// skyring's HTTP listener over TLS.
    SkyringTls,
    /// hyper over tokio-rustls.
    HyperTls,
    /// tokio-tungstenite, current-thread runtime.
    Tungstenite,
    /// The same with smaller buffers.
    TungsteniteSmall,
    /// fastwebsockets behind hyper, current-thread runtime.
    FastWebSockets,
    /// A bare io_uring that sends one frame to all: the floor of a broadcast.
    Shout,
    /// skyring's gate, with a room of all connections.
    Rooms,
    /// skyring's gate, with a send for each connection.
    Sends,
}

impl Peer {
    /// Every peer that echoes frames, in the order of the reports.
    pub const ALL: [Peer; 7] = [
        Peer::Ring,
        Peer::Raw,
        Peer::Session,
        Peer::Epoll,
        Peer::Monoio,
        Peer::Tokio,
        Peer::Glommio,
    ];

    /// The others.
    const OTHERS: [Peer; 12] = [
        Peer::Exchange,
        Peer::SecureSession,
        Peer::Skyring,
        Peer::Hyper,
        Peer::SkyringTls,
        Peer::HyperTls,
        Peer::Tungstenite,
        Peer::TungsteniteSmall,
        Peer::FastWebSockets,
        Peer::Shout,
        Peer::Rooms,
        Peer::Sends,
    ];

    /// The name on command lines and in records.
    pub fn name(self) -> &'static str {
        match self {
            Peer::Ring => "ring",
            Peer::Raw => "raw",
            Peer::Session => "session",
            Peer::SecureSession => "session-v2",
            Peer::Glommio => "glommio",
            Peer::Tokio => "tokio",
            Peer::Monoio => "monoio",
            Peer::Epoll => "epoll",
            Peer::Exchange => "exchange",
            Peer::Skyring => "skyring",
            Peer::Hyper => "hyper",
            Peer::SkyringTls => "skyring-tls",
            Peer::HyperTls => "hyper-tls",
            Peer::Tungstenite => "tungstenite",
            Peer::TungsteniteSmall => "tungstenite-4k",
            Peer::FastWebSockets => "fastwebsockets",
            Peer::Shout => "shout",
            Peer::Rooms => "rooms",
            Peer::Sends => "sends",
        }
    }

    /// The peer of this name.
    pub fn from_name(name: &str) -> Option<Peer> {
        let all = Peer::ALL.into_iter().chain(Peer::OTHERS);
        all.into_iter().find(|peer| peer.name() == name)
    }

    /// What it is, for tables.
    pub fn description(self) -> &'static str {
        match self {
            Peer::Ring => "bare io_uring echo",
            Peer::Raw => "skyring, raw echo on its driver",
            Peer::Session => "skyring, msgserver session",
            Peer::SecureSession => "skyring, msgserver session by the secure handshake",
            Peer::Glommio => "glommio's own sockets",
            Peer::Tokio => "tokio, current thread",
            Peer::Monoio => "monoio on io_uring",
            Peer::Epoll => "a bare loop around epoll",
            Peer::Exchange => {
                "accept, a login's bytes and round trips, close; a bare loop around epoll"
            }
            Peer::Skyring => "skyring, HTTP listener, one shard",
            Peer::Hyper => "hyper 1 on tokio, current thread",
            Peer::SkyringTls => "skyring, HTTP listener over TLS, one shard",
            Peer::HyperTls => "hyper 1 over tokio-rustls, current thread",
            Peer::Tungstenite => "tokio-tungstenite, current thread",
            Peer::TungsteniteSmall => "tokio-tungstenite with buffers of 4 KiB, current thread",
            Peer::FastWebSockets => "fastwebsockets behind hyper 1 on tokio, current thread",
            Peer::Shout => "a bare io_uring that sends one frame to every connection",
            Peer::Rooms => "skyring, a broadcast to a room of all gate connections",
            Peer::Sends => {
                "skyring, a send to each gate connection, paced where they are on other shards"
            }
        }
    }

    /// How it is spoken to, without TLS.
    pub fn wire(self) -> Wire {
        match self {
            Peer::Session | Peer::SecureSession => Wire::Session,
            Peer::Skyring | Peer::Hyper | Peer::SkyringTls | Peer::HyperTls => Wire::Http,
            Peer::Tungstenite | Peer::TungsteniteSmall | Peer::FastWebSockets => Wire::WebSocket,
            _ => Wire::Echo,
        }
    }
}

/// How to run a peer.
#[derive(Clone, Debug)]
pub struct PeerOptions {
    /// Port to listen on, on loopback; 0 for one of the kernel's choice.
    pub port: u16,
    /// Processors to run on; all but the msgserver have one thread, which takes the first.
    pub cores: Vec<usize>,
    /// Shards of the msgserver.
    pub shards: usize,
    /// Whether to exit once standard input ends, so that no peer outlives who started it.
    pub until_stdin_ends: bool,
    /// Congestion control of its connections. None: the system's.
    pub congestion: Option<String>,
    /// Whether the msgserver has a gate and an admin port too.
    pub besides: bool,
    /// Directory of the certificate of whoever speaks TLS.
    pub certificate: Option<PathBuf>,
}

impl PeerOptions {
    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The processor of whoever has one thread.
    fn core(&self) -> usize {
        self.cores.first().copied().unwrap_or(0)
    }

    fn congestion(&self) -> Option<&str> {
        self.congestion.as_deref()
    }

    /// Directory of the certificate.
    fn certificate(&self) -> io::Result<&Path> {
        self.certificate.as_deref().ok_or_else(|| io::Error::other("it needs --certificate"))
    }

    /// The listening socket of a peer that takes any.
    fn listen(&self) -> io::Result<TcpListener> {
        host::listen(self.address(), BACKLOG, self.congestion())
    }

    /// Chooses the congestion control of a socket of a library that lends only the number of its
    /// descriptor: a second descriptor of the socket is borrowed from this very process.
    fn choose_congestion_of(&self, descriptor: RawFd) -> io::Result<()> {
        if self.congestion.is_none() {
            return Ok(());
        }
        let this = pidfd_open(getpid(), PidfdFlags::empty())?;
        let socket = pidfd_getfd(this, descriptor, PidfdGetfdFlags::empty())?;
        host::set_congestion(socket, self.congestion())
    }
}

/// Serves until the process is killed.
pub fn run(peer: Peer, options: &PeerOptions) -> io::Result<()> {
    host::raise_descriptor_limit()?;
    host::pin_to(&options.cores)?;
    if options.until_stdin_ends {
        std::thread::spawn(exit_when_stdin_ends);
    }
    match peer {
        Peer::Ring => ring::serve(options),
        Peer::Epoll => epoll::serve(options),
        Peer::Exchange => exchange::serve(options),
        Peer::Tokio => tokio::serve(options),
        Peer::Monoio => monoio::serve(options),
        Peer::Glommio => glommio::serve(options),
        Peer::Raw => raw::serve(options),
        Peer::Session => session::serve(options),
        Peer::SecureSession => session::serve_secure(options),
        Peer::Skyring => skyring::serve(options),
        Peer::SkyringTls => skyring::serve_tls(options),
        Peer::Hyper => hyper::serve(options),
        Peer::HyperTls => hyper::serve_tls(options),
        Peer::Tungstenite => websocket::serve_tungstenite(options, None),
        Peer::TungsteniteSmall => websocket::serve_tungstenite(options, Some(BUFFER_BYTES)),
        Peer::FastWebSockets => websocket::serve_fast(options),
        Peer::Shout => shout::serve(options),
        Peer::Rooms => broadcast::serve(options, broadcast::Way::Room),
        Peer::Sends => broadcast::serve(options, broadcast::Way::Sends),
    }
}

/// Tells whoever started the peer where it listens.
fn announce(address: SocketAddr) -> io::Result<()> {
    announce_all(&[address])
}

/// The same for a msgserver, which has more than one address.
fn announce_all(addresses: &[SocketAddr]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    writeln!(output, "ready {}", addresses.join(" "))?;
    output.flush()
}

fn exit_when_stdin_ends() {
    let mut input = io::stdin().lock();
    let mut scratch = [0; 64];
    while matches!(input.read(&mut scratch), Ok(bytes) if bytes > 0) {}
    std::process::exit(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_is_found_by_its_name() {
        for peer in Peer::ALL.into_iter().chain(Peer::OTHERS) {
            assert_eq!(Peer::from_name(peer.name()), Some(peer));
        }
        assert_eq!(Peer::from_name("nginx"), None);
    }
}
