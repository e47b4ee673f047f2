//! Asks itself for a login.
#![deny(warnings)]

use skyring_protocols::sproto::Limits;
use skyring_protocols::sproto::rpc::{Dispatch, Host, PACKAGE, Rpc};
use small::game::rpc::{Incoming, Login};
use small::game::{self, LoginRequest, LoginResponse, Player, Position};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rpc = Rpc::new(game::schema(), game::schema(), PACKAGE, Limits::default(), 10)?;
    let (mut host, mut work, mut package) = (Host::new(), Vec::new(), Vec::new());
    let args = LoginRequest { name: Some("mia".into()) };
    host.call::<Login>(&rpc, Some(1), &args, None, &mut work, &mut package)?;

    let Dispatch::Request(request) = host.dispatch(&rpc, &package, &mut work)? else { panic!() };
    let Incoming::Login(asked) = Incoming::read(request)? else { panic!() };
    let at = Position { x: Some(1.25), y: Some(-3.0) };
    let player = Player { name: asked.args.name, at: Some(at), items: None };
    let (result, mut answer) = (LoginResponse { player: Some(player) }, Vec::new());
    let reply = asked.reply.expect("an answer is wanted");
    reply.respond(&rpc, &result, None, &mut work, &mut answer).map_err(|(_, error)| error)?;

    let Dispatch::Answer(answer) = host.dispatch(&rpc, &answer, &mut work)? else { panic!() };
    let player = answer.read::<Login>()?.player.unwrap_or_default();
    let at = player.at.unwrap_or_default();
    let [x, y] = [at.x, at.y].map(Option::unwrap_or_default);
    println!("{} is at {x}, {y}", player.name.unwrap_or_default());
    Ok(())
}
