//! What an earlier process of this agent left: found, ended, removed, and told.
//!
//! An agent that was killed leaves its members running under their supervisors. This build ends them and tells them lost; the
//! ends that supervisors put on record while nobody was there are told as they were. (Supervisors can be found again by their
//! sockets, so that taking members over instead needs no change below this file.)

use crate::cgroup::Tree;
use crate::disk::{PodFiles, PodFolder};
use crate::error::AgentError;
use crate::event::Ended;
use crate::start::{self, MemberName};
use crate::state::{ENDED_PODS_MAX, LeftLogs, LeftPod, Recovered};
use crate::supervisor::protocol::Event;

/// Ends and removes everything of an earlier process, and returns what has to be known of it.
pub(crate) fn recover(tree: &Tree, files: &PodFiles, highest_term: u64) -> Result<Recovered, AgentError> {
    let mut recovered = Recovered { highest_term, ..Recovered::default() };
    let folders = files.scan()?;
    // The records first: what is ended here and now did not end by itself.
    for folder in &folders {
        if let Some(left) = left_pod(files, folder) {
            recovered.pods.push(left);
        }
    }
    tree.purge()?;
    for folder in folders {
        clear(tree, files, &folder);
        keep_logs(files, folder, &mut recovered)?;
    }
    let excess = recovered.logs.len().saturating_sub(ENDED_PODS_MAX);
    for oldest in recovered.logs.drain(..excess) {
        files.remove(oldest.pod)?;
    }
    if !recovered.pods.is_empty() {
        tracing::warn!(pods = recovered.pods.len(), "ended what an earlier process of this agent had left");
    }
    Ok(recovered)
}

fn left_pod(files: &PodFiles, folder: &PodFolder) -> Option<LeftPod> {
    let (envelope, launch) = folder.launch.clone()?;
    let ended =
        member_name(folder).and_then(|name| start::final_event(&name, &files.folder(folder.pod)).ok().flatten());
    let ended = match ended {
        Some(Event::Exited { end, out_of_memory }) => Some(Ended { exit: crate::driver::exit(end), out_of_memory }),
        _ => None,
    };
    Some(LeftPod { launch, claim: envelope.claim, ending: folder.ending.clone(), ended })
}

fn member_name(folder: &PodFolder) -> Option<MemberName> {
    let (_, launch) = folder.launch.as_ref()?;
    MemberName::new(&folder.pod.to_string(), &launch.spec.members.first()?.name).ok()
}

/// Removes the supervisor's socket and record; its processes are gone by now.
fn clear(tree: &Tree, files: &PodFiles, folder: &PodFolder) {
    if let Some(name) = member_name(folder)
        && let Err(error) = start::cleanup_name(tree, &name, &files.folder(folder.pod), None)
    {
        tracing::warn!(pod = %folder.pod, "cannot remove what is left of it: {error}");
    }
}

/// Of a pod that is known to have ended, its logs are all there is; a folder without even those is dropped.
fn keep_logs(files: &PodFiles, mut folder: PodFolder, recovered: &mut Recovered) -> Result<(), AgentError> {
    if folder.launch.is_some() {
        return Ok(());
    }
    match folder.members.pop() {
        Some(member) => recovered.logs.push(LeftLogs { pod: folder.pod, member }),
        None => files.remove(folder.pod)?,
    }
    Ok(())
}
