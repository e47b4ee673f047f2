//! Asks an outside HTTP service, here for players' scores, and keeps the answers for a while. This
//! service has one key, so there is one a process: the outside gets no more than it can take.
//!
//! ```text
//! mkdir -p /tmp/board/scores && echo 42 >/tmp/board/scores/ann
//! python3 -m http.server 9000 --directory /tmp/board    # and in another terminal:
//! cargo run --release --example outside -- http://127.0.0.1:9000
//! curl http://127.0.0.1:8080/scores/ann    # or log in at http://127.0.0.1:8080/, send `score ann`
//! ```

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use skyring::config::Config;
use skyring::context::Context;
use skyring::demo::Demo;
use skyring::error::StartError;
use skyring::handler::{
    Application, AuthenticateError, Credentials, Denied, Failed, Identity, Login, Reply, Subid,
};
use skyring::http::{self, client, client::Client, client::Error};
use skyring::server::Server;
use skyring::service::{Acting, Actor, Fault, Key, Message, Settings};

/// Questions that the outside gets at once; more wait for one of these connections.
pub(crate) const AT_ONCE: usize = 8;
/// Questions that the service has at once, those included that wait. Beyond that they are refused.
const ASKED_MAX: usize = 1000;
/// Time for the outside to answer in, waiting for a connection included.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How long an answer is good, and how many are kept.
const GOOD_MS: u64 = 10_000;
const KEPT_MAX: usize = 10_000;

struct Scores {
    context: Context,
    client: Client,
    url: String,
    timeout: Duration,
    /// By player: his score if he has one, and until when it is good.
    kept: RefCell<HashMap<String, (Option<u64>, u64)>>,
}

impl Actor for Scores {
    type Request = String;
    type Answer = Option<u64>;

    async fn answer(self: Rc<Self>, name: String, message: Message) -> Result<Option<u64>, Fault> {
        let kept = self.kept.borrow().get(&name).copied();
        if let Some((score, _)) = kept.filter(|(_, good_ms)| self.context.now_ms() < *good_ms) {
            return Ok(score);
        }
        let score = self.fetch(&name, &message).await?;
        let mut kept = self.kept.borrow_mut();
        if kept.len() >= KEPT_MAX {
            kept.clear(); // Simpler than to look for the oldest, and rare.
        }
        kept.insert(name, (score, self.context.now_ms() + GOOD_MS));
        Ok(score)
    }
}

impl Scores {
    async fn fetch(&self, name: &str, message: &Message) -> Result<Option<u64>, Fault> {
        let request = client::Request::get(&format!("{}/scores/{name}", self.url));
        let asked = self.client.request(request.timeout(self.timeout).body_bytes_max(64 << 10));
        let answer = asked.await.map_err(|error| match error {
            Error::Deadline { .. } => Fault::Deadline(message.trace().chain()), // As of a service.
            _ => Fault::Failed,
        })?;
        let score = std::str::from_utf8(answer.body()).ok().and_then(|it| it.trim().parse().ok());
        match answer.status() {
            200 => score.map(Some).ok_or(Fault::Failed),
            404 => Ok(None),
            _ => Err(Fault::Failed),
        }
    }
}

/// Asks the service for users, and for whoever comes by HTTP.
struct Game {
    context: Context,
    timeout: Duration,
    demo: Rc<Demo>,
}

impl Game {
    async fn score(&self, name: &str) -> Result<Option<u64>, Fault> {
        if !(1..=32).contains(&name.len()) || !name.bytes().all(|it| it.is_ascii_alphanumeric()) {
            return Ok(None); // A part of a URL must not be able to mean anything else there.
        }
        let ask = self.context.services().ask::<Scores>(Key::new("scores", b""), name.to_owned());
        ask.deadline(self.timeout + Duration::from_secs(1)).await // The outside's time, and a bit.
    }
}

impl Application for Game {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        Rc::clone(&self.demo).authenticate(shown).await
    }

    async fn login(self: Rc<Self>, login: Login) -> Result<Subid, Denied> {
        Rc::clone(&self.demo).login(login).await
    }

    async fn request(self: Rc<Self>, request: skyring::handler::Request) -> Reply {
        let text = std::str::from_utf8(&request.content).map_err(|_| Failed)?;
        match self.score(text.strip_prefix("score ").ok_or(Failed)?).await {
            Ok(Some(score)) => Ok(score.to_string().into()),
            Ok(None) => Ok("no such player".into()),
            Err(Fault::Deadline(_) | Fault::InboxFull | Fault::Busy) => Ok("ask later".into()),
            Err(_) => Err(Failed),
        }
    }

    async fn http(self: Rc<Self>, request: http::Request) -> http::Response {
        let Some(name) = request.path().strip_prefix("/scores/") else {
            return Rc::clone(&self.demo).http(request).await;
        };
        match self.score(name).await {
            Ok(Some(score)) => http::Response::new(200).body(format!("{score}\n")),
            Ok(None) => http::Response::new(404),
            Err(Fault::Deadline(_) | Fault::InboxFull | Fault::Busy) => http::Response::new(503),
            Err(_) => http::Response::new(502),
        }
    }
}

pub(crate) fn start(config: &Config, url: String, timeout: Duration) -> Result<Server, StartError> {
    Server::start(config, move |context| {
        let few = client::Settings { connections_per_host_max: AT_ONCE, ..Default::default() };
        let client = Client::with_settings(&context, few); // Now: it may block for a moment.
        let (own, url) = (context.clone(), url.clone());
        let make = move |_, _: &[u8]| {
            let (context, client, url) = (own.clone(), client.clone(), url.clone());
            Acting::new(Scores { context, client, url, timeout, kept: RefCell::default() })
        };
        let settings = Settings { inbox_max: ASKED_MAX, ..Settings::default() };
        context.services().keyed("scores", settings, make).expect("the class is new");
        Game { context: context.clone(), timeout, demo: Rc::new(Demo::new(context, 0)) }
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:9000".to_owned());
    let server = start(&Config::default(), url, TIMEOUT)?;
    println!("login, msg, gate and http listen on {:?}", server.addresses());
    Ok(server.join()?)
}
