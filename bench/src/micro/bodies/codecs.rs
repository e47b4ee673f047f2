//! Bytes to values and back.

use std::hint::black_box;

use skyring_protocols::crypt::Secret;
use skyring_protocols::msg::response::{self, Flag};
use skyring_protocols::msg::{AttachLine, attach, request, username};
use skyring_protocols::{Compat, Decode, frame};

use super::CONTENT;

/// A request as it is on the wire.
pub(super) fn request_frame(id: u32) -> Vec<u8> {
    let mut out = Vec::new();
    request::encode(&CONTENT, id, &mut out).expect("the content is short");
    out
}

pub(super) fn frame_decode(repetitions: u32) {
    let stream = [request_frame(1), request_frame(2)].concat();
    for _ in 0..repetitions {
        let Decode::Done { value, consumed } = frame::decode(black_box(&stream)) else {
            panic!("two whole frames are there");
        };
        assert_eq!((black_box(value).len(), consumed), (64, 66));
    }
}

pub(super) fn frame_encode(repetitions: u32) {
    let payload = [7; 64];
    let mut out = Vec::with_capacity(66);
    for _ in 0..repetitions {
        out.clear();
        frame::encode(black_box(&payload), &mut out).expect("the payload is short");
        assert_eq!(black_box(&out).len(), 66);
    }
}

pub(super) fn request_decode(repetitions: u32) {
    let stream = request_frame(9);
    for _ in 0..repetitions {
        let found = request::decode(black_box(&stream[2..])).expect("a request is there");
        assert_eq!((black_box(found).content.len(), found.id), (60, 9));
    }
}

pub(super) fn response_encode(repetitions: u32) {
    let mut out = Vec::with_capacity(67);
    for id in 0..repetitions {
        out.clear();
        response::encode(black_box(&CONTENT), Flag::Ok, id, &mut out)
            .expect("the content is short");
        assert_eq!(black_box(&out).len(), 67);
    }
}

pub(super) fn attach_parse(repetitions: u32) {
    let secret = Secret::new([3; 8]);
    let text = attach::format(b"YmVuY2gxMjM=@c2FtcGxl#MQ==", 1, &secret);
    for _ in 0..repetitions {
        let line = AttachLine::parse(black_box(&text));
        assert_eq!(black_box(line).index_number(Compat::Strict), Some(1));
        let username = line.username.expect("a user is named");
        let uid = username::uid(username, Compat::Strict).expect("the name is whole");
        assert_eq!(black_box(uid).len(), 8);
    }
}
