//! Whether the proxies that listeners believe are proxies.

use skyring::config::Config;

use super::finding::Finding;

/// Whoever is believed may be anybody he likes. A network that holds much of the internet is no mistake
/// where a firewall lets nobody in but proxies, so it is told and not refused. None: nobody is believed.
pub(super) fn networks(config: &Config) -> Option<Finding> {
    let subject = "proxies";
    let listeners = config.listeners.iter().enumerate();
    let networks = listeners.flat_map(|(at, it)| it.proxy_from.iter().map(move |one| (at, one)));
    let networks: Vec<_> = networks.collect();
    if let Some((at, network)) = networks.iter().find(|(_, network)| network.is_vast()) {
        let seen = format!(
            "listener[{at}] believes all of {network}: whoever reaches it from there may give himself \
             any address, and no rate by address holds"
        );
        let advice =
            "the proxies' own networks in proxy_from, or a firewall that lets only them in";
        return Some(Finding::warn(subject, seen, advice));
    }
    let seen = format!("{} networks are believed", networks.len());
    (!networks.is_empty()).then(|| Finding::ok(subject, seen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Status;

    #[test]
    fn a_listener_that_believes_everybody_is_told() {
        let mut config = Config::default();
        assert_eq!(networks(&config), None);
        let network = |text: &str| text.parse().expect("a network");
        config.listeners[1].proxy_from = vec![network("10.0.0.0/8"), network("::1/128")];
        assert_eq!(networks(&config).expect("some").status, Status::Ok);
        config.listeners[1].proxy_from.push(network("0.0.0.0/0"));
        let found = networks(&config).expect("some");
        assert_eq!(found.status, Status::Warn);
        assert!(found.seen.contains("listener[1] believes all of 0.0.0.0/0"), "{found}");
    }
}
