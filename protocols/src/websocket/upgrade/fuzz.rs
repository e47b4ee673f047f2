//! What holds for any header of extensions: the bodies of fuzz targets in `protocols/fuzz`.

use std::fmt::Write;

use super::extensions::{Extension, parse};
use crate::websocket::deflate::{self, Mode, Terms};

/// Header lines, separated by line feeds. What is read is the same when it is written back, and a
/// server answers it so that a client that leaves everything open agrees with it.
pub fn extensions(data: &[u8]) {
    let Some(read) = parse(data.split(|&byte| byte == b'\n')) else { return };
    let text = write(&read);
    assert_eq!(parse([text.as_bytes()].into_iter()), Some(read.clone()));
    let open = Terms { client_max_window_bits: Some(15), ..Terms::default() };
    for mode in [Mode::Off, Mode::Shared, Mode::Dedicated] {
        let Some((agreed, answer)) = deflate::accept(mode, &read) else { continue };
        assert_ne!(mode, Mode::Off);
        assert!((9..=15).contains(&agreed.server_max_window_bits));
        assert!((8..=15).contains(&agreed.client_max_window_bits));
        let answer = parse([answer.as_bytes()].into_iter()).expect("what is written is read");
        assert_eq!(deflate::check(Some(&open), &answer), Some(Some(agreed)));
    }
    let _ = deflate::check(Some(&open), &read);
}

/// Any offer of ours: the server declines it, or both sides agree on the same.
pub fn negotiation(data: &[u8]) {
    let &[choices, server, client, ..] = data else { return };
    let terms = Terms {
        server_no_context_takeover: choices & 1 != 0,
        client_no_context_takeover: choices & 2 != 0,
        server_max_window_bits: (choices & 4 != 0).then_some(server),
        client_max_window_bits: (choices & 8 != 0).then_some(client),
    };
    let mode = if choices & 16 != 0 { Mode::Shared } else { Mode::Dedicated };
    let offer = terms.write();
    let offers = parse([offer.as_bytes()].into_iter()).expect("what is written is read");
    let Some((agreed, answer)) = deflate::accept(mode, &offers) else {
        assert!(terms.server_max_window_bits.is_some_and(|bits| bits <= 8));
        return;
    };
    let answer = parse([answer.as_bytes()].into_iter()).expect("what is written is read");
    assert_eq!(deflate::check(Some(&terms), &answer), Some(Some(agreed)));
    assert_eq!(deflate::check(None, &answer), None);
}

fn write(extensions: &[Extension<'_>]) -> String {
    let mut text = String::new();
    for (index, extension) in extensions.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { ", " });
        text.push_str(extension.name());
        for (name, value) in extension.parameters() {
            let written = match value {
                Some(value) => write!(text, "; {name}={value}"),
                None => write!(text, "; {name}"),
            };
            written.expect("a string takes any text");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    const WORDS: &[&str] = &[
        "permessage-deflate",
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits",
        "client_max_window_bits",
        "x",
        ";",
        "; ",
        ",",
        "=",
        "\"",
        "\\",
        " ",
        "\t",
        "\n",
        "8",
        "9",
        "15",
        "16",
        "=10",
        "\u{e9}",
        "permessage-deflate; client_max_window_bits",
        "; server_max_window_bits=\"1\\2\"",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// WIRE W26, W33.
        #[test]
        fn of_headers(words in prop::collection::vec(select(WORDS), 0..12), noise: Vec<u8>) {
            extensions(words.concat().as_bytes());
            extensions(&noise);
        }

        /// WIRE W32 to W34.
        #[test]
        fn of_offers(choices in 0..32_u8, server in 6..18_u8, client in 6..18_u8) {
            negotiation(&[choices, server, client]);
        }
    }
}
