//! The demo's WebSocket.

use skyring::config::Config;
use skyring::demo::Demo;
use skyring::server::Server;

use crate::peer::{Peer, pattern};
use crate::support::config;

#[test]
fn the_demo_echoes() {
    let config: Config = config(1);
    let server = Server::start(&config, |context| Demo::new(context, 0)).expect("it starts");
    let mut peer = Peer::open(server.addresses()[3], "/ws");
    peer.send_text("hello");
    assert_eq!(peer.expect_text(), "hello");
    let data = pattern(16 << 20);
    let mut writer = peer.stream.try_clone().unwrap();
    let message = crate::peer::frame(0x82, &data);
    let sender =
        std::thread::spawn(move || std::io::Write::write_all(&mut writer, &message).unwrap());
    assert!(peer.expect_binary() == data);
    sender.join().unwrap();
    drop(peer);
    server.handle().stop();
    server.join().expect("a clean end");
}
