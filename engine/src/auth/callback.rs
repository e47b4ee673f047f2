//! A service of the studio that is asked about every token.

use std::net::IpAddr;

use serde_json::{Value, json};
use skyring_protocols::crypt::base64encode;
use zeroize::Zeroizing;

use super::AuthError;
use super::jwt::read;
use super::settings::CallbackSettings;
use crate::handler::{AuthenticateError, Credentials, Identity};
use crate::http::client::{Client, Request, Response};

/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 16 << 10;
/// Bytes of the uid in an answer.
const UID_BYTES_MAX: usize = 128;

/// The service, seen from one shard.
pub(super) struct Callback {
    client: Client,
    settings: CallbackSettings,
    /// What goes along as `Authorization`.
    authorization: Option<Zeroizing<String>>,
}

impl Callback {
    /// Reads the secret.
    pub(super) fn load(client: Client, settings: CallbackSettings) -> Result<Callback, AuthError> {
        let authorization = settings.bearer.as_deref().map(bearer).transpose()?;
        Ok(Callback { client, settings, authorization })
    }

    /// Whose token this is.
    pub(super) async fn authenticate(
        &self,
        shown: &Credentials,
    ) -> Result<Identity, AuthenticateError> {
        let question = question(&shown.token, shown.peer.ip());
        let mut request = Request::post(&self.settings.url)
            .header("content-type", "application/json")
            .body(question)
            .timeout(self.settings.timeout)
            .body_bytes_max(ANSWER_BYTES_MAX);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization.as_bytes());
        }
        let answer = self.client.request(request).await;
        judge(&answer.map_err(|_| AuthenticateError::Unavailable)?, self.settings.server.as_deref())
    }
}

/// The secret of a file as it goes along.
pub(super) fn bearer(path: &std::path::Path) -> Result<Zeroizing<String>, AuthError> {
    let content = read(path)?;
    let text = std::str::from_utf8(&content).map(str::trim_end).unwrap_or_default();
    let is_one_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_one_word {
        return Err(AuthError::Bearer(path.to_owned()));
    }
    let mut authorization = Zeroizing::new(String::with_capacity(text.len() + 7));
    authorization.push_str("Bearer ");
    authorization.push_str(text);
    Ok(authorization)
}

fn question(token: &[u8], peer: IpAddr) -> Vec<u8> {
    let token = Zeroizing::new(base64encode(token));
    json!({ "token": *token, "peer": peer.to_string() }).to_string().into_bytes()
}

/// What an answer means.
fn judge(answer: &Response, server: Option<&str>) -> Result<Identity, AuthenticateError> {
    match answer.status() {
        200 => read_identity(answer.body(), server).ok_or(AuthenticateError::Unavailable),
        401 | 403 => Err(AuthenticateError::Denied),
        _ => Err(AuthenticateError::Unavailable),
    }
}

/// Who it is, by the body of an answer. None: it does not say.
fn read_identity(body: &[u8], server: Option<&str>) -> Option<Identity> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let uid = answer.get("uid")?.as_str().filter(|uid| (1..=UID_BYTES_MAX).contains(&uid.len()))?;
    let server = match answer.get("server") {
        None => server?,
        Some(server) => server.as_str()?,
    };
    Some(Identity { uid: uid.as_bytes().to_vec(), server: server.as_bytes().to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_strictly() {
        let read = |text: &str| read_identity(text.as_bytes(), Some("sample"));
        let ann = |server: &[u8]| Some(Identity { uid: b"ann".into(), server: server.to_vec() });
        assert_eq!(read(r#"{"uid":"ann"}"#), ann(b"sample"));
        assert_eq!(read(r#"{"uid":"ann","server":"other","more":1}"#), ann(b"other"));
        assert_eq!(read_identity(br#"{"uid":"ann"}"#, None), None);
        let long = format!(r#"{{"uid":"{}"}}"#, "a".repeat(UID_BYTES_MAX + 1));
        let wrong =
            ["", "null", "[]", "{}", r#"{"uid":""}"#, r#"{"uid":7}"#, r#"{"uid":"a","server":1}"#];
        for text in wrong.into_iter().chain([long.as_str()]) {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_question_is_one_json_object() {
        let question = question(b"\"\xff", IpAddr::from([192, 0, 2, 7]));
        let value: Value = serde_json::from_slice(&question).unwrap();
        assert_eq!(value, json!({ "token": "Iv8=", "peer": "192.0.2.7" }));
    }
}
