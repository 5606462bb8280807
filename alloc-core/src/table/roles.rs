//! Roles of a table: a tree of who is charged, and their limits.

use crate::Quantities;
use crate::amounts::Amounts;
use crate::ids::RoleId;
use crate::ledger::{Limit, MAX_ROLE_LEVELS, PLACES};
use crate::reason::Resource;
use crate::table::{Table, TableError};

/// Roles.
impl Table {
    /// Adds a role at the top.
    ///
    /// # Errors
    /// [`TableError::RolesFull`].
    pub fn add_role(&self, limit: Limit) -> Result<RoleId, TableError> {
        let _topology = self.topology();
        self.ledger().add(None, limit).ok_or_else(|| self.roles_full())
    }

    /// Adds a role under another one. Its claims are charged to that one too, and to all above: a limit at any level holds.
    ///
    /// ```
    /// # use meros_alloc_core::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let core = CoreSpec { pus: 2, l3: None, numa_node: None, package: None, kind: 0 };
    /// # let shape = Shape::new(&ShapeSpec { cores: vec![core; 8], ..ShapeSpec::default() })?;
    /// let table = Table::new(Capacity::for_agents(1, &shape))?;
    /// let agent = table.add_agent(shape)?;
    /// let company = table.add_role(Limit { cpu_milli: Some(4000), mem_bytes: None })?;
    /// let team = table.add_role_under(company, Limit::default())?;
    /// let holder = Holder { owner: Owner::new(1), role: team };
    /// assert!(matches!(table.claim(agent, holder, &Request::exclusive(4, 0)), Outcome::Granted(_)));
    /// assert_eq!(table.role_used(company).map(|used| used.cpu_milli), Some(4000));
    /// let Outcome::Refused(no) = table.claim(agent, holder, &Request::exclusive(2, 0)) else { panic!("over the limit") };
    /// assert_eq!(no.to_string(), "wants 2000 milli for role r0, which has 4000 milli of its limit of 4000 milli");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`TableError::RolesFull`]; [`TableError::NoSuchRole`]; [`TableError::RolesDeep`] beyond [`MAX_ROLE_LEVELS`] levels.
    pub fn add_role_under(&self, parent: RoleId, limit: Limit) -> Result<RoleId, TableError> {
        let _topology = self.topology();
        match self.ledger().depth(parent) {
            0 => Err(TableError::NoSuchRole(parent)),
            1..MAX_ROLE_LEVELS => self.ledger().add(Some(parent), limit).ok_or_else(|| self.roles_full()),
            _ => Err(TableError::RolesDeep { levels: MAX_ROLE_LEVELS }),
        }
    }

    const fn roles_full(&self) -> TableError {
        TableError::RolesFull { roles: self.capacity().roles }
    }

    /// The role that a role is under; `None` for a top role and for one that is unknown.
    #[must_use]
    pub fn parent_of(&self, role: RoleId) -> Option<RoleId> {
        self.ledger().parent_of(role)
    }

    /// Changes a role's limit of CPU and memory; its limits of other resources stay. What it has already stays, even beyond it.
    ///
    /// # Errors
    /// [`TableError::NoSuchRole`].
    pub fn set_limit(&self, role: RoleId, limit: Limit) -> Result<(), TableError> {
        let _topology = self.topology();
        if self.ledger().set(role, limit) { Ok(()) } else { Err(TableError::NoSuchRole(role)) }
    }

    /// Changes a role's limit of one resource, in that one's unit; what is told in bytes is rounded down to pages or blocks. `None` is
    /// no limit. What the role has already stays, even beyond it. No machine need have the resource yet.
    ///
    /// # Errors
    /// [`TableError::NoSuchRole`], [`TableError::ResourcesFull`].
    pub fn set_limit_of(&self, role: RoleId, resource: Resource, limit: Option<u64>) -> Result<(), TableError> {
        let _topology = self.topology();
        if self.ledger().depth(role) == 0 {
            return Err(TableError::NoSuchRole(role));
        }
        // Without a limit there is nothing to keep of a resource that nobody has.
        if limit.is_some() {
            self.number(&[resource])?;
        }
        let Some(place) = self.resource_place(resource) else { return Ok(()) };
        let known = self.ledger().set_at(role, place, limit.map(|limit| limit / resource.unit()));
        if known { Ok(()) } else { Err(TableError::NoSuchRole(role)) }
    }

    /// What a role is charged at this moment, with all roles below it.
    #[must_use]
    pub fn role_used(&self, role: RoleId) -> Option<Quantities> {
        self.role_used_amounts(role).map(|used| used.quantities())
    }

    /// What a role is charged of one resource at this moment, in that one's unit, with all roles below it; `None` when it is unknown.
    #[must_use]
    pub fn role_used_of(&self, role: RoleId, resource: Resource) -> Option<u64> {
        let used = self.role_used_amounts(role)?;
        Some(self.resource_place(resource).map_or(0, |place| used.0[place].saturating_mul(resource.unit())))
    }

    /// The same of every resource, by place.
    pub(crate) fn role_used_amounts(&self, role: RoleId) -> Option<Amounts> {
        self.ledger().used(role)
    }

    /// What roles are charged for: CPU, memory, and what machines and limits brought, in that order.
    #[must_use]
    pub fn resources(&self) -> Vec<Resource> {
        self.ledger().resources().iter().collect()
    }

    /// The place of a resource in [`Amounts`], given if it has none yet.
    pub(crate) fn place_of(&self, resource: Resource) -> Result<usize, TableError> {
        if let Some(place) = self.resource_place(resource) {
            return Ok(place);
        }
        let _topology = self.topology();
        self.number(&[resource])?;
        Ok(self.resource_place(resource).unwrap_or_default())
    }

    /// The place of a resource in [`Amounts`].
    pub(crate) fn resource_place(&self, resource: Resource) -> Option<usize> {
        self.ledger().resources().place(resource)
    }

    /// Gives resources their places. Under the table's lock.
    pub(crate) fn number(&self, wanted: &[Resource]) -> Result<(), TableError> {
        let fits = self.ledger().resources().number(wanted);
        if fits { Ok(()) } else { Err(TableError::ResourcesFull { resources: PLACES }) }
    }
}
