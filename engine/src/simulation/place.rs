//! A shard in a simulated world, with its application and the executor of its tasks.

use std::rc::Rc;
use std::sync::Arc;

use super::executor::Executor;
use crate::config::Listener;
use crate::context::{Context, ShardSide};
use crate::driver::sim::{SimDriver, SimNet, SimRandom};
use crate::driver::{Driver, ShardIndex};
use crate::handler::Application;
use crate::mailbox::Mailboxes;
use crate::places::Places;
use crate::route::Router;
use crate::shard::Shard;
use crate::shard::core::{Core, CoreParts, ListenerShared};
use crate::shard::counters::ShardCounters;
use crate::shard::dispatch::Dispatch;
use crate::shard::drain::ServerEnd;
use crate::shard::mail::Mail;
use crate::shard::message::Message;

/// What the shards of one world have in common.
pub(super) struct Site {
    pub(super) net: SimNet,
    pub(super) router: Router,
    pub(super) listeners: Vec<(Listener, Arc<ListenerShared>)>,
    pub(super) boxes: Arc<Mailboxes<Message>>,
    pub(super) free: Arc<Places>,
    pub(super) server_end: Arc<ServerEnd>,
    pub(super) cache_bytes_max: u64,
    pub(super) unauthenticated_max: u32,
}

pub(super) struct Place {
    pub(super) shard: Shard<SimDriver>,
    pub(super) parked: bool,
    /// It has ended with the server.
    pub(super) left: bool,
    pub(super) side: Rc<ShardSide>,
    pub(super) executor: Executor,
    pub(super) counters: Arc<ShardCounters>,
}

impl Place {
    pub(super) fn new<A: Application>(
        site: &Site,
        index: ShardIndex,
        random: &mut SimRandom,
        make: impl FnOnce(Context) -> A,
    ) -> Place {
        let driver = site.net.driver(index);
        let executor = Executor::default();
        let clock = || {
            let net = site.net.clone();
            move || net.now().as_millis() as u64
        };
        let counters: Arc<ShardCounters> = Arc::default();
        let spawn = Box::new(executor.clone());
        let side = ShardSide::new(index, spawn, Box::new(clock()), Arc::clone(&counters));
        let mut entropy = random.fork();
        let core = Core::new(CoreParts {
            index,
            router: site.router,
            table_key: (random.word(), random.word()),
            slots: driver.slots(),
            listeners: site.listeners.clone(),
            mail: Mail::new(Arc::clone(&site.boxes)),
            places: Arc::clone(&site.free),
            server_end: Arc::clone(&site.server_end),
            dispatch: Dispatch::new(Rc::new(make(side.context())), Rc::clone(&side), None),
            side: Rc::clone(&side),
            counters: Arc::clone(&counters),
            entropy: Box::new(move |bytes| {
                for piece in bytes.chunks_mut(8) {
                    piece.copy_from_slice(&entropy.word().to_le_bytes()[..piece.len()]);
                }
            }),
            cache_bytes_max: site.cache_bytes_max,
            memory_bytes_max: u64::MAX,
            sessions_max: usize::MAX,
            deciding_max: usize::MAX,
            unauthenticated_max: site.unauthenticated_max,
            now_ms: clock()(),
            wall_clock: Box::new(clock()),
        });
        let shard = Shard::new(driver, core, Box::new(clock()));
        Place { shard, parked: false, left: false, side, executor, counters }
    }
}
