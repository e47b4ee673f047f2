//! Rows 11 and 12: answers that are kept, and answers that nobody reads.

use skyring::config::ListenerKind;
use skyring::protocols::msg::request;
use skyring::shard::counters::Counter;

use crate::support::arena::Arena;
use crate::support::{Player, config, eventually, listener};

/// The smallest budget of a session: one answer of the largest size with what it costs.
const SESSION_BYTES_MAX: usize = 65_578;

/// Row 11. Stored answers stay within the bytes of their session, the oldest go first, and all sessions
/// of a shard stay within the shard's; requests that wait are counted, and one too many is told.
#[test]
fn row_11_kept_answers_stay_within_their_bytes() {
    let mut config = config(1);
    config.cache_bytes_per_shard_max = 200_000;
    let msg = listener(&mut config, ListenerKind::Msg);
    (msg.cache_bytes_max, msg.pending_requests_max) = (SESSION_BYTES_MAX, 8);
    let arena = Arena::start(&config);
    let mut players: Vec<Player> =
        (0..6).map(|user| arena.player(&format!("quirin {user}")).1).collect();
    for id in 0..40 {
        for player in &mut players {
            assert_eq!(player.ask(id, b"big:50000").len(), 50_000);
        }
        // The answer that reaches the budget is the last that is stored.
        let bytes = arena.count(Counter::CacheBytesNow);
        assert!(bytes <= 200_000 + SESSION_BYTES_MAX as u64, "{bytes}");
    }
    assert!(arena.count(Counter::AnswersOverBudget) > 0, "six sessions wanted more");
    let player = &mut players[0];
    for id in 100..108 {
        player.send(id, b"never");
    }
    player.ask_failing(108, b"one more");
    arena.expect(Counter::RequestsRefused, 1);
    drop(players);
    arena.end();
}

/// Row 12. Answers that are not read stay within the connection's budget, reading from it pauses, and
/// without progress it is closed; others are served meanwhile.
#[test]
fn row_12_who_does_not_read_is_not_read_and_then_closed() {
    let mut config = config(1);
    let msg = listener(&mut config, ListenerKind::Msg);
    (msg.output_bytes_max, msg.write_timeout_ms) = (128 << 10, 300);
    let arena = Arena::start(&config);
    let (user, player) = arena.player("rosa");
    let mut writer = player.stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        use std::io::Write;
        let mut frames = Vec::new();
        for id in 0..2_000 {
            request::encode(b"big:60000", id, &mut frames).unwrap();
        }
        // The server closes before it has taken them all, or has taken them and answers few.
        let _ = writer.write_all(&frames);
    });
    eventually("reading pauses", || arena.count(Counter::ReadingPaused) > 0);
    arena.expect(Counter::ClosedSlowConsumer, 1);
    sender.join().unwrap();
    drop(player);
    let mut again = Player::attach(arena.msg_at(), &user, 2).expect("the session stays");
    let ran: u32 = String::from_utf8(again.ask(9_999, b"count")).unwrap().parse().unwrap();
    assert!(ran < 2_000, "all {ran} requests ran although no answer was read");
    drop(again);
    arena.end();
}
