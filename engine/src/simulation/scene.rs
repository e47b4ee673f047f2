//! A server without faults whose every step a test decides: who connects, which shard turns, when
//! what the application waits for happens.
//!
//! Users are logged in by command, on whatever shard owns them. What comes after `hold` in a uid, a
//! request or a gate frame waits at the door until the test opens it.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use skyring_protocols::crypt::Secret;
use skyring_protocols::login::token::SampleToken;
use skyring_protocols::msg::client::MsgClient;
use skyring_protocols::msg::username::Username;

use super::place::{Place, Site};
use crate::config::{Listener, ListenerKind};
use crate::context::{Context, GateConnection};
use crate::driver::sim::{SimClient, SimNet, SimRandom, SimSettings};
use crate::driver::{ListenerIndex, ShardIndex, Wait};
use crate::handler::{
    Application, AuthenticateError, Credentials, Denied, Identity, Login, Reply, Request, Subid,
    User,
};
use crate::mailbox::Mailboxes;
use crate::places::Places;
use crate::route::Router;
use crate::shard::command::{Command, CommandResult};
use crate::shard::core::{Core, ListenerShared};
use crate::shard::counters::Counter;
use crate::shard::drain::ServerEnd;
use crate::transport::tls::ServerTls;

/// Where futures wait until a test lets them go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Door(Rc<RefCell<DoorState>>);

#[derive(Debug, Default)]
struct DoorState {
    open: bool,
    waiting: usize,
    wakers: Vec<Waker>,
}

impl Door {
    /// Lets everybody through who waits, and who will come.
    pub(crate) fn open(&self) {
        let mut door = self.0.borrow_mut();
        door.open = true;
        door.wakers.drain(..).for_each(Waker::wake);
    }

    /// Futures that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.0.borrow().waiting
    }

    pub(crate) async fn pass(&self) {
        self.0.borrow_mut().waiting += 1;
        poll_fn(|cx| {
            let mut door = self.0.borrow_mut();
            if door.open {
                return Poll::Ready(());
            }
            door.wakers.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
        self.0.borrow_mut().waiting -= 1;
    }
}

/// Echoes, and waits at the door where it is told to.
pub(crate) struct Doorkeeper {
    context: Context,
    door: Door,
}

impl Application for Doorkeeper {
    async fn authenticate(
        self: Rc<Self>,
        shown: Credentials,
    ) -> Result<Identity, AuthenticateError> {
        let token = SampleToken::parse(&shown.token).ok_or(Denied)?;
        if token.user.starts_with(b"hold") {
            self.door.pass().await;
        }
        Ok(Identity { uid: token.user, server: token.server })
    }

    async fn login(self: Rc<Self>, login: Login) -> Result<Subid, Denied> {
        if login.uid.starts_with(b"decide") {
            self.door.pass().await;
        }
        Ok(Subid::from(1))
    }

    async fn request(self: Rc<Self>, request: Request) -> Reply {
        if request.content.starts_with(b"hold") {
            self.door.pass().await;
        }
        Ok(request.content)
    }

    fn on_attach(&self, _user: &User, _peer: SocketAddr) {}

    fn on_connect(&self, connection: GateConnection, _peer: SocketAddr) {
        self.context.open(connection);
    }

    async fn message(self: Rc<Self>, connection: GateConnection, content: Bytes) {
        if content.starts_with(b"hold") {
            self.door.pass().await;
        }
        self.context.send(connection, content);
    }
}

/// What a scene is made of.
pub(crate) struct Props {
    pub(crate) settings: SimSettings,
    /// One of each kind; change what matters.
    pub(crate) listeners: Vec<Listener>,
    /// Messages between two shards that may wait.
    pub(crate) mailbox: usize,
    /// What chance decides, if anything is left to it.
    pub(crate) seed: u64,
}

impl Default for Props {
    fn default() -> Props {
        Props {
            settings: SimSettings { buffers: 64, ..SimSettings::default() },
            listeners: ListenerKind::ALL.map(Listener::new).to_vec(),
            mailbox: 64,
            seed: 1,
        }
    }
}

impl Props {
    pub(crate) fn listener(&mut self, kind: ListenerKind) -> &mut Listener {
        self.listeners.iter_mut().find(|it| it.kind == kind).expect("one of each kind")
    }

    /// The server that follows from it.
    pub(crate) fn start(self) -> Scene {
        let door = Door::default();
        let inside = door.clone();
        self.start_with(door, move |context| Doorkeeper { context, door: inside.clone() })
    }

    /// As [`Props::start`], with another application.
    pub(crate) fn start_with<A: Application>(
        self,
        door: Door,
        make: impl Fn(Context) -> A,
    ) -> Scene {
        let shards = self.settings.shards;
        let net = SimNet::new(self.seed, self.settings);
        let mut random = SimRandom::new(self.seed);
        let shared = |listener: &Listener| {
            let tls = listener.tls.as_ref().map(|tls| tls.of_listener(listener.kind));
            let tls = tls.as_ref().map(ServerTls::load);
            let tls = tls.transpose().expect("a test makes its certificates");
            Arc::new(ListenerShared::new(listener, [(1, 2), (3, 4)], tls, None))
        };
        let listeners = self.listeners.into_iter().map(|it| (it.clone(), shared(&it)));
        let listeners: Vec<_> = listeners.collect();
        for (at, (listener, _)) in listeners.iter().enumerate() {
            net.listen(ListenerIndex(at as u16), listener.address);
        }
        let server_end = ServerEnd::new(shards, listeners.iter().map(|(_, it)| Arc::clone(it)));
        let site = Site {
            net: net.clone(),
            router: Router::new(shards, (1, 2)),
            free: Arc::new(Places::new(shards)),
            server_end,
            listeners,
            boxes: Mailboxes::new(shards, self.mailbox),
            cache_bytes_max: u64::MAX,
            unauthenticated_max: u32::MAX,
        };
        let mut place = |index| Place::new(&site, index, &mut random, &make);
        let places = (0..shards).map(ShardIndex).map(&mut place).collect();
        Scene { net, door, site, places }
    }
}

/// A server on a stage.
pub(crate) struct Scene {
    pub(crate) net: SimNet,
    pub(crate) door: Door,
    site: Site,
    places: Vec<Place>,
}

impl Scene {
    pub(crate) fn shards(&self) -> u16 {
        self.places.len() as u16
    }

    pub(crate) fn core(&mut self, shard: u16) -> &mut Core {
        self.places[usize::from(shard)].shard.core_mut()
    }

    /// The application's way to a shard.
    pub(crate) fn context(&self, shard: u16) -> Context {
        self.places[usize::from(shard)].side.context()
    }

    /// Whether a shard may end.
    pub(crate) fn is_over(&self, shard: u16) -> bool {
        self.places[usize::from(shard)].shard.core().is_over()
    }

    /// Lets the tasks of one shard run that are ready, without a turn.
    pub(crate) fn run_tasks(&self, shard: u16) {
        self.places[usize::from(shard)].executor.run();
    }

    /// One turn of one shard, whose tasks run before.
    pub(crate) fn turn(&mut self, shard: u16) {
        let place = &mut self.places[usize::from(shard)];
        place.executor.run();
        place.shard.turn(Wait::Poll);
    }

    /// So many milliseconds of everything.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end_ns = self.net.now_ns() + ms * 1_000_000;
        // Simulated shards ring no bells: with others beside it, each looks for mail now and then.
        let rest = if self.places.len() == 1 { Duration::MAX } else { Duration::from_millis(20) };
        loop {
            for (index, place) in self.places.iter().enumerate() {
                place.executor.run();
                if !place.side.is_idle() || place.shard.core().rooms.is_busy() {
                    self.net.rouse(ShardIndex(index as u16));
                }
            }
            if let Some(index) = self.net.pick_runnable() {
                let place = &mut self.places[usize::from(index.0)];
                place.shard.turn(Wait::AtMost(rest));
            } else if self.net.now_ns() >= end_ns {
                return;
            } else {
                self.net.advance_until(end_ns);
            }
        }
    }

    /// How often something was counted, on all shards.
    pub(crate) fn count(&self, counter: Counter) -> u64 {
        self.places.iter().fold(0, |sum, place| sum.wrapping_add(place.counters.read(counter)))
    }

    /// What the first listener of this kind shows of itself, made at start.
    pub(crate) fn certificate(&self, kind: ListenerKind) -> Vec<u8> {
        let listener = self.site.listeners.iter().find(|(it, _)| it.kind == kind);
        let tls = listener.and_then(|(_, shared)| shared.tls.as_ref());
        let certificate = tls.and_then(ServerTls::self_signed_certificate);
        certificate.expect("a TLS listener with a certificate of its own").to_vec()
    }

    pub(crate) fn connect(&self, kind: ListenerKind) -> SimClient {
        let listener = self.site.listeners.iter().find(|(it, _)| it.kind == kind);
        self.net.connect(listener.expect("one of each kind").0.address)
    }

    /// Has a command done by the shard that owns its user.
    pub(crate) fn command(&mut self, command: Command) -> CommandResult {
        let owner = command.owner(&self.site.router).expect("a username");
        self.net.rouse(owner);
        self.core(owner.0).execute(command)
    }

    /// Logs a user in; false: refused.
    pub(crate) fn log_in(&mut self, uid: &[u8]) -> bool {
        let (server, subid) = (b"sample".to_vec(), b"1".to_vec());
        let secret = Secret::new([7; 8]);
        let command = Command::LogIn { uid: uid.to_vec(), server, subid, secret: secret.into() };
        self.command(command).count() == 1
    }

    /// Attaches a user who is logged in.
    pub(crate) fn attach(&mut self, uid: &[u8], index: u64) -> (SimClient, MsgClient) {
        let (server, subid) = (b"sample".to_vec(), b"1".to_vec());
        let username = Username { uid: uid.to_vec(), server, subid }.format();
        let mut client = MsgClient::new(username, Secret::new([7; 8]));
        let connection = self.connect(ListenerKind::Msg);
        connection.write(&client.attach(index)).expect("it is being opened");
        self.pass(5);
        client.on_bytes(&connection.read());
        assert!(client.poll_event().is_some(), "the attach is answered");
        (connection, client)
    }

    /// One of the uids that this shard owns.
    pub(crate) fn uid_number(&self, shard: u16, number: usize) -> Vec<u8> {
        let uids = (0..).map(|number: u32| format!("user {number}").into_bytes());
        let mut owned = uids.filter(|uid| self.site.router.owner(uid).0 == shard);
        owned.nth(number).expect("users are spread over all shards")
    }
}

/// What a task has come to.
pub(crate) struct Done<T>(Rc<RefCell<Option<T>>>);

impl<T> Done<T> {
    /// Its output, if it is there, once.
    pub(crate) fn take(&self) -> Option<T> {
        self.0.borrow_mut().take()
    }
}

/// Starts a task on the first shard.
pub(crate) fn spawn<F: Future<Output: 'static> + 'static>(
    scene: &Scene,
    task: impl FnOnce(Context) -> F,
) -> Done<F::Output> {
    let (done, context) = (Rc::new(RefCell::new(None)), scene.context(0));
    let (place, task) = (Rc::clone(&done), task(context.clone()));
    context.spawn(async move {
        let output = task.await;
        *place.borrow_mut() = Some(output);
    });
    Done(done)
}

/// One frame.
pub(crate) fn frame(content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    skyring_protocols::frame::encode(content, &mut bytes).expect("a short frame");
    bytes
}
