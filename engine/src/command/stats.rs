//! `skyring stats`: prints what the admin port of a running server says.

use std::net::SocketAddr;
use std::process::ExitCode;

use skyring::admin;

pub(super) fn run(address: SocketAddr) -> ExitCode {
    match admin::fetch(address) {
        Ok(text) => super::print(&text),
        Err(error) => {
            complain!(
                "skyring: no counters from {address}: {error}\n\
                 Is a server running there, with `admin = \"{address}\"` in its configuration?"
            );
            ExitCode::FAILURE
        }
    }
}
