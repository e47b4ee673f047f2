//! The committed seeds, each through the body that it is for; and no target without its parts.
//!
//! A target is a file in `protocols/fuzz/targets`, a `[[bin]]` of `protocols/fuzz/Cargo.toml`, a folder of
//! seeds in `protocols/fuzz/corpus`, and a line of [`TARGETS`].

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

type Body = fn(&[u8]);

/// The body of each target.
const TARGETS: &[(&str, Body)] = &[
    ("attach", crate::msg::fuzz::attach),
    ("attach_v2", crate::msg::fuzz::attach_v2),
    ("base64", super::super::base64),
    ("batch", crate::batch::fuzz::batch),
    ("compress", crate::compress::fuzz::compress),
    ("crypt", super::super::crypt),
    ("custom", crate::custom::fuzz::custom),
    ("frame", super::super::frame),
    ("http_chunked", crate::http1::fuzz::chunked),
    ("http_pair", crate::http1::fuzz::pair),
    ("http_request_head", crate::http1::fuzz::request_head),
    ("http_response_head", crate::http1::fuzz::response_head),
    ("http_url", crate::http1::fuzz::url),
    ("jwt", crate::jwt::fuzz::jwt),
    ("line", super::super::line),
    ("login_client", crate::login::fuzz::client),
    ("login_pair", crate::login::fuzz::pair),
    ("login_server", crate::login::fuzz::server),
    ("login_v2", crate::login::fuzz::v2),
    ("msg_client", crate::msg::fuzz::client),
    ("msg_payload", crate::msg::fuzz::payload),
    ("msg_session", crate::msg::fuzz::session),
    ("proxy", crate::proxy::fuzz::proxy),
    ("secure", crate::secure::fuzz::secure),
    ("sproto_decode", crate::sproto::fuzz::decode),
    ("sproto_rpc", crate::sproto::fuzz::rpc),
    ("sproto_schema", crate::sproto::fuzz::schema),
    ("sproto_unpack", crate::sproto::fuzz::unpack),
    ("websocket_extensions", crate::websocket::upgrade::fuzz::extensions),
    ("websocket_frames", crate::websocket::fuzz::frames),
    ("websocket_inflate", crate::websocket::deflate::fuzz::inflate),
    ("websocket_pair", crate::websocket::fuzz::pair),
];

/// Bytes that all seeds may have together: they are for the first minute of a fuzzer, which finds the
/// rest itself.
const SEED_BYTES_MAX: u64 = 300_000;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

/// The names of what is in a folder, without endings.
fn names(of: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_target_is_whole() {
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder("targets")), known, "files");
    assert_eq!(names(&folder("corpus")), known, "seeds");
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    let bins = manifest.lines().filter_map(|line| line.strip_prefix("path = \"targets/"));
    let bins = bins.map(|rest| rest.trim_end_matches(".rs\"").to_owned());
    assert_eq!(bins.collect::<BTreeSet<_>>(), known, "bins");
}

#[test]
fn every_seed_passes() {
    let mut all_bytes = 0;
    for (name, body) in TARGETS {
        let seeds: Vec<PathBuf> = fs::read_dir(folder("corpus").join(name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(!seeds.is_empty(), "{name} has no seed");
        for seed in seeds {
            let bytes = fs::read(&seed).unwrap();
            all_bytes += bytes.len() as u64;
            // Which one it was, if it does not return.
            println!("{}", seed.display());
            body(&bytes);
        }
    }
    assert!(all_bytes <= SEED_BYTES_MAX, "{all_bytes} bytes");
}
