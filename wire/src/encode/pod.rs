//! Pod specs and placements.

use flatbuffers::WIPOffset;

use super::Builder;
use super::common::{items, labels, tables, text, texts, uuid};
use crate::generated::meros::wire as fb;
use crate::message::{
    Command, Cpus, Locality, MemberKind, MemberResources, MemberSpec, Placement, PlacementWish, PodSpec, Root,
};

pub(super) fn pod_spec(b: &mut Builder, spec: &PodSpec) -> WIPOffset<fb::PodSpec<'static>> {
    let args = fb::PodSpecArgs {
        must_understand: spec.must_understand,
        pod: Some(&uuid(spec.pod.0)),
        name: text(b, &spec.name),
        role: text(b, &spec.role),
        priority: spec.priority,
        members: tables(b, &spec.members, member),
        wish: Some(wish(b, &spec.wish)),
        kill_grace_ms: spec.kill_grace_ms,
        labels: labels(b, &spec.labels),
        annotations: labels(b, &spec.annotations),
    };
    fb::PodSpec::create(b, &args)
}

fn member(b: &mut Builder, member: &MemberSpec) -> WIPOffset<fb::MemberSpec<'static>> {
    let args = fb::MemberSpecArgs {
        must_understand: member.must_understand,
        name: text(b, &member.name),
        kind: match member.kind {
            MemberKind::Init => fb::MemberKind::Init,
            MemberKind::Sidecar => fb::MemberKind::Sidecar,
            MemberKind::App => fb::MemberKind::App,
            MemberKind::Nested => fb::MemberKind::Nested,
        },
        command: Some(command(b, &member.command)),
        root: Some(root(b, &member.root)),
        resources: Some(resources(b, member.resources)),
        data: items(b, &member.data),
    };
    fb::MemberSpec::create(b, &args)
}

fn command(b: &mut Builder, command: &Command) -> WIPOffset<fb::Command<'static>> {
    let args = fb::CommandArgs {
        argv: texts(b, &command.argv),
        env: labels(b, &command.env),
        working_dir: text(b, &command.working_dir),
        user: text(b, &command.user),
    };
    fb::Command::create(b, &args)
}

fn root(b: &mut Builder, root: &Root) -> WIPOffset<fb::Root<'static>> {
    let args = match root {
        Root::Agent => fb::RootArgs { kind: fb::RootKind::Agent, folder: None },
        Root::Folder(folder) => fb::RootArgs { kind: fb::RootKind::Folder, folder: text(b, folder) },
    };
    fb::Root::create(b, &args)
}

fn resources(b: &mut Builder, resources: MemberResources) -> WIPOffset<fb::MemberResources<'static>> {
    let (exclusive_pus, shared_cpu_milli) = match resources.cpus {
        Cpus::Exclusive { pus } => (Some(pus), None),
        Cpus::Shared { cpu_milli } => (None, Some(cpu_milli)),
    };
    let args = fb::MemberResourcesArgs { exclusive_pus, shared_cpu_milli, mem_bytes: resources.mem_bytes };
    fb::MemberResources::create(b, &args)
}

fn wish(b: &mut Builder, wish: &PlacementWish) -> WIPOffset<fb::PlacementWish<'static>> {
    let args = fb::PlacementWishArgs {
        locality: match wish.locality {
            Locality::Any => fb::Locality::Any,
            Locality::Package => fb::Locality::Package,
            Locality::NumaNode => fb::Locality::NumaNode,
            Locality::L3Domain => fb::Locality::L3Domain,
            Locality::Core => fb::Locality::Core,
        },
        locality_required: wish.locality_required,
        memory_local_required: wish.memory_local_required,
        constraints: labels(b, &wish.constraints),
    };
    fb::PlacementWish::create(b, &args)
}

pub(super) fn placement(b: &mut Builder, placement: &Placement) -> WIPOffset<fb::Placement<'static>> {
    let pools: Vec<_> = placement.pools.iter().map(|share| fb::PoolShareV1::new(share.pool, share.cpu_milli)).collect();
    let memory: Vec<_> =
        placement.memory.iter().map(|memory| fb::NumaMemoryV1::new(memory.numa_node, 0, memory.mem_bytes)).collect();
    let args = fb::PlacementArgs {
        exclusive_pus: items(b, &placement.exclusive_pus),
        pools: items(b, &pools),
        memory: items(b, &memory),
    };
    fb::Placement::create(b, &args)
}
