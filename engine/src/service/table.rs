//! The services of one shard, what they are doing, and what they are called.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use std::task::Waker;

use super::address::{Name, Recipient};
use super::context::ServiceContext;
use super::fault::{ExitReason, Fault, SpawnError};
use super::letter::{CallId, Letter};
use super::message::Message;
use super::settings::{Overflow, Settings};
use super::slab::{Key, Slab};
use super::work::{Output, Work};
use super::{Address, Service};
use crate::shard::connections::NEVER;
use crate::shard::dispatch::{Run, runner};

/// What a service is made of, its type erased.
pub(crate) struct Body {
    /// Runs its handler; elsewhere while it does.
    pub(crate) runner: Option<Box<dyn Run<Message, Output>>>,
    /// Tells it why it has ended.
    pub(crate) end: Box<dyn Fn(ExitReason)>,
}

impl Body {
    pub(crate) fn new<S: Service>(service: S) -> Body {
        let service = Rc::new(service);
        let handler = Rc::clone(&service);
        let run = runner(
            move |message| Rc::clone(&handler).handle(message),
            |output| output,
            || Err(Fault::Failed),
        );
        Body { runner: Some(run), end: Box::new(move |reason| service.on_stop(reason)) }
    }
}

/// A service.
pub(crate) struct Instance {
    /// None while it is being made.
    pub(crate) body: Option<Body>,
    pub(crate) settings: Settings,
    /// It has asked for its end, which is near.
    pub(crate) is_stopping: bool,
    /// A message of it has started.
    pub(crate) has_begun: bool,
    /// Global names it has asked for, and local ones that it has.
    pub(crate) names: Vec<Name>,
    /// When it had something to do last.
    pub(crate) active_ms: u64,
    /// The class and key it was made for.
    pub(crate) made_for: Option<super::address::Key>,
    /// Messages that wait for their turn.
    pub(crate) inbox: VecDeque<Box<Letter>>,
    /// Messages being handled.
    pub(crate) running: usize,
    /// Bytes of those that wait.
    pub(crate) waiting_bytes: usize,
    /// Bytes of those being handled.
    pub(crate) running_bytes: usize,
    /// Handlers and forks.
    pub(crate) jobs: Vec<Key>,
    /// Who wants to hear of its end.
    pub(crate) watchers: BTreeSet<CallId>,
}

impl Instance {
    pub(crate) fn new(settings: Settings) -> Instance {
        Instance {
            body: None,
            is_stopping: false,
            has_begun: false,
            names: settings.name.iter().cloned().collect(),
            settings,
            active_ms: 0,
            made_for: None,
            inbox: VecDeque::new(),
            running: 0,
            waiting_bytes: 0,
            running_bytes: 0,
            jobs: Vec::new(),
            watchers: BTreeSet::new(),
        }
    }

    /// Whether a message may start.
    pub(crate) fn may_start(&self) -> bool {
        self.running < self.settings.at_once && !self.is_stopping
    }

    /// Whether one more message of so many bytes is too much.
    pub(crate) fn is_full(&self, bytes: usize) -> bool {
        let waiting = (self.inbox.len(), self.waiting_bytes);
        self.is_too_much(waiting.0 + self.running, waiting.1 + self.running_bytes, bytes)
    }

    /// Whether beside so many messages one more of so many bytes is too much.
    fn is_too_much(&self, count: usize, present_bytes: usize, bytes: usize) -> bool {
        let all_bytes = present_bytes.saturating_add(bytes);
        count >= self.settings.inbox_max || (count > 0 && all_bytes > self.settings.inbox_bytes_max)
    }
}

impl Instance {
    /// Takes out the message that goes first where a new one of so many bytes finds the inbox full;
    /// none where that would not help.
    pub(crate) fn make_room(&mut self, bytes: usize) -> Option<Box<Letter>> {
        let is_hopeless = self.is_too_much(self.running, self.running_bytes, bytes);
        if self.settings.overflow == Overflow::Refuse || is_hopeless {
            return None;
        }
        let send = self.inbox.iter().position(|letter| letter.call.is_none());
        let oldest = self.inbox.remove(send.unwrap_or(0))?;
        self.waiting_bytes -= oldest.weight_bytes();
        Some(oldest)
    }
}

/// A handler that runs, or a fork.
pub(crate) struct Job {
    pub(crate) service: Key,
    /// Its place in the jobs of the service.
    pub(crate) at: usize,
    pub(crate) is_fork: bool,
    /// Who waits for its output.
    pub(crate) call: Option<CallId>,
    pub(crate) bytes: usize,
    pub(crate) deadline_ms: u64,
    pub(crate) is_cancelled: bool,
    /// Those who want to hear of a cancel.
    pub(crate) waiting: Vec<Waker>,
    /// The future, once it waits.
    pub(crate) work: Option<Rc<Work>>,
}

impl Job {
    /// One that nobody waits for.
    pub(crate) fn new(service: Key) -> Job {
        Job {
            service,
            at: 0,
            is_fork: false,
            call: None,
            bytes: 0,
            deadline_ms: NEVER,
            is_cancelled: false,
            waiting: Vec::new(),
            work: None,
        }
    }
}

/// Makes the service of a key.
pub(crate) type MakeKeyed = Rc<dyn Fn(ServiceContext, &[u8]) -> Body>;

/// The services of a class.
pub(crate) struct Class {
    pub(crate) settings: Settings,
    pub(crate) make: MakeKeyed,
    pub(crate) services: HashMap<std::sync::Arc<[u8]>, Key>,
}

/// See the file's header. The maps are never walked, so their order does not matter.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) instances: Slab<Instance>,
    pub(crate) jobs: Slab<Job>,
    /// The shard's own names, and the global ones whose home this is.
    pub(crate) names: HashMap<Name, Address>,
    pub(crate) classes: BTreeMap<Name, Class>,
    /// Bytes of all messages that wait in inboxes or are being handled.
    pub(crate) letter_bytes: usize,
}

impl Table {
    /// Adds a job to a service.
    pub(crate) fn begin(&mut self, mut job: Job) -> Option<Key> {
        let instance = self.instances.get_mut(job.service)?;
        job.at = instance.jobs.len();
        instance.running += usize::from(!job.is_fork);
        instance.running_bytes += job.bytes;
        self.letter_bytes += job.bytes;
        let key = self.jobs.insert(job);
        instance.jobs.push(key);
        Some(key)
    }

    /// Takes a job out.
    pub(crate) fn finish(&mut self, key: Key, now_ms: u64) -> Option<Job> {
        let job = self.jobs.remove(key)?;
        self.letter_bytes -= job.bytes;
        if let Some(instance) = self.instances.get_mut(job.service) {
            instance.jobs.swap_remove(job.at);
            if let Some(moved) = instance.jobs.get(job.at) {
                self.jobs.get_mut(*moved).expect("a service knows its jobs").at = job.at;
            }
            instance.running -= usize::from(!job.is_fork);
            instance.running_bytes -= job.bytes;
            instance.active_ms = now_ms;
        }
        Some(job)
    }

    /// Takes out a service that could not be made; what it has started is to be ended.
    pub(crate) fn abandon(&mut self, address: Address) -> Vec<Rc<Work>> {
        let Some(instance) = self.instances.remove(address.key) else { return Vec::new() };
        instance.names.iter().for_each(|name| self.release(name, address));
        self.letter_bytes -= instance.waiting_bytes + instance.running_bytes;
        let jobs = instance.jobs.iter().filter_map(|job| self.jobs.remove(*job)?.work);
        jobs.collect()
    }

    /// The service on this shard that a letter is for, if it is there.
    pub(crate) fn find(&self, to: &Recipient) -> Option<Key> {
        let key = match to {
            Recipient::Address(address) => address.key,
            Recipient::Name(name) => self.names.get(name)?.key,
            Recipient::Key(key) => *self.classes.get(&key.class)?.services.get(&key.key)?,
        };
        self.instances.get(key).map(|_| key)
    }

    /// Gives a name to a service; false: somebody has it.
    pub(crate) fn claim(&mut self, name: &Name, address: Address) -> Result<(), SpawnError> {
        if !name.is_fit() {
            return Err(SpawnError::NameUnfit);
        }
        if self.names.len() >= super::NAMES_MAX || self.names.contains_key(name) {
            return Err(SpawnError::NameTaken(name.clone()));
        }
        self.names.insert(name.clone(), address);
        Ok(())
    }

    /// Notes that a service may get a name.
    pub(crate) fn note(&mut self, address: Address, name: &Name) -> Result<(), SpawnError> {
        let instance = self.instances.get_mut(address.key).ok_or(SpawnError::Stopped)?;
        if instance.names.len() >= super::SERVICE_NAMES_MAX || instance.names.contains(name) {
            return Err(SpawnError::NameTaken(name.clone()));
        }
        instance.names.push(name.clone());
        Ok(())
    }

    /// Notes that it has not got it.
    pub(crate) fn unnote(&mut self, address: Address, name: &Name) {
        if let Some(instance) = self.instances.get_mut(address.key) {
            instance.names.retain(|noted| noted != name);
        }
    }

    /// Takes a name from a service that has it.
    pub(crate) fn release(&mut self, name: &Name, address: Address) {
        if self.names.get(name) == Some(&address) {
            self.names.remove(name);
        }
    }
}
