//! Millis: thousandths of up to five devices of one kind and NUMA node, side by side: 5 × 10 bits.
//!
//! A device has 1000 thousandths: *untouched* when all are free, *split* when some are. The same five fields say what is free in a
//! [word](crate::extras::word) and what a claim holds of it.

/// Thousandths of a whole device.
pub(crate) const WHOLE: u16 = 1000;
/// Devices in a word.
pub(crate) const DEVICES: u16 = 5;

const BITS: u32 = 10;
const MASK: u64 = (1 << BITS) - 1;
const _: () = assert!(WHOLE as u64 <= MASK && DEVICES as u32 * BITS <= 50);

/// Thousandths of five devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Millis(u64);

impl Millis {
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// The first `devices` devices, whole.
    pub(crate) const fn whole(devices: u16) -> Self {
        let (mut millis, mut at) = (Self(0), 0);
        while at < devices {
            millis = millis.with(at, WHOLE);
            at += 1;
        }
        millis
    }

    /// What the device at a position has.
    #[allow(clippy::cast_possible_truncation, reason = "masked to 10 bits")]
    pub(crate) const fn get(self, at: u16) -> u16 {
        (self.0 >> (at as u32 * BITS) & MASK) as u16
    }

    /// The same with another figure for one device.
    pub(crate) const fn with(self, at: u16, milli: u16) -> Self {
        let shift = at as u32 * BITS;
        Self(self.0 & !(MASK << shift) | (milli as u64) << shift)
    }

    /// What every device has, in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = (u16, u16)> {
        (0..DEVICES).map(move |at| (at, self.get(at)))
    }

    /// How many devices are untouched.
    pub(crate) fn untouched(self) -> u16 {
        (0..DEVICES).map(|at| u16::from(self.get(at) == WHOLE)).sum()
    }

    /// The most that is left of a split device; 0 without one.
    pub(crate) fn most_split(self) -> u16 {
        self.iter().map(|(_, milli)| milli).filter(|milli| *milli != WHOLE).max().unwrap_or(0)
    }

    /// Whether it has a part of a device.
    pub(crate) fn splits(self) -> bool {
        self.iter().any(|(_, milli)| milli != 0 && milli != WHOLE)
    }

    /// The first `most` untouched devices.
    pub(crate) fn pick_untouched(self, most: u16) -> Self {
        let untouched = self.iter().filter(|(_, milli)| *milli == WHOLE).take(usize::from(most));
        untouched.fold(Self::default(), |picked, (at, _)| picked.with(at, WHOLE))
    }

    /// The difference; `None` when some device has less.
    pub(crate) const fn take(self, taken: Self) -> Option<Self> {
        let (mut left, mut at) = (self, 0);
        while at < DEVICES {
            match self.get(at).checked_sub(taken.get(at)) {
                Some(milli) => left = left.with(at, milli),
                None => return None,
            }
            at += 1;
        }
        Some(left)
    }

    /// The sum; `None` when some device would have more than a whole.
    pub(crate) const fn give(self, given: Self) -> Option<Self> {
        let (mut sum, mut at) = (self, 0);
        while at < DEVICES {
            let milli = self.get(at) + given.get(at);
            if milli > WHOLE {
                return None;
            }
            sum = sum.with(at, milli);
            at += 1;
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_devices_lie_side_by_side() {
        let word = Millis::whole(5);
        assert_eq!(word.untouched(), 5);
        let taken = Millis::default().with(0, 300).with(4, 1000);
        let left = word.take(taken).unwrap();
        assert_eq!(left.iter().map(|(_, milli)| milli).collect::<Vec<_>>(), [700, 1000, 1000, 1000, 0]);
        assert_eq!(left.untouched(), 3);
        assert_eq!(left.give(taken), Some(word));
        assert_eq!(Millis::from_bits(left.bits()), left);
    }

    #[test]
    fn a_change_is_all_or_none() {
        let word = Millis::default().with(1, 400).with(2, 1000);
        assert_eq!(word.take(Millis::default().with(1, 401)), None);
        assert_eq!(word.take(Millis::default().with(2, 1).with(3, 1)), None);
        assert_eq!(word.give(Millis::default().with(1, 601)), None);
        assert_eq!(word.give(Millis::default().with(1, 600)).map(Millis::untouched), Some(2));
    }

    #[test]
    fn untouched_devices_are_picked_lowest_first() {
        let word = Millis::whole(4).with(0, 999);
        assert_eq!(word.pick_untouched(2), Millis::default().with(1, 1000).with(2, 1000));
        assert_eq!(word.pick_untouched(9).untouched(), 3);
    }
}
