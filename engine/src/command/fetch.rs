//! `skyring fetch`: the HTTP client on the command line.
//!
//! A server with one shard and no listener makes the call. Its only task writes the body as it
//! comes; a slow reader of standard output holds that shard up, which has nobody else to serve.

mod options;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use skyring::dns::ResolverSettings;
use skyring::http::client::{Client, Error, Request, ResponseStream, Settings};
use skyring::protocols::http1::{ResponseHead, Version};
use skyring::transport::tls::SetupError;

use self::options::Data;
pub(super) use self::options::{FetchOptions, FetchUsageError, HELP};
use super::alone::{self, Alone};
use super::values;

/// Exit code of a status from 400 on, with `--fail`; curl's.
const FAILED_STATUS: u8 = 22;

/// Why nothing was fetched, or half of it.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Call(#[from] Error),
    #[error(transparent)]
    Shard(#[from] Alone),
    #[error(transparent)]
    Tls(#[from] SetupError),
    #[error("{path}: {source}")]
    File { path: String, source: io::Error },
    #[error("the body cannot be written: {0}")]
    Output(io::Error),
    #[error("the server answers {0}")]
    Status(u16),
}

pub(super) fn run(options: &FetchOptions) -> ExitCode {
    match fetch(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain!("skyring: {error}");
            match error {
                FetchError::Status(_) => ExitCode::from(FAILED_STATUS),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// Starts a shard for the call, and waits for its end.
fn fetch(options: &FetchOptions) -> Result<(), FetchError> {
    let settings = settings(options)?;
    let body = body(options)?;
    let options = options.clone();
    alone::run(move |context| {
        let client = Client::with_settings(&context, settings.clone());
        let (request, options) = (request(&options, &body), options.clone());
        async move { call(&client, request, &options).await }
    })?
}

fn settings(options: &FetchOptions) -> Result<Settings, FetchError> {
    let tls = values::tls(options.authorities.as_ref(), &options.pins)?;
    let dns = options.dns.map(ResolverSettings::with_server);
    let standard = Settings::default();
    let timeout = options.timeout.unwrap_or(standard.timeout);
    Ok(Settings { tls, dns, timeout, redirects_max: options.redirects_max, ..standard })
}

/// The body to send, if there is one.
fn body(options: &FetchOptions) -> Result<Option<Vec<u8>>, FetchError> {
    Ok(match &options.data {
        None => None,
        Some(Data::Text(text)) => Some(text.clone()),
        Some(Data::File(path)) => Some(fs::read(path).map_err(|source| {
            let path = path.display().to_string();
            FetchError::File { path, source }
        })?),
    })
}

fn request(options: &FetchOptions, body: &Option<Vec<u8>>) -> Request {
    let sends = body.is_some() || !options.form.is_empty();
    let method = match (&options.method, options.head, sends) {
        (Some(method), ..) => method,
        (None, true, _) => "HEAD",
        (None, false, true) => "POST",
        (None, false, false) => "GET",
    };
    let mut request = Request::new(method, &options.url);
    for (name, value) in &options.headers {
        request = request.header(name, value);
    }
    if let Some(body) = body {
        return request.body(body.clone());
    }
    if options.form.is_empty() {
        return request;
    }
    let fields = options.form.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    request.form(&fields.collect::<Vec<_>>())
}

async fn call(client: &Client, request: Request, options: &FetchOptions) -> Result<(), FetchError> {
    let answer = client.request_stream(request).await?;
    let status = answer.status();
    if options.fail && status >= 400 {
        return Err(FetchError::Status(status));
    }
    match copy(answer, options).await {
        // A reader that has seen enough (`| head`) is no failure.
        Err(FetchError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes the answer where it belongs.
async fn copy(mut answer: ResponseStream, options: &FetchOptions) -> Result<(), FetchError> {
    let mut out: Box<dyn Write> = match &options.output {
        None => Box::new(io::stdout().lock()),
        Some(path) => Box::new(File::create(path).map_err(|source| {
            let path = path.display().to_string();
            FetchError::File { path, source }
        })?),
    };
    if options.include || options.head {
        out.write_all(&head_text(answer.head())).map_err(FetchError::Output)?;
    }
    while let Some(piece) = answer.next().await {
        let written = out.write_all(&piece?).and_then(|()| out.flush());
        written.map_err(FetchError::Output)?;
    }
    out.flush().map_err(FetchError::Output)
}

/// The head as it came, but for blanks around values.
fn head_text(head: &ResponseHead) -> Vec<u8> {
    let version = match head.version() {
        Version::Http10 => "1.0",
        Version::Http11 => "1.1",
    };
    let mut text = format!("HTTP/{version} {} {}\r\n", head.status(), head.reason()).into_bytes();
    for (name, value) in head.headers().iter() {
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value);
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
    text
}
