//! URLs that somebody else wrote, as a redirect does.

use crate::http1::url::Url;

/// Reads the text as a URL, and as what a `Location` says on one. What is read is written so that it is
/// read again as the same.
pub fn url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let base = Url::parse("http://a.example:81/b/c?d").expect("it is one");
    let (host, target) = text.split_once(' ').unwrap_or((text, "/"));
    let read = [Url::parse(text), base.join(text), Url::of_host(host, target)];
    for url in read.into_iter().flatten() {
        let written = format!("{}{}", url.origin(), url.target());
        assert_eq!(Url::parse(&written).as_ref(), Ok(&url), "{written:?}");
        assert!(url.target().starts_with('/'), "{url:?}");
        assert!(url.target().bytes().all(|byte| byte.is_ascii_graphic()), "{url:?}");
        assert_eq!(base.join(&written), Ok(url));
    }
}
