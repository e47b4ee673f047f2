//! A client without a shard: the test is its clock, its executor and every server it talks to.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;

use crate::context::{Alarm, Deed, ShardSide};
use crate::dns::DnsError;
use crate::driver::ShardIndex;
use crate::http::client::network::{Network, Pending, Wire};
use crate::http::client::{Client, Error, Request, Response, Settings};
use crate::net::{ConnectError, StreamError};
use crate::simulation::executor::Executor;
use crate::transport::tls::ClientTls;

/// A client and what it lives in.
pub(super) struct Rig {
    pub(super) client: Client,
    pub(super) world: Rc<World>,
    executor: Executor,
    side: Rc<ShardSide>,
    now_ms: Rc<Cell<u64>>,
    sleepers: RefCell<Vec<(u64, Rc<Alarm>)>>,
}

/// What the client's network does.
#[derive(Default)]
pub(super) struct World {
    /// What names are; nothing: looking one up never ends.
    pub(super) names: RefCell<Option<Result<Vec<IpAddr>, DnsError>>>,
    /// How many connects fail, and how.
    pub(super) refuse: RefCell<VecDeque<ConnectError>>,
    /// Whether connects never end.
    pub(super) silent: Cell<bool>,
    /// The servers' ends of all connections, in the order in which they were made.
    dialled: RefCell<Vec<Peer>>,
}

/// The server's end of a connection.
#[derive(Clone, Default)]
pub(super) struct Peer(Rc<RefCell<Line>>);

#[derive(Default)]
struct Line {
    to_client: VecDeque<Result<Option<Bytes>, StreamError>>,
    reader: Option<Waker>,
    heard: Vec<u8>,
    /// Bytes that the wire takes; none: all.
    room: Option<usize>,
    writer: Option<Waker>,
    write_error: Option<StreamError>,
    truncated: bool,
    closed: bool,
}

struct FakeWire(Peer);

/// What a call has come to.
pub(super) struct Pursued<T>(Rc<RefCell<Option<T>>>);

impl<T> Pursued<T> {
    /// Its result.
    ///
    /// # Panics
    /// When there is none yet.
    pub(super) fn result(&self) -> T {
        self.0.borrow_mut().take().expect("it has ended")
    }

    pub(super) fn is_pending(&self) -> bool {
        self.0.borrow().is_none()
    }
}

impl Rig {
    pub(super) fn new() -> Rig {
        Rig::with(Settings::default())
    }

    pub(super) fn with(settings: Settings) -> Rig {
        let executor = Executor::default();
        let now_ms = Rc::new(Cell::new(1000));
        let clock = Rc::clone(&now_ms);
        let side = ShardSide::new(
            ShardIndex(0),
            Box::new(executor.clone()),
            Box::new(move || clock.get()),
            std::sync::Arc::default(),
        );
        let world = Rc::new(World::default());
        *world.names.borrow_mut() = Some(Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]));
        let network = Box::new(FakeNetwork(Rc::clone(&world)));
        let client = Client::on(network, &side.context(), settings);
        Rig { client, world, executor, side, now_ms, sleepers: RefCell::default() }
    }

    /// Runs whatever can run.
    pub(super) fn run(&self) {
        loop {
            self.executor.run();
            let Some(deed) = self.side.pop() else { return };
            let Deed::Sleep(delay_ms, alarm) = deed else { panic!("a client only sleeps") };
            self.sleepers.borrow_mut().push((self.now_ms.get() + delay_ms, alarm));
        }
    }

    /// Lets time pass.
    pub(super) fn pass_ms(&self, ms: u64) {
        let end_ms = self.now_ms.get() + ms;
        loop {
            self.run();
            let mut sleepers = self.sleepers.borrow_mut();
            sleepers.sort_by_key(|(due_ms, _)| *due_ms);
            if sleepers.first().is_none_or(|(due_ms, _)| *due_ms > end_ms) {
                break;
            }
            let (due_ms, alarm) = sleepers.remove(0);
            self.now_ms.set(self.now_ms.get().max(due_ms));
            alarm.ring();
        }
        self.now_ms.set(end_ms);
        self.run();
    }

    /// Whether any task has not ended.
    pub(super) fn has_tasks(&self) -> bool {
        self.side.has_tasks()
    }

    /// Sleepers of the shard.
    pub(super) fn sleepers(&self) -> usize {
        self.sleepers.borrow().len()
    }

    /// Starts something, and runs it as far as it goes.
    pub(super) fn start<T: 'static>(
        &self,
        future: impl Future<Output = T> + 'static,
    ) -> Pursued<T> {
        let result = Rc::new(RefCell::new(None));
        let slot = Rc::clone(&result);
        self.side.context().spawn(async move {
            let value = future.await;
            *slot.borrow_mut() = Some(value);
        });
        self.run();
        Pursued(result)
    }

    /// A call to this URL, started.
    pub(super) fn get(&self, url: &str) -> Pursued<Result<Response, Error>> {
        self.request(Request::get(url))
    }

    /// A call, started.
    pub(super) fn request(&self, request: Request) -> Pursued<Result<Response, Error>> {
        let client = self.client.clone();
        self.start(async move { client.request(request).await })
    }

    /// The servers' end of a connection, by the order in which they were made.
    pub(super) fn peer(&self, index: usize) -> Peer {
        self.world.dialled.borrow()[index].clone()
    }

    /// Connections made so far.
    pub(super) fn dialled(&self) -> usize {
        self.world.dialled.borrow().len()
    }
}

impl Peer {
    /// Sends.
    pub(super) fn say(&self, rig: &Rig, text: &str) {
        self.give(rig, Ok(Some(Bytes::copy_from_slice(text.as_bytes()))));
    }

    /// Sends byte by byte.
    pub(super) fn spell(&self, rig: &Rig, text: &str) {
        for byte in text.bytes() {
            self.give(rig, Ok(Some(Bytes::copy_from_slice(&[byte]))));
        }
    }

    /// Ends its side.
    pub(super) fn end(&self, rig: &Rig) {
        self.give(rig, Ok(None));
    }

    /// Ends its side without the end of the TLS session.
    pub(super) fn cut(&self, rig: &Rig) {
        self.0.borrow_mut().truncated = true;
        self.end(rig);
    }

    pub(super) fn reset(&self, rig: &Rig) {
        self.0.borrow_mut().write_error = Some(StreamError::Reset);
        self.give(rig, Err(StreamError::Reset));
    }

    fn give(&self, rig: &Rig, what: Result<Option<Bytes>, StreamError>) {
        let mut line = self.0.borrow_mut();
        line.to_client.push_back(what);
        let waker = line.reader.take();
        drop(line);
        waker.into_iter().for_each(Waker::wake);
        rig.run();
    }

    /// Takes so many more bytes, and no more.
    pub(super) fn make_room(&self, rig: &Rig, bytes: usize) {
        let mut line = self.0.borrow_mut();
        line.room = Some(line.room.unwrap_or_default() + bytes);
        let waker = line.writer.take();
        drop(line);
        waker.into_iter().for_each(Waker::wake);
        rig.run();
    }

    /// Fails every write from now on.
    pub(super) fn refuse_writes(&self) {
        self.0.borrow_mut().write_error = Some(StreamError::Reset);
    }

    /// What has come since the last look.
    pub(super) fn heard(&self) -> String {
        let bytes = std::mem::take(&mut self.0.borrow_mut().heard);
        String::from_utf8(bytes).expect("the client wrote text")
    }

    /// Whether the client has closed its side.
    pub(super) fn is_closed(&self) -> bool {
        self.0.borrow().closed
    }
}

struct FakeNetwork(Rc<World>);

impl Network for FakeNetwork {
    fn lookup(&self, _host: &str) -> Pending<Result<Vec<IpAddr>, DnsError>> {
        let found = self.0.names.borrow().clone();
        match found {
            Some(found) => Box::pin(std::future::ready(found)),
            None => Box::pin(std::future::pending()),
        }
    }

    fn connect(
        &self,
        _addresses: Vec<SocketAddr>,
        _tls: Option<(ClientTls, String)>,
    ) -> Pending<Result<Box<dyn Wire>, ConnectError>> {
        if self.0.silent.get() {
            return Box::pin(std::future::pending());
        }
        if let Some(error) = self.0.refuse.borrow_mut().pop_front() {
            return Box::pin(std::future::ready(Err(error)));
        }
        let peer = Peer::default();
        self.0.dialled.borrow_mut().push(peer.clone());
        let wire: Box<dyn Wire> = Box::new(FakeWire(peer));
        Box::pin(std::future::ready(Ok(wire)))
    }
}

impl Wire for FakeWire {
    fn poll_read(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Option<Bytes>, StreamError>> {
        let mut line = self.0.0.borrow_mut();
        if let Some(next) = line.to_client.pop_front() {
            return Poll::Ready(next);
        }
        line.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), StreamError>> {
        let mut line = self.0.0.borrow_mut();
        if let Some(error) = &line.write_error {
            return Poll::Ready(Err(error.clone()));
        }
        if line.room != Some(0) {
            return Poll::Ready(Ok(()));
        }
        line.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn try_write(&mut self, bytes: &mut Bytes) -> Result<(), StreamError> {
        let mut line = self.0.0.borrow_mut();
        let count = line.room.unwrap_or(usize::MAX).min(bytes.len());
        line.heard.extend_from_slice(&bytes.split_to(count));
        line.room = line.room.map(|room| room - count);
        Ok(())
    }

    fn is_quiet(&self) -> bool {
        let line = self.0.0.borrow();
        line.to_client.is_empty() && line.write_error.is_none()
    }

    fn is_truncated(&self) -> bool {
        self.0.0.borrow().truncated
    }
}

impl Drop for FakeWire {
    fn drop(&mut self) {
        self.0.0.borrow_mut().closed = true;
    }
}
