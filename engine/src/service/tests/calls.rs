//! Calls: answers, deadlines, chains, cancels.

use super::*;

#[test]
fn a_call_in_the_shard_is_no_task_and_no_mail() {
    let mut scene = scene(1);
    let (address, heard) = clerk(&scene, 0, Settings::default());
    tell(&scene, 0, address, "one");
    let done = ask(&scene, address, "two");
    scene.pass(5);
    assert_eq!(done.take(), Some(Ok("two".to_owned())));
    assert_eq!(*heard.borrow(), ["one", "two"]);
    assert_eq!(scene.count(Counter::ServiceWaited), 0);
    assert_eq!((scene.count(Counter::MailPosted), scene.count(Counter::ServiceAnswered)), (0, 1));
}

#[test]
fn a_call_across_shards_is_answered() {
    let mut scene = scene(2);
    let (address, heard) = clerk(&scene, 1, Settings::default());
    let done = ask(&scene, address, "hello");
    scene.pass(100);
    assert_eq!(done.take(), Some(Ok("hello".to_owned())));
    assert_eq!(*heard.borrow(), ["hello"]);
    assert_eq!(scene.count(Counter::MailPosted), 2);
}

/// What a handler sends comes before its answer, and messages in the order in which they were sent,
/// whether they are calls or not.
#[test]
fn messages_of_one_sender_start_in_order() {
    for to in [0, 1] {
        let mut scene = scene(2);
        let (address, heard) = clerk(&scene, to, Settings::default());
        let mut calls = Vec::new();
        for number in 0..50 {
            match number % 3 {
                0 => calls.push(ask(&scene, address, &number.to_string())),
                _ => tell(&scene, 0, address, &number.to_string()),
            }
        }
        scene.pass(200);
        let expected: Vec<String> = (0..50).map(|number| number.to_string()).collect();
        assert_eq!(*heard.borrow(), expected);
        assert!(calls.iter().all(|call| call.take().is_some_and(|answer| answer.is_ok())));
    }
}

#[test]
fn a_later_message_starts_while_an_earlier_one_waits_unless_it_is_one_by_one() {
    for (settings, expected) in [
        (Settings::default(), vec!["hold", "next"]),
        (Settings::default().one_by_one(), vec!["hold"]),
    ] {
        let mut scene = scene(1);
        let (address, heard) = clerk(&scene, 0, settings);
        let (held, next) = (ask(&scene, address, "hold"), ask(&scene, address, "next"));
        scene.pass(5);
        assert_eq!(*heard.borrow(), expected);
        assert!(held.take().is_none());
        scene.door.open();
        scene.pass(5);
        assert_eq!(*heard.borrow(), ["hold", "next"]);
        assert!(held.take().is_some() && (next.take().is_some() || expected.len() == 2));
    }
}

#[test]
fn a_failure_or_a_panic_fails_one_call() {
    let mut scene = scene(1);
    let (address, _) = clerk(&scene, 0, Settings::default());
    let failed = ["fail", "panic", "late panic"].map(|text| ask(&scene, address, text));
    let fine = ask(&scene, address, "fine");
    scene.pass(20);
    assert!(failed.iter().all(|call| call.take() == Some(Err(Fault::Failed))));
    assert_eq!(fine.take(), Some(Ok("fine".to_owned())));
    assert_eq!(scene.count(Counter::ServiceFailed), 3);
}

#[test]
fn nobody_answers_for_nobody() {
    let mut scene = scene(2);
    let (address, _) = clerk(&scene, 1, Settings::default());
    scene.context(0).services().stop(address);
    let gone = ask(&scene, address, "hello");
    let unnamed = ask(&scene, "nobody", "hello");
    let unkeyed = ask(&scene, Key::new("no class", b"key"), "hello");
    scene.pass(100);
    for call in [gone, unnamed, unkeyed] {
        assert_eq!(call.take(), Some(Err(Fault::NoService)));
    }
    tell(&scene, 0, address, "nobody hears it");
    scene.pass(100);
    assert_eq!(scene.count(Counter::ServiceSendsDropped), 1);
}

#[test]
fn content_of_another_type_is_refused() {
    let mut scene = scene(1);
    let (address, _) = clerk(&scene, 0, Settings::default());
    let done = spawn(&scene, move |context| async move {
        context.services().call(address, Content::raw("bytes")).await.map(drop)
    });
    scene.pass(5);
    assert_eq!(done.take(), Some(Err(Fault::WrongType)));
    assert_eq!(scene.count(Counter::ServiceUnread), 1);
}

#[test]
fn a_call_ends_at_its_deadline_and_its_answer_is_dropped() {
    for shard in [0, 1] {
        let mut scene = scene(2);
        let (address, _) = clerk(&scene, shard, Settings::default());
        let done = spawn(&scene, move |context| async move {
            let begun_ms = context.now_ms();
            let call = context.services().ask::<Clerk>(address, "hold".to_owned());
            let answer = call.deadline(Duration::from_millis(30)).await;
            (answer, context.now_ms() - begun_ms)
        });
        scene.pass(29);
        assert!(done.take().is_none());
        scene.pass(20);
        let (answer, waited_ms) = done.take().expect("its time is over");
        let chain = Chain(vec![address.into()]);
        assert_eq!(answer, Err(Fault::Deadline(chain)));
        assert!((30..=31).contains(&waited_ms), "it waited {waited_ms} ms");
        scene.pass(50);
        scene.door.open();
        scene.pass(50);
        assert_eq!(scene.count(Counter::ServiceAnswersDropped), 1);
        assert_eq!(scene.count(Counter::ServiceLate), 1);
    }
}

/// A waits for B, and B for A, which does one thing at a time: the innermost call ends first, and
/// what it says about the cycle comes out at the top.
#[test]
fn a_cycle_ends_at_its_deadline_and_is_named() {
    let mut scene = scene(2);
    let serial = |name| Settings::named(name).one_by_one();
    let (a, _) = clerk(&scene, 0, serial("a"));
    let (b, _) = clerk(&scene, 1, serial("b"));
    scene.pass(50);
    let done = ask(&scene, a, "pass:b:pass:a:never");
    scene.pass(4_900);
    assert!(done.take().is_none(), "it waits");
    scene.pass(200);
    let Some(Err(Fault::Deadline(chain))) = done.take() else { panic!("it is late") };
    assert_eq!(chain.to_string(), format!("{a} -> {b} -> a"));
}

#[test]
fn an_inner_call_never_outlives_the_outer_one() {
    let mut scene = scene(1);
    let (inner, _) = clerk(&scene, 0, Settings::named(".inner"));
    let (outer, _) = clerk(&scene, 0, Settings::default());
    let done = spawn(&scene, move |context| async move {
        let call = context.services().ask::<Clerk>(outer, "pass:.inner:watch cancel".to_owned());
        call.deadline(Duration::from_millis(40)).await
    });
    scene.pass(45);
    let Some(Err(Fault::Deadline(chain))) = done.take() else { panic!("it is late") };
    assert_eq!(chain.0, [Recipient::Address(outer), Recipient::from(".inner")]);
    let _ = inner;
    assert_eq!(
        scene.count(Counter::ServiceLate),
        2,
        "the inner one, and what it made of the outer"
    );
}

#[test]
fn calls_inside_calls_have_a_bottom() {
    let mut scene = scene(1);
    clerk(&scene, 0, Settings::named(".deep"));
    let text = |depth: u8| "pass:.deep:".repeat(usize::from(depth)) + "end";
    let (fits, too_deep) = (text(CHAIN_MAX), text(CHAIN_MAX + 1));
    let (fits, too_deep) = (ask(&scene, ".deep", &fits), ask(&scene, ".deep", &too_deep));
    scene.pass(50);
    assert_eq!(fits.take(), Some(Ok("end".to_owned())));
    assert_eq!(too_deep.take(), Some(Err(Fault::TooDeep)));
    assert!(scene.count(Counter::ServiceTooDeep) > 0);
}

#[test]
fn a_trace_goes_along() {
    let mut scene = scene(2);
    let (first, _) = clerk(&scene, 0, Settings::default());
    let (second, _) = clerk(&scene, 1, Settings::named("second"));
    scene.pass(50);
    let log: Rc<RefCell<Vec<(TraceId, String)>>> = Rc::default();
    let inside = Rc::clone(&log);
    scene.context(0).services().on_finished_call(move |call| {
        inside.borrow_mut().push((call.trace, call.chain().to_string()));
    });
    let chain = ask(&scene, first, "pass:second:chain");
    scene.pass(100);
    assert_eq!(chain.take(), Some(Ok(format!("{first} -> {second}"))));
    let trace = ask(&scene, first, "pass:second:trace");
    scene.pass(100);
    let log = log.borrow();
    assert_eq!(log[0].1, format!("{first} -> second"));
    assert_eq!(log[1].1, first.to_string());
    assert_eq!(log[0].0, log[1].0, "one trace");
    assert_ne!(log[1].0, log[3].0, "another");
    assert_eq!(trace.take(), Some(Ok(log[3].0.to_string())));
}

#[test]
fn a_dropped_call_is_taken_out_of_the_inbox() {
    for shard in [0, 1] {
        let mut scene = scene(2);
        let (address, heard) = clerk(&scene, shard, Settings::default().one_by_one());
        let held = ask(&scene, address, "hold");
        let services = scene.context(0).services();
        let call = services.ask::<Clerk>(address, "not heard".to_owned());
        scene.pass(50);
        drop(call);
        scene.pass(50);
        scene.door.open();
        scene.pass(50);
        assert!(held.take().is_some());
        assert_eq!(*heard.borrow(), ["hold"]);
        assert_eq!(scene.count(Counter::ServiceCancelled), 1);
    }
}

#[test]
fn a_call_that_is_dropped_at_once_is_not_made() {
    let mut scene = scene(1);
    let (address, heard) = clerk(&scene, 0, Settings::default());
    drop(scene.context(0).services().ask::<Clerk>(address, "not heard".to_owned()));
    scene.pass(5);
    assert!(heard.borrow().is_empty());
}

#[test]
fn a_handler_hears_that_nobody_waits_any_more() {
    for shard in [0, 1] {
        let mut scene = scene(2);
        let (address, heard) = clerk(&scene, shard, Settings::default());
        let services = scene.context(0).services();
        let call = services.ask::<Clerk>(address, "watch cancel".to_owned());
        scene.pass(50);
        assert_eq!(*heard.borrow(), ["watch cancel"]);
        drop(call);
        scene.pass(50);
        assert_eq!(*heard.borrow(), ["watch cancel", "cancelled"]);
        assert_eq!(scene.count(Counter::ServiceAnswersDropped), 1);
    }
}

/// Two services that keep each other busy for ever do not keep the shard from anything else.
#[test]
fn services_that_never_rest_leave_the_shard_its_turns() {
    struct Player(ServiceContext, Rc<Cell<u64>>);

    impl Service for Player {
        async fn handle(self: Rc<Self>, mut message: Message) -> Result<Content, Fault> {
            self.1.set(self.1.get() + 1);
            let back: Address = message.take()?;
            self.0.send(back, Content::value(self.0.address()));
            Ok(Content::NOTHING)
        }
    }

    let mut scene = scene(1);
    let hits = Rc::new(Cell::new(0));
    let services = scene.context(0).services();
    let player = || services.spawn(Settings::default(), |me| Player(me, Rc::clone(&hits)));
    let (one, two) = (player().expect("there is room"), player().expect("there is room"));
    services.send(one, Content::value(two));
    for _ in 0..10 {
        scene.turn(0);
    }
    assert_eq!(hits.get(), 10 * DELIVERIES_A_TURN as u64);
    services.stop(one);
    services.stop(two);
    scene.pass(5);
}

#[test]
fn too_many_messages_at_once_are_refused() {
    let mut scene = scene(1);
    let (address, heard) = clerk(&scene, 0, Settings { inbox_max: 1 << 20, ..Settings::default() });
    for _ in 0..QUEUED_MAX + 7 {
        tell(&scene, 0, address, "x");
    }
    let refused = ask(&scene, address, "refused");
    scene.pass(100);
    assert_eq!(heard.borrow().len(), QUEUED_MAX);
    assert_eq!(scene.count(Counter::ServiceSendsDropped), 7);
    assert_eq!(refused.take(), Some(Err(Fault::Busy)));
}

#[test]
fn a_service_asks_in_its_own_name_for_as_long_as_its_settings_say() {
    /// Says who asks.
    struct Asker;

    impl Service for Asker {
        async fn handle(self: Rc<Self>, message: Message) -> Result<Content, Fault> {
            Ok(Content::value(message.from()))
        }
    }

    let mut scene = scene(1);
    let services = scene.context(0).services();
    services.spawn(Settings::named(".inner"), |_| Asker).expect("there is room");
    clerk(&scene, 0, Settings::named(".slow"));
    let answers: Rc<RefCell<Vec<Option<Address>>>> = Rc::default();
    let late: Rc<Cell<Option<u64>>> = Rc::default();
    let settings =
        Settings { call_timeout: Duration::from_millis(20), ..Settings::named(".asker") };
    let make = |me: ServiceContext| {
        let (answers, late) = (Rc::clone(&answers), Rc::clone(&late));
        let early = me.call(".inner", Content::NOTHING);
        let own = me.clone();
        me.fork(async move {
            let asked = own.call(".inner", Content::NOTHING);
            for call in [early, asked] {
                let from = call.await.and_then(Content::take::<Option<Address>>);
                answers.borrow_mut().push(from.expect("it is answered"));
            }
            let begun_ms = own.context().now_ms();
            let held = own.ask::<Clerk>(".slow", "hold".to_owned()).await;
            assert!(matches!(held, Err(Fault::Deadline(_))));
            late.set(Some(own.context().now_ms() - begun_ms));
        });
        Asker
    };
    let address = services.spawn(settings, make).expect("there is room");
    scene.pass(100);
    assert_eq!(*answers.borrow(), [Some(address); 2]);
    assert_eq!(late.get(), Some(21), "the millisecond under way comes on top");
}

/// What a handler has sent is heard when its answer is, however much waits on the shard.
#[test]
fn what_a_handler_sends_goes_before_its_answer_on_a_busy_shard() {
    for shard in [0, 1] {
        let mut scene = scene(2);
        clerk(&scene, 0, Settings::named(".beside"));
        let (told, heard) = clerk(&scene, 0, Settings::named("told"));
        let (teller, _) = clerk(&scene, shard, Settings::default());
        scene.pass(100);
        let services = scene.context(0).services();
        let inside = Rc::clone(&heard);
        let done = spawn(&scene, move |_| async move {
            services.ask::<Clerk>(teller, "tell:told".to_owned()).await.expect("it is there");
            inside.borrow().len()
        });
        for _ in 0..20 {
            for _ in 0..3 * DELIVERIES_A_TURN {
                tell(&scene, 0, ".beside", "busy");
            }
            scene.turn(0);
            scene.turn(1);
        }
        scene.pass(100);
        assert_eq!(done.take(), Some(1), "{told} is told before its teller answers");
    }
}

/// Nobody works for those who have given up, also where their shard has not said so yet.
#[test]
fn a_message_that_comes_too_late_does_not_start() {
    let mut scene = scene(2);
    let (address, heard) = clerk(&scene, 1, Settings::default());
    let services = scene.context(0).services();
    let call = services.ask::<Clerk>(address, "too late".to_owned());
    let done = spawn(&scene, move |_| call.deadline(Duration::from_millis(30)));
    tell(&scene, 0, address, "a send is in time");
    scene.turn(0);
    scene.core(1).now_ms += 40;
    scene.turn(1);
    assert_eq!(*heard.borrow(), ["a send is in time"]);
    scene.pass(100);
    assert!(matches!(done.take(), Some(Err(Fault::Deadline(_)))));
}

/// One call that may take a day costs no timer for each that is over in a moment.
#[test]
fn calls_leave_few_timers_behind() {
    let mut scene = scene(1);
    let (address, _) = clerk(&scene, 0, Settings::default());
    let services = scene.context(0).services();
    let long = services.ask::<Clerk>(address, "hold".to_owned());
    let long = spawn(&scene, move |_| long.deadline(Duration::from_secs(24 * 3600)));
    for _ in 0..600 {
        let short = services.ask::<Clerk>(address, "hold".to_owned());
        let short = spawn(&scene, move |_| short.deadline(Duration::from_millis(10)));
        scene.pass(1000);
        assert!(short.take().is_some());
    }
    let timers = scene.core(0).timers.len();
    assert!(timers < 100, "{timers} timers after ten minutes");
    scene.pass(24 * 3600 * 1000);
    assert!(long.take().is_some(), "it ends in time all the same");
}

/// What the application sends may panic when it is dropped, wherever that is.
#[test]
fn content_that_panics_when_it_is_dropped_harms_nobody() {
    struct Fuse(#[expect(dead_code, reason = "it counts how many there are")] std::sync::Arc<()>);

    impl Drop for Fuse {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new(())); // As a panic, without its noise.
        }
    }

    let mut scene = scene(1);
    let (address, _) = clerk(&scene, 0, Settings::default());
    let counted = std::sync::Arc::new(());
    let fuse = || Fuse(std::sync::Arc::clone(&counted));
    let services = scene.context(0).services();
    drop(services.call(address, Content::value(fuse())));
    let shared = std::sync::Arc::new(fuse());
    services
        .send_all(&[address], &Content::shared(std::sync::Arc::clone(&shared)))
        .expect("shared");
    drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(shared))));
    scene.pass(5);
    assert_eq!(std::sync::Arc::strong_count(&counted), 1, "all of it is gone");
    assert_eq!(ask(&scene, address, "hello").take(), None);
}

#[test]
fn an_address_of_another_server_is_nobody() {
    let (mut scene, other) = (scene(2), scene(3));
    let (stranger, _) = clerk(&other, 2, Settings::default());
    let call = ask(&scene, stranger, "hello");
    scene.pass(100);
    assert_eq!(call.take(), Some(Err(Fault::NoService)));
}

#[test]
fn a_sleep_that_is_dropped_holds_nobody() {
    struct Sleeper;

    impl std::task::Wake for Sleeper {
        fn wake(self: std::sync::Arc<Self>) {}
    }

    let mut scene = scene(1);
    let mut sleep = Box::pin(scene.context(0).sleep(Duration::from_secs(3600)));
    scene.pass(5);
    let sleeper = std::sync::Arc::new(Sleeper);
    let waker = std::task::Waker::from(std::sync::Arc::clone(&sleeper));
    let polled = sleep.as_mut().poll(&mut std::task::Context::from_waker(&waker));
    assert!(polled.is_pending());
    drop((sleep, waker));
    assert_eq!(std::sync::Arc::strong_count(&sleeper), 1);
}
