//! Names, keys, and services started elsewhere.

use super::*;
use crate::driver::ShardIndex;

#[test]
fn a_global_name_is_known_on_every_shard_until_its_service_ends() {
    let mut scene = scene(4);
    let (address, heard) = clerk(&scene, 3, Settings::named("hall"));
    scene.pass(50);
    for shard in 0..4 {
        tell(&scene, shard, "hall", &shard.to_string());
    }
    let found = spawn(&scene, |context| context.services().lookup("hall"));
    scene.pass(100);
    assert_eq!(heard.borrow().len(), 4);
    assert_eq!(found.take(), Some(Some(address)));
    scene.context(1).services().stop("hall");
    scene.pass(100);
    assert_eq!(heard.borrow().last().map(String::as_str), Some("Stopped"));
    let found = spawn(&scene, |context| context.services().lookup("hall"));
    scene.pass(100);
    assert_eq!(found.take(), Some(None));
    let (next, _) = clerk(&scene, 2, Settings::named("hall"));
    scene.pass(50);
    let found = spawn(&scene, |context| context.services().lookup("hall"));
    scene.pass(100);
    assert_eq!(found.take(), Some(Some(next)));
}

#[test]
fn a_local_name_is_one_of_each_shard() {
    let mut scene = scene(2);
    let (_, here) = clerk(&scene, 0, Settings::named(".log"));
    let (_, there) = clerk(&scene, 1, Settings::named(".log"));
    tell(&scene, 0, ".log", "here");
    tell(&scene, 1, ".log", "there");
    scene.pass(50);
    assert_eq!((&*here.borrow(), &*there.borrow()), (&vec!["here".into()], &vec!["there".into()]));
    let make = |me| Clerk { me, heard: Rc::default(), door: Door::default() };
    let again = scene.context(0).services().spawn_actor(Settings::named(".log"), make);
    assert_eq!(again, Err(SpawnError::NameTaken(".log".into())));
}

#[test]
fn a_name_that_is_taken_ends_the_service_that_comes_late() {
    let mut scene = scene(3);
    let (first, _) = clerk(&scene, 0, Settings::named("king"));
    scene.pass(50);
    let (second, heard) = clerk(&scene, 1, Settings::named("king"));
    let end = spawn(&scene, move |context| context.services().watch(second));
    scene.pass(100);
    assert_eq!(*heard.borrow(), ["NameTaken"]);
    let end = end.take();
    assert!(matches!(end, Some(ExitReason::NameTaken | ExitReason::Unknown)), "{end:?}");
    let found = spawn(&scene, |context| context.services().lookup("king"));
    scene.pass(100);
    assert_eq!(found.take(), Some(Some(first)));
    assert_eq!(scene.count(Counter::ServiceNamesTaken), 1);
}

#[test]
fn a_service_may_have_more_names() {
    struct Named(ServiceContext);

    impl Service for Named {
        async fn handle(self: Rc<Self>, mut message: Message) -> Result<Content, Fault> {
            let name: String = message.take()?;
            Ok(Content::value(self.0.register(name.as_str()).await))
        }
    }

    let mut scene = scene(2);
    let services = scene.context(0).services();
    let address = services.spawn(Settings::default(), Named).expect("there is room");
    let (_, _) = clerk(&scene, 1, Settings::named("taken"));
    scene.pass(50);
    let register = |name: &str| {
        let name = Content::value(name.to_owned());
        spawn(&scene, |context| context.services().call(address, name))
    };
    let (free, taken) = (register("free"), register("taken"));
    scene.pass(100);
    let read = |done: Done<Result<Content, Fault>>| {
        done.take().expect("it is answered").and_then(Content::take::<Result<(), SpawnError>>)
    };
    assert_eq!(read(free), Ok(Ok(())));
    assert_eq!(read(taken), Ok(Err(SpawnError::NameTaken("taken".into()))));
    services.stop("free");
    scene.pass(100);
    let found = spawn(&scene, |context| context.services().lookup("free"));
    scene.pass(100);
    assert_eq!(found.take(), Some(None), "its names end with it");
}

#[test]
fn a_service_is_started_elsewhere_or_everywhere() {
    let mut scene = scene(3);
    let make = |me| Acting::new(Clerk { me, heard: Rc::default(), door: Door::default() });
    let one = spawn(&scene, move |context| {
        context.services().spawn_on(ShardIndex(2), Settings::default(), make)
    });
    let all = spawn(&scene, move |context| async move {
        context.services().everywhere(Settings::named(".all"), make).await
    });
    let nowhere = spawn(&scene, move |context| {
        context.services().spawn_on(ShardIndex(3), Settings::default(), make)
    });
    scene.pass(100);
    let one = one.take().expect("it was asked for").expect("there is room");
    assert_eq!(one.shard(), ShardIndex(2));
    let all = all.take().expect("it was asked for").expect("there is room");
    assert_eq!(all.iter().map(Address::shard).collect::<Vec<_>>(), [0, 1, 2].map(ShardIndex));
    let refused = Some(Err(SpawnError::Unanswered(Fault::NoService)));
    assert_eq!(nowhere.take(), refused);
    let answer = ask(&scene, one, "hello");
    scene.pass(100);
    assert_eq!(answer.take(), Some(Ok("hello".to_owned())));
}

/// Says how the keyed clerks of every shard are made; what each hears, by key, is counted together.
fn keyed(scene: &Scene, shards: u16, settings: &Settings) -> Heard {
    let heard = Heard::default();
    for shard in 0..shards {
        let (heard, door) = (Rc::clone(&heard), scene.door.clone());
        let made =
            scene.context(shard).services().keyed("room", settings.clone(), move |me, key| {
                heard.borrow_mut().push(format!("made {}", key.escape_ascii()));
                Acting::new(Clerk { me, heard: Rc::clone(&heard), door: door.clone() })
            });
        made.expect("the class is new");
    }
    heard
}

#[test]
fn the_service_of_a_key_is_made_by_its_first_message() {
    let mut scene = scene(3);
    let heard = keyed(&scene, 3, &Settings::default());
    for shard in 0..3 {
        tell(&scene, shard, Key::new("room", b"blue"), "hello");
    }
    scene.pass(100);
    assert_eq!(*heard.borrow(), ["made blue", "hello", "hello", "hello"]);
    let trace = ask(&scene, Key::new("room", b"red"), "chain");
    scene.pass(100);
    let (owner, text) = (scene.core(0).router.owner(b"red"), trace.take());
    let text = text.expect("it is answered").expect("it is there");
    assert!(text.starts_with(&format!(":{}.", owner.0)), "{text}");
}

#[test]
fn the_service_of_a_key_that_stops_loses_no_message() {
    let mut scene = scene(1);
    let heard = keyed(&scene, 1, &Settings::default().one_by_one());
    let key = || Key::new("room", b"blue");
    for text in ["hold", "stop", "stop if idle", "two", "three", "stop if idle"] {
        tell(&scene, 0, key(), text);
        scene.pass(1);
    }
    scene.door.open();
    scene.pass(5);
    tell(&scene, 0, key(), "four");
    scene.pass(5);
    assert_eq!(
        heard.borrow()[..],
        [
            "made blue",
            "hold",
            "stop",
            "Stopped",
            "made blue",
            "stop if idle",
            "two",
            "three",
            "stop if idle",
            "Stopped",
            "made blue",
            "four"
        ]
    );
}

#[test]
fn a_class_has_so_many_services_and_no_more() {
    let mut scene = scene(1);
    let settings = Settings { instances_max: 2, ..Settings::default() };
    let heard = keyed(&scene, 1, &settings);
    for key in ["one", "two", "one"] {
        tell(&scene, 0, Key::new("room", key.as_bytes()), key);
    }
    let refused = ask(&scene, Key::new("room", b"three"), "hello");
    scene.pass(5);
    assert_eq!(refused.take(), Some(Err(Fault::InboxFull)));
    assert_eq!(heard.borrow()[..], ["made one", "one", "made two", "two", "one"]);
    tell(&scene, 0, Key::new("room", b"two"), "stop");
    scene.pass(5);
    let made = ask(&scene, Key::new("room", b"three"), "hello");
    scene.pass(5);
    assert_eq!(made.take(), Some(Ok("hello".to_owned())), "there is room again");
}

/// One that has something to do stays, however long that takes, and so does one that is not of a class.
#[test]
fn a_service_of_a_class_that_is_idle_for_long_ends() {
    let mut scene = scene(1);
    let idle_time_max = Some(Duration::from_secs(8));
    let heard = keyed(&scene, 1, &Settings { idle_time_max, ..Settings::default() });
    let (other, _) = clerk(&scene, 0, Settings { idle_time_max, ..Settings::default() });
    tell(&scene, 0, Key::new("room", b"busy"), "hold");
    tell(&scene, 0, Key::new("room", b"idle"), "hello");
    for _ in 0..2 {
        scene.pass(7_000);
        assert!(!heard.borrow().contains(&"Stopped".to_owned()), "it had something to do just now");
        tell(&scene, 0, Key::new("room", b"idle"), "again");
    }
    scene.pass(9_200);
    let expected = ["made busy", "hold", "made idle", "hello", "again", "again", "Stopped"];
    assert_eq!(heard.borrow()[..], expected);
    tell(&scene, 0, Key::new("room", b"idle"), "anew");
    scene.door.open();
    scene.pass(5);
    assert_eq!(heard.borrow()[7..], ["made idle", "anew"]);
    scene.pass(20_000);
    assert_eq!(heard.borrow()[9..], ["Stopped", "Stopped"]);
    assert_eq!(ask_now(&mut scene, other), "hello", "nobody made it for a key");
    assert_eq!(scene.core(0).timers.len(), 0, "nobody looks any more");
}

/// A look that is far away, for another class, is brought forward.
#[test]
fn a_class_of_short_idleness_is_looked_at_in_its_own_time() {
    let mut scene = scene(1);
    let settings = |seconds| Settings {
        idle_time_max: Some(Duration::from_secs(seconds)),
        ..Settings::default()
    };
    let heard = keyed(&scene, 1, &settings(8));
    let (own, door) = (Rc::clone(&heard), scene.door.clone());
    let made = scene.context(0).services().keyed("hall", settings(3600), move |me, _| {
        Acting::new(Clerk { me, heard: Rc::clone(&own), door: door.clone() })
    });
    made.expect("the class is new");
    tell(&scene, 0, Key::new("hall", b"slow"), "hello");
    scene.pass(5);
    tell(&scene, 0, Key::new("room", b"quick"), "hello");
    scene.pass(9_200);
    assert_eq!(heard.borrow()[..], ["hello", "made quick", "hello", "Stopped"]);
}

fn ask_now(scene: &mut Scene, to: Address) -> String {
    let answer = ask(scene, to, "hello");
    scene.pass(5);
    answer.take().expect("it is answered").expect("it is there")
}

/// A key that should have no service costs its messages, not the shard's time.
#[test]
fn the_service_of_a_key_may_refuse_to_be() {
    let mut scene = scene(1);
    let made = Rc::new(Cell::new(0));
    let inside = Rc::clone(&made);
    let keyed = scene.context(0).services().keyed("room", Settings::default(), move |me, _| {
        inside.set(inside.get() + 1);
        me.finish();
        Acting::new(Clerk { me, heard: Rc::default(), door: Door::default() })
    });
    keyed.expect("the class is new");
    let refused = ask(&scene, Key::new("room", b"nowhere"), "hello");
    tell(&scene, 0, Key::new("room", b"nowhere"), "hello");
    scene.pass(5);
    assert_eq!(refused.take(), Some(Err(Fault::Stopped)));
    assert_eq!((made.get(), scene.count(Counter::ServiceSendsDropped)), (1, 1));
    assert!(scene.core(0).deliveries.is_empty());
}

/// A name that is given too late to whoever asked for it is free again.
#[test]
fn a_name_whose_claim_was_not_answered_in_time_is_nobodys() {
    let mut scene = scene(2);
    let services = scene.context(0).services();
    let names = (0..).map(|number| format!("name {number}"));
    let name = { names }.find(|name| scene.core(1).router.owner(name.as_bytes()).0 == 1);
    let name = name.expect("names are spread over all shards");
    let (text, claimed) = (name.clone(), Rc::new(RefCell::new(None)));
    let inside = Rc::clone(&claimed);
    let settings = Settings { call_timeout: Duration::from_millis(20), ..Settings::default() };
    let made = services.spawn(settings, move |me| {
        let own = me.clone();
        me.fork(async move {
            *inside.borrow_mut() = Some(own.register(text.as_str()).await);
        });
        Acting::new(Clerk { me, heard: Rc::default(), door: Door::default() })
    });
    made.expect("there is room");
    scene.turn(0); // The claim is under way,
    scene.turn(0);
    scene.turn(1); // and granted;
    scene.core(0).now_ms += 40;
    scene.core(0).look_after_calls(); // nobody hears of it in time.
    scene.pass(100);
    let claimed = claimed.take().expect("it is over");
    assert!(matches!(claimed, Err(SpawnError::Unanswered(Fault::Deadline(_)))), "{claimed:?}");
    let found = spawn(&scene, move |context| context.services().lookup(&*name));
    scene.pass(100);
    assert_eq!(found.take(), Some(None));
}
