//! Packages of sproto's RPC (WIRE S15, S16).
//!
//! Both ends are played: one sends what was recorded, and the other takes it and is asked back.

use serde::Deserialize;
use skyring_protocols::sproto::rpc::{
    Content, Dispatch, DispatchError, Host, PACKAGE, Request, Responder, Rpc,
};
use skyring_protocols::sproto::{Limits, Schema, Value};

use crate::source;
use crate::sproto::read;
use crate::sproto_values::{Shown, Written, shown};

#[derive(Deserialize)]
struct Recording {
    c2s: String,
    s2c: String,
    exchanges: Vec<Exchange>,
    dispatch: Vec<Package>,
}

/// What one end asks and the other answers.
#[derive(Deserialize)]
struct Exchange {
    dir: String,
    proto: String,
    args: Option<Written>,
    session: Option<String>,
    ud: Option<String>,
    request: String,
    result: Option<Written>,
    result_ud: Option<String>,
    response: Option<String>,
}

/// What a server makes of a package.
#[derive(Deserialize)]
struct Package {
    bytes: String,
    err: Option<String>,
    kind: Option<String>,
    proto: Option<String>,
    args: Option<Written>,
    wants_response: Option<bool>,
}

pub(crate) fn replay() -> Vec<String> {
    let recording: Recording = read("rpc");
    assert!(!recording.exchanges.is_empty() && !recording.dispatch.is_empty());
    let (c2s, s2c) = (recording.c2s.as_str(), recording.s2c.as_str());
    let (server, client) = (end(c2s, s2c), end(s2c, c2s));
    let mut wrong = Vec::new();
    for (number, exchange) in recording.exchanges.iter().enumerate() {
        let (asking, asked) = match exchange.dir.as_str() {
            "c2s" => (&client, &server),
            "s2c" => (&server, &client),
            other => panic!("who asks in {other}?"),
        };
        let failed = exchanged(exchange, asking, asked).err();
        wrong.extend(failed.map(|line| format!("exchange {number}: {line}")));
    }
    for (number, package) in recording.dispatch.iter().enumerate() {
        let failed = dispatched(package, &server).err();
        wrong.extend(failed.map(|line| format!("package {number}: {line}")));
    }
    wrong
}

fn end(local: &str, remote: &str) -> Rpc {
    let [local, remote] = [local, remote].map(|text| Schema::parse(text).unwrap());
    Rpc::new(local, remote, PACKAGE, Limits::default(), 1).unwrap()
}

#[allow(clippy::needless_pass_by_value, reason = "what is compared is mostly made in place")]
/// Compares, and says what was seen if it is something else.
fn same<T: PartialEq + std::fmt::Debug>(actual: T, expected: T) -> Result<(), String> {
    if actual == expected { Ok(()) } else { Err(format!("{actual:02x?}, not {expected:02x?}")) }
}

/// The request, and if one is wanted, the answer.
fn exchanged(exchange: &Exchange, asking: &Rpc, asked: &Rpc) -> Result<(), String> {
    let session = exchange.session.as_ref().map(|digits| digits.parse().unwrap());
    let protocol = asking.remote().protocol(&exchange.proto).unwrap();
    let args = protocol.request().map(|_| exchange.args.as_ref().unwrap().value());
    let typed =
        args.as_ref().map(|args| asking.remote().typed(protocol.request().unwrap(), args).unwrap());
    let ud = user_data(exchange.ud.as_ref());
    let content = Content { ud: ud.as_ref(), body: typed.as_ref().map(|it| it as _) };
    let (mut work, mut package) = (Vec::new(), Vec::new());
    let mut host = Host::new();
    host.request(asking, &exchange.proto, session, &content, &mut work, &mut package)
        .map_err(|error| error.to_string())?;
    same(&package, &source::bytes(&exchange.request))?;

    let request = match Host::new().dispatch(asked, &package, &mut work) {
        Ok(Dispatch::Request(request)) => request,
        other => return Err(format!("{other:?} is no request")),
    };
    same((request.protocol.name(), &request.ud), (exchange.proto.as_str(), &ud))?;
    same(args_of(&request)?, args.as_ref().map(shown))?;
    same(request.responder.as_ref().map(Responder::session), session)?;
    request.responder.map_or(Ok(()), |it| answered(exchange, it, asked, (host, asking)))
}

/// The answer, and what the host that has asked makes of it, twice.
fn answered(
    exchange: &Exchange,
    responder: Responder,
    asked: &Rpc,
    (mut host, asking): (Host, &Rpc),
) -> Result<(), String> {
    let session = responder.session();
    let result = responder.response().map(|_| exchange.result.as_ref().unwrap().value());
    let typed = result
        .as_ref()
        .map(|result| asked.local().typed(responder.response().unwrap(), result).unwrap());
    let ud = user_data(exchange.result_ud.as_ref());
    let content = Content { ud: ud.as_ref(), body: typed.as_ref().map(|it| it as _) };
    let (mut work, mut package) = (Vec::new(), Vec::new());
    responder
        .respond(asked, &content, &mut work, &mut package)
        .map_err(|(_, it)| it.to_string())?;
    same(Some(package.clone()), exchange.response.as_ref().map(|hex| source::bytes(hex)))?;

    let answer = match host.dispatch(asking, &package, &mut work) {
        Ok(Dispatch::Answer(answer)) => answer,
        other => return Err(format!("{other:?} is no answer")),
    };
    same((answer.session, &answer.ud), (session, &ud))?;
    let back = answer.result.value().map_err(|error| error.to_string())?;
    same(back.map(|it| shown(&it.into())), result.as_ref().map(shown))?;
    let again = host.dispatch(asking, &package, &mut work);
    same(again, Err(DispatchError::SessionUnknown { session }))
}

fn user_data(hex: Option<&String>) -> Option<Value<'static>> {
    hex.map(|hex| source::bytes(hex).into())
}

fn args_of(request: &Request<'_>) -> Result<Option<Shown>, String> {
    let args = request.args.value().map_err(|error| error.to_string())?;
    Ok(args.map(|args| shown(&args.into())))
}

fn dispatched(package: &Package, server: &Rpc) -> Result<(), String> {
    let mut work = Vec::new();
    let dispatched = Host::new().dispatch(server, &source::bytes(&package.bytes), &mut work);
    let read = match dispatched {
        Ok(Dispatch::Request(request)) => match request.args.value() {
            Ok(args) => Ok((request, args.map(|args| shown(&args.into())))),
            Err(_) => Err("decode error".to_owned()),
        },
        Ok(Dispatch::Answer(_)) => return Err("an answer to nothing".to_owned()),
        Err(error) => Err(in_their_words(error)),
    };
    match (read, &package.err) {
        (Err(error), Some(text)) => same(&error, text),
        (Ok((request, args)), None) => {
            same(package.kind.as_deref(), Some("REQUEST"))?;
            same(Some(request.protocol.name()), package.proto.as_deref())?;
            same(Some(request.responder.is_some()), package.wants_response)?;
            same(args, package.args.as_ref().map(|it| shown(&it.value())))
        }
        (Ok(_), Some(text)) => Err(format!("not {text}")),
        (Err(error), None) => Err(error),
    }
}

fn in_their_words(error: DispatchError) -> String {
    match error {
        DispatchError::Unpack(_) => "Invalid unpack stream".to_owned(),
        DispatchError::Header(_) => "decode error".to_owned(),
        DispatchError::ProtocolUnknown { number } => format!("{number} not found"),
        DispatchError::SessionMissing => "session not found".to_owned(),
        DispatchError::SessionUnknown { .. } => "Unknown session".to_owned(),
    }
}
