//! The usual actor of tokio: a task behind a channel, and a channel for each answer.

use std::future::Future;
use std::io;
use std::sync::Arc;

use futures_lite::future::yield_now;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::scenario::{Place, UNDER_WAY_MAX};
use super::tally::{Plan, Tally, answer_to};
use crate::host;

struct Question {
    content: u64,
    answer: oneshot::Sender<u64>,
}

pub(super) fn run(plan: &Plan) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(UNDER_WAY_MAX);
    let actor = act(receiver, plan.scenario.waits);
    host::pin(plan.cores[0])?;
    let runtime = runtime()?;
    match plan.scenario.place {
        Place::Here => drop(runtime.spawn(actor)),
        Place::There => run_there(plan.callee_core(), actor),
    }
    let tally = Tally::new(plan.clone());
    runtime.block_on(async {
        for _ in 0..plan.scenario.under_way {
            let sender = sender.clone();
            let ask = move |content| ask(sender.clone(), content);
            tokio::spawn(Arc::clone(&tally).call(ask, tokio::time::sleep));
        }
        // The tally ends the process.
        std::future::pending().await
    })
}

/// As in a server: one that could use sockets and timers.
fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn run_there(core: usize, actor: impl Future<Output = ()> + Send + 'static) {
    std::thread::spawn(move || {
        let run = || {
            host::pin(core)?;
            runtime()?.block_on(actor);
            io::Result::Ok(())
        };
        if let Err(error) = run() {
            super::tally::fail(&error);
        }
    });
}

async fn act(mut questions: mpsc::Receiver<Question>, waits: bool) {
    while let Some(Question { content, answer }) = questions.recv().await {
        if waits {
            // As a service does: others need not wait for this one.
            tokio::spawn(async move {
                yield_now().await;
                let _ = answer.send(answer_to(content));
            });
        } else {
            // Whoever does not wait any more is not there to be told.
            let _ = answer.send(answer_to(content));
        }
    }
}

async fn ask(questions: mpsc::Sender<Question>, content: u64) -> Result<u64, &'static str> {
    let (answer, answered) = oneshot::channel();
    let sent = questions.send(Question { content, answer }).await;
    sent.map_err(|_| "the actor has ended")?;
    answered.await.map_err(|_| "the actor has not answered")
}
