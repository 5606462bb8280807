//! Verbs: the calls that change claims as a whole, on the table and on a thread's handle.

use core::borrow::Borrow;

use crate::ids::{ClaimId, Owner};
use crate::local::{Caller, Local};
use crate::merge;
use crate::outcome::Merged;
use crate::table::Table;

impl Table {
    /// Makes one claim of two of the same agent, owner and role: `into` has all of it, `from` is gone. Nobody can take anything of
    /// it meanwhile. Two offers are accepted together so, and a member joins a pod that runs: claimed for, then merged.
    ///
    /// Members of `from` come after those of `into`. Memory that is only held comes to be on the terms of the memory in use, if
    /// those who are on its NUMA node admit that. Two holds, of one member each and without memory in use, become one hold.
    ///
    /// ```
    /// # use meros_alloc_core::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let core = CoreSpec { pus: 2, l3: Some(0), numa_node: Some(NumaNodeId::new(0)), package: Some(0), kind: 0 };
    /// # let spec = ShapeSpec { cores: vec![core; 8], numa_nodes: vec![NumaNodeSpec { mem_bytes: 8 << 30 }], distances: vec![] };
    /// # let shape = Shape::new(&spec)?;
    /// # let table = Table::new(Capacity::for_agents(1, &shape))?;
    /// # let role = table.add_role(Limit::default())?;
    /// # let agent = table.add_agent(shape)?;
    /// let owner = Owner::new(1);
    /// let hold = |exclusive_pus| {
    ///     let limit = HoldLimit { exclusive_pus, pool_milli: 0, mem_bytes: 1 << 30 };
    ///     table.hold(agent, Holder { owner, role }, limit).granted().expect("it is free")
    /// };
    /// // Two offers of one agent, accepted together.
    /// let (first, second) = (hold(4), hold(8));
    /// let merged = table.merge(first.claim, second.claim, owner);
    /// assert_eq!(merged, Merged::Merged { charged: Quantities { cpu_milli: 12_000, mem_bytes: 2 << 30 } });
    /// assert!(matches!(table.split(first.claim, owner, &Request::exclusive(10, 2 << 30)), Outcome::Granted(_)));
    /// assert_eq!(table.merge(first.claim, second.claim, owner), Merged::Gone { claim: second.claim });
    /// # Ok(())
    /// # }
    /// ```
    pub fn merge(&self, into: ClaimId, from: ClaimId, owner: Owner) -> Merged {
        self.with_guest(|guest| guest.merge(into, from, owner)).unwrap_or(Merged::Contended)
    }
}

impl<T: Borrow<Table>> Local<T> {
    /// As [`Table::merge`].
    pub fn merge(&self, into: ClaimId, from: ClaimId, owner: Owner) -> Merged {
        self.caller().merge(into, from, owner)
    }
}

impl Caller<'_> {
    fn merge(&self, into: ClaimId, from: ClaimId, owner: Owner) -> Merged {
        let merged = self.at(into.agent(), |hands, _| merge::merge(hands, into, from, owner));
        merged.unwrap_or(Merged::Gone { claim: into })
    }
}
