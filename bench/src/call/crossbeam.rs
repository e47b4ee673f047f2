//! Two threads and a channel each way; whoever has nothing to do parks.

use std::io;
use std::time::Instant;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::scenario::UNDER_WAY_MAX;
use super::slots::{Numbered, Slots};
use super::tally::{Plan, answer_to, fail};
use crate::host;

pub(super) fn run(plan: &Plan) -> io::Result<()> {
    let (asks, questions) = bounded(UNDER_WAY_MAX);
    let (answers, answered) = bounded(UNDER_WAY_MAX);
    let core = plan.callee_core();
    std::thread::spawn(move || match host::pin(core) {
        Ok(()) => act(&questions, &answers),
        Err(error) => fail(&error),
    });
    host::pin(plan.cores[0])?;
    call(plan, &asks, &answered);
    Err(io::Error::other("the callee has ended"))
}

fn act(questions: &Receiver<Numbered>, answers: &Sender<Numbered>) {
    for Numbered { slot, content } in questions {
        if answers.send(Numbered { slot, content: answer_to(content) }).is_err() {
            return;
        }
    }
}

/// Until the tally ends the process, or the callee is gone.
fn call(plan: &Plan, asks: &Sender<Numbered>, answered: &Receiver<Numbered>) {
    let mut slots = Slots::new(plan);
    for slot in 0..slots.count() {
        if asks.send(slots.ask(slot, Instant::now())).is_err() {
            return;
        }
    }
    for answer in answered {
        let Some(mut next) = slots.answered(answer) else { continue };
        if let Some(duration) = plan.scenario.pause {
            std::thread::sleep(duration);
            next = Instant::now();
        }
        if asks.send(slots.ask(answer.slot, next)).is_err() {
            return;
        }
    }
}
