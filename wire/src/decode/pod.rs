//! Pod specs and placements.

use super::Result;
use super::common::{ascending_numbers, labels, part, pod_id, tables, text, texts, understood, unknown};
use crate::error::DecodeError;
use crate::generated::meros::wire as fb;
use crate::message::{
    Command, Cpus, Locality, MemberKind, MemberResources, MemberSpec, NumaMemory, Placement, PlacementWish, PodSpec,
    PoolShare, Root, features,
};

pub(super) fn pod_spec(spec: fb::PodSpec<'_>) -> Result<PodSpec> {
    understood(spec.must_understand(), features::known())?;
    Ok(PodSpec {
        must_understand: spec.must_understand(),
        pod: pod_id(spec.pod())?,
        name: text(spec.name()),
        role: text(spec.role()),
        priority: spec.priority(),
        members: tables(spec.members(), "members", member)?,
        wish: part(spec.wish(), "wish", wish)?,
        kill_grace_ms: spec.kill_grace_ms(),
        labels: labels(spec.labels()),
        annotations: labels(spec.annotations()),
    })
}

fn member(member: fb::MemberSpec<'_>) -> Result<MemberSpec> {
    understood(member.must_understand(), features::known())?;
    Ok(MemberSpec {
        must_understand: member.must_understand(),
        name: text(member.name()),
        kind: match member.kind() {
            fb::MemberKind::Init => MemberKind::Init,
            fb::MemberKind::Sidecar => MemberKind::Sidecar,
            fb::MemberKind::App => MemberKind::App,
            fb::MemberKind::Nested => MemberKind::Nested,
            other => return Err(unknown("kind", format!("member kind {}", other.0))),
        },
        command: part(member.command(), "command", |table| Ok(command(table)))?,
        root: part(member.root(), "root", root)?,
        resources: part(member.resources(), "resources", resources)?,
        data: member.data().unwrap_or_default().bytes().to_vec(),
    })
}

fn command(command: fb::Command<'_>) -> Command {
    Command {
        argv: texts(command.argv()),
        env: labels(command.env()),
        working_dir: text(command.working_dir()),
        user: text(command.user()),
    }
}

fn root(root: fb::Root<'_>) -> Result<Root> {
    match root.kind() {
        fb::RootKind::Agent => Ok(Root::Agent),
        fb::RootKind::Folder => Ok(Root::Folder(text(root.folder()))),
        other => Err(unknown("kind", format!("root kind {}", other.0))),
    }
}

fn resources(resources: fb::MemberResources<'_>) -> Result<MemberResources> {
    let cpus = match (resources.exclusive_pus(), resources.shared_cpu_milli()) {
        (Some(pus), None) => Cpus::Exclusive { pus },
        (None, Some(cpu_milli)) => Cpus::Shared { cpu_milli },
        (None, None) => return Err(DecodeError::missing("cpus")),
        (Some(_), Some(_)) => {
            return Err(DecodeError::invalid("cpus", "either exclusive or shared, not both"));
        }
    };
    Ok(MemberResources { cpus, mem_bytes: resources.mem_bytes() })
}

fn wish(wish: fb::PlacementWish<'_>) -> Result<PlacementWish> {
    Ok(PlacementWish {
        locality: match wish.locality() {
            fb::Locality::Any => Locality::Any,
            fb::Locality::Package => Locality::Package,
            fb::Locality::NumaNode => Locality::NumaNode,
            fb::Locality::L3Domain => Locality::L3Domain,
            fb::Locality::Core => Locality::Core,
            other => return Err(unknown("locality", format!("locality {}", other.0))),
        },
        locality_required: wish.locality_required(),
        memory_local_required: wish.memory_local_required(),
        constraints: labels(wish.constraints()),
    })
}

pub(super) fn placement(placement: fb::Placement<'_>) -> Result<Placement> {
    let pool = |share: &fb::PoolShareV1| PoolShare { pool: share.pool(), cpu_milli: share.cpu_milli() };
    let memory = |part: &fb::NumaMemoryV1| NumaMemory { numa_node: part.numa_node(), mem_bytes: part.mem_bytes() };
    Ok(Placement {
        exclusive_pus: ascending_numbers(placement.exclusive_pus(), "exclusive_pus")?,
        pools: placement.pools().unwrap_or_default().iter().map(pool).collect(),
        memory: placement.memory().unwrap_or_default().iter().map(memory).collect(),
    })
}
