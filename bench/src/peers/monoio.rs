//! monoio on io_uring: one task a connection, buffers lent to the kernel and given back.

use std::io;
use std::os::fd::AsRawFd;

use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::{IoUringDriver, RuntimeBuilder};

use super::frames::whole_frames;
use super::{BUFFER_BYTES, PeerOptions, announce};

pub(super) fn serve(options: &PeerOptions) -> io::Result<()> {
    let mut runtime = RuntimeBuilder::<IoUringDriver>::new().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(options.address())?;
        options.choose_congestion_of(listener.as_raw_fd())?;
        announce(listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            // A broken connection ends its own task and nothing else.
            monoio::spawn(async move { echo(stream).await.unwrap_or_default() });
        }
    })
}

/// Echoes straight out of the receive buffer unless it ends inside a frame.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    let mut remainder = Vec::new();
    loop {
        let (result, received) = stream.read(buffer).await;
        if result? == 0 {
            return Ok(());
        }
        let mut output = received;
        if !remainder.is_empty() {
            output.splice(..0, remainder.drain(..));
        }
        let echoed = whole_frames(&output);
        remainder.extend_from_slice(&output[echoed..]);
        output.truncate(echoed);
        if !output.is_empty() {
            let (result, sent) = stream.write_all(output).await;
            result?;
            output = sent;
        }
        output.clear();
        buffer = output;
    }
}
