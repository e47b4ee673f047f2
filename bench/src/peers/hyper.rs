//! hyper 1 on tokio's current-thread runtime, with and without TLS: one task a connection, default
//! settings but for answers to pipelined requests, which leave together (`pipeline_flush`): what a
//! user who expects such requests would choose, and much the faster.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{PeerOptions, announce};
use crate::generator::http::{BODY, MEDIA_TYPE, PATH};

pub(super) fn serve(options: &PeerOptions) -> io::Result<()> {
    accept_all(options, |stream| async move {
        converse(TokioIo::new(stream)).await;
    })
}

/// The same over tokio-rustls, with the cryptography that skyring has, and session tickets as it
/// gives them.
pub(super) fn serve_tls(options: &PeerOptions) -> io::Result<()> {
    let acceptor = TlsAcceptor::from(Arc::new(configuration(options.certificate()?)?));
    accept_all(options, move |stream| {
        let acceptor = acceptor.clone();
        async move {
            // A handshake that fails ends its own task and nothing else.
            if let Ok(stream) = acceptor.accept(stream).await {
                converse(TokioIo::new(stream)).await;
            }
        }
    })
}

/// Accepts connections on a runtime of this thread, and serves each in a task of its own.
pub(super) fn accept_all<F>(
    options: &PeerOptions,
    serve_one: impl Fn(TcpStream) -> F + 'static,
) -> io::Result<()>
where
    F: Future<Output = ()> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let listener = options.listen()?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        announce(listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(serve_one(stream));
        }
    })
}

async fn converse(stream: impl Read + Write + Unpin) {
    let mut builder = http1::Builder::new();
    let served = builder.pipeline_flush(true).serve_connection(stream, service_fn(answer)).await;
    // A broken connection ends its own task and nothing else.
    served.unwrap_or_default();
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_known = request.uri().path() == PATH;
    let body = if is_known { Bytes::from_static(BODY) } else { Bytes::new() };
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if !is_known {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    Ok(response)
}

fn configuration(directory: &Path) -> io::Result<ServerConfig> {
    let (certificate, key) = crate::certificate::files(directory);
    let chain = CertificateDer::pem_file_iter(certificate).map_err(io::Error::other)?;
    let chain = chain.collect::<Result<_, _>>().map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(io::Error::other)?;
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(io::Error::other)?;
    Ok(config)
}
