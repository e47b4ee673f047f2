//! `skyring fetch`: the HTTP client on the command line.
//!
//! A server with one shard and no listener makes the call. Its only task writes the body as it
//! comes; a slow reader of standard output holds that shard up, which has nobody else to serve.

mod options;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::mpsc::{SyncSender, sync_channel};

use skyring::config::Config;
use skyring::context::Context;
use skyring::dns::ResolverSettings;
use skyring::error::StartError;
use skyring::handler::Application;
use skyring::http::client::{Client, Error, Request, ResponseStream, Settings};
use skyring::protocols::http1::{ResponseHead, Version};
use skyring::server::Server;
use skyring::transport::tls::{ClientTls, ClientTlsSettings, Pin, SetupError, Trust};

use self::options::Data;
pub(super) use self::options::{FetchOptions, FetchUsageError, HELP};

/// Exit code of a status from 400 on, with `--fail`; curl's.
const FAILED_STATUS: u8 = 22;

/// Connections that the shard's table holds: those of one call.
const CONNECTIONS_MAX: u32 = 64;

/// Why nothing was fetched, or half of it.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Call(#[from] Error),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Tls(#[from] SetupError),
    #[error("{path}: {source}")]
    File { path: String, source: io::Error },
    #[error("the body cannot be written: {0}")]
    Output(io::Error),
    #[error("the server answers {0}")]
    Status(u16),
    #[error("the shard ended by itself")]
    Shard,
}

/// An application that serves nobody.
struct Nobody;

impl Application for Nobody {}

pub(super) fn run(options: &FetchOptions) -> ExitCode {
    match fetch(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("skyring: {error}");
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
    let (sender, receiver) = sync_channel(1);
    let config = Config {
        shards: 1,
        listeners: Vec::new(),
        connections_per_shard_max: CONNECTIONS_MAX,
        ..Config::default()
    };
    let options = options.clone();
    let server = Server::start(&config, move |context| {
        begin(&context, &settings, request(&options, &body), options.clone(), sender.clone());
        Nobody
    })?;
    let result = receiver.recv().unwrap_or(Err(FetchError::Shard));
    server.handle().stop();
    server.join().map_err(|_| FetchError::Shard)?;
    result
}

fn settings(options: &FetchOptions) -> Result<Settings, FetchError> {
    let pins = || options.pins.iter().copied().map(Pin::Certificate).collect();
    let trust = match &options.authorities {
        Some(path) => Trust::Authorities(path.clone()),
        None if options.pins.is_empty() => Trust::System,
        None => Trust::Pinned(pins()),
    };
    let tls = match trust {
        Trust::System => None,
        trust => Some(ClientTls::load(&ClientTlsSettings { trust, ..Default::default() })?),
    };
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

/// Has the shard make the call and tell what came of it.
fn begin(
    context: &Context,
    settings: &Settings,
    request: Request,
    options: FetchOptions,
    sender: SyncSender<Result<(), FetchError>>,
) {
    let client = Client::with_settings(context, settings.clone());
    context.spawn(async move {
        let result = call(&client, request, &options).await;
        // Nobody else sends, so there is room.
        let _ = sender.try_send(result);
    });
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
