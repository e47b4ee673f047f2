//! A chat: users log in, a second login of a user ends the first, and `say NAME TEXT` reaches
//! another user on whatever shard he lives, as a push.
//!
//! ```text
//! cargo run --release --example login_and_chat
//! ```

use std::net::SocketAddr;
use std::rc::Rc;

use skyring::Bytes;
use skyring::config::Config;
use skyring::context::{Context, Target};
use skyring::handler::{
    Application, AuthenticateError, Credentials, Denied, Failed, Identity, Login, Reply, Request,
    Subid, User,
};
use skyring::protocols::login::token::SampleToken;
use skyring::server::Server;

struct Chat {
    context: Context,
}

impl Application for Chat {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        let token = SampleToken::parse(&shown.token).ok_or(Denied)?;
        // A real game asks its account service here; waiting is fine.
        if *token.password != b"password" {
            return Err(AuthenticateError::Denied);
        }
        Ok(Identity { uid: token.user, server: token.server })
    }

    async fn login(self: Rc<Self>, login: Login) -> Result<Subid, Denied> {
        self.context.kick(Target::uid(&login.uid)).await;
        Ok(Subid::from(1))
    }

    fn on_attach(&self, user: &User, peer: SocketAddr) {
        println!("{} is here, from {peer}", String::from_utf8_lossy(user.uid()));
        // Our clients know the push extension.
        self.context.allow_pushes(Target::username(user.username()), true);
    }

    fn on_detach(&self, user: &User) {
        println!("{} is away", String::from_utf8_lossy(user.uid()));
    }

    async fn request(self: Rc<Self>, request: Request) -> Reply {
        let text = String::from_utf8_lossy(&request.content).into_owned();
        let mut words = text.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("say"), Some(name), Some(said)) => {
                let from = String::from_utf8_lossy(request.user.uid());
                let line = Bytes::from(format!("{from}: {said}"));
                let reached = self.context.push(Target::uid(name.as_bytes()), line).await;
                Ok(Bytes::from(if reached > 0 { "said" } else { "away" }))
            }
            (Some("who"), Some(name), None) => {
                let found = self.context.online(Target::uid(name.as_bytes())).await;
                Ok(Bytes::from(if found.is_empty() { "not here" } else { "on line" }))
            }
            (Some("bye"), None, None) => {
                self.context.logout(Target::username(request.user.username()));
                Ok(Bytes::from("bye"))
            }
            _ => Err(Failed),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::start(&Config::default(), |context| Chat { context })?;
    println!("login, msg, gate and http listen on {:?}", server.addresses());
    server.join()?;
    Ok(())
}
