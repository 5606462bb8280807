//! Wire versions: what they are, and how two sides agree on one.
//!
//! A side speaks a closed interval of versions, at most two: its own and the one before, so that a cluster is upgraded machine
//! by machine. Both say theirs in the hello (whose layout never changes); the highest in common is spoken.

/// The version of this build.
pub const WIRE_VERSION: u16 = 1;

/// The oldest version that this build still speaks.
pub const OLDEST_WIRE_VERSION: u16 = if WIRE_VERSION > 1 { WIRE_VERSION - 1 } else { 1 };

const _: () = assert!(OLDEST_WIRE_VERSION >= 1 && OLDEST_WIRE_VERSION <= WIRE_VERSION);

/// The highest version in both intervals (`min ..= max`), if there is one.
#[must_use]
pub fn common(ours: (u16, u16), theirs: (u16, u16)) -> Option<u16> {
    let highest = ours.1.min(theirs.1);
    (highest >= ours.0.max(theirs.0)).then_some(highest)
}

#[cfg(test)]
mod tests {
    use super::common;

    #[test]
    fn the_highest_in_common_is_spoken() {
        assert_eq!(common((1, 2), (2, 3)), Some(2));
        assert_eq!(common((1, 3), (1, 2)), Some(2));
        assert_eq!(common((1, 1), (2, 3)), None);
        assert_eq!(common((3, 2), (1, 4)), None, "an empty interval agrees with none");
    }
}
