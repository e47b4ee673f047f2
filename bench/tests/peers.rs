//! Every peer starts, echoes, and ends with who started it.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use skyring_bench::child::{PeerProcess, PeerSetup};
use skyring_bench::host;
use skyring_bench::peers::Peer;

const CONNECTIONS: usize = 4;
const MESSAGES_PER_CONNECTION: usize = 25;

fn start(peer: Peer) -> PeerProcess {
    let cores = &host::cores().unwrap()[..1];
    let program = Path::new(env!("CARGO_BIN_EXE_skyring-bench"));
    let setup =
        PeerSetup { cores, shards: 1, congestion: Some("reno"), besides: false, certificate: None };
    PeerProcess::start(program, peer, setup).unwrap()
}

/// The congestion controls of the connections of a server, as the kernel lists them.
fn congestions(port: u16) -> Option<String> {
    let arguments = ["-tinH", "sport", "=", &format!(":{port}")];
    let output = Command::new("ss").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// 100 messages over 4 connections, sent in pieces that do not respect frames.
fn echoes(peer: Peer) {
    let process = start(peer);
    let address = process.target().address;
    let mut sockets: Vec<TcpStream> =
        (0..CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
    for (index, socket) in sockets.iter_mut().enumerate() {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let stream = frames(index);
        // The last frame ends only with the second piece.
        let (front, back) = stream.split_at(stream.len() - 3);
        socket.write_all(front).unwrap();
        let mut answer = vec![0; stream.len()];
        let whole = stream.len() - last_frame_bytes(index);
        socket.read_exact(&mut answer[..whole]).unwrap();
        socket.write_all(back).unwrap();
        socket.read_exact(&mut answer[whole..]).unwrap();
        assert_eq!(answer, stream, "{peer:?}");
    }
    // Where the program that lists sockets is missing, the peer has at least taken the option.
    if let Some(listed) = congestions(address.port()) {
        assert_eq!(listed.matches(" reno").count(), CONNECTIONS, "{peer:?}: {listed}");
    }
    drop(process);
    for mut socket in sockets {
        // An end or a reset, never a hang.
        assert!(!matches!(socket.read(&mut [0; 1]), Ok(bytes) if bytes > 0));
    }
}

/// Frames of rising length, among them an empty one and one longer than a receive buffer.
fn frames(connection: usize) -> Vec<u8> {
    let mut stream = Vec::new();
    for message in 0..MESSAGES_PER_CONNECTION {
        let length = payload_bytes(connection, message);
        stream.extend_from_slice(&(length as u16).to_be_bytes());
        stream.extend((0..length).map(|index| (index * 31 + message + connection) as u8));
    }
    stream
}

fn payload_bytes(connection: usize, message: usize) -> usize {
    message * message * (connection + 1) * 3
}

fn last_frame_bytes(connection: usize) -> usize {
    2 + payload_bytes(connection, MESSAGES_PER_CONNECTION - 1)
}

/// Requests that come in pieces and together are answered in their order, the last one 404.
fn answers(peer: Peer) {
    let process = start(peer);
    let mut socket = TcpStream::connect(process.target().address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let request = |path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let stream = [request("/hello"), request("/hello"), request("/other")].concat();
    for piece in stream.as_bytes().chunks(7) {
        socket.write_all(piece).unwrap();
    }
    let mut answer = String::new();
    while answer.matches("HTTP/1.1 404").count() == 0 || !answer.ends_with("\r\n\r\n") {
        let mut buffer = [0; 1024];
        let bytes = socket.read(&mut buffer).unwrap();
        assert!(bytes > 0, "{answer}");
        answer.push_str(std::str::from_utf8(&buffer[..bytes]).unwrap());
    }
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
    assert_eq!(answer.matches("whoever may send it").count(), 2, "{answer}");
    let types = answer.to_lowercase().matches("content-type: text/plain").count();
    assert!(types >= 2, "{answer}");
}

#[test]
fn skyring_answers() {
    answers(Peer::Skyring);
}

#[test]
fn hyper_answers() {
    answers(Peer::Hyper);
}

#[test]
fn ring_echoes() {
    echoes(Peer::Ring);
}

#[test]
fn epoll_echoes() {
    echoes(Peer::Epoll);
}

#[test]
fn tokio_echoes() {
    echoes(Peer::Tokio);
}

#[test]
fn monoio_echoes() {
    echoes(Peer::Monoio);
}

#[test]
fn glommio_echoes() {
    echoes(Peer::Glommio);
}

#[test]
fn raw_echoes() {
    echoes(Peer::Raw);
}
