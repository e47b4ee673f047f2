//! How services end, and everything with them.

use super::*;

#[test]
fn a_service_that_stops_answers_what_it_can_and_fails_the_rest() {
    for shard in [0, 1] {
        let mut scene = scene(2);
        let (address, heard) = clerk(&scene, shard, Settings::default());
        let end = spawn(&scene, move |context| context.services().watch(address));
        let held = ask(&scene, address, "hold");
        scene.pass(50);
        let last = ask(&scene, address, "stop");
        scene.pass(100);
        assert_eq!(last.take(), Some(Ok("stop".to_owned())));
        assert_eq!(held.take(), Some(Err(Fault::Stopped)));
        assert_eq!(end.take(), Some(ExitReason::Stopped));
        assert_eq!(*heard.borrow(), ["hold", "stop", "Stopped"]);
        let late = spawn(&scene, move |context| context.services().watch(address));
        scene.pass(100);
        assert_eq!(late.take(), Some(ExitReason::Unknown));
        assert_nothing_left(&mut scene, 2);
    }
}

#[test]
fn what_waits_in_the_inbox_of_a_service_that_stops_fails() {
    let mut scene = scene(1);
    let (address, heard) = clerk(&scene, 0, Settings::default().one_by_one());
    tell(&scene, 0, address, "hold");
    let waiting = ask(&scene, address, "waiting");
    tell(&scene, 0, address, "waiting too");
    scene.context(0).services().stop(address);
    scene.pass(5);
    assert_eq!(waiting.take(), Some(Err(Fault::Stopped)));
    assert_eq!(scene.count(Counter::ServiceSendsDropped), 1);
    assert_eq!(*heard.borrow(), ["hold", "Stopped"]);
    assert_nothing_left(&mut scene, 1);
}

/// Counts the beats of a clock and of a fork.
struct Clock(Rc<Cell<u32>>);

impl Service for Clock {
    async fn handle(self: Rc<Self>, _: Message) -> Result<Content, Fault> {
        Ok(Content::value(self.0.get()))
    }
}

#[test]
fn forks_and_timers_end_with_their_service() {
    let mut scene = scene(1);
    let services = scene.context(0).services();
    let beats = Rc::new(Cell::new(0));
    let inside = Rc::clone(&beats);
    let make = move |me: ServiceContext| {
        let beat = |by: u32| {
            let beats = Rc::clone(&inside);
            move || {
                let beats = Rc::clone(&beats);
                async move { beats.set(beats.get() + by) }
            }
        };
        me.every(Duration::from_millis(10), beat(1));
        me.after(Duration::from_millis(25), beat(100)());
        me.after(Duration::from_secs(5), beat(10_000)());
        me.fork(async { panic!("on purpose") });
        me.fork(std::future::pending());
        Clock(inside)
    };
    let address = services.spawn(Settings::default(), make).expect("there is room");
    scene.pass(58);
    assert_eq!(beats.get(), 105);
    services.stop(address);
    scene.pass(10_000);
    assert_eq!(beats.get(), 105);
    assert_nothing_left(&mut scene, 1);
}

#[test]
fn a_service_that_cannot_be_made_is_not_there() {
    let mut scene = scene(1);
    let services = scene.context(0).services();
    let forked = Rc::new(Cell::new(false));
    let inside = Rc::clone(&forked);
    let made = services.spawn(Settings::named(".name"), |me| -> Clock {
        me.fork(async move { inside.set(true) });
        panic!("on purpose")
    });
    assert_eq!(made, Err(SpawnError::Panicked));
    scene.pass(5);
    assert!(!forked.get());
    let fits = Settings::named(&*"x".repeat(Name::BYTES_MAX + 1));
    let unfit = services.spawn(fits, |_| Clock(Rc::default()));
    assert_eq!(unfit, Err(SpawnError::NameUnfit));
    let again = services.spawn(Settings::named(".name"), |_| Clock(Rc::default()));
    assert!(again.is_ok());
}

#[test]
fn a_drain_waits_for_open_calls() {
    let mut scene = scene(2);
    let (address, heard) = clerk(&scene, 1, Settings::default());
    let held = ask(&scene, address, "hold");
    scene.pass(50);
    for shard in 0..2 {
        scene.core(shard).drain(60_000);
    }
    scene.pass(100);
    assert!(!scene.is_over(0) && !scene.is_over(1));
    scene.door.open();
    scene.pass(100);
    assert_eq!(held.take(), Some(Ok("hold".to_owned())));
    assert!(scene.is_over(0) && scene.is_over(1));
    assert_eq!(*heard.borrow(), ["hold", "ServerStopped"]);
    assert_nothing_left(&mut scene, 2);
}

#[test]
fn the_end_of_a_drain_ends_what_is_open() {
    let mut scene = scene(2);
    let clerks = [0, 1].map(|shard| clerk(&scene, shard, Settings::default()));
    let held: Vec<_> = clerks.iter().map(|(address, _)| ask(&scene, *address, "hold")).collect();
    let ends: Vec<_> = clerks
        .iter()
        .map(|(address, _)| *address)
        .map(|address| spawn(&scene, move |context| context.services().watch(address)))
        .collect();
    scene.pass(50);
    for shard in 0..2 {
        scene.core(shard).drain(200);
    }
    scene.pass(1000);
    assert!(scene.is_over(0) && scene.is_over(1));
    assert!(held.iter().all(|call| call.take() == Some(Err(Fault::Stopped))));
    assert!(ends.iter().all(|end| end.take() == Some(ExitReason::ServerStopped)));
    assert_nothing_left(&mut scene, 2);
    let services = scene.context(0).services();
    let late = services.spawn(Settings::default(), |_| Clock(Rc::default()));
    assert_eq!(late, Err(SpawnError::Stopped));
    let late = ask(&scene, clerks[0].0, "late");
    scene.pass(5);
    assert_eq!(late.take(), Some(Err(Fault::Stopped)));
}

#[test]
fn a_stop_ends_everything_at_once() {
    let mut scene = scene(1);
    let (address, _) = clerk(&scene, 0, Settings::default().one_by_one());
    let calls = ["hold", "waits", "waits"].map(|text| ask(&scene, address, text));
    scene.pass(5);
    scene.core(0).stop();
    scene.pass(5);
    assert!(calls.iter().all(|call| call.take() == Some(Err(Fault::Stopped))));
    assert_nothing_left(&mut scene, 1);
}
