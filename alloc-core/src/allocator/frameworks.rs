//! Frameworks: who is offered something, in which roles, and whether he wants it now.

use crate::Quantities;
use crate::allocator::Allocator;
use crate::allocator::agents::AgentAt;
use crate::allocator::bits::Bits;
use crate::allocator::error::AllocatorError;
use crate::allocator::order::NodeId;
use crate::allocator::roles::CpuKind;
use crate::ids::{FrameworkId, RoleId};
use crate::selection::Selection;

/// A subscription's place.
pub(crate) type SubAt = u32;

/// How a framework is in a role.
#[derive(Debug, Default)]
pub struct Subscription {
    /// An offer has at least all of one of these; `None`: as the rules say.
    pub minimum: Option<Vec<Quantities>>,
    /// The agents it may be offered; `None`: all.
    pub agents: Option<Selection>,
    /// Whether it begins suppressed.
    pub suppressed: bool,
}

/// A framework in a role.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) framework: FrameworkId,
    pub(crate) role: RoleId,
    pub(crate) node: NodeId,
    pub(crate) cpu: CpuKind,
    pub(crate) minimum: Option<Box<[Quantities]>>,
    selection: Option<Box<Selection>>,
    /// The agents of the selection.
    pub(crate) mask: Option<Bits>,
    pub(crate) is_active: bool,
    pub(crate) suppressed: bool,
    /// Offers that are out.
    pub(crate) out: u32,
    /// Where its next search begins: a word of the bitmaps.
    pub(crate) cursor: usize,
    /// How often in turn it let offers lapse, and until when it waits for that.
    pub(crate) lapses: u32,
    pub(crate) closed_until_ms: u64,
}

impl Subscriber {
    /// Whether it takes part in the order.
    pub(crate) const fn is_open(&self, now_ms: u64) -> bool {
        self.is_active && !self.suppressed && self.closed_until_ms <= now_ms
    }
}

/// A framework.
#[derive(Debug, Default)]
pub(crate) struct Framework {
    pub(crate) is_active: bool,
    pub(crate) subscribers: Vec<SubAt>,
}

/// All subscriptions.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    list: Vec<Option<Subscriber>>,
    unused: Vec<SubAt>,
    /// By node of the order.
    of_node: Vec<SubAt>,
}

impl Subscriptions {
    fn add(&mut self, subscriber: Subscriber) -> SubAt {
        let node = subscriber.node.index() as usize;
        let at = self.unused.pop().unwrap_or_else(|| {
            self.list.push(None);
            u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX)
        });
        self.list[at as usize] = Some(subscriber);
        if self.of_node.len() <= node {
            self.of_node.resize(node + 1, u32::MAX);
        }
        self.of_node[node] = at;
        at
    }

    fn remove(&mut self, at: SubAt) -> Option<Subscriber> {
        let subscriber = self.list.get_mut(at as usize)?.take()?;
        self.unused.push(at);
        Some(subscriber)
    }

    #[inline]
    pub(crate) fn get(&self, at: SubAt) -> Option<&Subscriber> {
        self.list.get(at as usize)?.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: SubAt) -> Option<&mut Subscriber> {
        self.list.get_mut(at as usize)?.as_mut()
    }

    #[inline]
    pub(crate) fn of_node(&self, node: NodeId) -> SubAt {
        self.of_node[node.index() as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SubAt, &Subscriber)> {
        (0..).zip(&self.list).filter_map(|(at, subscriber)| Some((at, subscriber.as_ref()?)))
    }
}

impl Allocator {
    /// Puts a framework into a role. It is offered what the role is due from the next cycle on.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchRole`]; [`AllocatorError::Subscribed`].
    pub fn subscribe(
        &mut self,
        framework: FrameworkId,
        role: RoleId,
        subscription: Subscription,
    ) -> Result<(), AllocatorError> {
        let of = *self.role(role).ok_or(AllocatorError::NoSuchRole(role))?;
        if self.find(framework, role).is_some() {
            return Err(AllocatorError::Subscribed(framework, role));
        }
        let node = self.order.add_subscription(of.node);
        let known = self.frameworks.entry(framework).or_insert(Framework { is_active: true, subscribers: Vec::new() });
        let at = self.subscriptions.add(Subscriber {
            framework,
            role,
            node,
            cpu: of.cpu,
            minimum: subscription.minimum.map(Vec::into_boxed_slice),
            selection: subscription.agents.map(Box::new),
            mask: None,
            is_active: known.is_active,
            suppressed: subscription.suppressed,
            out: 0,
            cursor: 0,
            lapses: 0,
            closed_until_ms: 0,
        });
        known.subscribers.push(at);
        self.count_child(role, 1);
        self.select_all(at);
        self.see_open(at);
        Ok(())
    }

    /// The subscription of a framework in a role.
    pub(crate) fn find(&self, framework: FrameworkId, role: RoleId) -> Option<SubAt> {
        let subscribers = &self.frameworks.get(&framework)?.subscribers;
        subscribers
            .iter()
            .copied()
            .find(|at| self.subscriptions.get(*at).is_some_and(|subscriber| subscriber.role == role))
    }

    fn find_or(&self, framework: FrameworkId, role: RoleId) -> Result<SubAt, AllocatorError> {
        if !self.frameworks.contains_key(&framework) {
            return Err(AllocatorError::NoSuchFramework(framework));
        }
        self.find(framework, role).ok_or(AllocatorError::NotSubscribed(framework, role))
    }

    /// Whether a subscription takes part in the order, as it is now.
    pub(crate) fn see_open(&mut self, at: SubAt) {
        let Some(subscriber) = self.subscriptions.get(at) else { return };
        let open = subscriber.is_open(self.now_ms);
        self.order.set_open(subscriber.node, open);
    }

    /// Takes a framework out of a role: its offers there are over, its claims and what waits for it stay as they are and count for
    /// the role.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchFramework`]; [`AllocatorError::NotSubscribed`].
    pub fn unsubscribe(&mut self, framework: FrameworkId, role: RoleId) -> Result<(), AllocatorError> {
        let at = self.find_or(framework, role)?;
        self.leave(at);
        if let Some(known) = self.frameworks.get_mut(&framework) {
            known.subscribers.retain(|subscriber| *subscriber != at);
        }
        Ok(())
    }

    fn leave(&mut self, at: SubAt) {
        self.end_offers_of(at);
        self.end_pledges_to(at);
        self.filters.remove_sub(at);
        let Some(subscriber) = self.subscriptions.remove(at) else { return };
        self.waiting.remove(&(subscriber.closed_until_ms, at));
        if let Some(role) = self.role(subscriber.role) {
            let (used, role) = (self.order.used(subscriber.node), role.node);
            self.order.refund(subscriber.node, &used);
            self.order.charge_role(role, &used);
        }
        self.claims.disown(at, subscriber.role);
        self.waits.disown(subscriber.framework, subscriber.role);
        self.order.remove(subscriber.node);
        self.count_child(subscriber.role, -1);
    }

    /// Forgets a framework: as [`Allocator::unsubscribe`] from all its roles.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchFramework`].
    pub fn remove_framework(&mut self, framework: FrameworkId) -> Result<(), AllocatorError> {
        let known = self.frameworks.remove(&framework).ok_or(AllocatorError::NoSuchFramework(framework))?;
        known.subscribers.into_iter().for_each(|at| self.leave(at));
        Ok(())
    }

    /// A framework that is not connected is offered nothing; its offers are over and its filters dropped.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchFramework`].
    pub fn deactivate(&mut self, framework: FrameworkId) -> Result<(), AllocatorError> {
        self.set_active(framework, false)
    }

    /// A framework is connected again.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchFramework`].
    pub fn activate(&mut self, framework: FrameworkId) -> Result<(), AllocatorError> {
        self.set_active(framework, true)
    }

    fn set_active(&mut self, framework: FrameworkId, active: bool) -> Result<(), AllocatorError> {
        let known = self.frameworks.get_mut(&framework).ok_or(AllocatorError::NoSuchFramework(framework))?;
        known.is_active = active;
        for at in known.subscribers.clone() {
            if let Some(subscriber) = self.subscriptions.get_mut(at) {
                subscriber.is_active = active;
            }
            if !active {
                self.end_offers_of(at);
                self.filters.revive(at);
            }
            self.see_open(at);
        }
        Ok(())
    }

    /// Offers the framework nothing in this role until it is revived.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchFramework`]; [`AllocatorError::NotSubscribed`].
    pub fn suppress(&mut self, framework: FrameworkId, role: RoleId) -> Result<(), AllocatorError> {
        let at = self.find_or(framework, role)?;
        if let Some(subscriber) = self.subscriptions.get_mut(at) {
            subscriber.suppressed = true;
        }
        self.see_open(at);
        Ok(())
    }

    /// Drops a framework's filters in this role, ends its suppression, and forgets that it let offers lapse.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchFramework`]; [`AllocatorError::NotSubscribed`].
    pub fn revive(&mut self, framework: FrameworkId, role: RoleId) -> Result<(), AllocatorError> {
        let at = self.find_or(framework, role)?;
        self.filters.revive(at);
        self.forgive(at);
        if let Some(subscriber) = self.subscriptions.get_mut(at) {
            subscriber.suppressed = false;
        }
        self.see_open(at);
        Ok(())
    }

    /// Whoever answers has let nothing lapse.
    pub(crate) fn forgive(&mut self, at: SubAt) {
        let Some(subscriber) = self.subscriptions.get_mut(at) else { return };
        if subscriber.lapses == 0 {
            return;
        }
        self.waiting.remove(&(subscriber.closed_until_ms, at));
        (subscriber.lapses, subscriber.closed_until_ms) = (0, 0);
        self.see_open(at);
    }

    /// Changes the agents that a framework may be offered in a role; `None`: all.
    ///
    /// # Errors
    /// [`AllocatorError::NoSuchFramework`]; [`AllocatorError::NotSubscribed`].
    pub fn set_selection(
        &mut self,
        framework: FrameworkId,
        role: RoleId,
        agents: Option<Selection>,
    ) -> Result<(), AllocatorError> {
        let at = self.find_or(framework, role)?;
        if let Some(subscriber) = self.subscriptions.get_mut(at) {
            (subscriber.selection, subscriber.mask) = (agents.map(Box::new), None);
        }
        self.select_all(at);
        Ok(())
    }

    /// Works out the mask of a subscription with a selection.
    fn select_all(&mut self, at: SubAt) {
        let Some(subscriber) = self.subscriptions.get_mut(at) else { return };
        let Some(selection) = &mut subscriber.selection else { return };
        let mut mask = Bits::default();
        mask.grow(self.agents.len());
        for agent in self.agents.known() {
            mask.put(agent, selection.contains(self.local.table(), crate::AgentId::new(agent)));
        }
        subscriber.mask = Some(mask);
    }

    /// An agent came or has other attributes: whoever selects looks at it.
    pub(crate) fn select_agent(&mut self, agent: AgentAt) {
        for subscriber in self.subscriptions.list.iter_mut().flatten() {
            let Some(selection) = &mut subscriber.selection else { continue };
            let mask = subscriber.mask.get_or_insert_default();
            mask.grow(agent as usize + 1);
            mask.put(agent, selection.contains(self.local.table(), crate::AgentId::new(agent)));
        }
    }
}
