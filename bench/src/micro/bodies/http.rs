//! An HTTP exchange on a connection that stays, the server's side.

use std::hint::black_box;

use skyring_protocols::http1::server::{Event, Server};
use skyring_protocols::http1::{Limits, Next};

use crate::generator::http::{BODY, MEDIA_TYPE, PATH, REQUEST};

const DATE: &[u8] = b"Thu, 01 Jan 1970 00:00:00 GMT";

/// Reads the request at the front of `input` and checks it.
fn read(server: &mut Server, input: &[u8], limits: &Limits) {
    let received = server.receive(black_box(input), limits).expect("the request is right");
    let Some(Event::Request(head)) = received.event else { panic!("a whole request is there") };
    assert_eq!((black_box(&head).path(), received.consumed), (PATH, input.len()));
}

/// A request is read and answered whole.
pub(super) fn server(repetitions: u32) {
    let (limits, mut server) = (Limits::default(), Server::new());
    let mut out = Vec::with_capacity(1024);
    for _ in 0..repetitions {
        read(&mut server, REQUEST, &limits);
        out.clear();
        let headers = [("content-type", MEDIA_TYPE.as_bytes())];
        server
            .respond_whole(200, headers, Some(DATE), black_box(BODY), &mut out)
            .expect("the answer is right");
        assert!(black_box(&out).ends_with(BODY));
        assert_eq!(server.next(), Next::Reuse);
        server.next_exchange();
    }
}

/// A request is read by a machine that is new each time.
pub(super) fn request(repetitions: u32) {
    let limits = Limits::default();
    for _ in 0..repetitions {
        read(&mut Server::new(), REQUEST, &limits);
    }
}
