//! What a redirect makes of a request (RFC 9110 section 15.4).
//!
//! 301, 302 and 303 turn a `POST` into a `GET` without a body, as every browser does; 303 turns
//! every other method but `HEAD` so too. 307 and 308 repeat the request as it was. What proves who
//! the caller is (`Authorization`, `Cookie`, `Proxy-Authorization`) stays with the origin it was
//! meant for, and so does a `Host` that the caller gave. A redirect without a `Location`, and 300,
//! 304, 305 and 306, are answers like others.

use bytes::Bytes;
use skyring_protocols::http1::ResponseHead;
use skyring_protocols::http1::url::{Url, UrlError};

use super::error::Error;
use super::request::{Payload, Request};

/// Fields that are for one origin only.
const PRIVATE: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "host"];
/// Fields that speak of a body.
const OF_BODY: [&str; 5] =
    ["content-type", "content-encoding", "content-language", "content-location", "expect"];

/// The redirects of one call.
pub(super) struct Redirects {
    redirects_max: u32,
    /// Methods and URLs asked for, in order.
    visited: Vec<(String, Url)>,
}

impl Redirects {
    pub(super) fn new(redirects_max: u32) -> Redirects {
        Redirects { redirects_max, visited: Vec::new() }
    }

    /// Where the call goes on, if this answer to `request` at `url` says so and redirects are
    /// followed; the request is changed as the status wants it.
    ///
    /// # Errors
    /// When it may not or cannot go on there.
    pub(super) fn follow(
        &mut self,
        request: &mut Request,
        url: &Url,
        head: &ResponseHead,
    ) -> Result<Option<Url>, Error> {
        let Some(location) = self.location(head) else { return Ok(None) };
        let text = std::str::from_utf8(location)
            .map_err(|wrong| UrlError::Character { at: wrong.valid_up_to() });
        let next = text.and_then(|text| url.join(text)).map_err(Error::RedirectUrl)?;
        self.visited.push((request.method.clone(), url.clone()));
        adapt(request, head.status());
        if next.origin() != url.origin() {
            request.drop_fields(&PRIVATE);
        }
        if self.visited.iter().any(|(method, url)| *method == request.method && *url == next) {
            return Err(Error::RedirectLoop { url: next.to_string() });
        }
        if self.visited.len() > self.redirects_max as usize {
            return Err(Error::TooManyRedirects { redirects_max: self.redirects_max });
        }
        if matches!(request.payload, Payload::Gone) {
            return Err(Error::BodyGone);
        }
        Ok(Some(next))
    }

    fn location<'a>(&self, head: &'a ResponseHead) -> Option<&'a [u8]> {
        let redirects = matches!(head.status(), 301 | 302 | 303 | 307 | 308);
        let follows = redirects && self.redirects_max > 0;
        head.headers().get("location").filter(|_| follows)
    }
}

/// Changes the method as the status wants it.
fn adapt(request: &mut Request, status: u16) {
    let method = request.method.as_str();
    let becomes_get = match status {
        301 | 302 => method == "POST",
        303 => method != "HEAD",
        _ => false,
    };
    if becomes_get {
        request.method = "GET".to_owned();
        request.payload = Payload::Bytes(Bytes::new());
        request.awaits_continue = false;
        request.drop_fields(&OF_BODY);
    }
}
