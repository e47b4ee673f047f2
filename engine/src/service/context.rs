//! What application code asks of services, from anywhere on a shard, and from inside of one.

use std::future::Future;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use super::Service;
use super::address::{Address, Name, Recipient};
use super::board::FinishedCall;
use super::call::{Asked, Call, Errand};
use super::content::Content;
use super::fault::{ExitReason, Fault, SpawnError};
use super::letter::{Letter, Matter};
use super::settings::{Settings, millis};
use super::table::{Body, Class, Instance, Job};
use super::trace::Scope;
use super::work::Work;
use crate::context::{Context, ShardSide};
use crate::driver::ShardIndex;
use crate::shard::counters::Counter;

/// The way to services, on every shard: [`Context::services`]. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    pub(crate) side: Rc<ShardSide>,
}

impl Services {
    /// Sends a message. Whether it arrives is not told, but messages of one sender to one recipient
    /// start in the order in which they were sent and called.
    pub fn send(&self, to: impl Into<Recipient>, content: impl Into<Content>) {
        self.post(to.into(), Matter::Message(content.into()));
    }

    /// Sends the same to several services, with one message to each shard.
    ///
    /// # Errors
    /// [`Fault::WrongType`] when it is a value for one recipient only ([`Content::value`]); nothing is
    /// sent then.
    pub fn send_all(&self, to: &[Address], content: &Content) -> Result<(), Fault> {
        let mut shards: Vec<(ShardIndex, Vec<Address>)> = Vec::new();
        for address in to {
            match shards.iter_mut().find(|(shard, _)| *shard == address.shard) {
                Some((_, addresses)) => addresses.push(*address),
                None => shards.push((address.shard, vec![*address])),
            }
        }
        for (_, addresses) in shards {
            let content = content.another().ok_or(Fault::WrongType)?;
            self.post(addresses[0].into(), Matter::Fan(addresses.into(), content));
        }
        Ok(())
    }

    /// Asks, and waits for the answer.
    pub fn call(&self, to: impl Into<Recipient>, content: impl Into<Content>) -> Call {
        Call::begin(&self.side, Errand::new(to.into(), Matter::Message(content.into())))
    }

    /// Starts a service on this shard. It exists when this returns; its address, and a local name,
    /// are good at once. A global name becomes known when its home shard has heard of it, behind
    /// whatever was sent from here before; if somebody has it, the service is ended
    /// ([`ExitReason::NameTaken`]), counted.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub fn spawn<S: Service>(
        &self,
        settings: Settings,
        make: impl FnOnce(ServiceContext) -> S,
    ) -> Result<Address, SpawnError> {
        self.start(settings, |context| Body::new(make(context)))
    }

    /// Starts a service on another shard, or on this one.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub fn spawn_on<S: Service>(
        &self,
        shard: ShardIndex,
        settings: Settings,
        make: impl FnOnce(ServiceContext) -> S + Send + 'static,
    ) -> Asked<Result<Address, SpawnError>> {
        let known = self.side.services.shards().is_none_or(|shards| shard.0 < shards);
        let to = settings.name.clone().unwrap_or_else(|| Name::new(".spawn"));
        let make = Box::new(move |services: &Services| services.spawn(settings, make));
        let errand = Errand::new(Recipient::Name(to), Matter::Spawn(shard, make));
        let call = match known {
            true => Call::begin(&self.side, errand),
            false => Call::failed(&self.side, Fault::NoService),
        };
        Asked { call, read: unpack }
    }

    /// Starts one service on every shard, in their order. With a local name each shard then has its
    /// own under it.
    ///
    /// # Errors
    /// The first that could not be started; the others are there all the same.
    pub async fn everywhere<S: Service>(
        &self,
        settings: Settings,
        make: impl Fn(ServiceContext) -> S + Clone + Send + 'static,
    ) -> Result<Vec<Address>, SpawnError> {
        let shards = self.side.services.shards().unwrap_or_default();
        let spawn = |shard| self.spawn_on(ShardIndex(shard), settings.clone(), make.clone());
        let mut spawned = Vec::new();
        for spawning in (0..shards).map(spawn).collect::<Vec<_>>() {
            spawned.push(spawning.await);
        }
        spawned.into_iter().collect()
    }

    /// Says how the services of a class are made on this shard; said on every shard, most easily
    /// where the application is made. The service of a key is made by its first message, on the shard
    /// that the key routes to. One that stops is made anew by the next message. A shard has at most
    /// [`SERVICES_MAX`](super::SERVICES_MAX) services, of classes and others together.
    ///
    /// # Errors
    /// [`SpawnError::NameTaken`] when the shard has the class already, [`SpawnError::NameUnfit`].
    pub fn keyed<S: Service>(
        &self,
        class: impl Into<Name>,
        settings: Settings,
        make: impl Fn(ServiceContext, &[u8]) -> S + 'static,
    ) -> Result<(), SpawnError> {
        let class = class.into();
        let settings = Settings { name: None, ..settings.sound() };
        let make = move |context: ServiceContext, key: &[u8]| Body::new(make(context, key));
        if self.side.services.has_ended.get() {
            return Err(SpawnError::Stopped);
        }
        if !class.is_fit() {
            return Err(SpawnError::NameUnfit);
        }
        let mut table = self.side.services.table.borrow_mut();
        if table.classes.contains_key(&class) {
            return Err(SpawnError::NameTaken(class));
        }
        let services = std::collections::HashMap::new();
        table.classes.insert(class, Class { settings, make: Rc::new(make), services });
        Ok(())
    }

    /// Who has a name now; none also when the home of the name does not answer.
    pub fn lookup(&self, name: impl Into<Name>) -> Asked<Option<Address>> {
        let errand = Errand::new(Recipient::Name(name.into()), Matter::Lookup);
        let call = Call::begin(&self.side, errand);
        Asked { call, read: |result| result.and_then(Content::take).ok() }
    }

    /// Waits until a service has ended, and says why. One that is not there has ended:
    /// [`ExitReason::Unknown`].
    pub fn watch(&self, service: impl Into<Recipient>) -> Asked<ExitReason> {
        let errand = Errand::new(service.into(), Matter::Watch);
        let call = Call::begin(&self.side, Errand { is_watch: true, ..errand });
        let read = |result: Result<Content, Fault>| match result.and_then(Content::take) {
            Ok(reason) => reason,
            Err(Fault::Stopped) => ExitReason::ServerStopped,
            Err(Fault::Busy) => ExitReason::NotWatched,
            Err(_) => ExitReason::Unknown,
        };
        Asked { call, read }
    }

    /// Ends a service, behind whatever was sent to it from here before. What it has not answered by
    /// then fails with [`Fault::Stopped`].
    pub fn stop(&self, service: impl Into<Recipient>) {
        self.post(service.into(), Matter::Stop { if_idle: false });
    }

    /// As [`Services::stop`], unless a message waits or is being handled by then.
    pub(crate) fn stop_if_idle(&self, service: impl Into<Recipient>) {
        self.post(service.into(), Matter::Stop { if_idle: true });
    }

    /// Has every call of this shard that ends from now on told to `hook`, for a log: with its answer or
    /// a fault. One that was refused when it was made, or is dropped, is only counted. A second hook
    /// replaces the first.
    pub fn on_finished_call(&self, hook: impl Fn(&FinishedCall<'_>) + 'static) {
        let earlier = self.side.services.hook.borrow_mut().replace(Rc::new(hook));
        drop(earlier);
    }

    /// The application's way to this shard.
    pub fn context(&self) -> Context {
        self.side.context()
    }

    fn post(&self, to: Recipient, matter: Matter) {
        let board = &self.side.services;
        let letter = {
            let scope = self.side.scope();
            let trace = self.side.trace_of(&scope);
            Letter { from: scope.service, ..Letter::new(to, matter, trace) }
        };
        let is_refused = letter.may_be_refused() && board.queued.get() >= super::QUEUED_MAX;
        if is_refused || board.has_ended.get() {
            return board.add(Counter::ServiceSendsDropped, letter.matter.sends());
        }
        self.side.post_letter(Box::new(letter));
    }

    /// Makes a service and gives it its name.
    pub(crate) fn start(
        &self,
        settings: Settings,
        make: impl FnOnce(ServiceContext) -> Body,
    ) -> Result<Address, SpawnError> {
        let call_timeout_ms = millis(settings.call_timeout);
        let address = self.reserve(settings.sound())?;
        let context = ServiceContext { services: self.clone(), address };
        // What is sent while it is made is sent by it.
        let trace = self.side.scope().trace;
        let scope = Scope { service: Some(address), call_timeout_ms, ..Scope::root(trace) };
        let outer = self.side.enter(scope);
        let made = catch_unwind(AssertUnwindSafe(|| make(context)));
        self.side.enter(outer);
        let mut table = self.side.services.table.borrow_mut();
        let Ok(body) = made else {
            let abandoned = table.abandon(address);
            drop(table);
            abandoned.iter().for_each(|work| work.end());
            return Err(SpawnError::Panicked);
        };
        let Some(instance) = table.instances.get_mut(address.key) else {
            return Err(SpawnError::Stopped); // Whoever made it has ended the shard meanwhile.
        };
        instance.body = Some(body);
        let global = instance.settings.name.clone().filter(|name| !name.is_local());
        let count = table.instances.len();
        drop(table);
        self.side.services.set(Counter::ServicesNow, count as u64);
        if let Some(name) = global {
            self.post(Recipient::Name(name), Matter::Claim(address));
        }
        Ok(address)
    }

    /// A place for a service, and its name if that is of this shard.
    fn reserve(&self, settings: Settings) -> Result<Address, SpawnError> {
        let board = &self.side.services;
        if board.has_ended.get() {
            return Err(SpawnError::Stopped);
        }
        let mut table = board.table.borrow_mut();
        if table.instances.len() >= super::SERVICES_MAX {
            return Err(SpawnError::TooMany { max: super::SERVICES_MAX });
        }
        let name = settings.name.clone();
        if name.as_ref().is_some_and(|name| !name.is_fit()) {
            return Err(SpawnError::NameUnfit);
        }
        let key = table.instances.insert(Instance::new(settings));
        let address = Address { shard: self.side.index(), key };
        if let Some(local) = name.filter(Name::is_local)
            && let Err(error) = table.claim(&local, address)
        {
            table.instances.remove(key);
            return Err(error);
        }
        Ok(address)
    }
}

/// What the engine has answered.
fn unpack<T: 'static>(result: Result<Content, Fault>) -> Result<T, SpawnError> {
    let answer = result.and_then(Content::take::<Result<T, SpawnError>>);
    answer.unwrap_or_else(|fault| Err(SpawnError::Unanswered(fault)))
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Services {{ shard: {} }}", self.side.index().0)
    }
}

/// A service's way to its shard, and to what ends with it. Cheap to clone; everything [`Services`]
/// can do, it can.
#[derive(Clone, Debug)]
pub struct ServiceContext {
    services: Services,
    address: Address,
}

impl Deref for ServiceContext {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.services
    }
}

impl ServiceContext {
    /// The address of this service.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Runs a future beside the handlers, to its end or that of the service. It belongs to the trace
    /// of whoever starts it, and nobody waits for it: it has neither the deadline nor the callers of
    /// the message that started it. Beyond [`FORKS_MAX`](super::FORKS_MAX) of a service it is dropped
    /// and counted. If it panics, it ends.
    pub fn fork(&self, future: impl Future<Output = ()> + 'static) {
        let side = &self.services.side;
        let board = &side.services;
        let trace = side.trace_of(&side.scope());
        let job = Job { is_fork: true, ..Job::new(self.address.key) };
        let mut table = board.table.borrow_mut();
        let Some(instance) = table.instances.get(self.address.key) else { return };
        if instance.jobs.len() - instance.running >= super::FORKS_MAX {
            return board.count(Counter::ServiceForksRefused);
        }
        let call_timeout_ms = millis(instance.settings.call_timeout);
        let key = table.begin(job).expect("it was found just now");
        let service = Some(self.address);
        let scope = Scope { service, call_timeout_ms, ..Scope::root(trace) };
        let future = side.scoped(scope, async move {
            future.await;
            Ok(Content::NOTHING)
        });
        let work = Work::new(Box::pin(future));
        table.jobs.get_mut(key).expect("it was begun just now").work = Some(Rc::clone(&work));
        drop(table);
        side.spawn_fork(Box::pin(work.run(Rc::clone(side), key)));
    }

    /// Runs a future once, so much later; it begins a trace. Ends with the service.
    pub fn after(&self, delay: Duration, future: impl Future<Output = ()> + 'static) {
        let (context, side) = (self.context(), Rc::clone(&self.services.side));
        self.fork(async move {
            context.sleep(delay).await;
            side.begin_trace();
            future.await;
        });
    }

    /// Runs what `make` makes again and again, each time so much later than the one before has ended;
    /// each begins a trace. Ends with the service.
    pub fn every<F>(&self, period: Duration, mut make: impl FnMut() -> F + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        let (context, side) = (self.context(), Rc::clone(&self.services.side));
        self.fork(async move {
            loop {
                context.sleep(period).await;
                side.begin_trace();
                make().await;
            }
        });
    }

    /// Gives this service one more name, by which it is known once this has ended.
    ///
    /// # Errors
    /// [`SpawnError::NameTaken`] when somebody has it, or the home of the name may know no more names
    /// ([`NAMES_MAX`](super::NAMES_MAX)), or this service has as many as it may
    /// ([`SERVICE_NAMES_MAX`](super::SERVICE_NAMES_MAX)); [`SpawnError::NameUnfit`].
    pub async fn register(&self, name: impl Into<Name>) -> Result<(), SpawnError> {
        let (name, side) = (name.into(), &self.services.side);
        // It is given back at the end of the service, whether or not the answer is waited for.
        let noted = side.services.table.borrow_mut().note(self.address, &name);
        noted?;
        let errand = Errand::new(Recipient::Name(name.clone()), Matter::Claim(self.address));
        let claimed = Asked { call: Call::begin(side, errand), read: unpack }.await;
        if let Err(error) = &claimed {
            side.services.table.borrow_mut().unnote(self.address, &name);
            if matches!(error, SpawnError::Unanswered(_)) {
                // It may have been given all the same: it is given back, behind that.
                self.post(Recipient::Name(name), Matter::Release(self.address));
            }
        }
        claimed
    }

    /// Ends this service, behind what it has sent and behind what its handler does until it waits:
    /// `finish` and then an answer answers. No other message starts. What waits in the inbox fails
    /// with [`Fault::Stopped`]; where this is the service of a key, it is for the next one, unless this
    /// one stops before a message has started: so it refuses a key for which it should not be.
    pub fn finish(&self) {
        let mut table = self.services.side.services.table.borrow_mut();
        if let Some(instance) = table.instances.get_mut(self.address.key) {
            instance.is_stopping = true;
        }
        drop(table);
        self.services.stop(self.address);
    }

    /// As [`ServiceContext::finish`], unless a message waits or is being handled by then: how the
    /// service of a key goes when it is not needed, so that no message is lost.
    pub fn finish_if_idle(&self) {
        self.services.stop_if_idle(self.address);
    }
}
