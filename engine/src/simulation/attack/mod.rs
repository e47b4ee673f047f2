//! Clients that attack, and what each may see of the server.
//!
//! An attacker plays one attack of the [`table`] after another. Each says exactly what the server may
//! answer: whatever else comes back, be it a grant, another's answer or a word too many, fails the
//! seed. In a world where nothing goes wrong by itself each attack must also get its answer. That the
//! players around them notice nothing is what players check.

mod http;
mod inside;
mod login;
mod proxy;
mod secure;
mod stall;
pub(super) mod table;
mod web;
mod wire;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use skyring_protocols::Compat;
use skyring_protocols::websocket::deflate;

use self::http::HttpBout;
use self::inside::Insider;
use self::login::LoginBout;
use self::proxy::ProxyBout;
use self::secure::SecureBout;
use self::stall::StallBout;
use self::table::{TABLE, Way};
use self::web::WebBout;
use super::game::Ledger;
use super::settings::{Drawn, Feature};
use crate::driver::sim::{SimNet, SimRandom};

/// Attacks that one attacker begins, at most.
const ATTACKS_MAX: u32 = 12;

/// What an attacker has to know of the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    login: SocketAddr,
    msg: SocketAddr,
    http: SocketAddr,
    /// How the listeners for logins, sessions and HTTP read.
    login_compat: Compat,
    msg_compat: Compat,
    http_compat: Compat,
    /// Every refused attach is answered 401.
    uniform_errors: bool,
    compression: Option<deflate::Terms>,
    message_bytes_max: usize,
    /// Requests and logins may be refused because too many wait.
    may_refuse: bool,
    /// Logins may be refused because there were so many.
    is_rated: bool,
    /// The server speaks version 2, too.
    is_secure: bool,
    /// It believes proxies.
    has_proxies: bool,
    /// Nothing goes wrong by itself: every attack gets its answer.
    is_undisturbed: bool,
    /// No connection breaks by itself: whatever ends one is the server's doing.
    is_faultless: bool,
}

impl Terms {
    pub(super) fn new(drawn: &Drawn) -> Terms {
        let [login, msg, http] = [0, 1, 3].map(|at| &drawn.listeners[at].0);
        Terms {
            login: login.address,
            msg: msg.address,
            http: http.address,
            login_compat: login.compat,
            msg_compat: msg.compat,
            http_compat: http.compat,
            uniform_errors: msg.uniform_errors,
            compression: http.compression.terms(),
            message_bytes_max: http.message_bytes_max,
            may_refuse: drawn.may_refuse,
            is_rated: drawn.logins_max().is_some(),
            is_secure: drawn.swarm.has(Feature::Secure),
            has_proxies: drawn.swarm.has(Feature::Proxies),
            is_undisturbed: drawn.is_undisturbed,
            is_faultless: !drawn.swarm.has(Feature::Faults),
        }
    }
}

impl Terms {
    /// Whether a login may be told so to come back later.
    fn may_put_off(&self, code: u16) -> bool {
        (self.may_refuse && code == 503) || (self.is_rated && code == 429)
    }
}

/// What has come of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// It goes on.
    Going,
    /// It was answered as it must be.
    Met,
    /// It has come to nothing.
    Over,
}

/// One attack under way.
enum Bout {
    Login(LoginBout),
    Stall(StallBout),
    Http(HttpBout),
    Web(Box<WebBout>),
    Secure(Box<SecureBout>),
    Proxy(ProxyBout),
    /// The insider plays it.
    Inside,
}

pub(super) struct Attacker {
    number: usize,
    terms: Terms,
    inside: Insider,
    /// The attack under way, by its number in the table.
    bout: Option<(usize, Bout)>,
    begun: u32,
    /// Attacks that were answered as they must be, by number.
    pub(super) met: [u64; TABLE.len()],
}

impl Attacker {
    pub(super) fn new(number: usize, terms: Terms, ledger: &Rc<RefCell<Ledger>>) -> Attacker {
        let inside = Insider::new(number, Rc::clone(ledger));
        Attacker { number, terms, inside, bout: None, begun: 0, met: [0; TABLE.len()] }
    }

    /// Nothing is to come any more.
    pub(super) fn is_content(&self) -> bool {
        matches!(self.bout, None | Some((_, Bout::Stall(_))))
    }

    pub(super) fn describe(&self) -> String {
        let attack = self.bout.as_ref().map(|(number, _)| TABLE[*number].name);
        format!("attacker, with {attack:?} under way: {}", self.inside.describe())
    }

    /// One thing, chosen by the seed. `calm`: nothing new.
    pub(super) fn act(&mut self, net: &SimNet, random: &mut SimRandom, calm: bool) {
        let Some((number, mut bout)) = self.bout.take() else {
            if !calm && self.begun < ATTACKS_MAX {
                self.begin(net, random);
            }
            return;
        };
        let (terms, name) = (&self.terms, TABLE[number].name);
        let progress = match &mut bout {
            Bout::Login(bout) => bout.act(name, terms, random),
            Bout::Stall(bout) => bout.act(name, terms, random),
            Bout::Http(bout) => bout.act(name, terms, random),
            Bout::Web(bout) => bout.act(name, terms),
            Bout::Secure(bout) => bout.act(name, terms, net, random),
            Bout::Proxy(bout) => bout.act(name, terms, random),
            Bout::Inside => self.inside.act(name, terms, net, random),
        };
        match progress {
            Progress::Going => self.bout = Some((number, bout)),
            Progress::Met | Progress::Over => {
                self.met[number] += u64::from(progress == Progress::Met);
                bout.leave();
            }
        }
    }

    fn begin(&mut self, net: &SimNet, random: &mut SimRandom) {
        let number = random.index(TABLE.len());
        let terms = &self.terms;
        let bout = match TABLE[number].way {
            Way::Login(trick) => Some(Bout::Login(LoginBout::begin(trick, terms, net, random))),
            Way::Stall(place) => Some(Bout::Stall(StallBout::begin(place, terms, net, random))),
            Way::Http(request, status) => {
                Some(Bout::Http(HttpBout::begin(request, status, terms, net)))
            }
            Way::Page => Some(Bout::Http(HttpBout::page(terms, net))),
            Way::Invented if terms.has_proxies => Some(Bout::Http(HttpBout::invented(terms, net))),
            Way::Proxy(said) if terms.has_proxies => {
                Some(Bout::Proxy(ProxyBout::begin(said, terms, net, random)))
            }
            Way::Prove(trick) if terms.is_secure => {
                let bout = SecureBout::begin(trick, self.number, terms, net, random);
                Some(Bout::Secure(Box::new(bout)))
            }
            Way::Invented | Way::Proxy(_) | Way::Prove(_) => None,
            Way::Web(trick) => {
                WebBout::begin(trick, terms, net, random).map(|bout| Bout::Web(Box::new(bout)))
            }
            Way::Attach(trick) => self.inside.forge(trick, terms).then_some(Bout::Inside),
            Way::Session(trick) => {
                self.inside.abuse(trick);
                Some(Bout::Inside)
            }
        };
        self.begun += 1;
        self.bout = bout.map(|bout| (number, bout));
    }

    pub(super) fn leave(self) {
        if let Some((_, bout)) = self.bout {
            bout.leave();
        }
        self.inside.leave();
    }
}

impl Bout {
    fn leave(self) {
        match self {
            Bout::Login(bout) => bout.leave(),
            Bout::Stall(bout) => bout.leave(),
            Bout::Http(bout) => bout.leave(),
            Bout::Web(bout) => bout.leave(),
            Bout::Secure(bout) => bout.leave(),
            Bout::Proxy(bout) => bout.leave(),
            Bout::Inside => {}
        }
    }
}
