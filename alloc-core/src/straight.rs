//! Straight: a region found without trying sets of domains, where it is certain that none has fewer.
//!
//! A set of as few outer domains as can be is chosen by [`tighten`], and as few inner ones in it. If these are no more than the fewest
//! that hold what is wanted anywhere on the ground, no set has fewer of either. If they are more, the same is tried with the fullest
//! outer domains; and if that is not certain either, all sets are looked at, as ever.
//!
//! For whole cores of one kind only, without a preferred level: else regions with as many domains are not equally good.

use crate::bins::{Bin, fewest, sort, tighten};
use crate::request::Locality;
use crate::search::{Best, Ground, Search};
use crate::stock::Stock;
use crate::wants::Grain;

impl<S: Stock, const N: usize> Search<'_, S, N> {
    /// Looks for a region with no more domains than any other; `outers` are sorted, and `least` of them hold enough. False when it
    /// is not certain.
    pub(crate) fn search_straight(&self, ground: Ground<'_>, outers: &[Bin], least: usize, best: &mut Best) -> bool {
        if !self.is_straight() {
            return false;
        }
        let mut bins = [Bin::default(); N];
        let len = self.inners(ground, outers, &mut bins);
        sort(&mut bins[..len]);
        let Some(fewest_inners) = fewest(&bins[..len], self.wanted()) else { return false };
        let mut tight = [Bin::default(); N];
        let tight = &mut tight[..outers.len()];
        tight.copy_from_slice(outers);
        tighten(tight, least, self.wanted());
        [&tight[..least], &outers[..least]].into_iter().any(|chosen| {
            let len = self.inners(ground, chosen, &mut bins);
            sort(&mut bins[..len]);
            let certain = fewest(&bins[..len], self.wanted()) == Some(fewest_inners);
            if certain {
                tighten(&mut bins[..len], fewest_inners, self.wanted());
                self.try_region(ground, chosen, &bins[..fewest_inners], best);
            }
            certain
        })
    }

    fn is_straight(&self) -> bool {
        let layout = self.layout();
        let whole = self.only_take().is_some_and(|take| matches!(take.grain, Grain::Cores | Grain::CoresByPu));
        whole && !layout.crossing && layout.kinds.len() == 1 && !matches!(self.locality(), Locality::Preferred(_))
    }
}
