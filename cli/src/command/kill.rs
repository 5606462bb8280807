//! `meros kill`: end pods, by asking first.

use std::collections::BTreeSet;

use clap::Args;
use meros_sdk::message::{Listing, PodId, PodView};
use meros_sdk::operator::Notice;
use meros_sdk::{Next, OperatorClient};

use crate::args::Global;
use crate::connect;
use crate::exit::{FAILED, Failure};
use crate::output;
use crate::pods;
use crate::quantity;

/// What `meros kill` takes.
#[derive(Args, Debug)]
pub(crate) struct Flags {
    /// From the request to the force [default: the pod's own]
    #[arg(long, value_name = "TIME", value_parser = quantity::short_duration_ms)]
    grace: Option<u32>,

    /// Return when they have ended
    #[arg(long)]
    wait: bool,

    /// Pods by name or beginning of their id
    #[arg(required = true, value_name = "POD")]
    pods: Vec<String>,
}

/// Carries the command out. Pods that are named well are ended even when others are not.
pub(crate) fn run(global: &Global, flags: &Flags) -> Result<u8, Failure> {
    let mut operator = connect::operator(global)?;
    let listing = operator.listing(None)?;
    let mut code = 0;
    let mut ending = BTreeSet::new();
    for name in &flags.pods {
        match pods::find(&listing, name) {
            Ok(view) if view.status.state.is_terminal() => {
                eprintln!("meros: {} has ended already: {}", pods::label(&view.spec), pods::state(&view.status));
            }
            Ok(view) => {
                end(&mut operator, view, flags.grace)?;
                ending.insert(view.spec.pod);
            }
            Err(error) => {
                eprintln!("meros: {error}");
                code = FAILED;
            }
        }
    }
    if flags.wait {
        wait(&mut operator, &ending)?;
    }
    Ok(code)
}

fn end(operator: &mut OperatorClient, view: &PodView, grace_ms: Option<u32>) -> Result<(), Failure> {
    operator.kill(view.spec.pod, grace_ms)?;
    // Answered after the kill: it tells that the master has taken it, or why not.
    operator.listing(Some(view.spec.pod))?;
    output::print(format!("{}\n", view.spec.pod).as_bytes())
}

fn wait(operator: &mut OperatorClient, ending: &BTreeSet<PodId>) -> Result<(), Failure> {
    operator.query(None, true)?;
    loop {
        match operator.next(None)? {
            Next::Notice(Notice::Listing(listing)) if all_ended(&listing, ending) => return Ok(()),
            Next::Notice(Notice::Refused(refusal)) => return Err(Failure::refused(&refusal)),
            Next::Notice(_) | Next::Woken | Next::TimedOut => {}
        }
    }
}

fn all_ended(listing: &Listing, ending: &BTreeSet<PodId>) -> bool {
    let lives = |view: &PodView| ending.contains(&view.spec.pod) && !view.status.state.is_terminal();
    !listing.pods.iter().any(lives)
}
