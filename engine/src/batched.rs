//! Batches of what is sent to many, or often (WIRE B1 to B7).
//!
//! A packet costs a server far more than a byte. [`Batched`] collects messages and sends them as one
//! once there are 100, or no room for more, or the first has waited for 100 ms, deflated where that
//! pays: to a room ([`Batched::to_room`]), or wherever a closure sends them, the pushes of one client
//! say. Whoever receives takes a batch apart with
//! [`batch::decode`](skyring_protocols::batch::decode), and must know that batches come.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use bytes::Bytes;
use skyring_protocols::batch::{BatchSettings, Batcher, PushError};
use skyring_protocols::msg::response;
use skyring_protocols::websocket::deflate::Tool;

use crate::context::Context;
use crate::shard::dispatch::survives;

/// Messages on their way to one place, a batch at a time. Cheap to clone; stays on its shard.
///
/// Messages keep their order. Of those that wait when the last clone is dropped, none is lost: they
/// are sent then.
#[derive(Clone)]
pub struct Batched(Rc<Inner>);

struct Inner {
    context: Context,
    batcher: RefCell<Batcher>,
    tool: RefCell<Tool>,
    send: Box<dyn Fn(Bytes)>,
    /// Whether somebody waits for the time to send.
    is_waiting: Cell<bool>,
}

impl Batched {
    /// Batches that `send` gets, each one payload. It must not add messages to the same batches. Where it panics,
    /// that batch is lost.
    pub fn new(
        context: Context,
        settings: BatchSettings,
        send: impl Fn(Bytes) + 'static,
    ) -> Batched {
        Batched(Rc::new(Inner {
            context,
            batcher: RefCell::new(Batcher::new(settings)),
            tool: RefCell::default(),
            send: Box::new(send),
            is_waiting: Cell::new(false),
        }))
    }

    /// Batches for all members of a room, each of which is one
    /// [`broadcast`](crate::room::Rooms::broadcast), in the order of its kind. A batch that the room
    /// refuses is lost, and counted. No batch is longer than what a push to a user may have.
    pub fn to_room(context: Context, room: &[u8], settings: BatchSettings) -> Batched {
        let bytes_max = settings.bytes_max.min(response::CONTENT_BYTES_MAX);
        let (rooms, room) = (context.rooms(), Box::<[u8]>::from(room));
        Batched::new(context, BatchSettings { bytes_max, ..settings }, move |batch| {
            rooms.broadcast(&room, batch, None);
        })
    }

    /// Adds a message. A batch that is full by it is sent at once.
    ///
    /// # Errors
    /// [`PushError::TooLong`]: no batch has room for it. Nothing is lost of the others.
    pub fn add(&self, message: &[u8]) -> Result<(), PushError> {
        let now_ms = self.0.context.now_ms();
        let added = self.0.batcher.borrow_mut().push(message, now_ms);
        self.0.send_all();
        self.wait();
        added
    }

    /// Sends what waits.
    pub fn flush(&self) {
        self.0.batcher.borrow_mut().flush();
        self.0.send_all();
    }

    /// Messages that wait.
    pub fn waiting(&self) -> usize {
        self.0.batcher.borrow().waiting()
    }

    /// Has somebody send what waits when its time has come, unless somebody does.
    fn wait(&self) {
        if self.waiting() == 0 || self.0.is_waiting.replace(true) {
            return;
        }
        let (context, batched) = (self.0.context.clone(), Rc::downgrade(&self.0));
        self.0.context.spawn_aside(async move {
            while let Some(left) = Inner::until_due(&batched) {
                context.sleep(left).await;
                if let Some(inner) = batched.upgrade() {
                    inner.batcher.borrow_mut().on_time(inner.context.now_ms());
                    inner.send_all();
                }
            }
        });
    }
}

impl Inner {
    /// Time until something is due; none when nothing waits any more, and nobody need.
    fn until_due(batched: &Weak<Inner>) -> Option<Duration> {
        let inner = batched.upgrade()?;
        let due_ms = inner.batcher.borrow().due_ms();
        let left = due_ms.map(|due_ms| due_ms.saturating_sub(inner.context.now_ms()));
        inner.is_waiting.set(left.is_some());
        left.map(Duration::from_millis)
    }

    fn send_all(&self) {
        loop {
            let mut batch = Vec::new();
            let flushed = {
                let mut batcher = self.batcher.borrow_mut();
                batcher.poll_output(&mut self.tool.borrow_mut(), &mut batch)
            };
            if flushed.is_none() {
                return;
            }
            // One that panics loses this batch, and no other; whoever waits for the time goes on waiting.
            survives(|| (self.send)(batch.into()));
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.batcher.borrow_mut().flush();
        self.send_all();
    }
}

impl std::fmt::Debug for Batched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Batched {{ waiting: {} }}", self.waiting())
    }
}

#[cfg(test)]
mod tests {
    use skyring_protocols::{Decode, batch, frame};

    use super::*;
    use crate::config::ListenerKind;
    use crate::context::GateConnection;
    use crate::driver::sim::{SimClient, SimSettings};
    use crate::handler::Application;
    use crate::simulation::scene::{Door, Props, Scene};

    /// Whoever connects is in the room.
    struct Hall(Context);

    impl Application for Hall {
        fn on_connect(&self, connection: GateConnection, _: std::net::SocketAddr) {
            self.0.open(connection);
            self.0.rooms().join(b"hall", connection);
        }
    }

    fn hall() -> (Scene, SimClient, Batched) {
        let settings = SimSettings { shards: 2, buffers: 64, ..SimSettings::default() };
        let mut scene = Props { settings, ..Props::default() }.start_with(Door::default(), Hall);
        let client = scene.connect(ListenerKind::Gate);
        scene.pass(100);
        let batched = Batched::to_room(scene.context(0), b"hall", BatchSettings::default());
        (scene, client, batched)
    }

    /// The messages of each batch that has come.
    fn batches(client: &SimClient) -> Vec<Vec<Vec<u8>>> {
        let (bytes, mut batches, mut tool) = (client.read(), Vec::new(), Tool::default());
        let mut input = &bytes[..];
        while let Decode::Done { value, consumed } = frame::decode(input) {
            let settings = BatchSettings::default();
            let batch = batch::decode(value, &settings, &mut tool).expect("a batch");
            batches.push(batch.messages().map(<[u8]>::to_vec).collect());
            input = &input[consumed..];
        }
        assert!(input.is_empty(), "whole frames");
        batches
    }

    /// WIRE B6.
    #[test]
    fn a_batch_leaves_when_its_first_message_has_waited() {
        let (mut scene, client, batched) = hall();
        batched.add(b"one").expect("a short one");
        scene.pass(60);
        batched.add(b"two").expect("a short one");
        scene.pass(30);
        assert_eq!((batches(&client).len(), batched.waiting()), (0, 2));
        scene.pass(50);
        assert_eq!(batches(&client), [[b"one".to_vec(), b"two".to_vec()]]);
        // The next one waits anew.
        batched.add(b"three").expect("a short one");
        scene.pass(60);
        assert_eq!(batches(&client).len(), 0);
        scene.pass(90);
        assert_eq!(batches(&client), [[b"three".to_vec()]]);
        client.close();
    }

    /// WIRE B5, B6.
    #[test]
    fn a_full_batch_leaves_at_once() {
        let (mut scene, client, batched) = hall();
        for number in 0..250_u32 {
            batched.add(&number.to_le_bytes()).expect("a short one");
        }
        assert_eq!(batched.waiting(), 50);
        scene.pass(30);
        let came = batches(&client);
        assert_eq!(came.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100]);
        batched.flush();
        scene.pass(30);
        let rest = batches(&client);
        assert_eq!(rest.len(), 1);
        let all = came.iter().chain(&rest).flatten();
        assert!(
            all.eq((0..250_u32).map(u32::to_le_bytes).map(Vec::from).collect::<Vec<_>>().iter())
        );
        client.close();
    }

    /// The next batch leaves in its time, too.
    #[test]
    fn a_panic_loses_one_batch() {
        let (mut scene, client, _) = hall();
        let tried = Rc::new(Cell::new(0));
        let own = Rc::clone(&tried);
        let batched = Batched::new(scene.context(0), BatchSettings::default(), move |_| {
            own.set(own.get() + 1);
            assert!(own.get() > 1, "on purpose");
        });
        for round in 1..3 {
            batched.add(b"one").expect("a short one");
            scene.pass(150);
            assert_eq!((tried.get(), batched.waiting()), (round, 0));
        }
        client.close();
    }

    /// WIRE B5: a user could not be pushed a longer one.
    #[test]
    fn what_no_batch_has_room_for_is_refused_alone() {
        let (mut scene, client, batched) = hall();
        batched.add(b"before").expect("a short one");
        assert!(batched.add(&[b'x'; 65_526]).is_err());
        batched.add(&[b'x'; 65_525]).expect("it fits alone");
        batched.add(b"behind").expect("a short one");
        drop(batched); // What waits is sent.
        scene.pass(50);
        let came = batches(&client);
        let lengths: Vec<Vec<usize>> =
            came.iter().map(|batch| batch.iter().map(Vec::len).collect()).collect();
        assert_eq!(lengths, [vec![6], vec![65_525], vec![6]]);
        client.close();
    }
}
