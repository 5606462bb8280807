//! Growing: roles and subscriptions come and go.

use crate::allocator::order::Order;
use crate::allocator::order::node::{Aside, Far, Kind, NONE, Node, NodeId, ROOT};
use crate::allocator::order::share::Weight;
use crate::allocator::order::tournament::{Block, Tie};

impl Order {
    pub(crate) fn add_role(&mut self, parent: NodeId, weight: Weight) -> NodeId {
        let parent = self.index(parent);
        let Aside { own, roles, children, .. } = self.asides[parent as usize];
        if own == NONE && roles == 0 && (children > 0 || !self.used_at(parent).is_zero()) {
            self.make_own(parent);
        }
        self.aside(parent).roles += 1;
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
        let Node { parent, kind, block, .. } = self.nodes[at as usize];
        self.refund_at(at, &self.used_at(at));
        if kind == Kind::Subscription {
            self.set_open_at(at, false);
        } else {
            self.tournaments.leave(block);
        }
        self.unseat(at);
        if kind == Kind::Role {
            self.aside(parent).roles -= 1;
        }
        self.node(at).kind = Kind::Free;
        let generation = &mut self.aside(at).generation;
        *generation = generation.wrapping_add(1);
        self.free.push(at);
    }

    fn is_empty(&self, at: u32) -> bool {
        let Aside { own, children, .. } = self.asides[at as usize];
        if own == NONE { children == 0 } else { children == 1 && self.asides[own as usize].children == 0 }
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
        self.aside(own).age = age;
        self.aside(role).own = own;
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
        let (theirs, empty) = (self.nodes[role as usize], self.nodes[own as usize].block);
        let Node { near, block, neediest, wants, .. } = theirs;
        *self.node(own) = Node { near, block, neediest, wants, ..self.nodes[own as usize] };
        *self.node(role) = Node { block: empty, neediest: NONE, ..theirs };
        self.far[own as usize] = self.far[role as usize];
        let Aside { active_milli, children, wanting, .. } = self.asides[role as usize];
        *self.aside(own) = Aside { active_milli, children, wanting, ..self.asides[own as usize] };
        *self.aside(role) =
            Aside { active_milli: 0, children: 0, wanting: u32::from(wants), ..self.asides[role as usize] };
        for seat in 0..children {
            let child = self.tournaments.child(block, seat);
            self.node(child).parent = own;
            self.aside(child).depth += 1;
        }
    }

    /// A node that has no seat yet.
    pub(super) fn create(&mut self, kind: Kind, parent: u32, weight: Weight) -> u32 {
        let block = if kind == Kind::Subscription { Block::NONE } else { self.tournaments.open() };
        let node = Node::new(kind, parent, weight, block);
        let depth = self.asides.get(parent as usize).map_or(0, |parent| parent.depth + 1);
        let aside = |generation| Aside::new(self.created, depth, weight, generation);
        if let Some(at) = self.free.pop() {
            self.asides[at as usize] = aside(self.asides[at as usize].generation);
            *self.node(at) = node;
            self.created += 1;
            return at;
        }
        let at = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        assert!(at < NodeId::MOST, "more roles and subscriptions than 2^24");
        self.asides.push(aside(0));
        self.far.push(Far::default());
        self.nodes.push(node);
        self.created += 1;
        at
    }

    /// Gives a node a seat in its parent's block, without a part in the tournament.
    fn seat(&mut self, at: u32) {
        let parent = self.nodes[at as usize].parent;
        let (mut block, seat) = (self.nodes[parent as usize].block, self.asides[parent as usize].children);
        if seat == block.seats() {
            block = self.tournaments.grown(block);
            self.node(parent).block = block;
            self.play_all(parent);
        }
        if seat == 1 {
            self.rekey_beside(self.tournaments.child(block, 0));
        }
        let tie = Tie { count: self.nodes[at as usize].count, age: self.asides[at as usize].age };
        self.tournaments.sit(block, seat, at, tie);
        self.node(at).seat = seat;
        self.aside(parent).children += 1;
    }

    /// Takes a node that takes no part from its seat, which the last child then has.
    fn unseat(&mut self, at: u32) {
        let Node { parent, seat, .. } = self.nodes[at as usize];
        let (block, children) = (self.nodes[parent as usize].block, self.asides[parent as usize].children);
        let last = self.tournaments.child(block, children - 1);
        let (key, tie) = (self.tournaments.key(block, children - 1), self.tournaments.tie(block, children - 1));
        self.enter(last, super::CLOSED);
        self.tournaments.sit(block, seat, last, tie);
        self.node(last).seat = seat;
        self.enter(last, key);
        self.aside(parent).children -= 1;
    }
}
