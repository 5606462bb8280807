//! The addresses a master listens on.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use mio::net::{TcpListener, UnixListener};

use crate::error::MasterError;
use crate::io::socket::Socket;

/// Both listeners.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) tcp: TcpListener,
    pub(crate) unix: UnixListener,
}

/// Where they ended up, port 0 resolved.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) tcp: SocketAddr,
    pub(crate) unix: PathBuf,
}

impl Listeners {
    /// Listens on both. A socket file left by a master that is gone is replaced; the state folder's lock says that it is.
    pub(crate) fn bind(tcp: SocketAddr, unix: &Path) -> Result<(Self, Bound), MasterError> {
        let refused = |address: String| move |source| MasterError::Listen { address, source };
        let listener = TcpListener::bind(tcp).map_err(refused(format!("tcp:{tcp}")))?;
        let address = listener.local_addr().map_err(refused(format!("tcp:{tcp}")))?;
        let name = format!("unix:{}", unix.display());
        remove_socket(unix).map_err(refused(name.clone()))?;
        let local = UnixListener::bind(unix).map_err(refused(name))?;
        Ok((Self { tcp: listener, unix: local }, Bound { tcp: address, unix: unix.to_owned() }))
    }

    /// The next connection that waits on the TCP address.
    pub(crate) fn accept_tcp(&self) -> io::Result<Socket> {
        let (stream, _) = self.tcp.accept()?;
        // Frames are written whole: waiting to fill a packet would only add latency.
        stream.set_nodelay(true)?;
        Ok(Socket::Tcp(stream))
    }

    /// The next connection that waits on the Unix socket.
    pub(crate) fn accept_unix(&self) -> io::Result<Socket> {
        self.unix.accept().map(|(stream, _)| Socket::Unix(stream))
    }
}

fn remove_socket(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => Err(io::Error::new(ErrorKind::AlreadyExists, "something that is not a socket is there")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
