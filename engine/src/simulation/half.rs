//! The client half of a login of either version: players and attackers need not know which it is.

use skyring_protocols::login::LoginSecret;
use skyring_protocols::login::client::{LoginClient, LoginClientOutput};
use skyring_protocols::login::token::SampleToken;
use skyring_protocols::login::v2::{LoginClientV2, PinnedKeys};
use skyring_protocols::secure::{ExchangeKey, SigningKey};

use crate::driver::sim::{SimClient, SimRandom};

/// Who the servers of all seeds are that speak version 2.
pub(super) fn identity() -> SigningKey {
    SigningKey::new(&[7; 32])
}

pub(super) enum LoginHalf {
    V1(Box<LoginClient>),
    V2(Box<LoginClientV2>),
}

impl LoginHalf {
    /// A login of this user.
    pub(super) fn new(uid: &[u8], is_v2: bool, random: &mut SimRandom) -> LoginHalf {
        let password = b"password".to_vec().into();
        let token = SampleToken { user: uid.to_vec(), server: b"sample".to_vec(), password };
        if !is_v2 {
            let key = (random.word() | 2).to_le_bytes();
            return LoginHalf::V1(Box::new(LoginClient::new(token.format(), key)));
        }
        let pinned = PinnedKeys::new(vec![identity().public()]);
        let mut key = [0; 32];
        key.chunks_mut(8).for_each(|part| part.copy_from_slice(&random.word().to_le_bytes()));
        let exchange = ExchangeKey::new(&key);
        LoginHalf::V2(Box::new(LoginClientV2::new(token.format(), pinned, exchange)))
    }

    pub(super) fn on_bytes(&mut self, bytes: &[u8]) {
        match self {
            LoginHalf::V1(client) => client.on_bytes(bytes),
            LoginHalf::V2(client) => client.on_bytes(bytes),
        }
    }

    pub(super) fn on_disconnect(&mut self) {
        match self {
            LoginHalf::V1(client) => client.on_disconnect(),
            LoginHalf::V2(client) => client.on_disconnect(),
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<LoginClientOutput> {
        match self {
            LoginHalf::V1(client) => client.poll_output(),
            LoginHalf::V2(client) => client.poll_output(),
        }
    }

    /// Takes what has come on a connection and sends what is to be sent. The outcome, once there is one: then the
    /// connection is to be closed.
    pub(super) fn look(&mut self, line: &SimClient) -> Option<LoginClientOutput> {
        self.on_bytes(&line.read());
        if line.end().is_some() {
            self.on_disconnect();
        }
        while let Some(output) = self.poll_output() {
            let LoginClientOutput::Send(bytes) = output else { return Some(output) };
            // A broken connection shows at the next look.
            let _ = line.write(&bytes);
        }
        None
    }

    pub(super) fn secret(&self) -> Option<LoginSecret> {
        match self {
            LoginHalf::V1(client) => client.secret().cloned().map(LoginSecret::from),
            LoginHalf::V2(client) => client.key().cloned().map(LoginSecret::from),
        }
    }

    pub(super) fn retry_after_ms(&self) -> Option<u32> {
        match self {
            LoginHalf::V1(client) => client.retry_after_ms(),
            LoginHalf::V2(client) => client.retry_after_ms(),
        }
    }
}

/// Sixteen bytes of an attach.
pub(super) fn nonce(random: &mut SimRandom) -> [u8; 16] {
    let words = u128::from(random.word()) << 64 | u128::from(random.word());
    words.to_le_bytes()
}
