//! Requests repeated on time, too early, and once too often (WIRE M11 to M19, on real sockets).

use skyring::config::ListenerKind;
use skyring::protocols::msg::response::Flag;
use skyring::shard::counters::Counter;

use crate::support::arena::Arena;
use crate::support::{Player, config, eventually, is_silent, listener, settle};

/// WIRE M13, M19. The client left, the handler did not: repeated from a new connection, the request
/// is answered there, once.
#[test]
fn a_repeat_while_the_handler_runs_is_answered_once() {
    let arena = Arena::start(&config(3));
    let (user, mut player) = arena.player("impatient");
    player.send(7, b"hold:slow:done");
    eventually("it runs", || arena.held.waiting(b"slow") == 1);
    drop(player);
    let mut again = Player::attach(arena.msg_at(), &user, 2).unwrap();
    again.send(7, b"count");
    eventually("the repeat is absorbed", || arena.count(Counter::Absorbed) == 1);
    assert!(is_silent(&mut again.stream));
    arena.held.release(b"slow");
    assert_eq!(again.receive(), Some((Flag::Ok, 7, b"done".to_vec())));
    assert!(is_silent(&mut again.stream), "once");
    assert_eq!(again.ask(8, b"count"), b"2", "it ran once");
    drop(again);
    arena.end();
}

/// WIRE M13. The second repeat on one connection is a conflict: closed, and the answer is thrown
/// away.
#[test]
fn a_second_repeat_is_a_conflict() {
    let arena = Arena::start(&config(2));
    let (user, mut player) = arena.player("insistent");
    player.send(7, b"hold:conflict:done");
    eventually("it runs", || arena.held.waiting(b"conflict") == 1);
    player.send(7, b"again");
    player.send(7, b"and again");
    assert_eq!(player.receive(), None, "closed without a word");
    arena.expect(Counter::Absorbed, 1);
    arena.expect(Counter::Conflicts, 1);
    arena.expect(Counter::ClosedProtocol, 1);
    arena.held.release(b"conflict");
    settle(&arena.server.handle(), b"insistent");
    let mut again = Player::attach(arena.msg_at(), &user, 2).unwrap();
    assert_eq!(again.ask(7, b"count"), b"2", "the id is free: the request runs anew");
    drop(again);
    arena.end();
}

/// WIRE M12. Requests of one session that may wait at once are limited; those above get flag 0 at
/// once.
#[test]
fn more_than_the_pending_requests_are_refused() {
    let mut config = config(2);
    listener(&mut config, ListenerKind::Msg).pending_requests_max = 8;
    let arena = Arena::start(&config);
    let (_, mut player) = arena.player("eager");
    for id in 0..11 {
        player.send(id, format!("hold:pending {id}:{id}").as_bytes());
    }
    for id in 8..11 {
        assert_eq!(player.receive(), Some((Flag::Error, id, Vec::new())));
    }
    arena.expect(Counter::RequestsRefused, 3);
    for id in (0..8).rev() {
        arena.held.release(format!("pending {id}").as_bytes());
        assert_eq!(player.receive(), Some((Flag::Ok, id, id.to_string().into_bytes())));
    }
    assert_eq!(player.ask(8, b"count"), b"9", "there is room again, and a refused id is free");
    drop(player);
    arena.end();
}

/// WIRE M18. A session stores answers up to its budget; the oldest go first.
#[test]
fn the_cache_stays_in_its_budget() {
    const BUDGET: usize = 100_000;
    let mut config = config(2);
    listener(&mut config, ListenerKind::Msg).cache_bytes_max = BUDGET;
    let arena = Arena::start(&config);
    let (user, mut player) = arena.player("hoarder");
    let before = arena.count(Counter::CacheBytesNow);
    for id in 0..60 {
        assert_eq!(player.ask(id, b"big:10000").len(), 10_000);
        // The bystander's answers are in the gauge too: they are small, 256 of them at most.
        let stored = arena.count(Counter::CacheBytesNow).wrapping_sub(before);
        assert!(stored <= BUDGET as u64 + 256 * 200, "{stored} bytes are stored");
    }
    drop(player);
    let mut again = Player::attach(arena.msg_at(), &user, 2).unwrap();
    assert_eq!(again.ask(59, b"count").len(), 10_000, "the newest answer is stored");
    assert_eq!(again.ask(0, b"count"), b"61", "the oldest is not");
    drop(again);
    arena.end();
}

/// WIRE M10. The largest answer fits a frame to the byte; the next larger one is a failure, and the
/// session goes on.
#[test]
fn an_answer_that_fits_no_frame_is_a_failure() {
    let arena = Arena::start(&config(2));
    let (user, mut player) = arena.player("large");
    assert_eq!(player.ask(1, b"big:65530").len(), 65_530);
    player.ask_failing(2, b"big:65531");
    player.ask_failing(3, b"big:10000000");
    arena.expect(Counter::HandlerFailed, 2);
    drop(player);
    let mut again = Player::attach(arena.msg_at(), &user, 2).unwrap();
    again.ask_failing(2, b"count");
    assert_eq!(again.ask(4, b"count"), b"4", "the failure was stored like an answer");
    drop(again);
    arena.end();
}
