//! Growing: roles and subscriptions come and go.

use crate::allocator::order::Order;
use crate::allocator::order::node::{Aside, Kind, NONE, Node, NodeId, ROOT};
use crate::allocator::order::share::Weight;
use crate::allocator::order::tournament::Block;

impl Order {
    pub(crate) fn add_role(&mut self, parent: NodeId, weight: Weight) -> NodeId {
        let parent = self.index(parent);
        let Node { children, used, .. } = self.nodes[parent as usize];
        let Aside { own, roles, .. } = self.asides[parent as usize];
        if own == NONE && roles == 0 && (children > 0 || !used.is_zero()) {
            self.make_own(parent);
        }
        self.asides[parent as usize].roles += 1;
        let role = self.create(Kind::Role, parent, weight);
        self.seat(role);
        self.id(role)
    }

    /// One more subscription of a role, which is not open yet.
    pub(crate) fn add_subscription(&mut self, role: NodeId) -> NodeId {
        let home = self.home(self.index(role));
        let leaf = self.create(Kind::Subscription, home, Weight::ONE);
        self.seat(leaf);
        self.id(leaf)
    }

    /// Removes a subscription, or a role that has neither subscriptions nor child roles. What it still uses is refunded.
    pub(crate) fn remove(&mut self, node: NodeId) {
        let at = self.index(node);
        if at == ROOT || !self.is_empty(at) {
            debug_assert!(false, "{node:?} has children, or is the root");
            return;
        }
        let own = self.asides[at as usize].own;
        for at in [own, at] {
            if at != NONE {
                self.remove_at(at);
            }
        }
    }

    fn remove_at(&mut self, at: u32) {
        let Node { used, parent, kind, block, .. } = self.nodes[at as usize];
        self.refund_at(at, &used);
        if kind == Kind::Subscription {
            self.set_open_at(at, false);
        } else {
            self.tournaments.leave(block);
        }
        self.unseat(at);
        if kind == Kind::Role {
            self.asides[parent as usize].roles -= 1;
        }
        self.node(at).kind = Kind::Free;
        let generation = &mut self.asides[at as usize].generation;
        *generation = generation.wrapping_add(1);
        self.free.push(at);
    }

    fn is_empty(&self, at: u32) -> bool {
        let own = self.asides[at as usize].own;
        let children = self.nodes[at as usize].children;
        if own == NONE { children == 0 } else { children == 1 && self.nodes[own as usize].children == 0 }
    }

    /// Where a role's subscriptions are, and what it uses itself.
    pub(super) fn home(&mut self, role: u32) -> u32 {
        let Aside { own, roles, .. } = self.asides[role as usize];
        match (own, roles) {
            (NONE, 0) => role,
            (NONE, _) => self.make_own(role),
            (own, _) => own,
        }
    }

    /// A node for what a role has beside child roles: what it has now, if it has none yet.
    fn make_own(&mut self, role: u32) -> u32 {
        let own = self.create(Kind::Own, role, Weight::ONE);
        let Aside { age, own_count, roles, .. } = self.asides[role as usize];
        self.asides[own as usize].age = age;
        self.asides[role as usize].own = own;
        self.node(own).count = own_count;
        if roles == 0 {
            self.move_all(role, own);
        }
        self.seat(own);
        self.follow_active(own);
        if self.nodes[own as usize].neediest != NONE {
            self.enter(own, self.share_at(own).parts());
        }
        own
    }

    /// Moves what a role has to its own node. The role stays as open and as active as it was.
    fn move_all(&mut self, role: u32, own: u32) {
        let Node { block: empty, .. } = self.nodes[own as usize];
        let Node { used, active_milli, neediest, wanting, children, block, .. } = self.nodes[role as usize];
        *self.node(own) = Node { used, active_milli, neediest, wanting, children, block, ..self.nodes[own as usize] };
        *self.node(role) = Node {
            active_milli: 0,
            neediest: NONE,
            wanting: u32::from(wanting > 0),
            children: 0,
            block: empty,
            ..self.nodes[role as usize]
        };
        for seat in 0..children {
            let child = self.tournaments.child(block, seat);
            let child = self.node(child);
            child.parent = own;
            child.depth += 1;
        }
    }

    /// A node that has no seat yet.
    pub(super) fn create(&mut self, kind: Kind, parent: u32, weight: Weight) -> u32 {
        let block = if kind == Kind::Subscription { Block::NONE } else { self.tournaments.open() };
        let mut node = Node::new(kind, parent, weight, block);
        node.depth = self.nodes.get(parent as usize).map_or(0, |parent| parent.depth + 1);
        let mut aside = Aside { age: self.created, own_count: 0, own: NONE, roles: 0, weight, generation: 0 };
        self.created += 1;
        if let Some(at) = self.free.pop() {
            aside.generation = self.asides[at as usize].generation;
            (self.nodes[at as usize], self.asides[at as usize]) = (node, aside);
            return at;
        }
        let at = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        assert!(at < NodeId::MOST, "more roles and subscriptions than 2^24");
        self.nodes.push(node);
        self.asides.push(aside);
        at
    }

    /// Gives a node a seat in its parent's block, without a part in the tournament.
    fn seat(&mut self, at: u32) {
        let parent = self.nodes[at as usize].parent;
        let Node { children: seat, mut block, .. } = self.nodes[parent as usize];
        if seat == block.seats() {
            block = self.tournaments.grown(block);
            self.node(parent).block = block;
            self.play_all(parent);
        }
        self.tournaments.sit(block, seat, at);
        self.node(at).seat = seat;
        self.node(parent).children += 1;
    }

    /// Takes a node that takes no part from its seat, which the last child then has.
    fn unseat(&mut self, at: u32) {
        let Node { parent, seat, .. } = self.nodes[at as usize];
        let Node { children, block, .. } = self.nodes[parent as usize];
        let last = self.tournaments.child(block, children - 1);
        let key = self.tournaments.key(block, children - 1);
        self.enter(last, super::CLOSED);
        self.tournaments.sit(block, seat, last);
        self.node(last).seat = seat;
        self.enter(last, key);
        self.node(parent).children -= 1;
    }
}
