//! Members: the parts of one pod, each with its own CPU wish, that share one claim.
//!
//! A member is exclusive (PUs or cores nobody else runs on) or shared (thousandths of a PU in a pool). Exclusive members may
//! stand beside shared ones. The claim's memory and its wish for locality are common to all of them.

use core::fmt;

/// The most members of one request.
pub const MAX_MEMBERS: usize = 8;

/// What becomes of the SMT siblings of exclusive PUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Smt {
    /// Whole cores: what is asked is rounded up to cores, all their PUs are charged, nobody runs on a sibling.
    #[default]
    Whole,
    /// Exactly the PUs asked for, siblings kept together: as few cores as possible, the last one perhaps in part. What is
    /// left of that core may serve others.
    Kept,
    /// Exactly the PUs asked for, each on a core of its own. Their siblings may serve others.
    Split,
}

/// Which kind of core, on machines that have several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CoreKind {
    /// Whichever; of one kind where that costs no locality.
    #[default]
    Any,
    /// This kind if the whole claim fits so, else any. Comes before locality that is only preferred.
    Preferred(u32),
    /// This kind, or not at all.
    Required(u32),
}

/// CPU wanted by one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cpus {
    /// PUs nobody else runs on.
    Exclusive {
        /// How many, at least 1.
        pus: u32,
        /// What becomes of their siblings.
        smt: Smt,
        /// Which kind of core.
        kind: CoreKind,
    },
    /// Whole cores, however many PUs each has.
    Cores {
        /// How many, at least 1.
        cores: u32,
        /// Which kind of core.
        kind: CoreKind,
    },
    /// A share of a pool.
    Shared {
        /// Thousandths of a PU, at least 1.
        cpu_milli: u32,
    },
}

impl Cpus {
    /// Whole cores of at least this many PUs together.
    #[must_use]
    pub const fn exclusive(pus: u32) -> Self {
        Self::Exclusive { pus, smt: Smt::Whole, kind: CoreKind::Any }
    }

    /// This many whole cores.
    #[must_use]
    pub const fn cores(cores: u32) -> Self {
        Self::Cores { cores, kind: CoreKind::Any }
    }

    /// A share of a pool.
    #[must_use]
    pub const fn shared(cpu_milli: u32) -> Self {
        Self::Shared { cpu_milli }
    }

    /// The same with this wish for SMT siblings; only [`Cpus::Exclusive`] has one.
    #[must_use]
    pub const fn with_smt(self, smt: Smt) -> Self {
        match self {
            Self::Exclusive { pus, kind, .. } => Self::Exclusive { pus, smt, kind },
            other => other,
        }
    }

    /// The same with this wish for the kind of core; a share has none.
    #[must_use]
    pub const fn with_kind(self, kind: CoreKind) -> Self {
        match self {
            Self::Exclusive { pus, smt, .. } => Self::Exclusive { pus, smt, kind },
            Self::Cores { cores, .. } => Self::Cores { cores, kind },
            Self::Shared { cpu_milli } => Self::Shared { cpu_milli },
        }
    }

    /// Whether it asks for nothing.
    pub(crate) const fn is_none(self) -> bool {
        matches!(self, Self::Exclusive { pus: 0, .. } | Self::Cores { cores: 0, .. } | Self::Shared { cpu_milli: 0 })
    }
}

/// The members of a request, numbered from 0 in the order they were added.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Members {
    list: [Cpus; MAX_MEMBERS],
    /// How many were added, also beyond what the list holds.
    added: u32,
}

impl Members {
    /// A single member.
    #[must_use]
    pub const fn one(cpus: Cpus) -> Self {
        let mut list = [Cpus::shared(0); MAX_MEMBERS];
        list[0] = cpus;
        Self { list, added: 1 }
    }

    /// The same and one more. Beyond [`MAX_MEMBERS`] it is only counted, and the request is refused for it.
    #[must_use]
    pub const fn with(mut self, cpus: Cpus) -> Self {
        if (self.added as usize) < MAX_MEMBERS {
            self.list[self.added as usize] = cpus;
        }
        self.added = self.added.saturating_add(1);
        self
    }

    /// How many were added.
    #[must_use]
    pub const fn added(&self) -> u32 {
        self.added
    }

    /// The members, in order; at most [`MAX_MEMBERS`].
    #[must_use]
    pub fn as_slice(&self) -> &[Cpus] {
        &self.list[..MAX_MEMBERS.min(self.added as usize)]
    }

    /// The member added last.
    pub(crate) const fn last_mut(&mut self) -> Option<&mut Cpus> {
        match self.added as usize {
            at @ 1..=MAX_MEMBERS => Some(&mut self.list[at - 1]),
            _ => None,
        }
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

impl FromIterator<Cpus> for Members {
    fn from_iter<I: IntoIterator<Item = Cpus>>(members: I) -> Self {
        let none = Self { list: [Cpus::shared(0); MAX_MEMBERS], added: 0 };
        members.into_iter().fold(none, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_the_ninth_is_counted() {
        let members: Members = (1..=9).map(Cpus::cores).collect();
        assert_eq!((members.added(), members.as_slice().len()), (9, MAX_MEMBERS));
        assert_eq!(members.as_slice()[7], Cpus::cores(8));
        assert_eq!(Members::one(Cpus::shared(5)), [Cpus::shared(5)].into_iter().collect());
    }

    #[test]
    fn a_wish_that_means_nothing_changes_nothing() {
        let share = Cpus::shared(5);
        assert_eq!(share.with_smt(Smt::Split).with_kind(CoreKind::Required(1)), share);
        assert_eq!(Cpus::cores(2).with_smt(Smt::Split), Cpus::cores(2));
    }
}
