//! `skyring keygen FILE` and `skyring public-key FILE`: the identity of a server in the secure handshake.

use std::path::Path;
use std::process::ExitCode;

use skyring::identity::{IdentityError, ServerIdentity};

/// Makes a key in a file that must not exist, and prints what clients must know.
pub(super) fn generate(path: &Path) -> ExitCode {
    show(ServerIdentity::generate(path))
}

/// Prints what clients must know of the key in a file.
pub(super) fn public(path: &Path) -> ExitCode {
    show(ServerIdentity::load(path).map(|identity| identity.public_text()))
}

fn show(public: Result<String, IdentityError>) -> ExitCode {
    match public {
        Ok(public) => {
            super::print(&format!("{public}\n"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain!("skyring: {error}");
            ExitCode::FAILURE
        }
    }
}
