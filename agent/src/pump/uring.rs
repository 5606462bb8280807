//! The `io_uring` pump, by `tokio-uring`.
//!
//! Sockets stay in blocking mode: with `O_NONBLOCK` the kernel would answer `EAGAIN` through the ring instead of waiting.

use std::fs::File;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::UnixStream;

use super::{Pump, Socket, connect_any};
use crate::config::Endpoint;

/// A runtime with a ring, or what the kernel says against it.
///
/// `tokio_uring::start` would panic there; `Runtime::new` returns the error.
pub(super) fn runtime() -> io::Result<tokio_uring::Runtime> {
    tokio_uring::Runtime::new(&tokio_uring::builder())
}

/// Moves bytes through the ring of the runtime it is called in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IoUring;

/// A connected socket of either family.
pub(crate) enum RingSocket {
    Tcp(tokio_uring::net::TcpStream),
    Unix(tokio_uring::net::UnixStream),
}

impl Pump for IoUring {
    type Socket = RingSocket;
    type File = tokio_uring::fs::File;

    const NAME: &'static str = "io-uring";

    async fn connect(self, endpoint: &Endpoint) -> io::Result<RingSocket> {
        match endpoint {
            Endpoint::Tcp(address) => connect_any(address, connect_tcp).await.map(RingSocket::Tcp),
            Endpoint::Unix(path) => tokio_uring::net::UnixStream::connect(path).await.map(RingSocket::Unix),
        }
    }

    fn adopt(self, stream: UnixStream) -> io::Result<RingSocket> {
        stream.set_nonblocking(false)?;
        Ok(RingSocket::Unix(tokio_uring::net::UnixStream::from_std(stream)))
    }

    fn file(self, file: File) -> tokio_uring::fs::File {
        tokio_uring::fs::File::from_std(file)
    }

    async fn read_at(self, file: &Self::File, count_max: usize, offset_bytes: u64) -> io::Result<Vec<u8>> {
        let (count, bytes) = file.read_at(Vec::with_capacity(count_max), offset_bytes).await;
        count.map(|_| bytes)
    }
}

async fn connect_tcp(address: SocketAddr) -> io::Result<tokio_uring::net::TcpStream> {
    let stream = tokio_uring::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Socket for RingSocket {
    async fn read(&self, count_max: usize) -> io::Result<Vec<u8>> {
        let mut room = Vec::with_capacity(count_max);
        loop {
            let (count, bytes) = match self {
                Self::Tcp(stream) => stream.read(room).await,
                Self::Unix(stream) => stream.read(room).await,
            };
            match count {
                // The kernel does not restart what went through a ring; nothing was read.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => room = bytes,
                Err(error) => return Err(error),
                Ok(_) => return Ok(bytes),
            }
        }
    }

    async fn write_all(&self, bytes: Vec<u8>) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).await.0,
            Self::Unix(stream) => stream.write_all(bytes).await.0,
        }
    }

    fn shutdown(&self) {
        // A socket that is gone already cannot be shut down, and need not be.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}
