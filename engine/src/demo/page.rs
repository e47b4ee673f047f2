//! The page at `/`: what there is to ask for, and a client of the game in plain JavaScript.
//!
//! Its files are part of the program and come from this server alone, which the page's policy holds
//! the browser to: no other script, style or connection is allowed.

use std::time::Duration;

use crate::driver::ShardIndex;
use crate::http::Response;

/// The page itself, with places for what this shard knows.
const FRONT: &str = include_str!("page/index.html");

/// What the page may do.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'";

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What the page asks for: path, kind, content.
const PARTS: [(&str, &str, &str); 5] = [
    ("/page/style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("/page/main.js", SCRIPT, include_str!("page/main.js")),
    ("/page/session.js", SCRIPT, include_str!("page/session.js")),
    ("/page/crypt.js", SCRIPT, include_str!("page/crypt.js")),
    ("/page/des.js", SCRIPT, include_str!("page/des.js")),
];

/// The page, as a shard answers that waits so long before an answer, for users of a message server.
pub(super) fn front(shard: ShardIndex, delay: Duration, server: &str) -> Response {
    let server = server.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let page = FRONT
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{shard}", &shard.0.to_string())
        .replace("{delay}", &delay.as_millis().to_string())
        .replace("{server}", &server);
    file("text/html; charset=utf-8").header("content-security-policy", POLICY).body(page)
}

/// Whether the page asks for this.
pub(super) fn is_part(path: &str) -> bool {
    PARTS.iter().any(|(part, ..)| *part == path)
}

/// What the page asks for, if it does.
pub(super) fn part(path: &str) -> Option<Response> {
    let (_, kind, content) = PARTS.iter().find(|(part, ..)| *part == path)?;
    Some(file(kind).body(*content))
}

/// Other builds have other files under the same names.
fn file(kind: &'static str) -> Response {
    let answer = Response::new(200).header("content-type", kind);
    answer.header("cache-control", "no-cache").header("x-content-type-options", "nosniff")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_page_names_is_there() {
        let files = PARTS.iter().map(|(.., content)| *content).chain([FRONT]);
        let mut found = 0;
        for content in files {
            let is_file = |name: &&str| name.ends_with(".js") || name.ends_with(".css");
            for name in content.split('"').filter(is_file) {
                let path = name.replacen("./", "/page/", 1);
                assert!(is_part(&path), "{name}");
                found += 1;
            }
        }
        assert_eq!(found, PARTS.len(), "every part is named once");
    }

    #[test]
    fn every_place_of_the_page_is_filled() {
        let page = front(ShardIndex(3), Duration::from_millis(7), "<\"&>");
        let crate::http::Content::Bytes(body) = &page.content else { panic!("a page") };
        let text = std::str::from_utf8(body).unwrap();
        assert!(text.contains("shard 3 answers") && text.contains("now 7 ms"), "{text}");
        assert!(text.contains("data-server=\"&lt;&quot;&amp;>\""), "{text}");
        assert!(!text.contains('{'), "{text}");
    }
}
