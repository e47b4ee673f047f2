//! HAProxy in front of `skyring serve`: both forms of its header, and limits that see who is behind it.
//!
//! Needs `haproxy`.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};

use super::support::served::Served;
use super::support::{Player, connect, eventually, login, read_to_end};

/// Logins that one address may make in a minute.
const LOGINS: usize = 3;

/// Where the proxy comes from: another address than that of those who come themselves.
const PROXY: &str = "127.0.0.2";

/// HAProxy, which is killed when a test ends.
struct Haproxy {
    child: Child,
    login: u16,
    msg: u16,
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port where nobody listens.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Haproxy {
    /// Speaks for whoever comes over IPv4 and IPv6 to these two listeners, with this kind of header.
    fn start(test: &str, word: &str, login: SocketAddr, msg: SocketAddr) -> Haproxy {
        let ports = [free_port(), free_port()];
        let mut text = String::from(
            "global\n    maxconn 200\ndefaults\n    mode tcp\n    timeout connect 10s\n    \
             timeout client 60s\n    timeout server 60s\n",
        );
        for (port, to) in ports.into_iter().zip([login, msg]) {
            text += &format!(
                "listen p{port}\n    bind 127.0.0.1:{port}\n    bind [::1]:{port}\n    \
                 server s {to} {word} source {PROXY}\n"
            );
        }
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.haproxy"));
        std::fs::write(&file, text).unwrap();
        let child = Command::new("haproxy").arg("-db").arg("-f").arg(&file).spawn();
        let child = child.unwrap_or_else(|error| panic!("haproxy, which this test needs: {error}"));
        let [login, msg] = ports;
        eventually("haproxy listens", || {
            // Bytes of nobody: it passes them on, and they are refused.
            std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, msg)).is_ok()
        });
        Haproxy { child, login, msg }
    }
}

/// A server that believes the proxy and nobody else.
fn serve(test: &str) -> Served<2> {
    let text = format!(
        "shards = 1\nadmin = \"127.0.0.1:0\"\n\
         [[listener]]\nkind = \"login\"\naddress = \"127.0.0.1:0\"\nproxy_from = [\"{PROXY}/32\"]\n\
         logins_per_minute_per_address = {LOGINS}\n\
         [[listener]]\nkind = \"msg\"\naddress = \"127.0.0.1:0\"\nproxy_from = [\"{PROXY}/32\"]\n"
    );
    Served::start(test, 1024, &text, ["login", "msg"])
}

/// WIRE X1, X2, X4, X9. Players behind it play; each client has his own rate, though one proxy brings all.
fn play_behind(test: &str, word: &str) {
    let served = serve(test);
    let haproxy = Haproxy::start(test, word, served.addresses[0], served.addresses[1]);
    let over_v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, haproxy.login));
    let over_v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, haproxy.login));
    for number in 0..LOGINS {
        let user = login(over_v6, &format!("{test} {number}")).expect("within the rate");
        let msg = (Ipv6Addr::LOCALHOST, haproxy.msg).into();
        let mut player = Player::attach(msg, &user, 1).expect("attached");
        assert_eq!(player.ask(1, b"hello"), b"hello");
    }
    assert_eq!(login(over_v6, "one more").err(), Some(429), "this client has had his logins");
    login(over_v4, "another").expect("another client of the same proxy");
    eventually("every header was read", || served.count("proxy_headers") >= 2 * LOGINS as u64 + 2);
    assert_eq!(served.count("logins_too_often"), 1);
    // The same listener serves those who come themselves, as who they are; no header makes them others.
    let himself = served.addresses[0];
    login(himself, "himself").expect("his second");
    let mut pretender = connect(himself);
    pretender.write_all(b"PROXY TCP4 203.0.113.9 198.51.100.7 6000 443\r\n").unwrap();
    let answer = String::from_utf8(read_to_end(&mut pretender)).unwrap();
    assert!(answer.ends_with("401 Unauthorized\n"), "{answer}");
    assert_eq!(login(himself, "himself again").err(), Some(429), "these were three of one address");
    drop(haproxy);
    assert!(served.terminate().success());
}

#[test]
fn haproxy_speaks_for_its_clients_in_text() {
    play_behind("haproxy-text", "send-proxy");
}

#[test]
fn haproxy_speaks_for_its_clients_in_binary() {
    play_behind("haproxy-binary", "send-proxy-v2");
}
