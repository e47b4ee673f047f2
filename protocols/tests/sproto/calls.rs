//! Calls: both ends of a connection, with dynamic values.

use proptest::prelude::*;
use skyring_protocols::Blame;
use skyring_protocols::sproto::rpc::{
    Content, Dispatch, DispatchError, Host, PACKAGE, RequestError, Rpc, SetupError,
};
use skyring_protocols::sproto::schema::Protocol;
use skyring_protocols::sproto::{
    DecodeError, EncodeError, Limits, Schema, Struct, ToFields, UnpackError, Value, pack,
};

const SERVER: &str = "
.package { session 3 : integer other 4 : string type 7 : integer ud 9 : *integer }
say 1 { request { text 0 : string } response { count 0 : integer } }
touch 2 { response nil }
note 32766 { request { text 0 : string } }";

const CLIENT: &str = "
.package { type 0 : integer session 1 : integer }
.Point { x 0 : integer }
move 1 { request Point response Point }";

const ASKED_MAX: usize = 3;

fn schema(text: &str) -> Schema {
    Schema::parse(text).unwrap()
}

/// The same header on both ends: the server's, with a schema to ask from.
fn ends() -> (Rpc, Rpc) {
    let client =
        format!("{SERVER}\n.Point {{ x 0 : integer }}\nmove 5 {{ request Point response Point }}");
    let limits = Limits { message_bytes_max: 256, ..Limits::default() };
    let end = |local: &str, remote: &str| {
        Rpc::new(schema(local), schema(remote), PACKAGE, limits, ASKED_MAX).unwrap()
    };
    (end(SERVER, &client), end(&client, SERVER))
}

fn text(text: &str) -> Value<'_> {
    Struct::new().with("text", text).into()
}

/// A package that asks.
fn ask(
    host: &mut Host,
    rpc: &Rpc,
    protocol: &str,
    session: Option<i64>,
    args: Option<&Value<'_>>,
) -> Result<Vec<u8>, RequestError> {
    let id = rpc.remote().protocol(protocol).and_then(Protocol::request);
    let typed = args.map(|it| rpc.remote().typed(id.unwrap(), it).unwrap());
    let content = Content { ud: None, body: typed.as_ref().map(|it| it as &dyn ToFields) };
    let mut package = Vec::new();
    let asked = host.request(rpc, protocol, session, &content, &mut vec![9; 9], &mut package);
    assert!(asked.is_ok() || package.is_empty());
    asked.map(|()| package)
}

/// WIRE S15, S16: with a header of another order, and user data that are no string.
#[test]
fn a_call_there_and_back() {
    let (server, client) = ends();
    let (mut asking, mut asked) = (Host::new(), Host::new());
    let (mut work, mut package) = (Vec::new(), b"before".to_vec());
    let args = text("hello");
    let protocol = client.remote().protocol("say").unwrap();
    assert!(protocol.is_answered());
    let body = client.remote().typed(protocol.request().unwrap(), &args).unwrap();
    let ud: Value<'_> = [7_i64, -7].into_iter().collect();
    let content = Content { ud: Some(&ud), body: Some(&body) };
    asking.request(&client, "say", Some(-5), &content, &mut work, &mut package).unwrap();
    assert_eq!(asking.asked().collect::<Vec<_>>(), [-5]);

    let Ok(Dispatch::Request(request)) = asked.dispatch(&server, &package[6..], &mut work) else {
        panic!("a request was sent");
    };
    assert_eq!((request.protocol.name(), request.protocol.tag()), ("say", 1));
    assert_eq!(request.ud, Some(ud));
    assert_eq!(request.args.value().unwrap().map(Value::from), Some(args));
    let responder = request.responder.unwrap();
    assert_eq!(responder.session(), -5);

    // An answer that is wrong is not sent, and another may be.
    package.clear();
    let mut work = Vec::new();
    let wrong = responder.respond(&server, &Content::default(), &mut work, &mut package);
    let (responder, error) = wrong.unwrap_err();
    assert_eq!((error, package.len()), (RequestError::Body, 0));
    let result = Value::from(Struct::new().with("count", 1 << 20));
    let body = server.local().typed(responder.response().unwrap(), &result).unwrap();
    let content = Content { ud: None, body: Some(&body) };
    responder.respond(&server, &content, &mut work, &mut package).unwrap();

    let Ok(Dispatch::Answer(answer)) = asking.dispatch(&client, &package, &mut work) else {
        panic!("an answer was sent");
    };
    assert_eq!((answer.session, answer.ud), (-5, None));
    assert_eq!(answer.result.value().unwrap().map(Value::from), Some(result));
    assert_eq!(asking.asked().len(), 0);
}

/// WIRE S15, S16.
#[test]
fn answers_may_be_empty_or_not_wanted() {
    let (server, client) = ends();
    let (mut asking, mut asked) = (Host::new(), Host::new());
    let mut work = Vec::new();
    let package = ask(&mut asking, &client, "touch", Some(1), None).unwrap();
    let Ok(Dispatch::Request(request)) = asked.dispatch(&server, &package, &mut work) else {
        panic!("a request was sent");
    };
    assert_eq!((request.args.value(), request.args.body_type()), (Ok(None), None));
    let responder = request.responder.unwrap();
    let mut package = Vec::new();
    responder.respond(&server, &Content::default(), &mut Vec::new(), &mut package).unwrap();
    match asking.dispatch(&client, &package, &mut work) {
        Ok(Dispatch::Answer(answer)) => assert_eq!(answer.result.value(), Ok(None)),
        other => panic!("{other:?}"),
    }
    let args = text("");
    let package = ask(&mut asking, &client, "note", None, Some(&args)).unwrap();
    match asked.dispatch(&server, &package, &mut work) {
        Ok(Dispatch::Request(request)) => {
            assert_eq!((request.responder, request.protocol.is_answered()), (None, false));
        }
        other => panic!("{other:?}"),
    }
    // The other end may ask too.
    let point = Value::from(Struct::new().with("x", 3));
    let package = ask(&mut asked, &server, "move", Some(1), Some(&point)).unwrap();
    match asking.dispatch(&client, &package, &mut work) {
        Ok(Dispatch::Request(request)) => {
            assert_eq!(request.args.value().unwrap().map(Value::from), Some(point));
        }
        other => panic!("{other:?}"),
    }
}

/// WIRE S17.
#[test]
fn who_waits_is_known() {
    let (_, client) = ends();
    let mut host = Host::new();
    for session in [0, i64::MIN, i64::MAX] {
        ask(&mut host, &client, "touch", Some(session), None).unwrap();
    }
    let refused = |host: &mut Host, protocol, session, args| {
        let error = ask(host, &client, protocol, session, args).unwrap_err();
        let blame = error.blame();
        (error, blame)
    };
    let taken = (RequestError::SessionTaken { session: 0 }, Blame::Caller);
    assert_eq!(refused(&mut host, "touch", Some(0), None), taken);
    let many = (RequestError::TooManyAsked { max: ASKED_MAX }, Blame::Limit);
    assert_eq!(refused(&mut host, "touch", Some(1), None), many);
    assert!(ask(&mut host, &client, "touch", None, None).is_ok());
    assert!(host.forget(i64::MIN) && !host.forget(i64::MIN));

    let unknown = RequestError::ProtocolUnknown { name: "move".into() };
    assert_eq!(refused(&mut host, "move", Some(1), None), (unknown, Blame::Caller));
    assert_eq!(refused(&mut host, "say", Some(1), None), (RequestError::Body, Blame::Caller));
    let long = "x".repeat(300);
    let long = text(&long);
    let too_long = RequestError::Encode(EncodeError::TooLong { max: 256 });
    assert_eq!(refused(&mut host, "say", Some(1), Some(&long)), (too_long.clone(), Blame::Limit));
    let args = "x".repeat(240);
    let args = text(&args);
    assert_eq!(refused(&mut host, "say", Some(1), Some(&args)), (too_long, Blame::Limit));
    // What was refused does not wait.
    assert_eq!(host.asked().collect::<Vec<_>>(), [0, i64::MAX]);
    assert!(ask(&mut host, &client, "touch", Some(1), None).is_ok());
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    pack(bytes, &mut out);
    out
}

/// WIRE S16, S17.
#[test]
fn packages_that_are_none_are_refused() {
    let (_, client) = ends();
    let mut host = Host::new();
    let mut refused = |package: &[u8]| {
        let error = host.dispatch(&client, package, &mut Vec::new()).unwrap_err();
        let blame = error.blame();
        (error, blame)
    };
    let cut = DispatchError::Unpack(UnpackError::Cut);
    assert_eq!(refused(&[1]), (cut, Blame::Peer));
    let long = DispatchError::Unpack(UnpackError::TooLong { max: 256 });
    assert_eq!(refused(&[0; 33]), (long, Blame::Limit));
    let empty = DispatchError::Header(DecodeError::WordsCut);
    assert_eq!(refused(&[]), (empty, Blame::Peer));
    // A type that is a block of three bytes.
    let block = packed(&[2, 0, 13, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3]);
    let error = DispatchError::Header(DecodeError::NumberBytes { tag: 7, bytes: 3 });
    assert_eq!(refused(&block), (error, Blame::Peer));
    // No type, no session, but a field that means nothing.
    let neither = packed(&[2, 0, 7, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(refused(&neither), (DispatchError::SessionMissing, Blame::Peer));
    let unknown = packed(&[2, 0, 13, 0, 8, 0]);
    assert_eq!(refused(&unknown), (DispatchError::ProtocolUnknown { number: 3 }, Blame::Peer));
    let below = packed(&[2, 0, 13, 0, 0, 0, 4, 0, 0, 0, 255, 255, 255, 255]);
    assert_eq!(refused(&below), (DispatchError::ProtocolUnknown { number: -1 }, Blame::Peer));
    let nobody = packed(&[2, 0, 5, 0, 8, 0]);
    assert_eq!(refused(&nobody), (DispatchError::SessionUnknown { session: 3 }, Blame::Peer));
}

/// WIRE S16: a body is read when it is asked for, and refused then.
#[test]
fn a_body_that_is_none_is_refused() {
    let (server, _) = ends();
    let mut work = Vec::new();
    // A request `say` whose header ends with a word, so nothing is filled up.
    let request = packed(&[3, 0, 13, 0, 4, 0, 1, 0]);
    match Host::new().dispatch(&server, &request, &mut work) {
        Ok(Dispatch::Request(request)) => {
            assert!(request.args.bytes().is_empty());
            assert_eq!(request.args.value(), Err(DecodeError::WordsCut));
        }
        other => panic!("{other:?}"),
    }
    // A shorter header leaves zeros behind it.
    match Host::new().dispatch(&server, &packed(&[2, 0, 13, 0, 4, 0]), &mut work) {
        Ok(Dispatch::Request(request)) => assert_eq!(request.args.value(), Ok(Some(Struct::new()))),
        other => panic!("{other:?}"),
    }
}

/// WIRE S15.
#[test]
fn a_header_has_type_and_session() {
    let setup = |text: &str, package: &str| {
        let [local, remote] = [text, text].map(schema);
        Rpc::new(local, remote, package, Limits::default(), 1).err()
    };
    assert_eq!(setup(CLIENT, PACKAGE), None);
    assert_eq!(setup(CLIENT, "Package"), Some(SetupError::PackageMissing));
    for header in [
        ".package { session 1 : integer }",
        ".package { type 1 : integer }",
        ".package { type 1 : integer session 0 : *integer }",
        ".package { type 1 : integer(2) session 0 : integer }",
        ".package { type 1 : string session 0 : integer }",
    ] {
        assert_eq!(setup(header, PACKAGE), Some(SetupError::HeaderField), "{header}");
    }
    // There is no field for user data.
    let [local, remote] = [CLIENT, CLIENT].map(schema);
    let rpc = Rpc::new(local, remote, PACKAGE, Limits::default(), 1).unwrap();
    let (ud, point) = (Value::from("x"), Value::from(Struct::new()));
    let body = rpc.remote().typed(rpc.remote().type_id("Point").unwrap(), &point).unwrap();
    let content = Content { ud: Some(&ud), body: Some(&body) };
    let refused =
        Host::new().request(&rpc, "move", None, &content, &mut Vec::new(), &mut Vec::new());
    let stray = EncodeError::Field { name: "ud".into() };
    assert_eq!(refused, Err(RequestError::Encode(stray)));
}

/// What a host is told to do.
#[derive(Clone, Debug)]
enum Step {
    Ask(i64),
    /// Answers the request of this number, if it was not answered.
    Answer(prop::sample::Index),
    Forget(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..6_i64).prop_map(Step::Ask),
        3 => any::<prop::sample::Index>().prop_map(Step::Answer),
        1 => (0..6_i64).prop_map(Step::Forget),
    ]
}

proptest! {
    /// WIRE S17: an answer is taken if and only if somebody waits for it.
    #[test]
    fn answers_find_who_asked(steps in prop::collection::vec(step(), 0..40)) {
        let (server, client) = ends();
        let (mut asking, mut asked) = (Host::new(), Host::new());
        let mut waiting = std::collections::BTreeSet::new();
        let mut unanswered = Vec::new();
        for step in steps {
            match step {
                Step::Ask(session) => {
                    let package = ask(&mut asking, &client, "touch", Some(session), None);
                    let fits = waiting.len() < ASKED_MAX && waiting.insert(session);
                    prop_assert_eq!(package.is_ok(), fits);
                    let Ok(package) = package else { continue };
                    match asked.dispatch(&server, &package, &mut Vec::new()) {
                        Ok(Dispatch::Request(request)) => unanswered.extend(request.responder),
                        other => panic!("{other:?}"),
                    }
                }
                Step::Answer(index) if !unanswered.is_empty() => {
                    let responder = unanswered.remove(index.index(unanswered.len()));
                    let session = responder.session();
                    let mut package = Vec::new();
                    let content = Content::default();
                    responder.respond(&server, &content, &mut Vec::new(), &mut package).unwrap();
                    let mut work = Vec::new();
                    let taken = asking.dispatch(&client, &package, &mut work);
                    let unknown = DispatchError::SessionUnknown { session };
                    match waiting.remove(&session) {
                        true => prop_assert!(matches!(taken, Ok(Dispatch::Answer(_)))),
                        false => prop_assert_eq!(taken, Err(unknown)),
                    }
                }
                Step::Answer(_) => {}
                Step::Forget(session) => {
                    prop_assert_eq!(asking.forget(session), waiting.remove(&session));
                }
            }
            prop_assert!(asking.asked().eq(waiting.iter().copied()));
        }
    }
}
