//! The services that are played: they answer, wait, fail, ask each other in circles, and end.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::town::{Note, Shared};
use crate::context::Context;
use crate::service::{
    Chain, Content, ExitReason, Fault, Key, Message, Overflow, Recipient, Service, ServiceContext,
    Services, Settings,
};

/// Messages inside of messages, at most.
const DEPTH_MAX: u32 = 4;
/// Rounds of a beadle.
const ROUNDS: u64 = 8;

/// Does what the notes say.
struct Townsman {
    me: ServiceContext,
    town: Shared,
    sender: u64,
    /// Whether a note may tell it to stop.
    is_mortal: bool,
    has_ended: Cell<bool>,
    /// Questions that it was about when it ended.
    cut: RefCell<Vec<u64>>,
}

impl Townsman {
    fn new(me: ServiceContext, town: &Shared, is_mortal: bool) -> Townsman {
        let sender = {
            let mut town = town.borrow_mut();
            town.settle(me.address());
            town.new_sender()
        };
        Townsman {
            me,
            town: Rc::clone(town),
            sender,
            is_mortal,
            has_ended: Cell::new(false),
            cut: RefCell::default(),
        }
    }

    /// Nothing of a service runs after its end.
    fn check_alive(&self) {
        let ended = self.has_ended.get();
        let address = self.me.address();
        self.town.borrow_mut().check(!ended, || format!("{address} runs after its end"));
    }

    async fn wait(&self, ms: u64) {
        self.me.context().sleep(Duration::from_millis(ms)).await;
        self.check_alive();
    }

    /// Does what a note says.
    async fn follow(self: &Rc<Self>, note: &Note, message: &Message) -> Result<(), Fault> {
        let detail = note.plan >> 8;
        match note.plan % 16 {
            0..4 => {}
            4..6 => self.wait(detail % 40).await,
            6 => return Err(Fault::Failed),
            7 => std::panic::resume_unwind(Box::new(())), // As a panic, without its noise.
            8..11 if note.depth < DEPTH_MAX => {
                let asked = ask(&self.me, &self.town, self.sender, note.depth + 1);
                let asked = asked.await;
                self.check_alive();
                // Half of them hand on what became of it.
                return if detail.is_multiple_of(2) { asked } else { Ok(()) };
            }
            11 if note.depth < DEPTH_MAX => tell(&self.me, &self.town, self.sender, note.depth + 1),
            12 if message.is_call() => {
                message.cancelled().await;
                self.check_alive();
            }
            13 if self.is_mortal => self.me.finish(),
            14 if self.is_mortal => self.me.finish_if_idle(),
            15 => {
                let own = Rc::clone(self);
                self.me.fork(async move { own.wait(detail % 30).await });
            }
            _ => {}
        }
        Ok(())
    }
}

/// A note being handled, to its end or that of its service.
struct Handling<'a> {
    townsman: &'a Townsman,
    question: u64,
    is_over: bool,
}

impl Handling<'_> {
    fn finish(mut self) {
        self.is_over = true;
    }
}

impl Drop for Handling<'_> {
    fn drop(&mut self) {
        // One that panics has its answer, a fault.
        if !self.is_over && !std::thread::panicking() {
            self.townsman.cut.borrow_mut().push(self.question);
        }
    }
}

impl Service for Townsman {
    async fn handle(self: Rc<Self>, mut message: Message) -> Result<Content, Fault> {
        let note: Note = message.take()?;
        self.check_alive();
        self.town.borrow_mut().start(&note);
        let handling = Handling { townsman: &self, question: note.question, is_over: false };
        let done = self.follow(&note, &message).await;
        handling.finish();
        done?;
        let now_ms = self.me.context().now_ms();
        self.town.borrow_mut().answer(&note, now_ms);
        Ok(Content::value(note.question))
    }

    fn on_stop(&self, reason: ExitReason) {
        self.check_alive();
        self.has_ended.set(true);
        let (mut town, now_ms) = (self.town.borrow_mut(), self.me.context().now_ms());
        town.end(self.me.address(), reason, now_ms);
        for question in self.cut.take() {
            town.is_cut(question, reason, now_ms);
        }
    }
}

/// Whom somebody on any shard may ask.
fn recipient(services: &Services, town: &Shared) -> Recipient {
    let mut town = town.borrow_mut();
    match town.below(8) {
        0 => ".one-by-one".into(),
        1 => ".many".into(),
        2 => ".mortal".into(),
        3 | 4 => Key::new("cell", &[b'a' + town.below(5) as u8]).into(),
        5 => format!("hall-{}", town.below(4)).as_str().into(),
        _ => match town.somebody() {
            Some(address) => address.into(),
            None => format!("hall-{}", services.context().shard().0).as_str().into(),
        },
    }
}

/// Waits for an answer that is noted as open meanwhile, whatever becomes of whoever waits.
struct Asking<'a> {
    town: &'a Shared,
    question: u64,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.town.borrow_mut().stop_asking(self.question);
    }
}

/// Asks somebody something, for as long as chance says, and checks what comes of it.
async fn ask(services: &Services, town: &Shared, sender: u64, depth: u32) -> Result<(), Fault> {
    let to = recipient(services, town);
    let timeout_ms = 150 + town.borrow_mut().below(400);
    let patience_ms = town.borrow_mut().patience_ms();
    let note = town.borrow_mut().note(sender, &to, depth);
    let now_ms = services.context().now_ms();
    town.borrow_mut().ask(&note, now_ms, now_ms + timeout_ms);
    let question = note.question;
    let is_service = services.side.scope().service.is_some();
    let asking = Asking { town, question };
    let context = services.context();
    let deadline_ms = context.now_ms() + timeout_ms;
    let call = services.call(to, Content::value(note)).deadline(Duration::from_millis(timeout_ms));
    let result = within(&context, patience_ms, call).await;
    drop(asking);
    let mut town = town.borrow_mut();
    let Some(result) = result else {
        town.calls[2] += 1;
        return Err(Fault::Cancelled); // Given up.
    };
    let now_ms = context.now_ms();
    town.is_over(question, deadline_ms, now_ms);
    match result.and_then(Content::take::<u64>) {
        Ok(answer) => {
            town.is_answered(question, answer);
            Ok(())
        }
        Err(fault) => {
            town.calls[1] += 1;
            // Inside of another, a call ends with that one; and one may hand on the end of a third.
            let is_own = |chain: &Chain| depth == 0 && chain.0.len() == 1 + usize::from(is_service);
            if matches!(&fault, Fault::Deadline(chain) if is_own(chain)) {
                town.is_late(question, deadline_ms, now_ms);
            }
            Err(fault)
        }
    }
}

/// Sends somebody something.
fn tell(services: &Services, town: &Shared, sender: u64, depth: u32) {
    let to = recipient(services, town);
    let note = town.borrow_mut().note(sender, &to, depth);
    services.send(to, Content::value(note));
}

/// What a future comes to, if it does so in time; it is dropped then.
async fn within<F: Future>(context: &Context, ms: u64, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    if ms == u64::MAX {
        return Some(future.await);
    }
    let mut late = pin!(context.sleep(Duration::from_millis(ms)));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => late.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// Starts the services of a shard.
pub(super) fn settle(context: &Context, town: &Shared) {
    let services = context.services();
    let start = |settings: Settings, is_mortal| {
        let started = services.spawn(settings, |me| Townsman::new(me, town, is_mortal));
        started.expect("there is room, and the names are free");
    };
    let small =
        |name: &str, inbox_max, overflow| Settings { inbox_max, overflow, ..Settings::named(name) };
    let shard = context.shard();
    start(small(".one-by-one", 3, Overflow::DropOldest).one_by_one(), false);
    start(small(".many", 4, Overflow::Refuse), false);
    start(small(".mortal", 8, Overflow::Refuse).one_by_one(), true);
    start(Settings::named(&*format!("hall-{}", shard.0)), false);
    let inside = Rc::clone(town);
    let cells = Settings { inbox_max: 4, at_once: 2, ..Settings::default() };
    let made = services.keyed("cell", cells, move |me, _| Townsman::new(me, &inside, true));
    made.expect("the class is new");
    let inside = Rc::clone(town);
    let beadle = services.spawn(Settings::default(), move |me| {
        let own = me.clone();
        me.fork(async move { walk(own, inside).await });
        Beadle
    });
    beadle.expect("there is room");
}

/// Asks, tells and watches for a while, and has the mortal one replaced.
struct Beadle;

impl Service for Beadle {
    async fn handle(self: Rc<Self>, _: Message) -> Result<Content, Fault> {
        Ok(Content::NOTHING)
    }
}

async fn walk(me: ServiceContext, town: Shared) {
    let sender = town.borrow_mut().new_sender();
    for _ in 0..ROUNDS {
        let pause_ms = town.borrow_mut().below(50);
        me.context().sleep(Duration::from_millis(pause_ms)).await;
        let choice = town.borrow_mut().below(8);
        match choice {
            0 => watch(&me, &town),
            1 => replace(&me, &town),
            _ => {}
        }
        tell(&me, &town, sender, 0);
        // Whatever comes of it is checked there.
        let _ = ask(&me, &town, sender, 0).await;
    }
}

/// Waits, as long as it takes, for the end of somebody.
fn watch(me: &ServiceContext, town: &Shared) {
    let Some(address) = town.borrow_mut().somebody() else { return };
    town.borrow_mut().watches += 1;
    let (watching, town, context) = (me.watch(address), Rc::clone(town), me.context());
    let begun_ms = context.now_ms();
    me.context().spawn(async move {
        let reason = watching.await;
        town.borrow_mut().hear_end(address, reason, begun_ms, context.now_ms());
    });
}

/// Starts another mortal one, here if there is none, and one on any shard.
fn replace(me: &ServiceContext, town: &Shared) {
    let settings = || Settings::named(".mortal").one_by_one();
    // The name may be taken still.
    let _ = me.spawn(settings(), |other| Townsman::new(other, town, true));
    let name = format!("hall-{}", town.borrow_mut().below(4));
    // Where the name is taken, which it is as a rule, this one ends at once.
    let _ = me.spawn(Settings::named(&*name), |other| Townsman::new(other, town, true));
}

/// What a user's request has done: a few things in a row, each checked.
pub(super) async fn serve(context: &Context, town: &Shared) {
    let services = context.services();
    let sender = town.borrow_mut().new_sender();
    for _ in 0..3 {
        tell(&services, town, sender, 0);
    }
    let _ = ask(&services, town, sender, 0).await;
}
