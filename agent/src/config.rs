//! What an operator may say to an agent.

use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// Longest path of a Unix socket that Linux takes, without the final zero byte.
const UNIX_PATH_BYTES_MAX: usize = 107;

/// Settings of one agent.
#[derive(Clone, Debug)]
pub struct Config {
    /// Everything it keeps: its name, the highest term, its pods and their logs. Belongs to one agent alone.
    pub state_dir: PathBuf,
    /// Where its master is.
    pub master: Endpoint,
    /// The folder with its certificate, key and authority.
    pub credentials: PathBuf,
    /// Name of its part of the cgroup tree. Belongs to one agent alone.
    pub cgroup_root: String,
    /// Which machine it is.
    pub topology: TopologySource,
    /// How it moves bytes.
    pub pump: PumpChoice,
    /// The program that is started beside every member.
    pub supervisor: PathBuf,
}

/// Where a master is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `tcp:NAME:PORT`, the part after `tcp:`.
    Tcp(String),
    /// `unix:PATH`.
    Unix(PathBuf),
}

/// Which machine an agent registers. Any but its own is pretended: nothing is pinned, the pinning is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopologySource {
    /// `host`: the machine it runs on.
    ThisMachine,
    /// `xml:FILE`: as hwloc exported it.
    Xml(PathBuf),
    /// `synthetic:TEXT`: made up, in hwloc's words.
    Synthetic(String),
}

/// How an agent moves bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PumpChoice {
    /// By `io_uring` where the kernel lets it, else by epoll.
    #[default]
    Auto,
    /// By `io_uring` or not at all.
    IoUring,
    /// By epoll.
    Epoll,
}

/// A text that names none of the choices.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Neither scheme, no port, or a path that is too long.
    #[error("`{0}` is no address of a master: write tcp:NAME:PORT or unix:/PATH (at most {UNIX_PATH_BYTES_MAX} bytes)")]
    Endpoint(String),
    /// None of the three sources.
    #[error("`{0}` is no topology: write host, xml:FILE or synthetic:TEXT")]
    Topology(String),
    /// None of the three pumps.
    #[error("`{0}` is no pump: write auto, io-uring or epoll")]
    Pump(String),
}

impl FromStr for Endpoint {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::Endpoint(text.to_owned());
        match text.split_once(':') {
            Some(("tcp", address)) if names_a_port(address) => Ok(Self::Tcp(address.to_owned())),
            Some(("unix", path)) if (1..=UNIX_PATH_BYTES_MAX).contains(&path.len()) => Ok(Self::Unix(path.into())),
            _ => Err(wrong()),
        }
    }
}

fn names_a_port(address: &str) -> bool {
    let named = address.rsplit_once(':').filter(|(name, _)| !name.is_empty());
    let port = named.and_then(|(_, port)| port.parse::<u16>().ok());
    port.is_some_and(|port| port != 0)
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for TopologySource {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text.split_once(':') {
            None if text == "host" => Ok(Self::ThisMachine),
            Some(("xml", path)) if !path.is_empty() => Ok(Self::Xml(path.into())),
            Some(("synthetic", description)) => Ok(Self::Synthetic(description.to_owned())),
            _ => Err(ConfigError::Topology(text.to_owned())),
        }
    }
}

impl FromStr for PumpChoice {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "auto" => Ok(Self::Auto),
            "io-uring" => Ok(Self::IoUring),
            "epoll" => Ok(Self::Epoll),
            _ => Err(ConfigError::Pump(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_print_as_they_are_read() {
        for text in ["tcp:127.0.0.1:41523", "tcp:[::1]:80", "tcp:master.example:5050", "unix:/run/meros.sock"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_choice_is_refused_with_the_choices() {
        let long = format!("unix:/{}", "x".repeat(UNIX_PATH_BYTES_MAX));
        for text in ["", "tcp:", "tcp:80", "tcp:x:0", "tcp::80", "unix:", &long, "127.0.0.1:80"] {
            assert!(text.parse::<Endpoint>().unwrap_err().to_string().contains("tcp:NAME:PORT"), "{text}");
        }
        for text in ["", "xml", "xml:", "this"] {
            assert!(text.parse::<TopologySource>().unwrap_err().to_string().contains("xml:FILE"), "{text}");
        }
        assert!("uring".parse::<PumpChoice>().unwrap_err().to_string().contains("io-uring"));
    }

    #[test]
    fn a_synthetic_topology_keeps_its_colons() {
        let source: TopologySource = "synthetic:package:2 core:4 pu:2".parse().unwrap();
        assert_eq!(source, TopologySource::Synthetic("package:2 core:4 pu:2".to_owned()));
        assert_eq!("host".parse(), Ok(TopologySource::ThisMachine));
        assert_eq!("epoll".parse(), Ok(PumpChoice::Epoll));
    }
}
