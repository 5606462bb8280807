//! Room: a claim's list of parts made longer before it is changed, and shorter afterwards.

use super::{Chain, MAX_LEN, OpenRecord, further_records};
use crate::part::Part;
use crate::slots::RecordsFull;
use crate::sync::{self, Ordering};

impl OpenRecord<'_> {
    /// Makes room for so many parts in all, empty ones to begin with; as it was when there are too few records.
    pub(crate) fn make_room(&mut self, parts: usize) -> Result<(), RecordsFull> {
        let before = self.len();
        if parts > usize::from(MAX_LEN) {
            return Err(RecordsFull);
        }
        while usize::from(self.len()) < parts {
            if self.push(Part::Empty).is_err() {
                self.shorten(before);
                return Err(RecordsFull);
            }
        }
        Ok(())
    }

    /// Forgets all parts but the first `len`, and gives back the records that only they needed.
    pub(crate) fn shorten(&mut self, len: u16) {
        let _calm = sync::calm();
        if len >= self.len() {
            return;
        }
        self.chain.len = len;
        let mut last = self.slot;
        for _ in 0..further_records(len.into()) {
            last = self.next(last).unwrap_or(last);
        }
        let spare = self.next(last);
        if last == self.slot {
            self.chain.next = None;
        } else if spare.is_some() {
            let end = Chain { agent: self.chain.agent, len: 0, next: None };
            // Release: pairs with the Acquire in `Records::read`.
            self.records.record(last).chain().store(end.pack(), Ordering::Release);
        }
        self.free_from(spare);
    }
}

#[cfg(not(loom))]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{PARTS, Place, Records};
    use crate::slots::Magazine;
    use crate::{AgentId, Owner, RoleId};

    fn share(cpu_milli: u32) -> Part {
        Part::Share { pool: 0, member: 0, cpu_milli }
    }

    #[test]
    fn a_list_grows_and_shrinks_and_gives_its_records_back() {
        let (records, magazine) = (Records::new(64), Magazine::single());
        let place = Place::new(crate::standing::Standing::default(), 0, 0, RoleId::new(0));
        let mut record = records.begin(&magazine, Owner::new(1), AgentId::new(0), place).unwrap();
        record.push(share(7)).unwrap();
        for parts in [5 * PARTS, 3 * PARTS + 1, PARTS, 2, 2 * PARTS] {
            record.make_room(parts).unwrap();
            record.shorten(u16::try_from(parts).unwrap());
            let chained = records.headers().filter(|(_, header)| header.state == crate::record::State::Chained);
            assert_eq!(chained.count(), further_records(parts) as usize);
            assert_eq!(record.parts().collect::<Vec<_>>(), [(0, share(7))]);
        }
        record.shorten(1);
        assert_eq!(record.make_room(65 * PARTS), Err(RecordsFull));
        assert_eq!(record.len(), 1);
        assert_eq!(record.make_room(usize::from(MAX_LEN) + 1), Err(RecordsFull));
    }

    #[test]
    fn a_list_is_never_longer_than_its_length_can_say() {
        let (records, magazine) = (Records::new(2048), Magazine::single());
        let place = Place::new(crate::standing::Standing::default(), 0, 0, RoleId::new(0));
        let mut record = records.begin(&magazine, Owner::new(1), AgentId::new(6), place).unwrap();
        let pushed = (0..=MAX_LEN).take_while(|_| record.push(share(1)).is_ok()).count();
        assert_eq!(pushed, usize::from(MAX_LEN));
        let (slot, generation) = (record.slot(), record.generation());
        record.publish();
        drop(record);
        let mut parts = 0;
        let seen = records.read(slot, generation, |_| parts += 1).unwrap();
        assert_eq!((seen.agent, parts), (AgentId::new(6), MAX_LEN));
    }
}
