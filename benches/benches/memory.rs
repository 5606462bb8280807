//! What the table's memory comes to: bytes of an agent, of a live claim, of a shape, of an attribute. No times.
//!
//! Figures are what the kernel says is resident: before and after, by how many there are more. A table is made for exactly as many
//! as then come, so that nothing is spare. Beside the agent's figure is
//! what [`Table::bytes`] says. An agent is of the shape of the other benches: 2 packages × 4 NUMA nodes × 2 L3 domains × 8 cores × 2 PUs.

use std::process::{Command, Stdio};
use std::{env, fs};

use meros_alloc_core::{
    AttributeValue, Attributes, Capacity, CoreSpec, Holder, Limit, Local, NameId, NumaNodeId, NumaNodeSpec, Outcome,
    Owner, RoleId, Shape, ShapeSpec, Table,
};
use meros_benches::cluster::{LEAVES, pod, shape};
use meros_benches::{Reach, print_reach, print_where, read_reach};

const AGENTS: u32 = 12_500;
/// One-core pods in a leaf of eight cores.
const CLAIMS_PER_AGENT: u32 = 64;
const _: () = assert!(CLAIMS_PER_AGENT as usize == 4 * LEAVES);
const SHAPES: u32 = 1_000;
const ATTRIBUTES_PER_AGENT: u32 = 16;
/// Different values of an attribute: racks, say.
const VALUES: u32 = 100;

/// Bytes of this process that are in memory, exactly.
fn resident() -> Option<u64> {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Bytes that became resident, for each of `count`.
fn each<T>(count: u32, work: impl FnOnce() -> Option<T>) -> Option<(f64, T)> {
    let before = resident()?;
    let made = work()?;
    let more = resident()?.saturating_sub(before);
    Some((more as f64 / f64::from(count), made))
}

/// A table with room for exactly so much, and as many agents, each of the shape that `shape` says.
fn filled(agents: u32, shapes: u16, claims: u32, shape: impl Fn(u32) -> Option<Shape>) -> Option<(Table, RoleId)> {
    let first = shape(0)?;
    // Every agent is of the same size. A handle keeps some free records in hand.
    let capacity = Capacity { shapes, claims: claims + 1024, ..Capacity::for_agents(agents, &first) };
    let table = Table::new(capacity).ok()?;
    let role = table.add_role(Limit::default()).ok()?;
    for at in 0..agents {
        table.add_agent(shape(at)?).ok()?;
    }
    Some((table, role))
}

/// Claims a core of each leaf of each agent, so many times; tells how many it got.
fn claim_all(table: &Table, role: RoleId, per_agent: u32) -> Option<u32> {
    let local = Local::new(table, 0).ok()?;
    let mut claims = 0;
    for agent in table.agents() {
        for _ in 0..per_agent {
            let outcome = local.claim(agent, Holder { owner: Owner::new(1), role }, &pod(1));
            claims += u32::from(matches!(outcome, Outcome::Granted(_)));
        }
    }
    Some(claims)
}

/// A shape as large as that of the other benches, and like no other number's.
fn shape_of_its_own(number: u32) -> Option<Shape> {
    let same = shape().ok()?;
    let cores: Vec<CoreSpec> = same.cores().map(|core| core.spec).collect();
    let bytes = |at: u16| same.mem_bytes(NumaNodeId::new(at)).unwrap_or(0) - u64::from(number) * 4096;
    let numa_nodes = (0..).take(same.numa_nodes()).map(|at| NumaNodeSpec::ordinary(bytes(at))).collect();
    Shape::new(&ShapeSpec { cores, numa_nodes, ..ShapeSpec::default() }).ok()
}

/// Bytes of an agent, and of a claim that is one leaf's cores and one NUMA node's memory: what a table full of claims, with room for
/// no more, takes more than one without.
fn agents_and_claims(reached: &mut Vec<Reach>) -> Option<bool> {
    let (agent, (empty, _)) = each(AGENTS, || filled(AGENTS, 1, 0, |_| shape().ok()))?;
    let said = empty.bytes() as f64 / f64::from(AGENTS);
    drop(empty);
    let all = AGENTS * CLAIMS_PER_AGENT;
    let (full, (table, claims)) = each(AGENTS, || {
        let (table, role) = filled(AGENTS, 1, all, |_| shape().ok())?;
        let claims = claim_all(&table, role, CLAIMS_PER_AGENT)?;
        Some((table, claims))
    })?;
    let claim = (full - agent) / f64::from(CLAIMS_PER_AGENT);
    println!("an agent with its index: {agent:.0} bytes resident; with all it has room for, {said:.0}");
    println!("a live claim of one leaf: {claim:.1} bytes resident, of {claims} claims");
    let agent = agent.max(said);
    reached.push(Reach::at_most("bytes per agent with index", agent, 512.0));
    reached.push(Reach::at_most("bytes per live claim of one leaf", claim, 64.0));
    Some(claims == all && table.validate().is_ok())
}

/// Bytes of a shape: what agents that have one each take more than as many that share one.
fn shapes() -> Option<bool> {
    let (alike, _one) = each(SHAPES, || filled(SHAPES, 1, 0, |_| shape().ok()))?;
    let shapes = u16::try_from(SHAPES).ok()?;
    let (different, _many) = each(SHAPES, || filled(SHAPES, shapes, 0, shape_of_its_own))?;
    println!("a shape: {:.0} bytes resident", different - alike);
    Some(different >= alike)
}

/// The attributes of an agent: texts that many agents share.
fn attributes(agent: u32) -> Option<Attributes> {
    let value = |name| AttributeValue::text(&format!("value {} of attribute {name}", (agent + name) % VALUES));
    Attributes::new((0..ATTRIBUTES_PER_AGENT).map(|name| (NameId::new(name), value(name)))).ok()
}

/// Bytes of an attribute: what agents take more once they are told some.
fn attributes_told() -> Option<bool> {
    let (table, _) = filled(AGENTS, 1, 0, |_| shape().ok())?;
    let (attribute, ()) = each(AGENTS * ATTRIBUTES_PER_AGENT, || {
        table.agents().try_for_each(|agent| table.set_attributes(agent, attributes(agent.get())?).ok())
    })?;
    println!(
        "an attribute of an agent: {attribute:.1} bytes resident, of {ATTRIBUTES_PER_AGENT} an agent with {VALUES} values each"
    );
    let told = |agent| table.attributes(agent) == attributes(meros_alloc_core::AgentId::get(agent));
    Some(attribute > 0.0 && table.agents().all(told))
}

/// The questions. Each is asked in a process of its own: in memory that another gave back nothing would become resident.
const QUESTIONS: [&str; 3] = ["attributes", "agents", "shapes"];

fn answer(question: &str, reached: &mut Vec<Reach>) -> bool {
    let right = match question {
        "attributes" => attributes_told(),
        "agents" => agents_and_claims(reached),
        _ => shapes(),
    };
    right == Some(true)
}

/// Asks in a process of its own, on small pages, which are the exacter measure. It prints what it found, and as the last line what was
/// reached.
fn ask(question: &str, reached: &mut Vec<Reach>) -> Option<bool> {
    let mut command = Command::new(env::current_exe().ok()?);
    let output = command.arg(question).env_remove("GLIBC_TUNABLES").stderr(Stdio::inherit()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (found, last) = text.trim_end().rsplit_once('\n')?;
    println!("{found}");
    let (right, figures) = read_reach(last)?;
    reached.extend(figures);
    Some(right && output.status.success())
}

fn main() {
    if let Some(question) = env::args().skip(1).find(|arg| QUESTIONS.contains(&arg.as_str())) {
        let mut reached = Vec::new();
        let right = answer(&question, &mut reached);
        print_reach("memory", right, &reached);
        return;
    }
    print_where();
    let mut reached = Vec::new();
    let right = QUESTIONS.map(|question| ask(question, &mut reached) == Some(true));
    print_reach("memory", right.iter().all(|right| *right), &reached);
}
