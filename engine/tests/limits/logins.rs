//! Logins that come too often, or when there is no time for them.

use std::time::Duration;

use skyring::config::ListenerKind;
use skyring::protocols::login::client::{LoginClient, LoginClientOutput};
use skyring::shard::counters::Counter;

use crate::support::arena::Arena;
use crate::support::{Player, config, connect, listener, login, read_more, read_to_end, token};

/// Of one address, a minute's worth; the next hear 429 at once, without a key exchange.
#[test]
fn logins_of_one_address_are_rated() {
    let mut config = config(2);
    // The bystander logs in too.
    listener(&mut config, ListenerKind::Login).limits.logins_per_minute_per_address = 5;
    let arena = Arena::start(&config);
    for user in 0..4 {
        login(arena.login_at(), &format!("u{user}")).expect("of the five");
    }
    assert_eq!(login(arena.login_at(), "u5").err(), Some(429));
    let lines = read_to_end(&mut connect(arena.login_at()));
    let lines = String::from_utf8(lines).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 2, "a challenge and a result: {lines:?}");
    assert!(lines[1].starts_with("429 "));
    arena.expect(Counter::LoginsTooOften, 2);
    arena.expect(Counter::LoginDropped, 0);
    arena.end();
}

/// Of one user, from wherever: only those whose token is believed count, so nobody can lock him out.
#[test]
fn logins_of_one_user_are_rated() {
    let mut config = config(3);
    listener(&mut config, ListenerKind::Login).limits.logins_per_minute_per_user = 2;
    let arena = Arena::start(&config);
    let guess = || {
        let wrong = crate::support::login_with(
            arena.login_at(),
            &skyring::protocols::login::token::SampleToken {
                password: b"guessed".to_vec().into(),
                ..token("ann")
            },
            usize::MAX,
        );
        assert_eq!(wrong.err(), Some(401));
    };
    (0..10).for_each(|_| guess());
    login(arena.login_at(), "ann").expect("the first");
    let user = login(arena.login_at(), "ann").expect("the second");
    assert_eq!(login(arena.login_at(), "ann").err(), Some(429));
    login(arena.login_at(), "ben").expect("he is somebody else");
    Player::attach(arena.msg_at(), &user, 1).expect("a refused login ends no session");
    arena.expect(Counter::LoginsTooOften, 1);
    arena.end();
}

/// WIRE L17. While too many logins wait for the application everybody else hears 503 and when to come
/// back; the times differ, and who obeys gets in.
#[test]
fn a_busy_server_says_when_to_come_back() {
    let mut config = config(1);
    config.logins_in_progress_per_shard_max = 2;
    let arena = Arena::start(&config);
    let slow: Vec<_> = ["hold-1", "hold-2"]
        .into_iter()
        .map(|uid| {
            let address = arena.login_at();
            let thread = std::thread::spawn(move || login(address, uid));
            crate::support::eventually("it waits", || arena.held.waiting(uid.as_bytes()) == 1);
            thread
        })
        .collect();
    let mut advices: Vec<u32> = (0..8).map(|_| advice(&arena)).collect();
    arena.expect(Counter::LoginsRefused, 8);
    assert!(advices.iter().all(|ms| (1_000..2_000).contains(ms)), "{advices:?}");
    let shortest_ms = advices.iter().copied().min().unwrap();
    advices.dedup();
    assert!(advices.len() > 1, "scattered");
    arena.held.release(b"hold-1");
    arena.held.release(b"hold-2");
    for thread in slow {
        thread.join().unwrap().expect("it only took long");
    }
    std::thread::sleep(Duration::from_millis(shortest_ms.into()));
    login(arena.login_at(), "patient").expect("there is time now");
    arena.end();
}

/// What a refused login is told.
fn advice(arena: &Arena) -> u32 {
    let mut stream = connect(arena.login_at());
    let mut client = LoginClient::new(token("impatient").format(), [3; 8]);
    let mut heard = Vec::new();
    loop {
        assert!(read_more(&mut stream, &mut heard), "a result comes before the end");
        client.on_bytes(&std::mem::take(&mut heard));
        while let Some(output) = client.poll_output() {
            match output {
                LoginClientOutput::Send(_) => {}
                LoginClientOutput::Refused(503) => return client.retry_after_ms().unwrap(),
                other => panic!("{other:?}"),
            }
        }
    }
}
