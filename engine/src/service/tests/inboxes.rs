//! Full inboxes, and many recipients.

use super::*;

/// A clerk that waits, with `full` messages beside the one it handles.
fn busy(overflow: Overflow) -> (Scene, Address, Heard) {
    let mut scene = scene(1);
    let settings = Settings { inbox_max: 3, overflow, ..Settings::default() }.one_by_one();
    let (address, heard) = clerk(&scene, 0, settings);
    tell(&scene, 0, address, "hold");
    scene.pass(5);
    (scene, address, heard)
}

#[test]
fn a_full_inbox_refuses() {
    let (mut scene, address, heard) = busy(Overflow::Refuse);
    let waiting = [ask(&scene, address, "one"), ask(&scene, address, "two")];
    let refused = ask(&scene, address, "three");
    tell(&scene, 0, address, "four");
    scene.pass(5);
    assert_eq!(refused.take(), Some(Err(Fault::InboxFull)));
    scene.door.open();
    scene.pass(5);
    assert!(waiting.iter().all(|call| call.take().is_some_and(|answer| answer.is_ok())));
    assert_eq!(*heard.borrow(), ["hold", "one", "two"]);
    assert_eq!(scene.count(Counter::ServiceSendsDropped), 1);
    assert_eq!(scene.count(Counter::ServiceInboxFull), 1);
}

#[test]
fn a_full_inbox_drops_the_oldest_send_or_else_the_oldest_call() {
    let (mut scene, address, heard) = busy(Overflow::DropOldest);
    let first = ask(&scene, address, "one");
    tell(&scene, 0, address, "two");
    let second = ask(&scene, address, "three");
    scene.pass(5);
    let third = ask(&scene, address, "four");
    scene.pass(5);
    assert_eq!(first.take(), Some(Err(Fault::InboxFull)));
    scene.door.open();
    scene.pass(5);
    assert!(second.take().is_some() && third.take().is_some());
    assert_eq!(*heard.borrow(), ["hold", "three", "four"]);
    assert_eq!(scene.count(Counter::ServiceSendsDropped), 1);
}

#[test]
fn bytes_count_too_but_a_single_message_always_fits() {
    let mut scene = scene(1);
    let settings = Settings { inbox_bytes_max: 100, ..Settings::default() }.one_by_one();
    let settings = Settings { overflow: Overflow::DropOldest, ..settings };
    let services = scene.context(0).services();

    struct Waiter(Door, Rc<Cell<usize>>);

    impl Service for Waiter {
        async fn handle(self: Rc<Self>, message: Message) -> Result<Content, Fault> {
            self.1.set(self.1.get() + message.content().weight_bytes());
            self.0.pass().await;
            Ok(Content::NOTHING)
        }
    }

    let heard = Rc::new(Cell::new(0));
    let (door, inside) = (scene.door.clone(), Rc::clone(&heard));
    let address = services.spawn(settings, |_| Waiter(door, inside)).expect("there is room");
    let send = |bytes| services.send(address, Content::raw(vec![0; bytes]));
    send(60); // Starts.
    send(30);
    send(20); // The one before goes for it.
    send(50); // Never fits beside the first: nothing goes for it.
    scene.pass(5);
    assert_eq!((heard.get(), scene.count(Counter::ServiceSendsDropped)), (60, 2));
    scene.door.open();
    scene.pass(5);
    assert_eq!(heard.get(), 80);
    send(1000);
    scene.pass(5);
    assert_eq!(heard.get(), 1080);
}

#[test]
fn many_recipients_cost_a_message_a_shard() {
    let mut scene = scene(3);
    let clerks: Vec<(Address, Heard)> =
        (0..9).map(|at| clerk(&scene, at % 3, Settings::default())).collect();
    let addresses: Vec<Address> = clerks.iter().map(|(address, _)| *address).collect();
    let services = scene.context(0).services();
    let alone = services.send_all(&addresses, &Content::value("text".to_owned()));
    assert_eq!(alone, Err(Fault::WrongType), "a value has one recipient");
    services.send_all(&addresses, &Content::raw("text")).expect("bytes have many");
    scene.pass(100);
    assert_eq!(scene.count(Counter::MailPosted), 2);
    assert_eq!(scene.count(Counter::ServiceMessages), 9);
}

/// A shard that stands still fills the mailbox, and then what waits for it: beyond that calls fail.
#[test]
fn a_shard_that_stands_still_is_busy() {
    let mut scene = scene(2);
    let (address, heard) = clerk(&scene, 1, Settings { inbox_max: 1 << 20, ..Settings::default() });
    for _ in 0..5000 {
        tell(&scene, 0, address, "x");
    }
    let refused = ask(&scene, address, "refused");
    scene.turn(0);
    scene.turn(0);
    assert_eq!(refused.take(), Some(Err(Fault::Busy)));
    let dropped = scene.count(Counter::ServiceSendsDropped);
    assert!(dropped > 0);
    scene.pass(3000);
    assert_eq!(heard.borrow().len() as u64, 5000 - dropped);
}

/// One letter to many does not take the turn from everybody else.
#[test]
fn a_message_to_many_is_many_deliveries() {
    let mut scene = scene(1);
    let settings = Settings { inbox_max: 1 << 20, ..Settings::default() };
    let (address, _) = clerk(&scene, 0, settings);
    let services = scene.context(0).services();
    let addresses = vec![address; 2 * DELIVERIES_A_TURN];
    services.send_all(&addresses, &Content::NOTHING).expect("nothing goes to many");
    scene.turn(0);
    assert_eq!(scene.count(Counter::ServiceMessages), DELIVERIES_A_TURN as u64);
    services.stop(address);
    scene.turn(0);
    assert_eq!(scene.count(Counter::ServiceMessages), 2 * DELIVERIES_A_TURN as u64);
}
