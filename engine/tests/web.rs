//! Do others agree with us about HTTP and TLS? curl, openssl, sslyze and wrk against the server;
//! `skyring fetch` against nginx.
//!
//! Needs curl, openssl, nginx, wrk and sslyze, and fails without them, so it is behind the feature
//! `interop`.
#![cfg(feature = "interop")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "web/curl.rs"]
mod curl;
#[path = "web/nginx.rs"]
mod nginx;
#[path = "web/openssl.rs"]
mod openssl;
#[path = "web/served.rs"]
mod served;

use served::{Served, run, text};

/// Many connections, kept alive, as fast as they go: nothing but right answers.
#[test]
fn wrk_gets_nothing_but_answers() {
    let served = Served::start("wrk");
    for (base, path) in [(served.http(), "/hello"), (served.https(), "/big/4")] {
        let output = run("wrk", &["-t1", "-c50", "-d2s", &format!("{base}{path}")]);
        let said = text(&output);
        assert!(output.status.success(), "{said}");
        assert!(!said.contains("Non-2xx") && !said.contains("Socket errors"), "{said}");
        let requests = said.lines().find(|line| line.contains(" requests in ")).expect(&said);
        let count: u64 = requests.split_whitespace().next().unwrap().parse().unwrap();
        assert!(count > 0, "{said}");
    }
    served.end();
}

/// What a scanner finds wrong with a TLS server: old protocols, weak ciphers, known holes.
#[test]
fn sslyze_finds_only_modern_tls() {
    let served = Served::start("sslyze");
    let report = served.folder().join("sslyze.json");
    let arguments = ["--json_out", report.to_str().unwrap(), &served.https_at().to_string()];
    let output = run("sslyze", &arguments);
    let json = std::fs::read_to_string(&report).unwrap_or_else(|_| panic!("{}", text(&output)));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let scan = &json["server_scan_results"][0];
    assert_eq!(scan["scan_status"], "COMPLETED", "{scan}");
    let found = &scan["scan_result"];
    let accepted = |name: &str| {
        let suites = &found[name]["result"]["accepted_cipher_suites"];
        let suites = suites.as_array().unwrap_or_else(|| panic!("{name}: {}", found[name]));
        let name = |suite: &serde_json::Value| suite["cipher_suite"]["name"].to_string();
        suites.iter().map(name).collect::<Vec<_>>()
    };
    for old in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"] {
        assert!(accepted(&format!("{old}_cipher_suites")).is_empty(), "{old}");
    }
    for new in ["tls_1_2", "tls_1_3"] {
        let suites = accepted(&format!("{new}_cipher_suites"));
        assert!(!suites.is_empty(), "{new}");
        let weak = ["CBC", "RC4", "3DES", "NULL", "TLS_RSA_WITH", "EXPORT", "MD5"];
        let is_weak = |suite: &String| weak.iter().any(|word| suite.contains(word));
        assert!(!suites.iter().any(is_weak), "{suites:?}");
    }
    let flag = |scan: &str, name: &str| found[scan]["result"][name].clone();
    assert_eq!(flag("heartbleed", "is_vulnerable_to_heartbleed"), false);
    assert_eq!(flag("openssl_ccs_injection", "is_vulnerable_to_ccs_injection"), false);
    assert_eq!(flag("tls_compression", "supports_compression"), false);
    let renegotiation = "is_vulnerable_to_client_renegotiation_dos";
    assert_eq!(flag("session_renegotiation", renegotiation), false);
    served.end();
}
