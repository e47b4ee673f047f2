//! glommio: its own sockets, one task a connection, default executor settings.

use std::io;
use std::os::fd::AsRawFd;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::{TcpListener, TcpStream};
use glommio::{LocalExecutorBuilder, Placement};

use super::frames::FrameBuffer;
use super::{PeerOptions, announce};

pub(super) fn serve(options: &PeerOptions) -> io::Result<()> {
    let executor = LocalExecutorBuilder::new(Placement::Fixed(options.core())).make()?;
    executor.run(async {
        let listener = TcpListener::bind(options.address())?;
        announce(listener.local_addr()?)?;
        loop {
            let stream = listener.accept().await?;
            options.choose_congestion_of(stream.as_raw_fd())?;
            // A broken connection ends its own task and nothing else.
            glommio::spawn_local(async move { echo(stream).await.unwrap_or_default() }).detach();
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
