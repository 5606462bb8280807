//! The operator's way to the master.

use meros_sdk::{OperatorClient, Peer, Target};

use crate::args::Global;
use crate::exit::Failure;

/// What a command is called in the master's logs.
const NAME: &str = "meros";

/// Connects to the master of the state folder.
pub(crate) fn operator(global: &Global) -> Result<OperatorClient, Failure> {
    let target = Target::from_state_dir(&global.state_dir(), Peer::Operator, NAME)?;
    Ok(OperatorClient::connect(&target)?)
}
