//! Who judges the tokens of a shard, as the configuration says.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use skyring_protocols::jwt::{JwtError, Rules};

use super::callback::Callback;
use super::jwt::{judge, now_seconds};
use super::keys::{FileKeys, Refreshed, UrlKeys};
use super::settings::AuthSettings;
use super::{AuthError, CallbackSettings, JwtUrlSettings};
use crate::context::Context;
use crate::handler::{AuthenticateError, Credentials, Identity};
use crate::http::client::{Client, Settings};
use crate::shard::counters::{Counter, ShardCounters};
use crate::transport::tls::{ClientTls, ClientTlsSettings, Trust};

/// A shard's authenticator.
pub(crate) struct Authenticator {
    way: Way,
    counters: Arc<ShardCounters>,
}

enum Way {
    Files { keys: Arc<FileKeys>, rules: Rules, server: Option<String> },
    Url { keys: Rc<UrlKeys>, rules: Rules, server: Option<String> },
    Callback(Callback),
}

impl Authenticator {
    /// The one that the settings want; none where the application decides. `keys`: what
    /// [`AuthSettings::Jwt`] has, if they were read for all shards. May block for a moment.
    pub(crate) fn start(
        settings: &AuthSettings,
        keys: Option<&Arc<FileKeys>>,
        context: &Context,
        counters: &Arc<ShardCounters>,
    ) -> Result<Option<Authenticator>, AuthError> {
        let way = match settings {
            AuthSettings::Application => return Ok(None),
            AuthSettings::Jwt(settings) => Way::Files {
                keys: match keys {
                    Some(keys) => Arc::clone(keys),
                    None => Arc::new(FileKeys::load(&settings.keys)?),
                },
                rules: settings.rules.clone(),
                server: settings.server.clone(),
            },
            AuthSettings::JwtByUrl(settings) => {
                let client = client_of_keys(settings, context)?;
                let (own, counters) = (settings.clone(), Arc::clone(counters));
                let keys = UrlKeys::start(context, client, own, counters);
                let (rules, server) = (settings.rules.clone(), settings.server.clone());
                Way::Url { keys, rules, server }
            }
            AuthSettings::Callback(settings) => {
                let client = client_of_callback(settings, context)?;
                Way::Callback(Callback::load(client, settings.clone())?)
            }
        };
        Ok(Some(Authenticator { way, counters: Arc::clone(counters) }))
    }

    /// Whose token this is.
    pub(crate) async fn authenticate(
        &self,
        shown: &Credentials,
    ) -> Result<Identity, AuthenticateError> {
        let result = match &self.way {
            Way::Files { keys, rules, server } => {
                let judged =
                    judge(&keys.now(), rules, server.as_deref(), &shown.token, now_seconds());
                judged.map_err(|_| AuthenticateError::Denied)
            }
            Way::Url { keys, rules, server } => {
                by_url(keys, rules, server.as_deref(), &shown.token).await
            }
            Way::Callback(callback) => callback.authenticate(shown).await,
        };
        self.counters.count(match result {
            Ok(_) => Counter::AuthGranted,
            Err(AuthenticateError::Denied) => Counter::AuthDenied,
            Err(AuthenticateError::Unavailable) => Counter::AuthUnavailable,
        });
        result
    }
}

/// Judges by fetched keys; they are fetched anew for a token that none of them has signed. That its key is a new one
/// shows by the key's name, or, where the set or the token names none, only by a signature that is nobody's.
async fn by_url(
    keys: &UrlKeys,
    rules: &Rules,
    server: Option<&str>,
    token: &[u8],
) -> Result<Identity, AuthenticateError> {
    let known = keys.now().ok_or(AuthenticateError::Unavailable)?;
    match judge(&known, rules, server, token, now_seconds()) {
        Ok(identity) => return Ok(identity),
        Err(JwtError::UnknownKey | JwtError::Signature) => {}
        Err(_) => return Err(AuthenticateError::Denied),
    }
    match keys.refresh().await {
        // Whether its key will be known is not known yet.
        Refreshed::Not => Err(AuthenticateError::Unavailable),
        Refreshed::Before => Err(AuthenticateError::Denied),
        Refreshed::Now => {
            let known = keys.now().ok_or(AuthenticateError::Unavailable)?;
            let judged = judge(&known, rules, server, token, now_seconds());
            judged.map_err(|_| AuthenticateError::Denied)
        }
    }
}

fn client_of_keys(settings: &JwtUrlSettings, context: &Context) -> Result<Client, AuthError> {
    let tls = trust(settings.ca.as_deref())?;
    let few = Settings { connections_per_host_max: 1, tls, ..Settings::default() };
    Ok(Client::with_settings(context, few))
}

fn client_of_callback(settings: &CallbackSettings, context: &Context) -> Result<Client, AuthError> {
    let own = Settings {
        connections_per_host_max: settings.connections_max,
        waiting_per_host_max: settings.waiting_max,
        tls: trust(settings.ca.as_deref())?,
        ..Settings::default()
    };
    Ok(Client::with_settings(context, own))
}

/// Whom to trust, if not the system's authorities.
fn trust(ca: Option<&Path>) -> Result<Option<ClientTls>, AuthError> {
    let Some(path) = ca else { return Ok(None) };
    let trust = Trust::Authorities(path.to_owned());
    let settings = ClientTlsSettings { trust, ..ClientTlsSettings::default() };
    Ok(Some(ClientTls::load(&settings)?))
}
