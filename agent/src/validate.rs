//! What this agent acts on. All else in an order is refused, naming the field, before anything is done.
//!
//! The master checks the same when a pod is asked for; here it is checked again, because an order from the wire is believed
//! by nobody, and because the machine is in the end what an order has to fit.

use meros_wire::message::{
    Command, Cpus, Label, Launch, MemberKind, MemberSpec, Placement, PodSpec, Refusal, RefusalCode, Root, features,
};

use crate::reactor::pool;
use crate::state::State;

/// Longest name of a member.
pub(crate) const MEMBER_NAME_BYTES_MAX: usize = 64;

/// Checks an order to launch against what this build does and what this machine has.
///
/// # Errors
/// The first thing that is wrong, with the path of its field.
pub(crate) fn launch(order: &Launch, state: &State) -> Result<(), Refusal> {
    let member = the_member(&order.spec)?;
    name(&member.name)?;
    command(&member.command)?;
    root(&member.root)?;
    placement(member, &order.placement, state)
}

fn the_member(spec: &PodSpec) -> Result<&MemberSpec, Refusal> {
    understood("spec.must_understand", spec.must_understand)?;
    if spec.pod.0.is_nil() {
        return Err(invalid("spec.pod", "a pod needs an id".to_owned()));
    }
    let [member] = spec.members.as_slice() else {
        let message = format!("has {} members; this build runs pods of exactly one", spec.members.len());
        return Err(unsupported("spec.members", message));
    };
    understood("spec.members[0].must_understand", member.must_understand)?;
    if member.kind != MemberKind::App {
        let message = format!("{:?} members are not run by this build; only App is", member.kind);
        return Err(unsupported("spec.members[0].kind", message));
    }
    Ok(member)
}

fn understood(field: &str, bits: u64) -> Result<(), Refusal> {
    let Some(bit) = features::first_unknown(bits) else { return Ok(()) };
    let message = format!("bit {bit} is unknown to this agent: it is older than who wrote the pod; update it");
    Err(refusal(RefusalCode::NotUnderstood, field, message))
}

/// The name becomes part of paths and cgroup names.
fn name(name: &str) -> Result<(), Refusal> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=MEMBER_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    let message = format!("needs 1 to {MEMBER_NAME_BYTES_MAX} letters, digits, hyphens or underscores");
    Err(invalid("spec.members[0].name", message))
}

fn command(command: &Command) -> Result<(), Refusal> {
    let field = |rest: &str| format!("spec.members[0].command.{rest}");
    if command.argv.first().is_none_or(String::is_empty) {
        return Err(invalid(&field("argv"), "names no program".to_owned()));
    }
    for (at, argument) in command.argv.iter().enumerate() {
        no_zero_byte(&field(&format!("argv[{at}]")), argument)?;
    }
    for (at, entry) in command.env.iter().enumerate() {
        variable(&field(&format!("env[{at}]")), entry)?;
    }
    if !command.user.is_empty() {
        return Err(unsupported(&field("user"), "this build runs everything as the agent's own user".to_owned()));
    }
    if !command.working_dir.is_empty() {
        absolute(&field("working_dir"), &command.working_dir)?;
    }
    Ok(())
}

fn variable(field: &str, entry: &Label) -> Result<(), Refusal> {
    if entry.key.is_empty() || entry.key.contains('=') {
        return Err(invalid(field, "the name of a variable is not empty and has no `=`".to_owned()));
    }
    no_zero_byte(field, &entry.key)?;
    no_zero_byte(field, &entry.value)
}

fn root(root: &Root) -> Result<(), Refusal> {
    match root {
        Root::Agent => Ok(()),
        Root::Folder(path) => absolute("spec.members[0].root", path),
    }
}

fn absolute(field: &str, path: &str) -> Result<(), Refusal> {
    no_zero_byte(field, path)?;
    if path.starts_with('/') {
        return Ok(());
    }
    Err(invalid(field, format!("`{path}` is not an absolute path")))
}

fn no_zero_byte(field: &str, text: &str) -> Result<(), Refusal> {
    if text.contains('\0') {
        return Err(invalid(field, "contains a zero byte".to_owned()));
    }
    Ok(())
}

fn placement(member: &MemberSpec, placement: &Placement, state: &State) -> Result<(), Refusal> {
    match member.resources.cpus {
        Cpus::Exclusive { pus } => exclusive(pus, placement, state)?,
        Cpus::Shared { .. } => shared(placement, state)?,
    }
    for (at, memory) in placement.memory.iter().enumerate() {
        let known = state.identity.machine.numa_nodes.iter().any(|numa_node| numa_node.os_index == memory.numa_node);
        if !known {
            let message = format!("this machine has no NUMA node {}", memory.numa_node);
            return Err(invalid(&format!("placement.memory[{at}].numa_node"), message));
        }
    }
    Ok(())
}

fn exclusive(wanted: u32, placement: &Placement, state: &State) -> Result<(), Refusal> {
    let given = &placement.exclusive_pus;
    if !placement.pools.is_empty() {
        return Err(invalid("placement.pools", "a pod on its own cores has no part of a pool".to_owned()));
    }
    if given.is_empty() || u32::try_from(given.len()).is_ok_and(|given| given < wanted) {
        let message = format!("gives {} PUs to a pod that asks for {wanted}", given.len());
        return Err(invalid("placement.exclusive_pus", message));
    }
    for (at, pu) in given.iter().enumerate() {
        let field = format!("placement.exclusive_pus[{at}]");
        if at.checked_sub(1).and_then(|before| given.get(before)).is_some_and(|before| before >= pu) {
            return Err(invalid(&field, "PUs are given once each, in ascending order".to_owned()));
        }
        free(&field, *pu, state)?;
    }
    Ok(())
}

/// Whether a PU can be a pod's alone.
fn free(field: &str, pu: u32, state: &State) -> Result<(), Refusal> {
    if !state.identity.machine.cores.iter().any(|core| core.pus.contains(&pu)) {
        return Err(invalid(field, format!("this machine has no PU {pu}, or may not use it")));
    }
    if let Some(owner) = pool::owner_of(state, pu) {
        return Err(invalid(field, format!("PU {pu} is pod {owner}'s alone")));
    }
    if let Some(pool) = pool::pool_of(state, pu) {
        return Err(invalid(field, format!("PU {pu} is in shared pool {pool}")));
    }
    Ok(())
}

fn shared(placement: &Placement, state: &State) -> Result<(), Refusal> {
    if !placement.exclusive_pus.is_empty() {
        let message = "a pod on the shared pool has no PUs of its own".to_owned();
        return Err(invalid("placement.exclusive_pus", message));
    }
    if placement.pools.is_empty() {
        return Err(invalid("placement.pools", "a pod that shares needs a part of a pool".to_owned()));
    }
    for (at, share) in placement.pools.iter().enumerate() {
        if pool::pus(state, share.pool).is_empty() {
            let message = format!("no order has given pool {} a PU here", share.pool);
            return Err(invalid(&format!("placement.pools[{at}].pool"), message));
        }
    }
    Ok(())
}

fn invalid(field: &str, message: String) -> Refusal {
    refusal(RefusalCode::Invalid, field, message)
}

fn unsupported(field: &str, message: String) -> Refusal {
    refusal(RefusalCode::NotSupported, field, message)
}

fn refusal(code: RefusalCode, field: &str, message: String) -> Refusal {
    Refusal { request: 0, code, field: field.to_owned(), message }
}
