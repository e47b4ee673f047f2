//! Application protocols at work: what is said for the messages of services and the payloads of
//! clients (WIRE P1 to P7).
//!
//! [`Protocols`] is `skyring_protocols::custom::Registry` with functions that may wait, and with what
//! happens around them: content that nobody understands becomes a [`Fault`] for the service that
//! sent it, and a [`Refusal`] for the client; it is counted, and disturbs nothing else. The functions
//! work on an `S` that is given for each message: the service or agent, as an `Rc`, and who asks.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use skyring_protocols::custom::{
    Codec, DispatchError, Protocol, ProtocolId, Refusal, RegisterError, Registry, payload,
};

use crate::context::Context;
use crate::service::{Content, Fault, Message};
use crate::shard::counters::Counter;

/// What a function for a message comes to.
type Work = Pin<Box<dyn Future<Output = Result<Content, Fault>>>>;

/// The protocols of a service, or of the clients of a game, and what is called for each.
pub struct Protocols<S: ?Sized> {
    context: Context,
    registry: Registry<S, Work>,
}

impl<S: ?Sized> Protocols<S> {
    /// Without protocols.
    pub fn new(context: Context) -> Protocols<S> {
        Protocols { context, registry: Registry::new() }
    }

    /// Adds a protocol and what is called with its messages.
    ///
    /// # Errors
    /// The number or the name is taken. Nothing changed.
    pub fn on<C, F>(
        &mut self,
        protocol: Protocol<C>,
        dispatch: impl Fn(&mut S, C::Message) -> F + 'static,
    ) -> Result<(), RegisterError>
    where
        C: Codec + 'static,
        F: Future<Output = Result<Content, Fault>> + 'static,
    {
        self.registry.register(protocol, move |state, message| -> Work {
            Box::pin(dispatch(state, message))
        })
    }

    /// Which protocols there are.
    pub fn registry(&self) -> &Registry<S, Work> {
        &self.registry
    }

    /// Handles a message whose content is packed: what [`Service::handle`](crate::service::Service::handle)
    /// returns.
    ///
    /// # Errors
    /// [`Fault::ProtocolUnknown`] and [`Fault::Unpack`], which the caller counts;
    /// [`Fault::WrongType`] for content that is not packed; those of what was called.
    pub async fn handle(&self, state: &mut S, message: &Message) -> Result<Content, Fault> {
        let content = message.content();
        let (Some(id), Some(bytes)) = (content.protocol(), content.bytes()) else {
            return Err(Fault::WrongType);
        };
        let work = self.registry.dispatch(state, id, bytes).map_err(|error| match error {
            DispatchError::Empty | DispatchError::Unknown { .. } => Fault::ProtocolUnknown(id),
            DispatchError::Unpack { .. } => Fault::Unpack(id),
        })?;
        work.await
    }

    /// Handles the payload of a client; what comes back is the payload of the answer. An answer that
    /// is nothing is an empty one. What is not understood, and what fails, is answered with a refusal.
    pub async fn answer(&self, state: &mut S, payload: &Bytes) -> Bytes {
        let work = match self.registry.dispatch_payload(state, payload) {
            Ok(work) => work,
            Err(error) => {
                self.count();
                return Refusal::from(&error).payload();
            }
        };
        let id = ProtocolId(payload[0]); // It has one: it was dispatched.
        match work.await {
            Ok(content) => match (content.protocol(), content.bytes()) {
                (Some(protocol), Some(bytes)) => {
                    let mut answer = Vec::new();
                    payload::encode_content(protocol, bytes, &mut answer);
                    answer.into()
                }
                _ if content.is_nothing() => Bytes::new(),
                _ => {
                    Refusal::failed(id, "the answer is a value, which no client can read").payload()
                }
            },
            Err(fault) => Refusal::failed(id, public(&fault)).payload(),
        }
    }

    fn count(&self) {
        self.context.side().services.count(Counter::PayloadsRefused);
    }
}

/// What a client may know of a fault: not which services called each other, under whose keys.
fn public(fault: &Fault) -> String {
    match fault {
        Fault::Deadline(_) => "no answer in time".to_owned(),
        fault => fault.to_string(),
    }
}

impl<S: ?Sized> std::fmt::Debug for Protocols<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.registry.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{Chain, Key};
    use crate::simulation::scene::{Props, spawn};

    #[test]
    fn a_client_is_not_told_who_called_whom() {
        let mut scene = Props::default().start();
        let done = spawn(&scene, |context| async move {
            let mut protocols = Protocols::new(context);
            let late = |(): &mut (), _: Bytes| async {
                let player = Key::new("player", b"somebody else").into();
                Err(Fault::Deadline(Chain(vec![player])))
            };
            protocols.on(Protocol::raw(), late).expect("the number is free");
            protocols.answer(&mut (), &Bytes::from_static(&[ProtocolId::RAW.0])).await
        });
        scene.pass(5);
        let refusal = Refusal::failed(ProtocolId::RAW, "no answer in time");
        assert_eq!(done.take(), Some(refusal.payload()));
    }
}
