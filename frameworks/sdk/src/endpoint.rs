//! Where a master is: an address somebody typed, or the `master.json` that a running master leaves in its state folder.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use meros_wire::message::Uuid;
use serde::Deserialize;
use thiserror::Error;

/// The file's name inside a master's state folder.
pub const MASTER_FILE: &str = "master.json";

/// A master writes a few hundred bytes; more is not its file.
const MASTER_FILE_MAX_BYTES: u64 = 64 * 1024;

/// Longest path of a Unix socket that Linux takes, without the final zero byte.
const UNIX_PATH_MAX_BYTES: usize = 107;

/// One way to reach a master.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `tcp:NAME:PORT`, the part after `tcp:`.
    Tcp(String),
    /// `unix:PATH`.
    Unix(PathBuf),
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        match text.split_once(':') {
            Some(("tcp", address)) => parse_tcp(address, text),
            Some(("unix", path)) => parse_unix(path, text),
            _ => Err(EndpointError::Scheme { text: text.to_owned() }),
        }
    }
}

fn parse_tcp(address: &str, text: &str) -> Result<Endpoint, EndpointError> {
    let Some((name, port)) = address.rsplit_once(':') else {
        return Err(EndpointError::Port { text: text.to_owned() });
    };
    let valid_port = port.parse::<u16>().is_ok_and(|port| port != 0);
    if !valid_port || name.is_empty() {
        return Err(EndpointError::Port { text: text.to_owned() });
    }
    Ok(Endpoint::Tcp(address.to_owned()))
}

fn parse_unix(path: &str, text: &str) -> Result<Endpoint, EndpointError> {
    if path.is_empty() || path.len() > UNIX_PATH_MAX_BYTES {
        return Err(EndpointError::UnixPath { text: text.to_owned() });
    }
    Ok(Endpoint::Unix(PathBuf::from(path)))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What a running master tells of itself in `master.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterFile {
    /// Which cluster it leads.
    pub cluster: Uuid,
    /// Its process id on its own machine.
    pub pid: u32,
    /// Its TCP address, for other machines.
    pub tcp: Option<Endpoint>,
    /// Its Unix socket, for this machine.
    pub unix: Option<Endpoint>,
}

#[derive(Deserialize)]
struct Written {
    cluster: String,
    pid: u32,
    tcp: Option<String>,
    unix: Option<String>,
}

impl MasterFile {
    /// Reads `<state_dir>/master.json`.
    ///
    /// # Errors
    /// When the file is missing, unreadable, or not what a master writes; the text says what to do.
    pub fn read(state_dir: &Path) -> Result<Self, EndpointError> {
        let path = state_dir.join(MASTER_FILE);
        let text = read_bounded(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => EndpointError::NoMasterFile { path: path.clone() },
            _ => EndpointError::ReadMasterFile { path: path.clone(), source },
        })?;
        Self::parse(&text).map_err(|what| EndpointError::MasterFile { path, what })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let scheme = |scheme: &str, rest: Option<String>| {
            rest.map(|rest| format!("{scheme}:{rest}").parse::<Endpoint>().map_err(|error| error.to_string()))
                .transpose()
        };
        Ok(Self {
            cluster: written.cluster.parse().map_err(|error| format!("cluster: {error}"))?,
            pid: written.pid,
            tcp: scheme("tcp", written.tcp)?,
            unix: scheme("unix", written.unix)?,
        })
    }

    /// The nearest way in: the Unix socket when it can be seen from here, else TCP.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        let near = self.unix.as_ref().filter(|unix| matches!(unix, Endpoint::Unix(path) if path.exists()));
        near.or(self.tcp.as_ref()).or(self.unix.as_ref())
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MASTER_FILE_MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Why there is no way to a master.
#[derive(Debug, Error)]
pub enum EndpointError {
    /// Neither scheme.
    #[error("`{text}` is not an endpoint: write tcp:NAME:PORT or unix:/PATH")]
    Scheme {
        /// As given.
        text: String,
    },
    /// TCP without a usable port.
    #[error("`{text}` names no machine and port: write tcp:NAME:PORT with a port from 1 to 65535")]
    Port {
        /// As given.
        text: String,
    },
    /// No path, or one that the kernel does not take.
    #[error("`{text}`: the path of a Unix socket has 1 to {UNIX_PATH_MAX_BYTES} bytes")]
    UnixPath {
        /// As given.
        text: String,
    },
    /// No master has started with this state folder.
    #[error("no master has left {path}: start one (`meros up`), or name its state folder with --state-dir")]
    NoMasterFile {
        /// The file looked for.
        path: PathBuf,
    },
    /// The file is there and cannot be read.
    #[error("cannot read {path}: {source}; run as the user that runs the master")]
    ReadMasterFile {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The file is not a master's.
    #[error("{path} is not what a master writes ({what}): restart the master, it writes the file anew")]
    MasterFile {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        what: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_print_as_they_are_read() {
        for text in ["tcp:127.0.0.1:41523", "tcp:[::1]:80", "tcp:master.example:5050", "unix:/run/meros/master.sock"] {
            let endpoint: Endpoint = text.parse().expect(text);
            assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn a_wrong_endpoint_says_how_to_write_it() {
        let long = format!("unix:/{}", "x".repeat(UNIX_PATH_MAX_BYTES));
        for (text, hint) in [
            ("127.0.0.1:80", "tcp:NAME:PORT"),
            ("", "tcp:NAME:PORT"),
            ("tcp:80", "1 to 65535"),
            ("tcp:name:0", "1 to 65535"),
            ("tcp::80", "1 to 65535"),
            ("tcp:name:65536", "1 to 65535"),
            ("unix:", "1 to 107"),
            (&long, "1 to 107"),
        ] {
            let error = text.parse::<Endpoint>().expect_err(text).to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
    }

    #[test]
    fn a_master_file_is_read_whole() {
        let text = r#"{"cluster":"6b3f2f0e-1c1e-4b54-8a52-3c1df2f0a001","pid":123,"tcp":"127.0.0.1:41523","unix":"/nowhere/m.sock"}"#;
        let file = MasterFile::parse(text).expect("a master's own text");
        assert_eq!(file.pid, 123);
        assert_eq!(file.endpoint(), Some(&Endpoint::Tcp("127.0.0.1:41523".to_owned())));
    }

    #[test]
    fn a_foreign_master_file_is_refused_with_the_place() {
        for text in ["", "[]", "{\"cluster\":\"x\",\"pid\":1}", "{\"cluster\":1}"] {
            assert!(MasterFile::parse(text).is_err(), "{text}");
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = MasterFile::read(folder.path()).expect_err("no file").to_string();
        assert!(error.contains("meros up"), "{error}");
    }
}
