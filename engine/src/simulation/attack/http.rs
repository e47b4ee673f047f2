//! Requests that two readers would read in two ways. What is smuggled in must never run.

use super::wire::Wire;
use super::{Progress, Terms};
use crate::driver::sim::{SimNet, SimRandom};
use crate::simulation::dial::INVENTED;

/// What must never run; the game complains when it does.
const SMUGGLED: &str = "GET /poison/0/0 HTTP/1.1\r\nHost: game\r\n\r\n";

/// What a browser sends for a foreign page.
const PAGE: &str = "GET /parrot HTTP/1.1\r\nHost: game\r\nConnection: Upgrade, close\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nOrigin: https://elsewhere.example\r\n\
    Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

pub(super) struct HttpBout {
    status: u16,
    wire: Wire,
}

impl HttpBout {
    pub(super) fn begin(fields: &str, status: u16, terms: &Terms, net: &SimNet) -> HttpBout {
        let mut wire = Wire::open(net, terms.http);
        let head = format!("POST /poison/0/0 HTTP/1.1\r\nHost: game\r\n{fields}\r\n\r\n");
        wire.say(head.as_bytes());
        wire.say(SMUGGLED.as_bytes());
        HttpBout { status, wire }
    }

    /// Asks for a WebSocket as a browser does for a page that is not the game's.
    pub(super) fn page(terms: &Terms, net: &SimNet) -> HttpBout {
        let mut wire = Wire::open(net, terms.http);
        wire.say(PAGE.as_bytes());
        HttpBout { status: 403, wire }
    }

    /// Names a client in front of its request, as a proxy would.
    pub(super) fn invented(terms: &Terms, net: &SimNet) -> HttpBout {
        let mut wire = Wire::open(net, terms.http);
        let header = format!("PROXY TCP4 {INVENTED} 10.0.0.1 4000 80\r\n");
        wire.say(header.as_bytes());
        wire.say(SMUGGLED.as_bytes());
        HttpBout { status: 400, wire }
    }

    pub(super) fn act(&mut self, name: &str, terms: &Terms, random: &mut SimRandom) -> Progress {
        self.wire.act(random);
        let heard = String::from_utf8_lossy(&self.wire.heard);
        let is_one = |status: u16| {
            let line = format!("HTTP/1.1 {status} ");
            line.starts_with(&*heard) || heard.starts_with(&line)
        };
        // One that is slow is refused for that.
        let may_come = is_one(self.status) || (!terms.is_undisturbed && is_one(408));
        assert!(may_come, "{name} was answered {heard:?}");
        assert!(heard.matches("HTTP/1.1 ").count() <= 1, "{name} was answered twice");
        let is_whole = heard.contains("\r\n\r\n");
        self.wire.progress(name, is_whole, terms)
    }

    pub(super) fn leave(self) {
        self.wire.leave();
    }
}
