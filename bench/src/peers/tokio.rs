//! tokio: the current-thread runtime, one task a connection.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::frames::FrameBuffer;
use super::{PeerOptions, announce};
use crate::host;

pub(super) fn serve(options: &PeerOptions) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(options.address()).await?;
        host::set_congestion(&listener, options.congestion())?;
        announce(listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            // A broken connection ends its own task and nothing else.
            tokio::spawn(async move { echo(stream).await.unwrap_or_default() });
        }
    })
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = FrameBuffer::new();
    loop {
        let bytes = stream.read(buffer.room()).await?;
        if bytes == 0 {
            return Ok(());
        }
        buffer.add(bytes);
        let frames = buffer.frames();
        let echoed = frames.len();
        if echoed > 0 {
            stream.write_all(frames).await?;
        }
        buffer.consume(echoed);
    }
}
