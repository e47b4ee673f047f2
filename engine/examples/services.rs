//! Players of all shards meet in matches, which are services of a class: the match of a name lives
//! on the shard that the name routes to, and is made by the first who joins.
//!
//! ```text
//! cargo run --release --example services
//! ```
//!
//! A request is the name of a match; its answer is who has joined it, in order.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use skyring::Bytes;
use skyring::config::Config;
use skyring::context::Context;
use skyring::handler::{
    Application, AuthenticateError, Credentials, Denied, Failed, Identity, Login, Reply, Request,
    Subid,
};
use skyring::protocols::login::token::SampleToken;
use skyring::server::Server;
use skyring::service::{Acting, Actor, Fault, Key, Message, ServiceContext, Services, Settings};

/// One match, over after an hour.
struct Match(RefCell<Vec<String>>);

struct Join(String);

impl Match {
    fn new(me: &ServiceContext) -> Match {
        let own = me.clone();
        me.after(Duration::from_secs(3600), async move { own.finish() });
        Match(RefCell::default())
    }
}

impl Actor for Match {
    type Request = Join;
    type Answer = String;

    async fn answer(self: Rc<Self>, Join(name): Join, _: Message) -> Result<String, Fault> {
        let mut players = self.0.borrow_mut();
        players.push(name);
        Ok(players.join(", "))
    }
}

struct Lobby(Services);

impl Application for Lobby {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        let token = SampleToken::parse(&shown.token).ok_or(Denied)?;
        Ok(Identity { uid: token.user, server: token.server })
    }

    async fn login(self: Rc<Self>, login: Login) -> Result<Subid, Denied> {
        if login.online.is_empty() { Ok(Subid::from(1)) } else { Err(Denied) }
    }

    async fn request(self: Rc<Self>, request: Request) -> Reply {
        let name = String::from_utf8_lossy(request.user.uid()).into_owned();
        let here = Key::new("match", &request.content);
        let players = self.0.ask::<Match>(here, Join(name)).await.map_err(|_| Failed)?;
        Ok(Bytes::from(players))
    }
}

fn make(context: &Context) -> Lobby {
    let services = context.services();
    let class = services.keyed("match", Settings::default(), |me, _| Acting::new(Match::new(&me)));
    class.expect("a class is said once a shard");
    Lobby(services)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::start(&Config::default(), |context| make(&context))?;
    println!("login, msg, gate and http listen on {:?}", server.addresses());
    Ok(server.join()?)
}
