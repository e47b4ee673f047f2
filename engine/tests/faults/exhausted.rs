//! A process without a descriptor left connects to nobody and reads no file again. Each is told, and
//! when descriptors come back so does everything else.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use skyring::config::{Config, Listener, ListenerKind, TlsSettings};
use skyring::context::Context;
use skyring::http::client::{Client, Error, Request};
use skyring::identity::ServerIdentity;
use skyring::net::{ConnectError, Dial};
use skyring::protocols::blame::Blame;
use skyring::server::{Server, ServerHandle};
use skyring::shard::counters::Counter;

use crate::support::PATIENCE;
use crate::support::arena::sum;
use crate::support::hostile::Hostile;
use crate::support::shard::Echo;

/// Tells the test that it runs in the child, whose limit is low.
const CHILD: &str = "SKYRING_TEST_EXHAUSTED";
const TEST: &str = "exhausted::without_a_descriptor_it_says_so_and_recovers";

/// What became of a dial, and of a call over HTTP.
type Seen = (Option<ConnectError>, Result<u16, Error>);

/// Opens files until there is no descriptor left.
fn exhaust() -> Vec<File> {
    let mut held = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => held.push(file),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(24), "too many open files");
                return held;
            }
        }
    }
}

/// Dials and calls each time that somebody asks for it.
async fn attempts(
    context: Context,
    address: SocketAddr,
    url: String,
    (go, seen): (Receiver<()>, Sender<Seen>),
) {
    let client = Client::new(&context);
    loop {
        match go.try_recv() {
            Ok(()) => {
                let dialled = context.connect(Dial::stream(address)).await.err();
                let called = client.request(Request::get(&url).timeout(PATIENCE)).await;
                let _ = seen.send((dialled, called.map(|response| response.status())));
            }
            Err(std::sync::mpsc::TryRecvError::Empty) => {
                context.sleep(Duration::from_millis(1)).await;
            }
            Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
        }
    }
}

/// A certificate with its key, and the key of an identity, in files.
fn files() -> (TlsSettings, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let [cert, key, identity] =
        ["cert.pem", "key.pem", "identity"].map(|name| folder.join(format!("exhausted-{name}")));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let _ = fs::remove_file(&identity);
    ServerIdentity::generate(&identity).unwrap();
    (TlsSettings::files(cert, key), identity)
}

/// What is said about reading certificate and identity again; nothing if all is well.
fn reload(handle: &ServerHandle) -> Vec<String> {
    let certificates = handle.reload_certificates().into_iter();
    let identities = handle.reload_identities().into_iter();
    let certificates = certificates.filter_map(|one| Some(one.result.err()?.to_string()));
    certificates.chain(identities.filter_map(|one| Some(one.result.err()?.to_string()))).collect()
}

/// The whole test, in a process that may have few descriptors.
fn run_out_of_descriptors() {
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = peer.local_addr().unwrap();
    let web = Hostile::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    let url = web.url("/");
    let (tls, identity) = files();
    let at_any = || "127.0.0.1:0".parse().unwrap();
    let mut secure = Listener { tls: Some(tls), ..Listener::new(ListenerKind::Gate) };
    let mut login = Listener { identity: Some(identity), ..Listener::new(ListenerKind::Login) };
    (secure.address, login.address) = (at_any(), at_any());
    let listeners = vec![secure, login];
    let config = Config { shards: 1, listeners, ..Config::default() };
    let (go, to_go) = channel();
    let (to_see, seen) = channel();
    let ends = std::sync::Arc::new(std::sync::Mutex::new(Some((to_go, to_see))));
    let server = Server::start(&config, move |context: Context| {
        let ends = ends.lock().unwrap().take().expect("there is one shard");
        context.spawn(attempts(context.clone(), address, url.clone(), ends));
        Echo(context)
    });
    let server = server.expect("the server starts");
    let handle = server.handle();
    let attempt = || {
        go.send(()).unwrap();
        seen.recv_timeout(PATIENCE).expect("the attempts end")
    };
    let held = exhaust();
    let (dialled, called) = attempt();
    assert_eq!(dialled, Some(ConnectError::NoDescriptors));
    let error = called.expect_err("a call needs a connection");
    let is_told = matches!(&error, Error::Connect { source: ConnectError::NoDescriptors, .. });
    assert!(is_told && error.blame() == Blame::Limit, "{error:?}");
    assert_eq!(sum(&handle, Counter::DialFailed), 2);
    let said = reload(&handle);
    assert_eq!(said.len(), 2, "{said:?}");
    for (said, file) in said.iter().zip(["exhausted-cert.pem", "exhausted-identity"]) {
        assert!(said.contains(file) && said.contains("Too many open files"), "{said}");
    }
    drop(held);
    let (dialled, called) = attempt();
    assert_eq!((dialled, called.ok()), (None, Some(200)));
    assert_eq!(reload(&handle), [""; 0]);
    assert_eq!(sum(&handle, Counter::DialFailed), 2);
    drop(go);
    handle.drain();
    server.join().expect("a clean end");
}

#[test]
fn without_a_descriptor_it_says_so_and_recovers() {
    if std::env::var_os(CHILD).is_some() {
        return run_out_of_descriptors();
    }
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 256 && exec \"$0\" --exact \"$1\" --nocapture"])
        .args([std::env::current_exe().unwrap().as_os_str(), TEST.as_ref()])
        .env(CHILD, "1")
        .output()
        .expect("a shell");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "it ran: {text}");
}
