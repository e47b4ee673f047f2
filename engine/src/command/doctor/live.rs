//! The checks that try things: rings and ports.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use skyring::config::Config;
use skyring::driver::uring::probe::{MissingFeatures, Probe};
use skyring::transport::tls::ServerTls;

use super::finding::Finding;

/// Whether the kernel's io_uring has what the driver needs, tried on small rings.
pub(super) fn io_uring() -> Finding {
    let subject = "io_uring";
    match Probe::run() {
        Ok(probe) => {
            let has = |has| if has { "yes" } else { "no" };
            let optional = probe.optional().map(|(name, here)| format!("{name}: {}", has(here)));
            Finding::ok(subject, format!("all that is needed; optional: {}", optional.join(", ")))
        }
        Err(error @ MissingFeatures::Forbidden) => Finding::fail(
            subject,
            error.to_string(),
            "sysctl -w kernel.io_uring_disabled=0; in a container, allow the io_uring system calls",
        ),
        Err(error @ MissingFeatures::Missing(_)) => {
            Finding::fail(subject, error.to_string(), "install a newer kernel")
        }
        Err(MissingFeatures::Failed(error)) => {
            Finding::fail(subject, format!("trying failed: {error}"), "see the error")
        }
    }
}

/// Whether every port that the configuration names can be had.
pub(super) fn ports(config: &Config) -> Finding {
    let listeners = config.listeners.iter().map(|listener| listener.address);
    let addresses: Vec<SocketAddr> = config.admin.into_iter().chain(listeners).collect();
    for &address in &addresses {
        let Err(error) = TcpListener::bind(address) else { continue };
        let advice = match error.kind() {
            ErrorKind::AddrInUse => "stop what listens there (`ss -ltnp` shows it), or move",
            ErrorKind::AddrNotAvailable => "use an address of this machine (`ip address`)",
            ErrorKind::PermissionDenied => {
                "use a port above 1023, or give the program CAP_NET_BIND_SERVICE"
            }
            _ => "see the error",
        };
        return Finding::fail("ports", format!("{address}: {error}"), advice);
    }
    let list: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    Finding::ok("ports", format!("free: {}", list.join(", ")))
}

/// Whether the certificates and keys of TLS listeners can be used. None: there are none.
pub(super) fn certificates(config: &Config) -> Option<Finding> {
    let subject = "certificates";
    let listeners = config.listeners.iter().enumerate();
    let secure: Vec<_> = listeners.filter_map(|(at, it)| Some((at, it.tls.as_ref()?))).collect();
    for (at, tls) in &secure {
        if let Err(error) = ServerTls::load(tls) {
            let seen = format!("listener[{at}]: {error}");
            return Some(Finding::fail(subject, seen, "mend the file, or the path to it"));
        }
    }
    let seen = format!("those of {} listeners can be used", secure.len());
    (!secure.is_empty()).then(|| Finding::ok(subject, seen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Status;

    #[test]
    fn a_taken_port_is_found() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let mut config = Config::default();
        config.listeners.truncate(1);
        config.listeners[0].address = taken.local_addr().expect("it is bound");
        let found = ports(&config);
        assert_eq!(found.status, Status::Fail);
        assert!(found.advice.is_some_and(|advice| advice.contains("ss -ltnp")));
        drop(taken);
        assert_eq!(ports(&config).status, Status::Ok);
    }

    #[test]
    fn an_address_of_another_machine_is_found() {
        let mut config = Config::default();
        config.listeners[0].address = "192.0.2.1:0".parse().expect("an address");
        assert_eq!(ports(&config).status, Status::Fail);
    }

    #[test]
    fn the_tests_run_where_the_server_would() {
        assert_eq!(io_uring().status, Status::Ok);
    }
}
