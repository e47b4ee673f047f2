//! The keys that tokens are judged by: from a file for all shards, or fetched by each.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use skyring_protocols::jwt::{KEY_SET_BYTES_MAX, KeySet};

use super::jwt::read_keys;
use super::settings::JwtUrlSettings;
use super::{AuthError, KeySource};
use crate::context::Context;
use crate::http::client::{self, Client};
use crate::shard::counters::{Counter, ShardCounters};

/// Time for a fetch.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Keys from a file.
pub(crate) struct FileKeys {
    source: KeySource,
    now: RwLock<Arc<KeySet>>,
}

impl fmt::Debug for FileKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileKeys({:?})", self.source)
    }
}

impl FileKeys {
    /// Reads the file.
    pub(crate) fn load(source: &KeySource) -> Result<FileKeys, AuthError> {
        let now = RwLock::new(Arc::new(read_keys(source)?));
        Ok(FileKeys { source: source.clone(), now })
    }

    /// Reads it again; a bad one leaves what there is.
    pub(crate) fn reload(&self) -> Result<(), AuthError> {
        let keys = Arc::new(read_keys(&self.source)?);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// The keys of the moment.
    pub(super) fn now(&self) -> Arc<KeySet> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Keys that a shard fetches for itself.
pub(super) struct UrlKeys {
    context: Context,
    client: Client,
    settings: JwtUrlSettings,
    counters: Arc<ShardCounters>,
    state: RefCell<State>,
}

/// Times are of the shard's clock.
#[derive(Default)]
struct State {
    /// None: they have never come.
    keys: Option<(Rc<KeySet>, u64)>,
    tried_ms: Option<u64>,
    /// Whether the last try brought none.
    has_failed: bool,
    is_fetching: bool,
}

/// What became of the wish for newer keys.
pub(super) enum Refreshed {
    /// They have come.
    Now,
    /// They came a moment ago: newer ones there are not.
    Before,
    /// They are on their way, or are not to be had.
    Not,
}

impl UrlKeys {
    /// Keys that are fetched from now on.
    pub(super) fn start(
        context: &Context,
        client: Client,
        settings: JwtUrlSettings,
        counters: Arc<ShardCounters>,
    ) -> Rc<UrlKeys> {
        let context = context.clone();
        let state = RefCell::default();
        let keys = Rc::new(UrlKeys { context, client, settings, counters, state });
        let own = Rc::clone(&keys);
        keys.context.spawn_aside(async move {
            loop {
                let has_come = own.fetch().await;
                let pause = if has_come { own.settings.refresh } else { own.settings.retry };
                own.context.sleep(pause).await;
            }
        });
        keys
    }

    /// The keys of the moment; none when there are none that are good.
    pub(super) fn now(&self) -> Option<Rc<KeySet>> {
        let state = self.state.borrow();
        let (keys, fetched_ms) = state.keys.as_ref()?;
        let age_ms = self.context.now_ms().saturating_sub(*fetched_ms);
        (u128::from(age_ms) <= self.settings.stale_max.as_millis()).then(|| Rc::clone(keys))
    }

    /// Fetches them for the sake of a token that none of them has signed, unless that was tried a moment ago.
    pub(super) async fn refresh(&self) -> Refreshed {
        let (is_fetching, has_failed, tried_ms) = {
            let state = self.state.borrow();
            (state.is_fetching, state.has_failed, state.tried_ms)
        };
        let since_ms = tried_ms.map(|at| self.context.now_ms().saturating_sub(at));
        let retry_ms = self.settings.retry.as_millis();
        let is_recent = since_ms.is_some_and(|since_ms| u128::from(since_ms) < retry_ms);
        match (is_fetching, is_recent) {
            (false, true) if !has_failed => Refreshed::Before,
            (false, false) if self.fetch().await => Refreshed::Now,
            _ => Refreshed::Not,
        }
    }

    /// Fetches them; keeps those that there are if that fails. Whether it worked.
    async fn fetch(&self) -> bool {
        if std::mem::replace(&mut self.state.borrow_mut().is_fetching, true) {
            return false;
        }
        self.state.borrow_mut().tried_ms = Some(self.context.now_ms());
        let fetched = self.ask().await;
        let mut state = self.state.borrow_mut();
        let has_come = fetched.is_some();
        (state.is_fetching, state.has_failed) = (false, !has_come);
        if let Some(keys) = fetched {
            state.keys = Some((Rc::new(keys), self.context.now_ms()));
        }
        let counter = if has_come { Counter::AuthKeysFetched } else { Counter::AuthKeysFailed };
        self.counters.count(counter);
        has_come
    }

    /// What the service answers, if that is keys.
    async fn ask(&self) -> Option<KeySet> {
        let request = client::Request::get(&self.settings.url)
            .header("accept", "application/jwk-set+json, application/json")
            .timeout(TIMEOUT)
            .body_bytes_max(KEY_SET_BYTES_MAX as u64);
        let answer = self.client.request(request).await.ok()?;
        let keys = (answer.status() == 200).then(|| KeySet::parse(answer.body()))?.ok()?;
        // Keys that are published are public: a shared secret among them would be known to everybody.
        Some(keys.without_secrets()).filter(|keys| !keys.is_empty())
    }
}
