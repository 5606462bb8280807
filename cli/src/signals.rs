//! SIGINT and SIGTERM as bytes on a socket, so that whoever waits for sockets waits for them too.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use crate::exit::Failure;

/// Readable once somebody wants the process to end.
#[derive(Debug)]
pub(crate) struct Stop(UnixStream);

impl Stop {
    /// From now on both signals are only told, never acted on by the kernel. For who asks with [`Stop::take`].
    pub(crate) fn on_signals() -> Result<Self, Failure> {
        let (ours, _) = Self::pair().map_err(failure)?;
        ours.set_nonblocking(true).map_err(failure)?;
        Ok(Self(ours))
    }

    /// For a daemon's `run`. With `end_with_stdin` the end of standard input counts as a request: a daemon started by
    /// another process does not outlive it.
    pub(crate) fn for_daemon(end_with_stdin: bool) -> Result<UnixStream, Failure> {
        let (ours, theirs) = Self::pair().map_err(failure)?;
        if end_with_stdin {
            let waiter = thread::Builder::new().name("stdin".to_owned());
            waiter.spawn(move || tell_end_of_input(theirs)).map_err(failure)?;
        }
        Ok(ours)
    }

    fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM] {
            pipe::register(signal, theirs.try_clone()?)?;
        }
        Ok((ours, theirs))
    }

    /// How many requests came since the last call.
    pub(crate) fn take(&mut self) -> usize {
        let mut requests = [0; 16];
        self.0.read(&mut requests).unwrap_or(0)
    }
}

impl AsRawFd for Stop {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

fn tell_end_of_input(mut theirs: UnixStream) {
    // Whatever ends the copy, an error too, ends the input.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    let _ = theirs.write_all(b"e");
}

fn failure(error: io::Error) -> Failure {
    Failure::failed(format!("cannot listen for signals: {error}"))
}
