//! The one line that a daemon prints on stdout when it is ready; in JSON, what `meros up` reads of its children.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::output::{Format, Output, print};

/// A daemon that is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ready", rename_all = "lowercase")]
pub(crate) enum Announcement {
    /// A master listens.
    Master {
        /// Which cluster it leads.
        cluster: String,
        /// In which term.
        term: u64,
        /// Its process.
        pid: u32,
        /// `NAME:PORT` for other machines.
        tcp: String,
        /// The socket for this machine.
        unix: PathBuf,
    },
    /// An agent is registered.
    Agent {
        /// Its number in the cluster.
        agent: String,
        /// Its process.
        pid: u32,
        /// `io-uring` or `epoll`.
        pump: String,
        /// Why it is not io_uring; absent when it is, or when epoll was asked for.
        pump_reason: Option<String>,
    },
}

impl Announcement {
    /// For people.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Master { cluster, term, pid, tcp, unix } => {
                format!("master {pid} leads cluster {cluster} in term {term} at tcp:{tcp} and unix:{}", unix.display())
            }
            Self::Agent { agent, pid, pump, pump_reason: None } => {
                format!("agent {agent} ({pid}) is registered, on {pump}")
            }
            Self::Agent { agent, pid, pump, pump_reason: Some(reason) } => {
                format!("agent {agent} ({pid}) is registered, on {pump} because io_uring is not usable: {reason}")
            }
        }
    }
}

/// Prints the line. A daemon whose stdout is closed goes on: its logs are on stderr.
pub(crate) fn announce(output: Output, announcement: &Announcement) {
    let line = match output.format {
        Format::Text => announcement.text(),
        Format::Json => serde_json::to_string(announcement).unwrap_or_else(|_| announcement.text()),
    };
    if print(format!("{line}\n").as_bytes()).is_err() {
        tracing::warn!("standard output is closed; nobody is told that this daemon is ready");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_line_is_read_back() {
        let announcement = Announcement::Agent {
            agent: "a0".to_owned(),
            pid: 12,
            pump: "epoll".to_owned(),
            pump_reason: Some("EPERM".to_owned()),
        };
        let line = serde_json::to_string(&announcement).unwrap();
        assert_eq!(serde_json::from_str::<Announcement>(&line).unwrap(), announcement);
        assert!(!line.contains('\n') && announcement.text().contains("EPERM"));
    }
}
