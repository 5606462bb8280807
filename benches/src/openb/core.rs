//! The core itself as a placer: the trace's agents in a [`Table`], its pods placed by [`Local::place`] and [`Local::place_where`].
//!
//! An agent is one NUMA node of cores of one PU, so that a pool's room is exactly the CPU that is left, as in the trace. GPUs are
//! devices of one kind; their model is an attribute, and who names models places by a selection of those that have one of them.

use std::collections::BTreeMap;

use meros_alloc_core::{
    AttributeValue, Attributes, Capacity, Constraint, CoreSpec, DeviceAmount, DeviceLocality, DeviceSpec, Grant,
    Holder, Limit, Local, NameId, NumaNodeId, NumaNodeSpec, Owner, Placed as CorePlaced, Policy, Request, RoleId,
    Selection, Shape, ShapeSpec, Table, Test,
};

use super::machine::{Agent, Gpus, Models, Pod};
use super::replay::{Placed, Placer};

const GPU: u32 = 1;
const MODEL: NameId = NameId::new(0);
const HOLDER: u64 = 1;

/// The agents in a table, and what pods ask.
#[derive(Debug)]
pub struct Cluster {
    table: Table,
    role: RoleId,
}

fn shape(agent: &Agent) -> Result<Shape, Box<dyn std::error::Error>> {
    let core = CoreSpec { pus: 1, l3: None, numa_node: Some(NumaNodeId::new(0)), package: None, kind: 0 };
    let cores = usize::try_from(agent.cpu_milli / 1000)?;
    let gpus = agent.gpu_milli.iter().filter(|milli| **milli > 0).count();
    Ok(Shape::new(&ShapeSpec {
        cores: vec![core; cores],
        numa_nodes: vec![NumaNodeSpec::ordinary(u64::from(agent.mem_mib) << 20)],
        devices: vec![DeviceSpec { kind: GPU, numa_node: Some(NumaNodeId::new(0)) }; gpus],
        ..ShapeSpec::default()
    })?)
}

/// The name of a model: its bit.
fn name(bit: u32) -> String {
    format!("m{bit:02}")
}

impl Cluster {
    /// With all agents free, in their order.
    ///
    /// # Errors
    /// An agent that is no machine.
    pub fn new(agents: &[Agent]) -> Result<Self, Box<dyn std::error::Error>> {
        let shapes = agents.iter().map(shape).collect::<Result<Vec<_>, _>>()?;
        let count = u32::try_from(agents.len())?;
        let lines = shapes.iter().map(Shape::lines).sum();
        let table = Table::new(Capacity {
            shards: 1,
            agents: count,
            lines,
            claims: 1 << 17,
            roles: 1,
            threads: 2,
            shapes: 256,
        })?;
        for (shape, agent) in shapes.into_iter().zip(agents) {
            let model = AttributeValue::text(&name(agent.model.0.trailing_zeros()));
            table.add_agent_with(shape, Attributes::new([(MODEL, model)])?)?;
        }
        let role = table.add_role(Limit::default())?;
        Ok(Self { table, role })
    }

    /// A placer by a policy.
    ///
    /// # Errors
    /// The table has no desk.
    pub fn placer(&self, policy: Policy) -> Result<Core<'_>, Box<dyn std::error::Error>> {
        let local = Local::new(&self.table, 0)?;
        let holder = Holder { owner: Owner::new(HOLDER), role: self.role };
        Ok(Core { table: &self.table, local, holder, policy, requests: BTreeMap::new(), selections: BTreeMap::new() })
    }
}

/// A placer on a [`Cluster`].
pub struct Core<'a> {
    table: &'a Table,
    local: Local<&'a Table>,
    holder: Holder,
    policy: Policy,
    /// By shape: made once.
    requests: BTreeMap<Pod, Request>,
    selections: BTreeMap<Models, Selection>,
}

impl std::fmt::Debug for Core<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// What a pod asks of the core.
fn request(pod: &Pod) -> Request {
    let request = Request::shared(pod.cpu_milli, u64::from(pod.mem_mib) << 20);
    let amount = match (pod.gpus, pod.shares_gpu()) {
        (0, _) => return request,
        (_, true) => DeviceAmount::Milli(pod.gpu_milli),
        (gpus, false) => DeviceAmount::Whole(u32::from(gpus)),
    };
    request.with_devices(GPU, amount, DeviceLocality::Any)
}

impl Core<'_> {
    /// Places a pod.
    pub fn grant(&mut self, pod: &Pod) -> Option<Grant> {
        let request = self.requests.entry(*pod).or_insert_with(|| request(pod));
        let placed = if pod.gpus == 0 || pod.models == Models::ANY {
            self.local.place(self.holder, request, self.policy)
        } else {
            let table = self.table;
            let names = (0..32).filter(|bit| pod.models.0 >> bit & 1 == 1).map(name);
            let test = || Test::TextIn(names.collect());
            let selection = self.selections.entry(pod.models).or_insert_with(|| {
                table.select([Constraint::new(MODEL, test())]).unwrap_or_else(|error| unreachable!("{error}"))
            });
            self.local.place_where(self.holder, request, self.policy, selection)
        };
        match placed {
            CorePlaced::Granted(grant) => Some(grant),
            CorePlaced::Refused(_) | CorePlaced::Contended { .. } => None,
        }
    }
}

impl Placer for Core<'_> {
    fn place(&mut self, pod: &Pod) -> Option<Placed> {
        let claim = self.grant(pod)?.claim;
        let placement = self.table.placement(claim)?;
        let gpus = placement.extras.devices.iter().fold(0, |gpus, share| gpus | 1 << share.device.get());
        Some(Placed { agent: usize::try_from(claim.agent().get()).ok()?, gpus: Gpus(gpus) })
    }
}
