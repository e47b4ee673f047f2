//! One service calls another, on its shard or on the other one.

use std::io;
use std::rc::Rc;

use futures_lite::future::yield_now;
use skyring::config::Config;
use skyring::context::Context;
use skyring::driver::ShardIndex;
use skyring::handler::Application;
use skyring::server::Server;
use skyring::service::{Acting, Actor, Fault, Message, ServiceContext, Settings};

use super::tally::{Plan, Tally, answer_to, fail};
use crate::claims::server::patiently;

struct Callee {
    waits: bool,
}

impl Actor for Callee {
    type Request = u64;
    type Answer = u64;

    async fn answer(self: Rc<Self>, question: u64, _: Message) -> Result<u64, Fault> {
        if self.waits {
            yield_now().await;
        }
        Ok(answer_to(question))
    }
}

/// It only calls, from its forks.
struct Caller;

impl Actor for Caller {
    type Request = ();
    type Answer = ();

    async fn answer(self: Rc<Self>, (): (), _: Message) -> Result<(), Fault> {
        Ok(())
    }
}

/// There are no users.
struct Nobody;

impl Application for Nobody {}

pub(super) fn run(plan: &Plan) -> io::Result<()> {
    let config = Config {
        shards: plan.cores.len(),
        cores: plan.cores.clone(),
        connections_per_shard_max: 256,
        listeners: Vec::new(),
        ..Config::default()
    };
    let start = || {
        let plan = plan.clone();
        Server::start(&config, move |context| {
            if context.shard() == ShardIndex(0) {
                begin(&context, plan.clone());
            }
            Nobody
        })
    };
    let server = patiently(start).map_err(|error| io::Error::other(error.to_string()))?;
    server.join().map_err(io::Error::other)
}

fn begin(context: &Context, plan: Plan) {
    let services = context.services();
    context.spawn(async move {
        let started = services.spawn_actor(Settings::default(), |me| {
            me.fork(call(me.clone(), plan));
            Caller
        });
        if let Err(error) = started {
            fail(&error);
        }
    });
}

async fn call(me: ServiceContext, plan: Plan) {
    let last = ShardIndex(u16::try_from(plan.cores.len() - 1).expect("there are two at most"));
    let (under_way, waits) = (plan.scenario.under_way, plan.scenario.waits);
    let make = move |_| Acting::new(Callee { waits });
    let callee = match me.spawn_on(last, Settings::default(), make).await {
        Ok(callee) => callee,
        Err(error) => fail(&error),
    };
    let tally = Tally::new(plan);
    for _ in 0..under_way {
        let (asks, sleeps) = (me.clone(), me.context());
        let ask = move |question| asks.ask::<Callee>(callee, question);
        me.fork(tally.clone().call(ask, move |duration| sleeps.sleep(duration)));
    }
}
