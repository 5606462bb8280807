//! How an agent moves bytes: one interface, two pumps.
//!
//! `io_uring` where the kernel lets it, epoll elsewhere: seccomp filters and `kernel.io_uring_disabled` often
//! refuse it, and an agent has to work there too. A pump carries the master's link (TCP and Unix), the supervisors' Unix
//! sockets and the reading of log files. Cgroup files and procfs are read and written in the plain way: `io_uring` hands them
//! to a worker thread of the kernel, which was measured slower than the call itself (2.6 to 4.2 µs against 1.9 to 3.3 µs for a
//! kept-open cgroup file, 3.5 to 5.4 against 3.0 for procfs), and the files of an agent's own start and stop are read once.
//!
//! Both are a current-thread tokio runtime with a set of local tasks; `tokio-uring` puts its ring under the same epoll. An
//! agent's threads are this one, the machine thread (see `driver`), and tokio's few for blocking calls. None of them has PUs
//! reserved: below four PUs that would cost more than it gives, and above it comes with the placement of the agent itself.

pub(crate) mod epoll;
pub(crate) mod uring;

use std::fs::File;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::net::UnixStream;

use tokio::task::LocalSet;

use crate::config::{Endpoint, PumpChoice};
use crate::error::AgentError;

/// One way to move bytes. Its methods may be called only inside its own runtime.
pub(crate) trait Pump: Copy + 'static {
    /// A connected stream socket.
    type Socket: Socket;
    /// An open file.
    type File: 'static;

    /// In the words of the command line.
    const NAME: &'static str;

    /// Connects to a master.
    async fn connect(self, endpoint: &Endpoint) -> io::Result<Self::Socket>;

    /// Takes over a connected socket.
    fn adopt(self, stream: UnixStream) -> io::Result<Self::Socket>;

    /// Takes over an open file.
    fn file(self, file: File) -> Self::File;

    /// Reads at most `count_max` bytes at an offset; none at the end of the file.
    async fn read_at(self, file: &Self::File, count_max: usize, offset_bytes: u64) -> io::Result<Vec<u8>>;
}

/// A connected stream socket; one reader and one writer at a time.
pub(crate) trait Socket: 'static {
    /// Reads at most `count_max` bytes; none at the end of the stream.
    async fn read(&self, count_max: usize) -> io::Result<Vec<u8>>;

    /// Writes all of it.
    async fn write_all(&self, bytes: Vec<u8>) -> io::Result<()>;

    /// Ends both directions, so that whoever waits in `read` or `write_all` comes back.
    fn shutdown(&self);
}

/// A runtime with the pump that belongs to it.
pub(crate) enum Runtime {
    /// `io_uring`.
    IoUring(tokio_uring::Runtime),
    /// Epoll, with why not `io_uring` when that was asked for.
    Epoll { runtime: tokio::runtime::Runtime, local: LocalSet, refused: Option<io::Error> },
}

impl Runtime {
    /// Makes the runtime that was chosen, or with [`PumpChoice::Auto`] the better one that works.
    pub(crate) fn new(choice: PumpChoice) -> Result<Self, AgentError> {
        match choice {
            PumpChoice::Epoll => Self::epoll(None),
            PumpChoice::IoUring => uring::runtime().map(Self::IoUring).map_err(cannot_start(uring::IoUring::NAME)),
            PumpChoice::Auto => match uring::runtime() {
                Ok(runtime) => Ok(Self::IoUring(runtime)),
                Err(refused) => {
                    tracing::warn!("io_uring is refused here ({refused}); going on with epoll");
                    Self::epoll(Some(refused))
                }
            },
        }
    }

    fn epoll(refused: Option<io::Error>) -> Result<Self, AgentError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(cannot_start(epoll::Epoll::NAME))?;
        Ok(Self::Epoll { runtime, local: LocalSet::new(), refused })
    }
}

fn cannot_start(pump: &'static str) -> impl FnOnce(io::Error) -> AgentError {
    move |source| AgentError::Pump { pump, source }
}

/// Tries the addresses of a name one after the other.
async fn connect_any<S, F: Future<Output = io::Result<S>>>(
    address: &str,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<S> {
    let mut last = io::Error::other(format!("{address} has no address"));
    let name = address.to_owned();
    // The resolver blocks.
    let found = tokio::task::spawn_blocking(move || name.to_socket_addrs());
    for address in found.await.map_err(io::Error::other)?? {
        match connect(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests;
