//! A studio's HTTP service, as bad as a test wants it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What it does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    /// Answers with this status and body.
    Answers(u16, Vec<u8>),
    /// Says nothing until the caller leaves.
    Silent,
}

/// The service. It ends with the process.
pub(crate) struct Studio {
    address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Studio {
    /// Listens on a port of the kernel's choice.
    pub(crate) fn open(mood: Mood) -> Studio {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (mood, heard) = (Arc::new(Mutex::new(mood)), Arc::default());
        let studio = Studio { address, mood, heard };
        let (mood, heard) = (Arc::clone(&studio.mood), Arc::clone(&studio.heard));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mood, heard) = (Arc::clone(&mood), Arc::clone(&heard));
                thread::spawn(move || serve(stream.unwrap(), &mood, &heard));
            }
        });
        studio
    }

    /// A URL of it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/ask", self.address)
    }

    /// Does so from now on.
    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// Every request so far.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Serves one connection to its end.
fn serve(mut stream: TcpStream, mood: &Mutex<Mood>, heard: &Mutex<Vec<String>>) {
    while let Some(request) = request(&mut stream) {
        heard.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let mood = mood.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Mood::Answers(status, body) = mood else {
            // The end comes when the caller has had enough.
            let _ = stream.read(&mut [0; 1]);
            return;
        };
        let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
            return;
        }
    }
}

/// A request with its body; none when the caller has gone.
fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0; 1];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap().to_lowercase();
    let length = head.split_once("content-length: ").map_or("0", |(_, rest)| rest);
    let length = length.split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8(body).unwrap())
}
