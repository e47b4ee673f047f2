//! Services whose requests and answers are types: the compiler sees to what they say.

use std::future::Future;
use std::marker::PhantomData;
use std::rc::Rc;

use super::address::Recipient;
use super::call::Call;
use super::content::Content;
use super::context::{ServiceContext, Services};
use super::fault::{ExitReason, Fault, SpawnError};
use super::message::Message;
use super::settings::Settings;
use super::{Address, Service};

/// A service whose requests are one type, an enum as a rule, and whose answers are another.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
///
/// use skyring::service::{Actor, Fault, Message};
///
/// enum Ask {
///     Deposit(u64),
///     Withdraw(u64),
/// }
///
/// struct Account(Cell<u64>);
///
/// impl Actor for Account {
///     type Request = Ask;
///     type Answer = u64;
///
///     async fn answer(self: Rc<Self>, ask: Ask, _message: Message) -> Result<u64, Fault> {
///         let balance = self.0.get();
///         self.0.set(match ask {
///             Ask::Deposit(amount) => balance + amount,
///             Ask::Withdraw(amount) => balance.checked_sub(amount).ok_or(Fault::Failed)?,
///         });
///         Ok(self.0.get())
///     }
/// }
/// ```
///
/// It is started with [`Services::spawn_actor`] and asked with [`Services::ask`] and
/// [`Services::tell`].
pub trait Actor: 'static {
    /// What it is asked.
    type Request: Send + 'static;
    /// What it answers.
    type Answer: Send + 'static;

    /// Answers a request; `message` is what it came in, its content taken out. See
    /// [`Service::handle`].
    fn answer(
        self: Rc<Self>,
        request: Self::Request,
        message: Message,
    ) -> impl Future<Output = Result<Self::Answer, Fault>>;

    /// See [`Service::on_stop`].
    fn on_stop(&self, reason: ExitReason) {
        let _ = reason;
    }
}

/// An actor as a service. A message that is no request of its fails with [`Fault::WrongType`].
pub struct Acting<A>(Rc<A>);

impl<A: Actor> Acting<A> {
    /// For [`Services::spawn`], [`Services::keyed`] and the others.
    pub fn new(actor: A) -> Acting<A> {
        Acting(Rc::new(actor))
    }
}

impl<A: Actor> Service for Acting<A> {
    async fn handle(self: Rc<Self>, mut message: Message) -> Result<Content, Fault> {
        let request = message.take()?;
        Rc::clone(&self.0).answer(request, message).await.map(Content::value)
    }

    fn on_stop(&self, reason: ExitReason) {
        self.0.on_stop(reason);
    }
}

/// A call whose answer has a type.
pub struct Ask<T> {
    call: Call,
    answer: PhantomData<fn() -> T>,
}

impl<T> Ask<T> {
    /// As [`Call::deadline`].
    #[must_use = "dropping a call cancels it"]
    pub fn deadline(self, timeout: std::time::Duration) -> Ask<T> {
        Ask { call: self.call.deadline(timeout), ..self }
    }
}

impl<T: 'static> Future for Ask<T> {
    type Output = Result<T, Fault>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        let call = std::pin::Pin::new(&mut self.call);
        call.poll(cx).map(|result| result.and_then(Content::take))
    }
}

impl Services {
    /// As [`Services::spawn`], for an actor.
    ///
    /// # Errors
    /// See [`SpawnError`].
    pub fn spawn_actor<A: Actor>(
        &self,
        settings: Settings,
        make: impl FnOnce(ServiceContext) -> A,
    ) -> Result<Address, SpawnError> {
        self.spawn(settings, |context| Acting::new(make(context)))
    }

    /// Calls an actor, whose type says what may be asked and what is answered:
    /// `services.ask::<Account>(address, Ask::Deposit(5)).await?`. If somebody else is there, the
    /// answer is [`Fault::WrongType`].
    pub fn ask<A: Actor>(&self, to: impl Into<Recipient>, request: A::Request) -> Ask<A::Answer> {
        Ask { call: self.call(to, Content::value(request)), answer: PhantomData }
    }

    /// Sends to an actor.
    pub fn tell<A: Actor>(&self, to: impl Into<Recipient>, request: A::Request) {
        self.send(to, Content::value(request));
    }
}
