//! The demo's page in a browser: a user logs in, attaches, plays, loses an answer, comes back and gets
//! it, over `ws` and over `wss`. The browser is driven by our own client, which so talks to a
//! WebSocket server that shares no line with it.
//!
//! Needs chromium and openssl, and fails without them, so it is behind the feature `interop`.
#![cfg(feature = "interop")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "page/browser.rs"]
mod browser;
#[path = "web/served.rs"]
mod served;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use skyring::config::{Config, Listener, ListenerKind};
use skyring::demo::Demo;
use skyring::protocols::crypt::{self, Padding};
use skyring::server::Server;

use browser::Browser;
use served::Served;

/// What the story ends with, when it is told by itself.
#[test]
fn a_browser_plays_and_sees_its_answers_again() {
    let served = Served::start("page");
    let browser = Browser::start(&served.folder().join("profile"));
    for (base, over) in [(served.http(), "ws"), (served.https(), "wss")] {
        let result = "document.getElementById('result').textContent";
        let end = "while (document.getElementById('result').hidden) {
            await new Promise((resolve) => setTimeout(resolve, 5));
        }";
        let told = browser.read(&format!("{base}/?auto=1"), end, result);
        let told: Value = serde_json::from_str(told.as_str().unwrap()).unwrap();
        let expected =
            json!({ "ok": true, "over": over, "attaches": 3, "answers": 6, "replayed": 2 });
        assert_eq!(told, expected);
    }
    drop(browser);
    served.end();
}

/// The same by its buttons, and what a user reads of it.
#[test]
fn the_buttons_do_it_one_by_one() {
    let served = Served::start("buttons");
    let browser = Browser::start(&served.folder().join("profile"));
    for base in [served.http(), served.https()] {
        let story = "
            const element = (name) => document.getElementById(name);
            const press = async (name, isDone) => {
                element(name).click();
                while (!isDone()) { await new Promise((resolve) => setTimeout(resolve, 5)); }
            };
            const says = (text) => () => element('state').value.startsWith(text);
            const notes = (text) => () => element('log').rows[0]?.cells[4].textContent === text;
            await press('login', says('logged in as player'));
            await press('attach', says('attached, index 1'));
            await press('send', notes('played'));
            element('id').value = '2';
            element('content').value = 'lost <b>move</b>';
            await press('send-and-drop', says('dropped'));
            await press('attach', says('attached, index 2'));
            element('content').value = 'what was it?';
            await press('send', notes('replayed'));";
        let result = "[...document.getElementById('log').rows].map((row) => \
                      [...row.cells].map((cell) => cell.textContent))";
        let rows = browser.read(&format!("{base}/"), story, result);
        let expected = json!([
            ["2", "2", "what was it?", "lost <b>move</b>", "replayed"],
            ["1", "2", "lost <b>move</b>", "", "lost"],
            ["1", "1", "move 1", "move 1", "played"],
        ]);
        assert_eq!(rows, expected);
    }
    let refused = browser.read(
        &format!("{}/", served.http()),
        "document.getElementById('password').value = 'wrong';
         document.getElementById('login').click();
         while (!document.getElementById('state').value.startsWith('401')) {
             await new Promise((resolve) => setTimeout(resolve, 5));
         }",
        "document.getElementById('state').value",
    );
    assert_eq!(refused, "401 Unauthorized");
    drop(browser);
    served.end();
}

/// What the game says unasked has a line of its own, and is taken for no answer.
#[test]
fn pushes_are_shown() {
    let listeners = [ListenerKind::Http, ListenerKind::Msg].map(|kind| {
        let mut listener = Listener::new(kind);
        listener.address.set_port(0);
        listener
    });
    let config = Config { shards: 2, listeners: listeners.into(), ..Config::default() };
    let make = |context| Demo::new(context, 0).with_pushes(true);
    let server = Server::start(&config, make).expect("the server starts");
    let browser = Browser::start(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("pushes-profile"));
    let story = "
        const element = (name) => document.getElementById(name);
        const press = async (name, isDone) => {
            element(name).click();
            while (!isDone()) { await new Promise((resolve) => setTimeout(resolve, 5)); }
        };
        await press('login', () => element('state').value.startsWith('logged in'));
        await press('attach', () => element('state').value.startsWith('attached'));
        element('id').value = '0'; // The number in pushes, too.
        await press('send', () => element('log').rows[1]?.cells[4].textContent === 'played');";
    let result = "[...document.getElementById('log').rows].map((row) => \
                  [...row.cells].map((cell) => cell.textContent))";
    let rows = browser.read(&format!("http://{}/", server.addresses()[0]), story, result);
    let expected =
        json!([["1", "", "", "move 1", "pushed"], ["1", "0", "move 1", "move 1", "played"]]);
    assert_eq!(rows, expected);
    drop(browser);
    server.handle().drain();
    server.join().expect("a clean end");
}

/// The page's cryptography is that of the server (WIRE C9 to C11, C12 to C14).
#[test]
fn the_page_computes_what_the_server_does() {
    let served = Served::start("page-crypt");
    let browser = Browser::start(&served.folder().join("profile"));
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    println!("seed {seed}");
    let mut state = seed;
    let mut key = || {
        // Any will do, as long as they differ.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state ^ (state >> 29)).to_le_bytes()
    };
    let (mut cases, mut expected) = (Vec::new(), Vec::new());
    for length in 0..40 {
        let (one, other) = (key(), key());
        let text: Vec<u8> = (0..length).map(|_| key()[0]).collect();
        cases.push(json!([one, other, text]));
        let public = crypt::dhexchange(&one).unwrap();
        expected.push(json!([
            public,
            crypt::dhsecret(&other, &one).unwrap(),
            crypt::hmac64(&one, &other),
            crypt::hashkey(&text),
            crypt::desencode(&one, &text, Padding::Iso7816),
        ]));
    }
    let story = format!("window.cases = {};", Value::from(cases));
    let result = "Promise.all([import('/page/crypt.js'), import('/page/des.js')]).then(([c, d]) => \
        cases.map(([one, other, text]) => [one, other, text].map((it) => Uint8Array.from(it))) \
        .map(([one, other, text]) => [c.publicValue(one), c.sharedSecret(other, one), \
        c.hmac64(one, other), c.hashKey(text), d.desEncode(one, text)].map((it) => [...it])))";
    let computed = browser.read(&format!("{}/", served.http()), &story, result);
    assert_eq!(computed, Value::from(expected));
    drop(browser);
    served.end();
}
