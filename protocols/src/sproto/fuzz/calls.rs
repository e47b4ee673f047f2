//! Two hosts, packages between them, and noise.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::sproto::rpc::{Content, Dispatch, DispatchError, Host, PACKAGE, Responder, Rpc};
use crate::sproto::schema::{Protocol, Schema};
use crate::sproto::{Limits, Struct, ToFields, Value};

const TEXT: &str = "
.package { type 0 : integer session 1 : integer ud 2 : string }
say 1 { request { text 0 : string } response { count 0 : integer } }
touch 2 { response nil }
note 3 { request { text 0 : string } }";

/// The most requests that wait.
const ASKED_MAX: usize = 5;

/// Who waits, as it should be.
struct Model<'r> {
    rpc: &'r Rpc,
    host: Host,
    /// Sessions, and the number of the request.
    waiting: BTreeMap<i64, u32>,
    /// Requests of the host that the other end has, and their numbers.
    taken: Vec<(Responder, u32)>,
    asked: u32,
}

/// Operations of a host: it asks, is answered, is sent noise or bent packages, or gives up.
pub fn rpc(data: &[u8]) {
    static RPC: OnceLock<Rpc> = OnceLock::new();
    let rpc = RPC.get_or_init(|| {
        let schema = || Schema::parse(TEXT).expect("the text is a schema");
        let limits = Limits { message_bytes_max: 512, ..Limits::default() };
        Rpc::new(schema(), schema(), PACKAGE, limits, ASKED_MAX).expect("it has a header")
    });
    let (waiting, taken) = (BTreeMap::new(), Vec::new());
    let mut model = Model { rpc, host: Host::new(), waiting, taken, asked: 0 };
    let mut rest = data;
    while let &[step, choice, ref behind @ ..] = rest {
        let length = behind.len().min(usize::from(choice));
        match step % 5 {
            0 => model.ask(choice, behind),
            1 => model.answer(choice, None),
            2 => model.answer(choice, behind.first().copied()),
            3 => model.noise(&behind[..length]),
            _ => {
                let session = i64::from(choice % 8);
                assert_eq!(model.host.forget(session), model.waiting.remove(&session).is_some());
            }
        }
        rest = if step % 5 == 3 { &behind[length..] } else { behind };
        assert!(model.host.asked().eq(model.waiting.keys().copied()));
        assert!(model.waiting.len() <= ASKED_MAX);
    }
}

impl Model<'_> {
    fn ask(&mut self, choice: u8, text: &[u8]) {
        let (mut work, mut package) = (Vec::new(), Vec::new());
        let session = (choice & 8 == 0).then_some(i64::from(choice % 8));
        let name = ["say", "touch", "note", "nothing"][usize::from(choice >> 4 & 3)];
        let args = Value::from(Struct::new().with("text", &text[..text.len().min(300)]));
        let request = self.rpc.remote().protocol(name).and_then(Protocol::request);
        let typed = request.map(|id| self.rpc.remote().typed(id, &args).expect("a struct"));
        let body = typed.as_ref().map(|it| it as &dyn ToFields);
        let ud = Value::from(text);
        let content = Content { ud: (choice & 64 == 0).then_some(&ud), body };
        let sent = self.host.request(self.rpc, name, session, &content, &mut work, &mut package);
        if sent.is_err() {
            assert!(package.is_empty());
            return;
        }
        self.asked += 1;
        assert!(session.is_none_or(|it| self.waiting.insert(it, self.asked).is_none()));
        let mut other = Host::new();
        let mut work = Vec::new();
        match other.dispatch(self.rpc, &package, &mut work) {
            Ok(Dispatch::Request(request)) => {
                assert_eq!(request.protocol.name(), name);
                assert_eq!(request.ud.as_ref(), content.ud);
                let back = request.args.value().expect("it was written");
                assert_eq!(back, request.args.body_type().and(args.as_struct().cloned()));
                assert_eq!(request.responder.as_ref().map(Responder::session), session);
                self.taken.extend(request.responder.map(|it| (it, self.asked)));
            }
            other => panic!("a request came as {other:?}"),
        }
    }

    /// Answers a request; the package is bent by a byte, if one is given.
    fn answer(&mut self, choice: u8, bent: Option<u8>) {
        if self.taken.is_empty() {
            return;
        }
        let (responder, asked) = self.taken.swap_remove(usize::from(choice) % self.taken.len());
        let session = responder.session();
        let (mut work, mut package) = (Vec::new(), Vec::new());
        let result = Value::from(Struct::new().with("count", i32::from(choice) << 12));
        let typed = responder
            .response()
            .map(|id| self.rpc.local().typed(id, &result).expect("it is a struct"));
        let content = Content { ud: None, body: typed.as_ref().map(|it| it as &dyn ToFields) };
        responder.respond(self.rpc, &content, &mut work, &mut package).expect("it is right");
        if let Some(byte) = bent {
            let at = usize::from(choice) % package.len();
            package[at] ^= byte;
            return self.noise(&package);
        }
        let taken = self.host.dispatch(self.rpc, &package, &mut work);
        let Some(waits) = self.waiting.remove(&session) else {
            return assert_eq!(taken, Err(DispatchError::SessionUnknown { session }));
        };
        let Ok(Dispatch::Answer(answer)) = taken else { panic!("somebody waits") };
        assert_eq!(answer.session, session);
        let back = answer.result.value();
        // Whoever gives up and asks again under the same session may get the earlier answer.
        if waits == asked {
            let expected = answer.result.body_type().and(result.as_struct().cloned());
            assert_eq!(back, Ok(expected));
        }
    }

    /// Whatever it is, at most one who waits is answered.
    fn noise(&mut self, package: &[u8]) {
        let mut work = Vec::new();
        match self.host.dispatch(self.rpc, package, &mut work) {
            Ok(Dispatch::Answer(answer)) => {
                assert!(self.waiting.remove(&answer.session).is_some());
                let _ = answer.result.value();
            }
            Ok(Dispatch::Request(request)) => {
                let _ = request.args.value();
            }
            Err(_) => {}
        }
        assert!(work.capacity() <= 512);
    }
}
