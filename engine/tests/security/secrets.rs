//! Row 24: secrets in what is printed.

use std::io::Read;
use std::process::{Command, Stdio};

use skyring::handler::Credentials;
use skyring::protocols::Compat;
use skyring::protocols::crypt::{Secret, base64encode, hexencode};
use skyring::protocols::jwt::{Material, SECRET_BYTES_MIN};
use skyring::protocols::login::client::LoginClient;
use skyring::protocols::login::server::{LoginOutput, LoginServer};
use skyring::protocols::login::token::SampleToken;
use skyring::protocols::login::{LoginClientV2, LoginSecret, PinnedKeys, SecureOffer, SessionKey};
use skyring::protocols::msg::attach_v2::{Challenged, Proving};
use skyring::protocols::msg::client::MsgClient;
use skyring::protocols::secure::{CbcKey, ExchangeKey, GcmKey, Key, SigningKey};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::support::served::configured;
use crate::support::{Player, config, connect, login_with};

/// What must not be found: eight bytes that stand for nothing else.
const SECRET: [u8; 8] = *b"Qx7!Zk3%";

/// The ways in which something prints bytes.
fn spellings(bytes: &[u8]) -> Vec<String> {
    let list = format!("{bytes:?}");
    vec![
        String::from_utf8_lossy(bytes).into_owned(),
        base64encode(bytes),
        String::from_utf8(hexencode(bytes).into()).unwrap(),
        list.trim_matches(['[', ']']).to_owned(),
    ]
}

fn expect_hidden(what: &str, text: &str, secret: &[u8]) {
    for spelling in spellings(secret) {
        assert!(!text.to_lowercase().contains(&spelling.to_lowercase()), "{what} prints {text}");
    }
}

/// Row 24. Whatever carries a secret prints without it.
#[test]
fn row_24_nothing_that_carries_a_secret_prints_it() {
    let token = SampleToken {
        user: b"clara".to_vec(),
        server: b"sample".to_vec(),
        password: SECRET.to_vec().into(),
    };
    let text = token.format();
    let peer = ([127, 0, 0, 1], 1).into();
    let shown = Credentials { token: SECRET.to_vec().into(), peer };
    let client = LoginClient::new(SECRET.to_vec(), SECRET);
    let server = LoginServer::new(Compat::Strict, [1; 8], SECRET);
    let judge = LoginOutput::Judge { token: SECRET.to_vec().into() };
    let msg = MsgClient::new(b"name".to_vec(), Secret::new(SECRET));
    let printed = [
        ("Secret", format!("{:?} {:#?}", Secret::new(SECRET), Secret::new(SECRET))),
        ("SampleToken", format!("{token:?} {token:#?}")),
        ("Credentials", format!("{shown:?} {shown:#?}")),
        ("LoginClient", format!("{client:?} {client:#?}")),
        ("LoginServer", format!("{server:?} {server:#?}")),
        ("LoginOutput", format!("{judge:?} {judge:#?}")),
        ("MsgClient", format!("{msg:?} {msg:#?}")),
    ];
    for (what, text) in &printed {
        expect_hidden(what, text, &SECRET);
    }
    assert!(String::from_utf8_lossy(&text).contains(&base64encode(&SECRET)), "the search finds it");
    assert_eq!(config(1).listeners.len(), 5, "and the settings hold no secret but names of files");
}

/// Row 24. Neither does what version 2 of the handshake carries.
#[test]
fn row_24_nothing_of_the_secure_handshake_prints_its_keys() {
    let long: [u8; 32] = SECRET.repeat(4).try_into().unwrap();
    let exchange = || ExchangeKey::new(&long);
    let identity = std::sync::Arc::new(SigningKey::new(&long));
    let offer = SecureOffer { identity, exchange: exchange(), allows_v1: true };
    let printed_offer = format!("{offer:?} {offer:#?}");
    let server = LoginServer::with_offer(Compat::Strict, [1; 8], [2; 8], offer);
    let client = LoginClientV2::new(SECRET.to_vec(), PinnedKeys::new(Vec::new()), exchange());
    let secret = LoginSecret::from(SessionKey::new(&long));
    let msg = MsgClient::new(b"name".to_vec(), secret.clone());
    let challenged = Challenged::new(SECRET.to_vec(), &[0; 16]);
    let (session, signing) = (SessionKey::new(&long), SigningKey::new(&long));
    let (cbc, gcm) = (CbcKey::new(&long).unwrap(), GcmKey::new(&long).unwrap());
    let printed = [
        ("SecureOffer", printed_offer),
        ("LoginServer", format!("{server:?} {server:#?}")),
        ("LoginClientV2", format!("{client:?} {client:#?}")),
        ("LoginSecret", format!("{secret:?} {secret:#?}")),
        ("MsgClient", format!("{msg:?} {msg:#?}")),
        ("Challenged", format!("{challenged:?} {challenged:#?}")),
        ("Proving", format!("{:?}", Proving::new(SECRET.to_vec()))),
        ("SessionKey", format!("{session:?} {session:#?}")),
        ("SigningKey", format!("{signing:?} {signing:#?}")),
        ("ExchangeKey", format!("{:?}", exchange())),
        ("Key", format!("{:?}", Key::new(&long))),
        ("CbcKey", format!("{cbc:?} {cbc:#?}")),
        ("GcmKey", format!("{gcm:?} {gcm:#?}")),
    ];
    for (what, text) in &printed {
        expect_hidden(what, text, &SECRET);
        expect_hidden(what, text, &long);
    }
}

/// Row 24. Every key of the handshakes, of ciphers and of tokens wipes itself when it is dropped, which
/// its type promises.
#[test]
fn row_24_keys_wipe_themselves() {
    fn wiped<T: ZeroizeOnDrop>(_: &T) {}
    let long = [1; 32];
    wiped(&Secret::new(SECRET));
    wiped(&SessionKey::new(&long));
    wiped(&LoginSecret::from(SessionKey::new(&long)));
    wiped(&SigningKey::new(&long));
    wiped(&ExchangeKey::new(&long));
    wiped(&Key::new(&long));
    wiped(&CbcKey::new(&long).unwrap());
    wiped(&GcmKey::new(&long).unwrap());
    let Material::Secret(secret) = Material::Secret(Zeroizing::new(vec![1; SECRET_BYTES_MIN]))
    else {
        panic!("it was made of one");
    };
    wiped(&secret);
}

/// Row 24. A server that is played on and attacked says nothing of it: neither password nor secret stands
/// in what it has printed.
#[test]
fn row_24_a_server_prints_no_secret() {
    let text = "shards = 1\n[[listener]]\nkind = \"login\"\naddress = \"127.0.0.1:0\"\n\
                [[listener]]\nkind = \"msg\"\naddress = \"127.0.0.1:0\"\n";
    let mut child = Command::new(env!("CARGO_BIN_EXE_skyring"))
        .arg("serve")
        .arg("--config")
        .arg(configured("row-24", text))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut printed = Vec::new();
    while !printed.windows(5).any(|five| five == b"ready") {
        let mut piece = [0; 256];
        let count = output.read(&mut piece).unwrap();
        assert!(count > 0, "it starts");
        printed.extend_from_slice(&piece[..count]);
    }
    let report = String::from_utf8(printed.clone()).unwrap();
    let at = |kind: &str| {
        let line = report.lines().find(|line| line.trim().starts_with(kind)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let token = |password: &[u8]| SampleToken {
        user: b"clara".to_vec(),
        server: b"sample".to_vec(),
        password: password.to_vec().into(),
    };
    assert_eq!(login_with(at("login"), &token(&SECRET), 7).err(), Some(401));
    let user = login_with(at("login"), &token(b"password"), 7).expect("granted");
    let mut player = Player::attach(at("msg"), &user, 1).unwrap();
    assert_eq!(player.ask(1, &SECRET), SECRET);
    assert_eq!(Player::attach(at("msg"), &user, 1).err(), Some(401));
    drop(connect(at("msg")));
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    output.read_to_end(&mut printed).unwrap();
    child.stderr.take().unwrap().read_to_end(&mut printed).unwrap();
    assert!(child.wait().unwrap().success());
    let printed = String::from_utf8(printed).unwrap();
    assert!(printed.contains("draining"), "{printed}");
    expect_hidden("the server", &printed, &SECRET);
    expect_hidden("the server", &printed, user.secret.expose());
}
