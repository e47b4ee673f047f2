//! The main job on real sockets: log in, attach, play, come back.

mod support;

use skyring::config::ListenerKind;
use skyring::context::Target;
use skyring::demo::Demo;
use skyring::server::Server;
use skyring::shard::counters::Counter;
use support::{Player, config, listener, login};

fn demo(shards: usize) -> Server {
    Server::start(&config(shards), |context| Demo::new(context, 0)).expect("the server starts")
}

#[test]
fn users_play_on_any_number_of_shards() {
    for shards in [1, 2, 5] {
        let server = demo(shards);
        let (login_at, msg_at) = (server.addresses()[0], server.addresses()[1]);
        for user in 0..20 {
            let name = format!("user-{user}");
            let session = login(login_at, &name).expect("the demo lets everybody in");
            let mut player = Player::attach(msg_at, &session, 1).expect("a fresh index");
            for id in 0..5 {
                assert_eq!(player.ask(id, name.as_bytes()), name.as_bytes());
            }
            drop(player);
            assert_eq!(Player::attach(msg_at, &session, 1).err(), Some(401), "used up");
            let mut again = Player::attach(msg_at, &session, 2).expect("a higher index");
            assert_eq!(again.ask(4, b"other"), name.as_bytes(), "the stored answer");
            assert_eq!(again.ask(4, b"other"), b"other", "a second repeat runs anew");
        }
        server.handle().drain();
        server.join().expect("a clean end");
    }
}

#[test]
fn a_second_login_kicks_the_first() {
    let server = demo(2);
    let (login_at, msg_at) = (server.addresses()[0], server.addresses()[1]);
    let first = login(login_at, "twice").expect("in");
    let mut player = Player::attach(msg_at, &first, 1).expect("attached");
    let second = login(login_at, "twice").expect("in again");
    assert_ne!(first.username, second.username);
    assert!(player.receive().is_none(), "the older connection is closed");
    assert_eq!(Player::attach(msg_at, &first, 2).err(), Some(401));
    let mut player = Player::attach(msg_at, &second, 1).expect("attached");
    assert_eq!(player.ask(1, b"hello"), b"hello");
    assert_eq!(server.handle().online(Target::uid(b"twice")).len(), 1);
    assert_eq!(server.handle().kick(Target::uid(b"twice")), 1);
    assert!(player.receive().is_none());
    server.handle().stop();
    server.join().expect("a clean end");
}

#[test]
fn a_thousand_slow_requests_are_answered_in_order() {
    let mut config = config(1);
    listener(&mut config, ListenerKind::Msg).output_bytes_max = 1 << 20;
    let server = Server::start(&config, |context| Demo::new(context, 50)).expect("it starts");
    let session = login(server.addresses()[0], "many").expect("in");
    let mut player = Player::attach(server.addresses()[1], &session, 1).expect("attached");
    for id in 0..1500u32 {
        player.send(id, &id.to_be_bytes());
    }
    for id in 0..1500u32 {
        let (_, answered, content) = player.receive().expect("an answer");
        assert_eq!((answered, content), (id, id.to_be_bytes().to_vec()));
    }
    server.handle().drain();
    server.join().expect("a clean end");
}

/// A request id that is used again gives up its answer, and so does what a replay retires.
#[test]
fn the_gauge_of_stored_bytes_follows_the_sessions() {
    let mut config = config(1);
    listener(&mut config, ListenerKind::Msg).expired_number = 2;
    let server = Server::start(&config, |context| Demo::new(context, 0)).expect("it starts");
    let user = login(server.addresses()[0], "gauge").expect("in");
    let stored = || {
        let shard = &server.handle().counters()[0];
        shard.read(Counter::CacheBytesNow)
    };
    let mut player = Player::attach(server.addresses()[1], &user, 1).expect("attached");
    player.ask(1, b"x");
    let one_answer = stored();
    for _ in 0..5 {
        player.ask(1, b"x");
    }
    assert_eq!(stored(), one_answer, "one id, one answer");
    player.ask(2, b"x");
    let mut again = Player::attach(server.addresses()[1], &user, 2).expect("attached");
    for id in [1, 2, 1, 2, 1] {
        again.ask(id, b"x");
    }
    assert!(stored() <= 2 * one_answer);
    assert_eq!(server.handle().kick(Target::uid(b"gauge")), 1);
    assert_eq!(stored(), 0);
    server.handle().stop();
    server.join().expect("a clean end");
}
