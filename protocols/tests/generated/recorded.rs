//! Recorded packages, read as generated types and written again.

use serde::Deserialize;
use skyring_protocols::sproto::rpc::{
    Answer, Asked, BodyError, Dispatch, Host, PACKAGE, Reply, Request, Rpc, Stub,
};
use skyring_protocols::sproto::{DecodeError, Limits, Schema, Value};

use crate::calls::rpc::{Echo, Far, Incoming, Move, Ping, Touch, Where};
use crate::pushes::rpc::{Ask, Heartbeat, Incoming as Pushed, Push};
use crate::{calls, pushes, source};

#[derive(Deserialize)]
struct Recording {
    c2s: String,
    s2c: String,
    exchanges: Vec<Exchange>,
}

#[derive(Deserialize)]
struct Exchange {
    dir: String,
    request: String,
    response: Option<String>,
}

/// Both ends of a recorded connection, of which one has asked.
struct Talk {
    asking: Rpc,
    asked: Rpc,
    host: Host,
}

impl Talk {
    fn new(local: Schema, remote: Schema) -> Self {
        let rpc = |local, remote| Rpc::new(local, remote, PACKAGE, Limits::default(), 1).unwrap();
        let asking = rpc(local.clone(), remote.clone());
        Self { asking, asked: rpc(remote, local), host: Host::new() }
    }

    /// Asks once more what was asked, and with this answer what was answered.
    fn again<P: Stub>(
        &mut self,
        asked: Asked<P>,
        ud: Option<&Value<'_>>,
        response: Option<&[u8]>,
    ) -> Result<(Vec<u8>, Option<Vec<u8>>), BodyError> {
        let (mut work, mut package) = (Vec::new(), Vec::new());
        let session = asked.reply.as_ref().map(Reply::session);
        let (rpc, args) = (&self.asking, &asked.args);
        self.host.call::<P>(rpc, session, args, ud, &mut work, &mut package).unwrap();
        let Some((reply, response)) = asked.reply.zip(response) else { return Ok((package, None)) };
        let answered = |answer: &Answer<'_>| {
            Ok::<_, BodyError>((answer.read::<P>()?, answer.ud.clone().map(Value::into_owned)))
        };
        let (result, ud) = match self.host.dispatch(&self.asking, response, &mut work) {
            Ok(Dispatch::Answer(answer)) => answered(&answer)?,
            other => panic!("{other:?} is no answer"),
        };
        let (mut work, mut again) = (Vec::new(), Vec::new());
        reply.respond(&self.asked, &result, ud.as_ref(), &mut work, &mut again).unwrap();
        Ok((package, Some(again)))
    }
}

/// What a request and its answer are when they are written again.
fn written(exchange: &Exchange) -> Result<(Vec<u8>, Option<Vec<u8>>), BodyError> {
    let response = exchange.response.as_deref().map(source::bytes);
    let response = response.as_deref();
    let (remote, local) = match exchange.dir.as_str() {
        "c2s" => (calls::schema(), pushes::schema()),
        _ => (pushes::schema(), calls::schema()),
    };
    let mut talk = Talk::new(local, remote);
    let rpc = talk.asked.clone();
    let (package, mut work) = (source::bytes(&exchange.request), Vec::new());
    let request = Host::new().dispatch(&rpc, &package, &mut work);
    let Ok(Dispatch::Request(mut request)) = request else { panic!("{request:?} is no request") };
    let ud = request.ud.take();
    if exchange.dir == "c2s" {
        called(&mut talk, request, ud.as_ref(), response)
    } else {
        pushed(&mut talk, request, ud.as_ref(), response)
    }
}

fn called(
    talk: &mut Talk,
    request: Request<'_>,
    ud: Option<&Value<'_>>,
    response: Option<&[u8]>,
) -> Result<(Vec<u8>, Option<Vec<u8>>), BodyError> {
    match Incoming::read(request)? {
        Incoming::Ping(asked) => talk.again::<Ping>(asked, ud, response),
        Incoming::Echo(asked) => talk.again::<Echo>(asked, ud, response),
        Incoming::Move(asked) => talk.again::<Move>(asked, ud, response),
        Incoming::Where(asked) => talk.again::<Where>(asked, ud, response),
        Incoming::Touch(asked) => talk.again::<Touch>(asked, ud, response),
        Incoming::Far(asked) => talk.again::<Far>(asked, ud, response),
    }
}

fn pushed(
    talk: &mut Talk,
    request: Request<'_>,
    ud: Option<&Value<'_>>,
    response: Option<&[u8]>,
) -> Result<(Vec<u8>, Option<Vec<u8>>), BodyError> {
    match Pushed::read(request)? {
        Pushed::Heartbeat(asked) => talk.again::<Heartbeat>(asked, ud, response),
        Pushed::Push(asked) => talk.again::<Push>(asked, ud, response),
        Pushed::Ask(asked) => talk.again::<Ask>(asked, ud, response),
    }
}

/// WIRE S15, S16: byte for byte, but for strings that are not text.
#[test]
fn recorded_packages_are_read_and_written() {
    let Recording { c2s, s2c, exchanges } = source::read("sproto", "rpc");
    let same = |text: &str, schema: Schema| Schema::parse(text).unwrap() == schema;
    if !same(&c2s, calls::schema()) || !same(&s2c, pushes::schema()) {
        assert!(!source::is_committed(), "calls and pushes are what is recorded");
        return;
    }
    let (mut same, mut no_text) = (0, 0);
    for (number, exchange) in exchanges.iter().enumerate() {
        match written(exchange) {
            Ok((request, response)) => {
                assert_eq!(request, source::bytes(&exchange.request), "request {number}");
                let recorded = exchange.response.as_deref().map(source::bytes);
                assert_eq!(response, recorded, "response {number}");
                same += 1;
            }
            Err(BodyError::Decode(DecodeError::Text { .. })) => no_text += 1,
            Err(error) => panic!("exchange {number}: {error}"),
        }
    }
    assert!(same > no_text, "{same} are read, {no_text} are not");
}
