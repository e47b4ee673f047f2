//! A name server whose behaviour is in the names.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// Runs until the process ends.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    asked: Arc<AtomicU32>,
}

impl NameServer {
    pub(crate) fn start() -> NameServer {
        let (socket, listener) = pair();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((bytes, from)) = socket.recv_from(&mut buffer) {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                answer_datagram(&socket, from, &buffer[..bytes], number);
            }
        });
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut length = [0; 2];
                stream.read_exact(&mut length).unwrap();
                let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut question).unwrap();
                let reply = reply(&Message::from_vec(&question).unwrap(), true);
                let reply = reply.to_vec().unwrap();
                stream.write_all(&(reply.len() as u16).to_be_bytes()).unwrap();
                // In two pieces, because TCP may.
                let (first, second) = reply.split_at(reply.len() / 2);
                stream.write_all(first).unwrap();
                stream.write_all(second).unwrap();
            }
        });
        NameServer { address, asked }
    }

    /// Questions that came over UDP.
    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A socket for each protocol at one port.
fn pair() -> (UdpSocket, TcpListener) {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
            return (socket, listener);
        }
    }
}

fn answer_datagram(socket: &UdpSocket, from: SocketAddr, bytes: &[u8], number: u32) {
    let question = Message::from_vec(bytes).unwrap();
    let send = |message: &Message| {
        socket.send_to(&message.to_vec().unwrap(), from).unwrap();
    };
    match host(&question).as_str() {
        "silent.test." => {}
        // The first question of each family.
        "lossy.test." if number < 2 => {}
        "garbage.test." => {
            socket.send_to(&[&bytes[..2], b"\x80\0rubbish"].concat(), from).unwrap();
        }
        "spoofed.test." => {
            let good = reply(&question, false);
            let mut other_id = good.clone();
            other_id.metadata.id ^= 1;
            other_id.answers.truncate(1);
            send(&other_id);
            let mut other_question = good.clone();
            other_question.queries[0].name = Name::from_ascii("other.test.").unwrap();
            other_question.answers.truncate(1);
            send(&other_question);
            let mut stolen = good.clone();
            stolen.answers.clear();
            let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
            stranger.send_to(&stolen.to_vec().unwrap(), from).unwrap();
            send(&good);
        }
        _ => send(&reply(&question, false)),
    }
}

fn host(question: &Message) -> String {
    question.queries[0].name.to_ascii().to_ascii_lowercase()
}

fn reply(question: &Message, is_tcp: bool) -> Message {
    let query = &question.queries[0];
    let mut message = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    message.add_query(Query::query(query.name.clone(), query.query_type));
    let code = |message: &mut Message, code| message.metadata.response_code = code;
    let stand_for = |message: &mut Message, target| {
        let target = RData::CNAME(CNAME(Name::from_ascii(target).unwrap()));
        message.add_answer(Record::from_rdata(query.name.clone(), 60, target));
    };
    match host(question).as_str() {
        "gone.test." => {
            code(&mut message, ResponseCode::NXDomain);
            message.add_authority(zone());
        }
        "empty.test." => {
            message.add_authority(zone());
        }
        "fail.test." => code(&mut message, ResponseCode::ServFail),
        "refuse.test." => code(&mut message, ResponseCode::Refused),
        "alias.test." => stand_for(&mut message, "plain.test."),
        "circle.test." => stand_for(&mut message, "elcric.test."),
        "elcric.test." => stand_for(&mut message, "circle.test."),
        "old.test." if question.edns.is_some() => {
            code(&mut message, ResponseCode::FormErr);
            message.queries.clear();
        }
        "big.test." if !is_tcp => message.metadata.truncation = true,
        "big.test." => add_addresses(&mut message, 20),
        _ => add_addresses(&mut message, 2),
    }
    message
}

fn add_addresses(message: &mut Message, count: u8) {
    let query = message.queries[0].clone();
    let mut add = |data| {
        message.add_answer(Record::from_rdata(query.name.clone(), 60, data));
    };
    match query.query_type {
        RecordType::A => {
            (1..=count).for_each(|last| add(RData::A(A::new(10, 0, 0, last))));
        }
        _ => add(RData::AAAA(AAAA::new(0xFD00, 0, 0, 0, 0, 0, 0, 1))),
    }
}

fn zone() -> Record {
    let zone = SOA::new(Name::root(), Name::root(), 1, 2, 3, 4, 60);
    Record::from_rdata(Name::from_ascii("test.").unwrap(), 60, RData::SOA(zone))
}
