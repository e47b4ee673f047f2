//! Why a server does not start, and why it ended by itself.

use std::io;
use std::net::SocketAddr;

use crate::auth::AuthError;
use crate::config::ConfigError;
use crate::driver::uring::probe::MissingFeatures;
use crate::host;
use crate::identity::IdentityError;
use crate::transport::tls::SetupError;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The kernel lacks something.
    #[error(transparent)]
    Kernel(#[from] MissingFeatures),
    /// A listener's address cannot be had.
    #[error("cannot listen on {address}: {source}{}", advice(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A listener's certificates cannot be used.
    #[error("listener[{listener}].tls: {source}")]
    Tls {
        /// Index of the listener, from 0.
        listener: usize,
        /// Why.
        source: SetupError,
    },
    /// A listener's identity cannot be used.
    #[error("listener[{listener}].identity: {source}")]
    Identity {
        /// Index of the listener, from 0.
        listener: usize,
        /// Why.
        source: IdentityError,
    },
    /// Nobody could judge tokens.
    #[error("auth: {0}")]
    Auth(#[from] AuthError),
    /// No random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Entropy(String),
    /// A shard's executor or ring cannot be set up.
    #[error("shard {shard} cannot start: {source}{}", advice(source))]
    Shard {
        /// Index of the shard.
        shard: u16,
        /// Why.
        source: io::Error,
    },
}

/// A shard's thread panicked, so the server ended: the other shards stopped as they are stopped by
/// [`ServerHandle::stop`](crate::server::ServerHandle::stop).
#[derive(Debug, thiserror::Error)]
#[error(
    "shard {shard} failed with {connections} connections, and the other shards closed theirs: {source}"
)]
pub struct ShardFailed {
    /// Index of the shard; of the first, if there were several.
    pub shard: u16,
    /// Connections it had, which were closed without another word to their peers.
    pub connections: u64,
    /// Why, in one line.
    pub source: io::Error,
}

/// What to do about a start that lacks something of the system, if that is known.
fn advice(source: &io::Error) -> &'static str {
    match host::system_code(source) {
        Some(libc::ENOMEM | libc::ENOBUFS) => {
            "; raise the limit of locked memory (ulimit -l, LimitMEMLOCK=) or of the control group's \
             memory, or lower connections_per_shard_max"
        }
        Some(libc::EMFILE) => "; raise the limit of descriptors (ulimit -n, LimitNOFILE=)",
        Some(libc::ENFILE) => "; raise the machine's limit of descriptors (sysctl fs.file-max)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_lacks_something_says_what_to_do() {
        let said = |errno| {
            let source = io::Error::from_raw_os_error(errno);
            StartError::Shard { shard: 3, source }.to_string()
        };
        let memory = said(libc::ENOMEM);
        assert!(memory.starts_with("shard 3 cannot start: Cannot allocate memory"), "{memory}");
        assert!(memory.contains("(os error 12); raise the limit of locked memory"), "{memory}");
        assert!(said(libc::EMFILE).contains("LimitNOFILE"));
        assert!(said(libc::EINVAL).ends_with("(os error 22)"));

        let lost = io::Error::from_raw_os_error(libc::EMFILE);
        let source = io::Error::other(format!("called `Result::unwrap()` on an `Err`: {lost:?}"));
        let panicked = StartError::Shard { shard: 0, source }.to_string();
        assert!(panicked.contains("LimitNOFILE"), "{panicked}");
    }
}
