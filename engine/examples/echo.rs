//! The smallest game: whoever knows the password is in, and every request is echoed.
//!
//! ```text
//! cargo run --release --example echo
//! cargo run --release -p skyring-loadgen -- --users 100 --seconds 5
//! ```

use std::rc::Rc;

use skyring::config::Config;
use skyring::handler::{
    Application, AuthenticateError, Credentials, Denied, Identity, Login, Reply, Request, Subid,
};
use skyring::protocols::login::token::SampleToken;
use skyring::server::Server;

struct Echo;

impl Application for Echo {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        let token = SampleToken::parse(&shown.token).ok_or(Denied)?;
        if *token.password != b"password" {
            return Err(AuthenticateError::Denied);
        }
        Ok(Identity { uid: token.user, server: token.server })
    }

    async fn login(self: Rc<Self>, login: Login) -> Result<Subid, Denied> {
        // A user has one session, so its number can be the same every time.
        if login.online.is_empty() { Ok(Subid::from(1)) } else { Err(Denied) }
    }

    async fn request(self: Rc<Self>, request: Request) -> Reply {
        Ok(request.content)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::start(&Config::default(), |_context| Echo)?;
    println!("login, msg, gate and http listen on {:?}", server.addresses());
    server.join()?;
    Ok(())
}
