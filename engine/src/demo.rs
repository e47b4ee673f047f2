//! The application that `skyring serve` runs when it is given nothing else: everybody who knows the
//! password is let in, and everything is echoed. It shows the protocol; it protects nothing.

mod page;
mod site;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use skyring_protocols::login::token::SampleToken;

use crate::config::{Config, ListenerKind};
use crate::context::{Context, GateConnection};
use crate::handler::{
    Application, AuthenticateError, Credentials, Denied, Identity, Login, Reply, Request, Subid,
    User,
};
use crate::http;
use crate::shard::command::Target;

/// The password of every user.
pub const PASSWORD: &[u8] = b"password";

/// Lets in, echoes, kicks the older session of a user who logs in again.
pub struct Demo {
    context: Context,
    delay: Duration,
    pushes: bool,
    /// The message server whose sessions `/msg` and the page are for.
    server: String,
    logins: std::cell::Cell<u64>,
}

impl Demo {
    /// A demo that waits `delay_ms` milliseconds before it echoes a request. `/msg` and the page are for
    /// the server `sample`.
    pub fn new(context: Context, delay_ms: u64) -> Demo {
        let (delay, server) = (Duration::from_millis(delay_ms), String::from("sample"));
        Demo { context, delay, pushes: false, server, logins: 0.into() }
    }

    /// A demo as the configuration wants it. `/msg` and the page are for the first msg listener's
    /// server.
    pub fn configured(context: Context, config: &Config) -> Demo {
        let demo = Demo::new(context, config.demo.delay_ms).with_pushes(config.demo.pushes);
        let mut listeners = config.listeners.iter();
        match listeners.find(|listener| listener.kind == ListenerKind::Msg) {
            Some(listener) => Demo { server: listener.server.clone(), ..demo },
            None => demo,
        }
    }

    /// The same, and each request's content is pushed to its user before it is answered.
    #[must_use]
    pub fn with_pushes(self, pushes: bool) -> Demo {
        Demo { pushes, ..self }
    }

    /// Numbers that no two shards give out twice.
    fn next_subid(&self) -> Subid {
        let number = self.logins.get() + 1;
        self.logins.set(number);
        Subid::from(number << 10 | u64::from(self.context.shard().0))
    }
}

impl Application for Demo {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        let token = SampleToken::parse(&shown.token).ok_or(Denied)?;
        if *token.password != PASSWORD {
            return Err(AuthenticateError::Denied);
        }
        Ok(Identity { uid: token.user, server: token.server })
    }

    async fn login(self: Rc<Self>, login: Login) -> Result<Subid, Denied> {
        for older in &login.online {
            self.context.kick(Target::username(older.username())).await;
        }
        Ok(self.next_subid())
    }

    fn on_attach(&self, user: &User, _peer: SocketAddr) {
        if self.pushes {
            self.context.allow_pushes(Target::username(user.username()), true);
        }
    }

    async fn request(self: Rc<Self>, request: Request) -> Reply {
        if !self.delay.is_zero() {
            self.context.sleep(self.delay).await;
        }
        if self.pushes {
            let user = Target::username(request.user.username());
            self.context.push(user, request.content.clone()).await;
        }
        Ok(request.content)
    }

    fn on_connect(&self, connection: GateConnection, _peer: SocketAddr) {
        self.context.open(connection);
    }

    async fn message(self: Rc<Self>, connection: GateConnection, content: Bytes) {
        if !self.delay.is_zero() {
            self.context.sleep(self.delay).await;
        }
        self.context.send(connection, content);
    }

    fn http(self: Rc<Self>, request: http::Request) -> impl Future<Output = http::Response> {
        site::answer(self, request)
    }
}
