//! How a command ends: its exit code, and the one line that says why.

use std::fmt;
use std::process::ExitCode;

use meros_sdk::ClientError;
use meros_sdk::message::{Refusal, RefusalCode};

/// It could not be done.
pub(crate) const FAILED: u8 = 1;
/// The command line or the config file is wrong. Clap uses the same.
pub(crate) const USAGE: u8 = 2;
/// The cluster refused.
pub(crate) const REFUSED: u8 = 3;
/// `meros run` cannot say how the task ended: below it are the task's own codes, as with other runners.
pub(crate) const RUN_FAILED: u8 = 125;
/// Added to the signal that ended the task, as shells do.
pub(crate) const SIGNALLED: u8 = 128;

/// The table in `meros help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done
  1    failed: the line on stderr says why
  2    wrong command line or config file
  3    refused by the cluster
  meros run, unless detached, ends as the task did: with its code, with 128 + N after signal N,
  and with 125 when Meros could not run it to its end";

/// A command's failure.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Its exit code.
    pub(crate) code: u8,
    /// One line for stderr; empty when nothing is left to say.
    pub(crate) message: String,
}

impl Failure {
    /// It could not be done.
    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self { code: FAILED, message: message.to_string() }
    }

    /// The command line or the config file is wrong.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self { code: USAGE, message: message.to_string() }
    }

    /// The cluster refused.
    pub(crate) fn refused(refusal: &Refusal) -> Self {
        let code = if refusal.code == RefusalCode::Busy { FAILED } else { REFUSED };
        let field = if refusal.field.is_empty() { String::new() } else { format!("{}: ", refusal.field) };
        Self { code, message: format!("refused: {field}{}", refusal.message) }
    }

    /// The same failure with another exit code.
    pub(crate) fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// True for the end of a command whose reader has gone away.
    pub(crate) fn is_quiet(&self) -> bool {
        self.message.is_empty()
    }

    /// Ends quietly with this code.
    pub(crate) fn quiet(code: u8) -> Self {
        Self { code, message: String::new() }
    }
}

/// Errors that say themselves what to do: the command failed, for that reason.
macro_rules! failed_because {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::failed(error)
            }
        })+
    };
}

failed_because!(
    meros_agent::AgentError,
    meros_master::MasterError,
    meros_numa::TopologyError,
    meros_sdk::TargetError,
    serde_json::Error,
    crate::pods::NameError,
);

/// A refusal has an exit code of its own, wherever it comes up.
impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match &error {
            ClientError::Refused(refusal) => Self::refused(refusal),
            _ => Self::failed(error),
        }
    }
}

/// Says why on stderr and gives the process its exit code.
pub(crate) fn report(result: Result<u8, Failure>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            if !failure.message.is_empty() {
                eprintln!("meros: {}", failure.message);
            }
            ExitCode::from(failure.code)
        }
    }
}
