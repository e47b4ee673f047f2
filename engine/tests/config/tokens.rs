//! The table `[auth]`.

use skyring::auth::{AuthSettings, KeySource};
use skyring::config::Config;

use crate::refusal_text;

#[test]
fn who_judges_tokens_is_read_and_must_make_sense() {
    let auth = |text: &str| Config::parse(&format!("[auth]\n{text}"), "test.toml").unwrap().auth;
    assert_eq!(auth("kind = \"application\""), AuthSettings::Application);
    let AuthSettings::Jwt(jwt) = auth(
        "kind = \"jwt\"\nkeys = \"/k\"\nissuer = \"i\"\naudience = \"a\"\nuid_claim = \"u\"\n\
         uid_bytes_max = 9\nserver_claim = \"s\"\nleeway_seconds = 1\nserver = \"sample\"",
    ) else {
        panic!("keys of a file")
    };
    assert_eq!(jwt.keys, KeySource::KeySet("/k".into()));
    assert_eq!((jwt.rules.uid_bytes_max, jwt.server.as_deref()), (9, Some("sample")));
    let AuthSettings::JwtByUrl(by_url) = auth(
        "kind = \"jwt\"\nkeys_url = \"https://id.example/keys\"\nca = \"/ca\"\nrefresh_ms = 1000\n\
         retry_ms = 2000\nstale_ms_max = 3000",
    ) else {
        panic!("keys by URL")
    };
    let expected = [by_url.refresh, by_url.retry, by_url.stale_max].map(|it| it.as_secs());
    assert_eq!((by_url.url.as_str(), expected), ("https://id.example/keys", [1, 2, 3]));
    let AuthSettings::Callback(callback) = auth(
        "kind = \"callback\"\nurl = \"http://[::1]:9/ask\"\nbearer = \"/b\"\ntimeout_ms = 50\n\
         connections_per_shard_max = 2\nwaiting_per_shard_max = 3",
    ) else {
        panic!("a service")
    };
    assert_eq!((callback.connections_max, callback.waiting_max), (2, 3));
    for (wrong, told) in [
        ("", "auth.kind: missing"),
        ("kind = \"nobody\"", "auth.kind: must be \"application\""),
        ("kind = \"application\"\nurl = \"x\"", "auth.url: no such key"),
        ("kind = \"jwt\"", "auth: missing; it must be exactly one of"),
        ("kind = \"jwt\"\nsecret = \"/s\"\nkeys = \"/k\"", "auth: missing; it must be exactly one"),
        ("kind = \"jwt\"\nsecret = \"/s\"\nretry_ms = 1", "auth.retry_ms: must be absent"),
        ("kind = \"jwt\"\nsecret = \"/s\"\nuid_claim = \"\"", "auth.uid_claim: must be the name"),
        ("kind = \"jwt\"\nkeys_url = \"http://id.example/\"", "auth.keys_url: must be an https"),
        ("kind = \"jwt\"\nkeys_url = \"https://a/\"\nretry_ms = 0", "auth.retry_ms: "),
        ("kind = \"jwt\"\nkeys_url = \"https://a/\"\nstale_ms_max = 60000", "auth.stale_ms_max: "),
        ("kind = \"jwt\"\nsecret = \"/s\"\nleeway_seconds = 3601", "auth.leeway_seconds: "),
        ("kind = \"callback\"", "auth.url: missing"),
        ("kind = \"callback\"\nurl = \"http://10.0.0.1/\"", "auth.url: must be an https URL"),
        ("kind = \"callback\"\nurl = \"https://a/\"\nwaiting_per_shard_max = 0", "auth.waiting"),
    ] {
        let text = refusal_text(&format!("[auth]\n{wrong}"));
        assert!(text.starts_with(told), "{wrong}: {text}");
    }
}
