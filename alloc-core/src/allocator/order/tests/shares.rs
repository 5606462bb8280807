//! Shares against exact fractions.

use proptest::prelude::*;

use super::*;
use crate::allocator::order::share::Gauge;

fn share(total: u64, used: u64, by: Weight) -> u64 {
    let mut gauge = Gauge::new();
    gauge.set_total(CPU, total);
    gauge.share(&[used, 0, 0], &Far::default(), by.inverse()).parts()
}

/// Totals of every size, and up to 16 times as much in use.
fn total_and_used() -> impl Strategy<Value = (u64, u64)> {
    (0..60_u32, any::<u64>(), any::<u64>(), 0..64_u32).prop_map(|(bits, total, used, less)| {
        let total = (total >> (63 - bits)).max(1);
        (total, (used >> less) % (total.saturating_mul(16)).max(1))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_share_is_less_than_two_parts_off((total, used) in total_and_used(), milli in 1..=1_000_000_000_u32) {
        let parts = share(total, used, weight(milli));
        let exact = ((u128::from(used) * 1000) << 46) / (u128::from(total) * u128::from(milli));
        prop_assert!(u128::from(parts).abs_diff(exact) <= 1, "{parts} for {exact} rounded down");
    }

    #[test]
    fn who_uses_more_has_no_less((total, used) in total_and_used(), more in 0..1000_u64, milli in 1..=1_000_000_000_u32) {
        let by = weight(milli);
        prop_assert!(share(total, used, by) <= share(total, used.saturating_add(more), by));
    }

    #[test]
    fn a_whole_number_of_parts_comes_out_as_it_is(bits in 0..46_u32, used in any::<u64>(), factor in 1..1000_u64, more in 0..9_u32) {
        let used = used % (4 << bits);
        let exact = (used << (46 - bits)) >> more.min(46 - bits);
        prop_assert_eq!(share(factor << bits, used * factor, weight(1000 << more.min(46 - bits))), exact);
    }

    #[test]
    fn equal_fractions_are_equal_shares(over in 0..1000_u64, under in 1..1000_u64, one in 1..100_000_u64, other in 1..100_000_u64) {
        let [one, other] = [one, other].map(|times| share(under * times, over.min(under) * times, Weight::ONE));
        // But for rounding, one time in a thousand.
        prop_assert!(one.abs_diff(other) <= 1);
    }
}

#[test]
fn equal_shares_of_different_totals_hardly_ever_differ() {
    let mut differ = 0;
    for under in 1..400 {
        for over in 1..under {
            let plain = share(under, over, Weight::ONE);
            let by_three =
                share(7 * under * 3, 7 * over * 3, weight(3000)) != share(11 * under * 3, 11 * over, Weight::ONE);
            differ += u32::from(share(7919 * under, 7919 * over, Weight::ONE) != plain) + u32::from(by_three);
        }
    }
    assert!(differ < 2 * 80_000 / 400, "{differ} of 159,600");
}

#[test]
fn a_weight_is_within_bounds() {
    assert_eq!(Weight::from_milli(0), None);
    assert_eq!(Weight::from_milli(1_000_000_001), None);
    assert_eq!(Weight::from_milli(1000), Some(Weight::ONE));
    assert_eq!(weight(1).milli(), 1);
}
