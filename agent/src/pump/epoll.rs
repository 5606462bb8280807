//! The epoll pump, by tokio.
//!
//! Files have no readiness: they are read by pread on one of tokio's threads for blocking calls.

use std::fs::File;
use std::future::Future;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use super::{Pump, Socket, connect_any};
use crate::config::Endpoint;

/// Moves bytes by readiness.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoll;

/// A connected socket of either family.
#[derive(Debug)]
pub(crate) enum ReadySocket {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

impl Pump for Epoll {
    type Socket = ReadySocket;
    type File = Arc<File>;

    const NAME: &'static str = "epoll";

    async fn connect(self, endpoint: &Endpoint) -> io::Result<ReadySocket> {
        match endpoint {
            Endpoint::Tcp(address) => connect_any(address, connect_tcp).await.map(ReadySocket::Tcp),
            Endpoint::Unix(path) => tokio::net::UnixStream::connect(path).await.map(ReadySocket::Unix),
        }
    }

    fn adopt(self, stream: UnixStream) -> io::Result<ReadySocket> {
        stream.set_nonblocking(true)?;
        tokio::net::UnixStream::from_std(stream).map(ReadySocket::Unix)
    }

    fn file(self, file: File) -> Arc<File> {
        Arc::new(file)
    }

    async fn read_at(self, file: &Arc<File>, count_max: usize, offset_bytes: u64) -> io::Result<Vec<u8>> {
        let file = Arc::clone(file);
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; count_max];
            let count = file.read_at(&mut bytes, offset_bytes)?;
            bytes.truncate(count);
            Ok(bytes)
        });
        read.await.map_err(io::Error::other)?
    }
}

async fn connect_tcp(address: SocketAddr) -> io::Result<tokio::net::TcpStream> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Socket for ReadySocket {
    async fn read(&self, count_max: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(count_max);
        match self {
            Self::Tcp(stream) => when_ready(|| stream.readable(), || stream.try_read_buf(&mut bytes)).await?,
            Self::Unix(stream) => when_ready(|| stream.readable(), || stream.try_read_buf(&mut bytes)).await?,
        };
        Ok(bytes)
    }

    async fn write_all(&self, bytes: Vec<u8>) -> io::Result<()> {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let count = match self {
                Self::Tcp(stream) => when_ready(|| stream.writable(), || stream.try_write(rest)).await?,
                Self::Unix(stream) => when_ready(|| stream.writable(), || stream.try_write(rest)).await?,
            };
            rest = rest.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    fn shutdown(&self) {
        // A socket that is gone already cannot be shut down, and need not be.
        let _ = match self {
            Self::Tcp(stream) => {
                let other = stream.as_fd().try_clone_to_owned().map(std::net::TcpStream::from);
                other.and_then(|stream| stream.shutdown(Shutdown::Both))
            }
            Self::Unix(stream) => {
                let other = stream.as_fd().try_clone_to_owned().map(UnixStream::from);
                other.and_then(|stream| stream.shutdown(Shutdown::Both))
            }
        };
    }
}

async fn when_ready<R: Future<Output = io::Result<()>>>(
    ready: impl Fn() -> R,
    mut attempt: impl FnMut() -> io::Result<usize>,
) -> io::Result<usize> {
    loop {
        ready().await?;
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
    }
}
