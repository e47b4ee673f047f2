//! Services on scenes: a server without faults whose every step a test decides.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::driver::sim::SimSettings;
use crate::simulation::scene::{Props, Scene, spawn};

fn scene(shards: u16) -> Scene {
    let settings = SimSettings { shards, buffers: 64, ..SimSettings::default() };
    Props { settings, ..Props::default() }.start()
}

/// Answers what it is sent, and remembers it.
struct Echo(Rc<RefCell<Vec<u32>>>);

impl Service for Echo {
    async fn handle(self: Rc<Self>, mut message: Message) -> Result<Content, Fault> {
        let number: u32 = message.take()?;
        self.0.borrow_mut().push(number);
        Ok(Content::value(number))
    }
}

#[test]
fn a_call_in_the_shard_costs_no_task() {
    let mut scene = scene(1);
    let heard = Rc::new(RefCell::new(Vec::new()));
    let services = scene.context(0).services();
    let address = services.spawn(Settings::default(), |_| Echo(Rc::clone(&heard)));
    let address = address.expect("there is room");
    services.send(address, Content::value(1_u32));
    let done = spawn(&scene, move |context| async move {
        context.services().call(address, Content::value(2_u32)).await.and_then(Content::take)
    });
    scene.pass(5);
    assert_eq!(done.take(), Some(Ok(2_u32)));
    assert_eq!(*heard.borrow(), [1, 2]);
}

#[test]
fn a_call_across_shards_is_answered() {
    let mut scene = scene(2);
    let heard = Rc::new(RefCell::new(Vec::new()));
    let services = scene.context(1).services();
    let address = services.spawn(Settings::named("echo"), |_| Echo(Rc::clone(&heard)));
    let address = address.expect("there is room");
    scene.pass(5);
    let done = spawn(&scene, move |context| async move {
        let services = context.services();
        let found = services.lookup("echo").await;
        let answer = services.call("echo", Content::value(2_u32)).await;
        (found, answer.and_then(Content::take))
    });
    scene.pass(100);
    assert_eq!(done.take(), Some((Some(address), Ok(2_u32))));
}
