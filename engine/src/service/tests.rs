//! Services on scenes: a server without faults whose every step a test decides.

mod calls;
mod endings;
mod inboxes;
mod names;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::*;
use crate::driver::sim::SimSettings;
use crate::shard::counters::Counter;
use crate::simulation::scene::{Done, Door, Props, Scene, spawn};

/// A server of so many shards, each with its own way to services.
fn scene(shards: u16) -> Scene {
    let settings = SimSettings { shards, buffers: 64, ..SimSettings::default() };
    Props { settings, ..Props::default() }.start()
}

/// What somebody has heard, in order.
type Heard = Rc<RefCell<Vec<String>>>;

/// Does what a message says, a word and what is behind a colon:
///
/// | `hold` | waits at the door |
/// | `ask:NAME` | calls the service of that name, with `hold` |
/// | `pass:NAME` | calls the service of that name with the rest of the text |
/// | `fail`, `panic`, `stop`, `stop if idle` | does so |
/// | `tell:NAME` | sends `told` to the service of that name |
/// | `watch cancel` | waits until nobody waits for its answer |
/// | `late panic` | panics after it has waited |
/// | `chain`, `trace` | answers that of the message instead |
/// | anything else | |
///
/// and answers the text.
struct Clerk {
    me: ServiceContext,
    heard: Heard,
    door: Door,
}

impl Clerk {
    fn hear(&self, text: &str) {
        self.heard.borrow_mut().push(text.to_owned());
    }
}

impl Actor for Clerk {
    type Request = String;
    type Answer = String;

    async fn answer(self: Rc<Self>, text: String, message: Message) -> Result<String, Fault> {
        self.hear(&text);
        let (word, rest) = text.split_once(':').unwrap_or((&text, ""));
        match word {
            "hold" => self.door.pass().await,
            "watch cancel" => {
                message.cancelled().await;
                assert!(message.is_cancelled());
                self.hear("cancelled");
            }
            "ask" => return self.me.ask::<Clerk>(rest, format!("hold in {rest}")).await,
            "pass" => {
                let (name, rest) = rest.split_once(':').unwrap_or((rest, ""));
                return self.me.ask::<Clerk>(name, rest.to_owned()).await;
            }
            "tell" => self.me.tell::<Clerk>(rest, "told".to_owned()),
            "fail" => return Err(Fault::Failed),
            "panic" => panic!("on purpose"),
            "late panic" => {
                self.me.context().sleep(Duration::from_millis(1)).await;
                panic!("on purpose");
            }
            "stop" => self.me.finish(),
            "stop if idle" => self.me.finish_if_idle(),
            "chain" => return Ok(message.trace().chain().to_string()),
            "trace" => return Ok(message.trace().id().to_string()),
            _ => {}
        }
        Ok(text)
    }

    fn on_stop(&self, reason: ExitReason) {
        self.hear(&format!("{reason:?}"));
    }
}

/// Starts a clerk.
fn clerk(scene: &Scene, shard: u16, settings: Settings) -> (Address, Heard) {
    let (heard, door) = (Heard::default(), scene.door.clone());
    let inside = Rc::clone(&heard);
    let make = |me| Clerk { me, heard: inside, door };
    let address = scene.context(shard).services().spawn_actor(settings, make);
    (address.expect("there is room"), heard)
}

/// Asks from the first shard.
fn ask(scene: &Scene, to: impl Into<Recipient>, text: &str) -> Done<Result<String, Fault>> {
    let (to, text) = (to.into(), text.to_owned());
    let asked = scene.context(0).services().ask::<Clerk>(to, text);
    spawn(scene, |_| asked)
}

fn tell(scene: &Scene, shard: u16, to: impl Into<Recipient>, text: &str) {
    scene.context(shard).services().tell::<Clerk>(to, text.to_owned());
}

/// Nothing is left of any service or call.
fn assert_nothing_left(scene: &mut Scene, shards: u16) {
    for shard in 0..shards {
        let side = Rc::clone(&scene.core(shard).side);
        let table = side.services.table.borrow();
        let left = (table.instances.len(), table.jobs.len(), table.names.len());
        assert_eq!(left, (0, 0, 0), "services, jobs and names are left");
        assert_eq!(side.services.calls.borrow().len(), 0, "calls are left");
        assert_eq!(side.services.queued.get(), 0, "letters are left");
        assert!(!side.has_tasks_or_forks(), "tasks are left");
    }
}
