//! Scenes that real sockets show too seldom or too late: everybody at the same moment, nobody for a
//! long time, and applications that take theirs.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use skyring_protocols::login::client::{LoginClient, LoginClientOutput};
use skyring_protocols::login::token::SampleToken;
use skyring_protocols::msg::client::ClientEvent;
use skyring_protocols::msg::response::Flag;

use super::scene::{Door, Props, Scene, frame};
use crate::config::{ListenerKind, PushOverBudget};
use crate::context::{Context, Target};
use crate::driver::sim::{SimClient, SimSettings};
use crate::handler::{Application, Reply, Request};
use crate::shard::command::Command;
use crate::shard::counters::Counter;

fn props(slots: u32) -> Props {
    let settings = SimSettings { slots, buffers: 256, backlog: 8192, ..SimSettings::default() };
    Props { settings, ..Props::default() }
}

/// A login conversation of the sample's kind.
struct LoggingIn {
    connection: SimClient,
    client: LoginClient,
    outcome: Option<Result<(), u16>>,
}

impl LoggingIn {
    fn start(scene: &Scene, uid: &str) -> LoggingIn {
        let token = SampleToken {
            user: uid.into(),
            server: "sample".into(),
            password: b"password".to_vec().into(),
        };
        let client = LoginClient::new(token.format(), [1, 2, 3, 4, 5, 6, 7, 8]);
        LoggingIn { connection: scene.connect(ListenerKind::Login), client, outcome: None }
    }

    fn pump(&mut self) {
        self.client.on_bytes(&self.connection.read());
        while let Some(output) = self.client.poll_output() {
            match output {
                LoginClientOutput::Send(bytes) => {
                    self.connection.write(&bytes).expect("it is open");
                }
                LoginClientOutput::Granted { .. } => self.outcome = Some(Ok(())),
                LoginClientOutput::Refused(code) => self.outcome = Some(Err(code)),
                LoginClientOutput::Broken(_) => self.outcome = Some(Err(0)),
            }
        }
    }
}

fn pump(scene: &mut Scene, logins: &mut [LoggingIn]) {
    for _ in 0..4 {
        logins.iter_mut().for_each(LoggingIn::pump);
        scene.pass(10);
    }
    logins.iter_mut().for_each(LoggingIn::pump);
}

/// However many logins go on in the same turn, each is a step of a loop and not a call inside the
/// one before.
#[test]
fn thousands_of_logins_go_on_in_one_turn() {
    const USERS: usize = 5_000;
    let mut scene = props(8_192).start();
    let mut logins: Vec<LoggingIn> =
        (0..USERS).map(|user| LoggingIn::start(&scene, &format!("hold {user}"))).collect();
    scene.pass(20);
    pump(&mut scene, &mut logins);
    assert_eq!(scene.door.waiting(), USERS);
    scene.door.open();
    scene.turn(0);
    assert_eq!(scene.count(Counter::SessionsNow), USERS as u64);
    pump(&mut scene, &mut logins);
    assert!(logins.iter().all(|login| login.outcome == Some(Ok(()))));
    logins.into_iter().for_each(|login| login.connection.close());
}

/// The same for connections that are read again because a message of theirs was taken.
#[test]
fn thousands_of_gate_connections_go_on_in_one_turn() {
    const CONNECTIONS: usize = 5_000;
    let mut props = props(8_192);
    props.listener(ListenerKind::Gate).pending_requests_max = 1;
    let mut scene = props.start();
    let clients: Vec<SimClient> =
        (0..CONNECTIONS).map(|_| scene.connect(ListenerKind::Gate)).collect();
    scene.pass(20);
    for client in &clients {
        client.write(&[frame(b"hold 1"), frame(b"hold 2"), frame(b"3")].concat()).expect("open");
    }
    scene.pass(20);
    assert_eq!(scene.door.waiting(), CONNECTIONS);
    scene.door.open();
    scene.pass(20);
    for client in clients {
        assert_eq!(client.read(), [frame(b"hold 1"), frame(b"hold 2"), frame(b"3")].concat());
        client.close();
    }
}

/// Those who wait for the application beyond a bound are refused, and there is room again later.
#[test]
fn logins_that_wait_for_the_application_are_bounded() {
    let mut scene = props(64).start();
    scene.core(0).deciding_max = 3;
    let names = ["hold 1", "decide 2", "hold 3", "hold 4", "decide 5"];
    let mut logins: Vec<LoggingIn> = Vec::new();
    for name in names {
        logins.push(LoggingIn::start(&scene, name));
        scene.pass(5);
        pump(&mut scene, &mut logins);
    }
    let outcomes: Vec<_> = logins.iter().map(|login| login.outcome).collect();
    assert_eq!(outcomes, [None, None, None, Some(Err(503)), Some(Err(503))]);
    assert_eq!(scene.count(Counter::LoginsRefused), 2);
    // Their clients leave; what the application does for them goes on, and still counts.
    logins.drain(..).for_each(|login| login.connection.reset());
    scene.pass(20);
    assert_eq!(scene.core(0).deciding, 3);
    scene.door.open();
    scene.pass(20);
    assert_eq!(scene.core(0).deciding, 0);
    logins.push(LoggingIn::start(&scene, "hold 6"));
    scene.pass(5);
    pump(&mut scene, &mut logins);
    assert_eq!(logins[0].outcome, Some(Ok(())));
    logins.drain(..).for_each(|login| login.connection.close());
}

/// Sleeps once the door is open, and remembers when it slept and woke.
struct Sleeper {
    context: Context,
    door: Door,
    at_ms: Rc<Cell<(u64, u64)>>,
}

impl Application for Sleeper {}

impl Sleeper {
    fn start(self) -> Sleeper {
        let (context, door, at_ms) =
            (self.context.clone(), self.door.clone(), Rc::clone(&self.at_ms));
        self.context.spawn(async move {
            door.pass().await;
            let slept_ms = context.now_ms();
            context.sleep(Duration::from_millis(500)).await;
            at_ms.set((slept_ms, context.now_ms()));
        });
        self
    }
}

/// A shard that had nothing to do does not know how late it is: a sleep counts from when it begins.
#[test]
fn a_sleep_that_begins_after_a_long_rest_is_not_too_short() {
    let at_ms = Rc::new(Cell::new((0, 0)));
    let door = Door::default();
    let mut scene = props(64).start_with(door.clone(), |context| {
        Sleeper { context, door: door.clone(), at_ms: Rc::clone(&at_ms) }.start()
    });
    scene.pass(1);
    // Nobody turns the shard meanwhile.
    let later_ns = scene.net.now_ns() + 10_000_000_000;
    while scene.net.now_ns() < later_ns && scene.net.advance_until(later_ns) {}
    scene.door.open();
    scene.run_tasks(0);
    scene.pass(2_000);
    let (slept_ms, woke_ms) = at_ms.get();
    assert!(slept_ms >= 10_000, "the clock says {slept_ms}");
    assert!((500..600).contains(&(woke_ms - slept_ms)), "slept from {slept_ms} to {woke_ms}");
}

/// A connection is not idle while the server does not read it, and has all its time afterwards.
#[test]
fn a_connection_that_is_not_read_is_not_idle() {
    let mut props = props(64);
    let gate = props.listener(ListenerKind::Gate);
    (gate.pending_requests_max, gate.idle_timeout_ms) = (1, 300);
    let mut scene = props.start();
    let client = scene.connect(ListenerKind::Gate);
    client.write(&[frame(b"hold"), frame(b"next")].concat()).expect("it is being opened");
    scene.pass(2_000);
    assert_eq!(scene.count(Counter::ReadingPaused), 1);
    assert_eq!(client.end(), None);
    scene.door.open();
    scene.pass(200);
    assert_eq!((client.read(), client.end()), ([frame(b"hold"), frame(b"next")].concat(), None));
    scene.pass(400);
    assert!(client.end().is_some(), "now it is");
    assert_eq!(scene.count(Counter::ClosedIdle), 1);
    client.close();
    scene.pass(2_000);
}

/// A timer outlives its connection by a minute, not by the hours of an idle time.
#[test]
fn connections_that_come_and_go_leave_no_timers() {
    let mut props = props(64);
    props.listener(ListenerKind::Gate).idle_timeout_ms = 24 * 3600 * 1000;
    let mut scene = props.start();
    let lasting = scene.connect(ListenerKind::Gate);
    for _ in 0..300 {
        let client = scene.connect(ListenerKind::Gate);
        scene.pass(2);
        client.close();
        scene.pass(2);
    }
    scene.pass(70_000);
    assert_eq!(scene.core(0).timers.len(), 1, "of the connection that is there");
    scene.pass(24 * 3600 * 1000 - 200_000);
    assert_eq!(lasting.end(), None);
    scene.pass(400_000);
    assert!(lasting.end().is_some());
    lasting.close();
}

/// Requests that wait are bounded by their bytes, not only by their number.
#[test]
fn a_session_whose_requests_wait_is_not_read_beyond_its_bytes() {
    const BUDGET: usize = 100_000;
    let mut props = props(64);
    props.listener(ListenerKind::Msg).output_bytes_max = BUDGET;
    let mut scene = props.start();
    assert!(scene.log_in(b"eager"));
    let (connection, mut client) = scene.attach(b"eager", 1);
    let content = [&b"hold"[..], &[b'x'; 10_000]].concat();
    let mut frames = Vec::new();
    for id in 0..100 {
        client.request(id, &content, &mut frames).expect("it fits a frame");
    }
    connection.write(&frames).expect("it is open");
    scene.pass(50);
    let waiting = scene.door.waiting();
    assert!(waiting * content.len() <= BUDGET + content.len(), "{waiting} requests wait");
    assert!(waiting * content.len() > BUDGET);
    scene.door.open();
    let mut answers = 0;
    for _ in 0..100 {
        scene.pass(5);
        client.on_bytes(&connection.read());
        while let Some(event) = client.poll_event() {
            assert!(matches!(event, ClientEvent::Response { flag: Flag::Ok, .. }));
            answers += 1;
        }
    }
    assert_eq!(answers, 100);
    connection.close();
}

/// A future that panics when it is dropped.
struct Grenade(Pin<Box<dyn Future<Output = ()>>>);

impl Future for Grenade {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Reply> {
        self.0.as_mut().poll(cx).map(|()| Ok(Bytes::from("done")))
    }
}

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("on purpose, in a drop");
    }
}

struct Grenadier(Context);

impl Application for Grenadier {
    fn request(self: Rc<Self>, request: Request) -> impl Future<Output = Reply> {
        let (context, waits) = (self.0.clone(), request.content.starts_with(b"wait"));
        Grenade(Box::pin(async move {
            if waits {
                context.sleep(Duration::from_millis(1)).await;
            }
        }))
    }
}

/// Whatever a handler's future does when it is dropped, its answer was there before.
#[test]
fn a_panic_in_the_drop_of_a_handler_leaves_its_answer() {
    let mut scene = props(64).start_with(Door::default(), Grenadier);
    assert!(scene.log_in(b"unlucky"));
    let (connection, mut client) = scene.attach(b"unlucky", 1);
    for (id, content) in [&b"quick"[..], b"wait", b"quick", b"wait"].into_iter().enumerate() {
        let mut bytes = Vec::new();
        client.request(id as u32, content, &mut bytes).expect("a short request");
        connection.write(&bytes).expect("it is open");
        scene.pass(20);
        client.on_bytes(&connection.read());
        let answer = client.poll_event();
        assert!(matches!(answer, Some(ClientEvent::Response { .. })), "{id}: {answer:?}");
    }
    connection.close();
}

/// Above the shard's budget of stored answers a session stores none but in place of its own.
#[test]
fn the_stored_answers_of_a_shard_are_bounded_together() {
    let mut scene = props(64).start();
    scene.core(0).cache_bytes_max = 10_000;
    let content = [b'x'; 1_000];
    let mut players: Vec<_> = (0..20)
        .map(|user| {
            let uid = format!("user {user}").into_bytes();
            assert!(scene.log_in(&uid));
            scene.attach(&uid, 1)
        })
        .collect();
    for id in 0..4 {
        for (connection, client) in &mut players {
            let mut bytes = Vec::new();
            client.request(id, &content, &mut bytes).expect("it fits a frame");
            connection.write(&bytes).expect("it is open");
            scene.pass(2);
            client.on_bytes(&connection.read());
            assert!(client.poll_event().is_some(), "it is answered all the same");
            assert!(scene.count(Counter::CacheBytesNow) <= 10_000 + 1_048);
        }
    }
    assert!(scene.count(Counter::AnswersOverBudget) >= 60);
    let stored = |scene: &mut Scene, number: usize| {
        let uid = format!("user {number}").into_bytes();
        let key = scene.core(0).sessions.of_uid(&uid)[0];
        scene.core(0).sessions.get(key).expect("it is on line").state.answered_count()
    };
    assert_eq!(stored(&mut scene, 0), 1, "its newest answer, in place of the oldest");
    assert_eq!(stored(&mut scene, 19), 0);
    players.into_iter().for_each(|(connection, _)| connection.close());
}

/// How many of a hundred pushes find room, and whether the connection is open afterwards.
fn push_a_hundred(policy: PushOverBudget) -> (usize, bool) {
    let mut props = props(64);
    let msg = props.listener(ListenerKind::Msg);
    (msg.output_bytes_max, msg.push_over_budget) = (4_096, policy);
    let mut scene = props.start();
    assert!(scene.log_in(b"pushed"));
    let (connection, mut client) = scene.attach(b"pushed", 1);
    let target = || Target::uid(b"pushed");
    scene.command(Command::AllowPushes { target: target(), allowed: true });
    let mut pushed = 0;
    for _ in 0..100 {
        let push = Command::Push { target: target(), content: Bytes::from(vec![b'x'; 1_000]) };
        pushed += scene.command(push).count();
        scene.pass(2);
    }
    assert_eq!(scene.count(Counter::Pushed), pushed as u64);
    assert_eq!(scene.count(Counter::PushDropped), 100 - pushed as u64);
    client.on_bytes(&connection.read());
    for _ in 0..20 {
        scene.pass(5);
        client.on_bytes(&connection.read());
    }
    let is_open = connection.end().is_none();
    let mut taken = 0;
    while client.poll_event().is_some() {
        taken += 1;
    }
    assert!(!is_open || taken == pushed, "{taken} of {pushed} came");
    connection.close();
    (pushed, is_open)
}

/// What becomes of a peer that does not read its pushes is the listener's choice.
#[test]
fn pushes_over_budget_follow_their_policy() {
    let (pushed, is_open) = push_a_hundred(PushOverBudget::Close);
    assert!(pushed < 50 && !is_open, "{pushed} were pushed");
    let (pushed, is_open) = push_a_hundred(PushOverBudget::Drop);
    assert!(pushed < 50 && is_open, "{pushed} were pushed");
}
