//! Two executors and a shared channel each way.

use std::io;
use std::time::Instant;

use glommio::channels::shared_channel::{
    ConnectedReceiver, ConnectedSender, SharedReceiver, SharedSender, new_bounded,
};
use glommio::{LocalExecutor, LocalExecutorBuilder, Placement};

use super::scenario::UNDER_WAY_MAX;
use super::slots::{Numbered, Slots};
use super::tally::{Plan, answer_to, fail};
use crate::claims::server::patiently;

pub(super) fn run(plan: &Plan) -> io::Result<()> {
    let (asks, questions) = new_bounded(UNDER_WAY_MAX);
    let (answers, answered) = new_bounded(UNDER_WAY_MAX);
    let core = plan.callee_core();
    std::thread::spawn(move || match executor(core) {
        Ok(executor) => executor.run(act(questions, answers)),
        Err(error) => fail(&error),
    });
    executor(plan.cores[0])?.run(async {
        let (asks, answered) = (asks.connect().await, answered.connect().await);
        call(plan, &asks, &answered).await;
    });
    Err(io::Error::other("the callee has ended"))
}

fn executor(core: usize) -> io::Result<LocalExecutor> {
    let make = || LocalExecutorBuilder::new(Placement::Fixed(core)).make();
    patiently(make).map_err(|error| io::Error::other(error.to_string()))
}

async fn act(questions: SharedReceiver<Numbered>, answers: SharedSender<Numbered>) {
    let (questions, answers) = (questions.connect().await, answers.connect().await);
    while let Some(Numbered { slot, content }) = questions.recv().await {
        if answers.send(Numbered { slot, content: answer_to(content) }).await.is_err() {
            return;
        }
    }
}

/// Until the tally ends the process, or the callee is gone.
async fn call(
    plan: &Plan,
    asks: &ConnectedSender<Numbered>,
    answered: &ConnectedReceiver<Numbered>,
) {
    let mut slots = Slots::new(plan);
    for slot in 0..slots.count() {
        if asks.send(slots.ask(slot, Instant::now())).await.is_err() {
            return;
        }
    }
    while let Some(answer) = answered.recv().await {
        let Some(mut next) = slots.answered(answer) else { continue };
        if let Some(duration) = plan.scenario.pause {
            glommio::timer::sleep(duration).await;
            next = Instant::now();
        }
        if asks.send(slots.ask(answer.slot, next)).await.is_err() {
            return;
        }
    }
}
