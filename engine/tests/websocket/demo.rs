//! The demo's WebSocket.

use std::io::Write;

use skyring::config::Config;
use skyring::demo::Demo;
use skyring::server::Server;

use crate::carried::Carried;
use crate::peer::{Peer, frame, head, pattern};
use crate::support::{Conversation, Player, config, connect, read_to_end, token};

#[test]
fn the_demo_echoes() {
    let config: Config = config(1);
    let server = Server::start(&config, |context| Demo::new(context, 0)).expect("it starts");
    let mut peer = Peer::open(server.addresses()[3], "/ws");
    peer.send_text("hello");
    assert_eq!(peer.expect_text(), "hello");
    let data = pattern(16 << 20);
    let mut writer = peer.stream.try_clone().unwrap();
    let message = frame(0x82, &data);
    let sender = std::thread::spawn(move || writer.write_all(&message).unwrap());
    assert!(peer.expect_binary() == data);
    sender.join().unwrap();
    drop(peer);
    server.handle().stop();
    server.join().expect("a clean end");
}

const CONFIGURED: &str = r#"
    shards = 2
    [[listener]]
    kind = "msg"
    address = "127.0.0.1:0"
    server = "other"
    [[listener]]
    kind = "http"
    address = "127.0.0.1:0"
    [[listener]]
    kind = "http"
    address = "127.0.0.1:0"
    message_bytes_max = 1000
    fragments_max = 1048576
"#;

/// A file's own listeners are the demo's too: their sessions are those of the file's server, and their
/// messages are as large as those of the listeners without a file, unless the file says otherwise.
#[test]
fn the_demo_is_that_of_its_configuration() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo.toml");
    std::fs::write(&path, CONFIGURED).unwrap();
    let config = Config::from_file_for_demo(&path).unwrap();
    let settings = config.clone();
    let make = move |context| Demo::configured(context, &settings);
    let server = Server::start(&config, make).expect("it starts");
    let [_, wide, narrow] = server.addresses()[..] else { panic!("three listeners") };

    let mut token = token("user");
    token.server = "other".into();
    let login = Carried::login(Peer::open(wide, "/login"));
    let user = Conversation::start(login, &token).finish().unwrap();
    let session = Carried::session(Peer::open(wide, "/msg"));
    let mut player = Player::attach_over(session, &user, 1, usize::MAX).unwrap();
    assert_eq!(player.ask(1, b"hello"), b"hello");
    let mut page = connect(wide);
    page.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let page = String::from_utf8(read_to_end(&mut page)).unwrap();
    assert!(page.contains("data-server=\"other\""), "{page}");

    let many = 100_000;
    for (address, bytes_max) in [(wide, 16 << 20), (narrow, 1000)] {
        let mut peer = Peer::open(address, "/ws");
        let empty = frame(0x00, b"").repeat(many);
        peer.send_raw([frame(0x02, b"x"), empty, frame(0x80, b"y")].concat());
        assert_eq!(&peer.expect_binary()[..], b"xy");
        peer.send_raw(head(0x82, bytes_max + 1));
        peer.expect_close(1009);
    }
    drop(player);
    server.handle().stop();
    server.join().expect("a clean end");
}
