//! Trusted proxies that say no sound header: they are closed and hear nothing.

use super::wire::Wire;
use super::{Progress, Terms};
use crate::driver::sim::{SimNet, SimRandom};
use crate::simulation::dial::LONELY_PROXY;

/// What stands where a header should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A request.
    Request,
    /// A binary header whose signature is wrong near its end.
    Binary,
}

pub(super) struct ProxyBout {
    wire: Wire,
}

impl ProxyBout {
    pub(super) fn begin(said: Said, terms: &Terms, net: &SimNet, random: &mut SimRandom) -> Self {
        let port = 1024 + random.below(60_000) as u16;
        let to = [terms.login, terms.msg, terms.http][random.index(3)];
        let mut wire = Wire::of(net.connect_from((LONELY_PROXY, port).into(), to));
        wire.say(match said {
            Said::Request => b"GET /poison/0/0 HTTP/1.1\r\nHost: game\r\n\r\n",
            Said::Binary => b"\r\n\r\n\0\r\nQUIX\n\x21\x11\0\x0c",
        });
        ProxyBout { wire }
    }

    pub(super) fn act(&mut self, name: &str, terms: &Terms, random: &mut SimRandom) -> Progress {
        self.wire.act(random);
        let heard = self.wire.heard.escape_ascii();
        assert!(self.wire.heard.is_empty(), "{name} was answered {heard}");
        self.wire.progress(name, true, terms)
    }

    pub(super) fn leave(self) {
        self.wire.leave();
    }
}
