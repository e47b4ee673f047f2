//! What the logins of this configuration protect, and whether the keys for that can be used.

use skyring::auth::{AuthSettings, Jwt};
use skyring::config::{Config, Handshake, Listener, ListenerKind};
use skyring::identity::ServerIdentity;

use super::finding::Finding;

/// Whether the identities of listeners can be read. None: there are none.
pub(super) fn identities(config: &Config) -> Option<Finding> {
    let subject = "identities";
    let listeners = config.listeners.iter().enumerate();
    let named: Vec<_> =
        listeners.filter_map(|(at, it)| Some((at, it.identity.as_ref()?))).collect();
    for (at, path) in &named {
        if let Err(error) = ServerIdentity::load(path) {
            let seen = format!("listener[{at}]: {error}");
            return Some(Finding::fail(
                subject,
                seen,
                "mend the file, or `skyring keygen` another",
            ));
        }
    }
    let seen = format!("those of {} listeners can be used", named.len());
    (!named.is_empty()).then(|| Finding::ok(subject, seen))
}

/// Whether what judges tokens can be used. None: the application does.
pub(super) fn tokens(config: &Config) -> Option<Finding> {
    let subject = "tokens";
    Some(match &config.auth {
        AuthSettings::Application => return None,
        AuthSettings::Jwt(settings) => match Jwt::load(settings) {
            Ok(_) => Finding::ok(subject, "judged by keys that can be used"),
            Err(error) => Finding::fail(subject, error.to_string(), "mend the file"),
        },
        AuthSettings::JwtByUrl(settings) => {
            let seen = format!("judged by keys from {}, which was not asked", settings.url);
            Finding::ok(subject, seen)
        }
        AuthSettings::Callback(settings) => {
            Finding::ok(subject, format!("judged by {}, which was not asked", settings.url))
        }
    })
}

/// Whether a login over the network tells whoever listens there the player's password.
pub(super) fn logins(config: &Config) -> Finding {
    let subject = "logins";
    let takes_logins = |it: &Listener| {
        matches!(it.kind, ListenerKind::Login | ListenerKind::Http) && it.handshake != Handshake::V2
    };
    let exposed = |it: &Listener| takes_logins(it) && is_exposed(it);
    let Some(at) = config.listeners.iter().position(exposed) else {
        return Finding::ok(subject, "none goes over the network in a form that others can read");
    };
    let seen = format!(
        "listener[{at}] takes Skynet's login from other machines: who is on the way reads the \
         password and can play as that user"
    );
    Finding::warn(subject, seen, "tls on it, or an identity and handshake = \"v2\"")
}

/// Whether what players and the game say to each other goes over the network in the open. None: there is no
/// listener for that.
pub(super) fn messages(config: &Config) -> Option<Finding> {
    let subject = "messages";
    let carries = |it: &&Listener| it.kind != ListenerKind::Login;
    config.listeners.iter().find(carries)?;
    let exposed = |it: &Listener| carries(&it) && is_exposed(it);
    let Some(at) = config.listeners.iter().position(exposed) else {
        return Some(Finding::ok(subject, "none goes over the network in the open"));
    };
    let seen = format!(
        "listener[{at}] is reachable from other machines without TLS: who is on the way reads and \
         changes what goes over it"
    );
    Some(Finding::warn(subject, seen, "tls on it, or none but a network that you trust"))
}

/// Whether strangers can hear what goes over a listener.
fn is_exposed(listener: &Listener) -> bool {
    listener.tls.is_none() && !listener.address.ip().is_loopback()
}

#[cfg(test)]
mod tests {
    use skyring::auth::{CallbackSettings, JwtSettings, KeySource};
    use skyring::config::TlsSettings;

    use super::*;
    use crate::command::doctor::finding::Status;

    #[test]
    fn a_login_that_others_can_read_is_told() {
        let mut config = Config::default();
        assert_eq!(logins(&config).status, Status::Ok, "loopback");
        let login = config.listeners.iter_mut().find(|it| it.kind == ListenerKind::Login);
        let login = login.expect("there is one by default");
        login.address = "0.0.0.0:8001".parse().expect("an address");
        assert_eq!(logins(&config).status, Status::Warn);
        for handshake in [Handshake::V1, Handshake::Both, Handshake::V2] {
            config.listeners[0].handshake = handshake;
            let is_safe = logins(&config).status == Status::Ok;
            assert_eq!(is_safe, handshake == Handshake::V2, "{handshake:?}");
        }
    }

    #[test]
    fn listeners_without_tls_are_told() {
        let mut config = Config::default();
        assert_eq!(messages(&config).map(|it| it.status), Some(Status::Ok), "loopback");
        for kind in [ListenerKind::Msg, ListenerKind::Gate, ListenerKind::Http] {
            let mut listener = Listener::new(kind);
            listener.address.set_ip([0, 0, 0, 0].into());
            listener.handshake = Handshake::V2;
            config.listeners = vec![Listener::new(ListenerKind::Login), listener];
            let found = messages(&config).expect("there is one");
            assert!(found.status == Status::Warn && found.seen.contains("[1]"), "{found}");
            assert_eq!(logins(&config).status, Status::Ok, "{kind:?} with v2 only");
            config.listeners[1].handshake = Handshake::Both;
            let is_safe = logins(&config).status == Status::Ok;
            assert_eq!(is_safe, kind != ListenerKind::Http, "{kind:?}");
            config.listeners[1].tls = Some(TlsSettings::self_signed());
            assert_eq!(messages(&config).map(|it| it.status), Some(Status::Ok), "{kind:?}");
        }
        config.listeners.truncate(1);
        assert!(messages(&config).is_none(), "only logins");
    }

    #[test]
    fn keys_that_cannot_be_used_are_told() {
        let mut config = Config::default();
        assert!(tokens(&config).is_none(), "the application judges");
        let lost = JwtSettings::new(KeySource::Secret("/nowhere/secret".into()));
        config.auth = AuthSettings::Jwt(lost);
        let found = tokens(&config).expect("a file is named");
        assert_eq!(found.status, Status::Fail);
        assert!(found.seen.contains("/nowhere/secret"), "{found}");
        config.auth = AuthSettings::Callback(CallbackSettings::new("https://id.example/"));
        let found = tokens(&config).expect("a service is named");
        assert!(found.seen.contains("https://id.example/"), "{found}");
    }

    #[test]
    fn an_identity_that_cannot_be_used_is_told() {
        let mut config = Config::default();
        assert_eq!(identities(&config), None);
        config.listeners[0].identity = Some("/nowhere/identity".into());
        let found = identities(&config).expect("there is one");
        assert_eq!(found.status, Status::Fail);
        assert!(found.seen.contains("listener[0]: /nowhere/identity"), "{found}");
    }
}
