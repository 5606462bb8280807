//! The last updates that were told, so that one sent again is not told again.

use std::collections::{HashSet, VecDeque};

use meros_wire::message::Uuid;

/// So many updates are recognised when they come again.
pub const SEEN_MAX: usize = 4_096;

/// A set that forgets its oldest member when it is full.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    order: VecDeque<Uuid>,
    members: HashSet<Uuid>,
}

impl Seen {
    /// Adds an update; true when it was not there. The nil id names nothing and is always new.
    pub(crate) fn insert(&mut self, update: Uuid) -> bool {
        if update.is_nil() {
            return true;
        }
        if !self.members.insert(update) {
            return false;
        }
        self.order.push_back(update);
        if self.order.len() > SEEN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.members.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meros_wire::IdSource;

    #[test]
    fn the_oldest_is_forgotten_first_and_nil_is_never_known() {
        let mut ids = IdSource::new(3);
        let updates: Vec<Uuid> = (0..=SEEN_MAX).map(|_| ids.next_uuid()).collect();
        let mut seen = Seen::default();
        assert!(updates.iter().all(|update| seen.insert(*update)));
        assert!(!seen.insert(updates[1]), "still known");
        assert!(seen.insert(updates[0]), "pushed out by the last");
        assert!(seen.insert(Uuid::NIL) && seen.insert(Uuid::NIL));
    }
}
