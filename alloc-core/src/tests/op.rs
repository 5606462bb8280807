//! Op: one call on a table, as a value. What is fed to the [`property`](super::property) by examples, by random sequences, by the
//! fuzzer, and to real threads by the stress test.
//!
//! Ops are read from bytes: any bytes are some sequence. One more call is one more variant, an arm in [`Op::read`] from the bytes that
//! are spare (so that old scripts keep their meaning), and an arm in `World::run`. What the calls ask for is read in
//! [`wish`](super::wish).

use super::script::Script;
use super::wish::{self, Chosen};
use super::wish_extras;
use meros_alloc_core::{AgentState, HoldLimit, Limit, Placement, Policy, Request};

/// One call. Claims and pools are named by position among those there are.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Claim(Request),
    Place(Request, Policy),
    PlaceMany(u8, Request, Policy),
    Hold(HoldLimit),
    Split(usize, Request),
    SplitHalf(usize),
    Merge(usize, usize),
    /// Several claims of the one agent, all or nothing.
    Gang(Vec<Request>),
    Resize(usize, Request),
    /// To something like what it is: the size of its members, and pages.
    ResizeAlike(usize, u32, u64),
    /// A claim that says exactly what is free.
    ClaimChosen(Chosen),
    /// A claim of what was planned on a snapshot.
    ClaimPlanned(Request),
    /// A claim of what was said exactly some calls ago.
    ClaimStale,
    Transfer(usize, u64),
    Release(usize),
    ReleaseMany(usize, u8),
    ReleaseOfAnother(usize),
    /// Everything that can be tried with a claim that is gone.
    UseStale(usize),
    /// Everything that can be tried with an agent, a role or a pool that never was.
    UseUnknown(u8),
    /// A claim told to the table, whether it can be or not.
    Restore(Placement),
    Confirm(usize),
    ConfirmOld(usize),
    SetState(AgentState),
    SetLimit(Limit),
    /// Who is charged from here on.
    SetRole(usize),
    /// Of a role, of something that the machine has.
    SetLimitOf(usize, usize, u8),
    /// The agent goes, with all its claims, and comes back as a new incarnation.
    Return,
    Restart,
}

/// The most ops of one sequence.
pub(super) const MOST: usize = 48;

impl Op {
    /// The next op of a script; `None` at its end.
    pub(super) fn read(script: &mut Script<'_>) -> Option<Self> {
        Some(match script.byte()? {
            0..=59 => Self::Claim(wish::request(script)?),
            60..=71 => Self::Place(wish::request(script)?, wish::policy(script)?),
            72..=75 => Self::PlaceMany(script.byte()? % 4, wish::request(script)?, wish::policy(script)?),
            76..=91 => Self::Hold(wish::hold(script)?),
            92..=123 => Self::Split(script.position()?, wish::request(script)?),
            124..=131 => Self::SplitHalf(script.position()?),
            132..=139 => Self::Transfer(script.position()?, 1 + u64::from(script.byte()? % 4)),
            140..=179 => Self::Release(script.position()?),
            180..=187 => Self::ReleaseMany(script.position()?, script.byte()? % 4),
            188..=189 => Self::ReleaseOfAnother(script.position()?),
            190..=191 => Self::UseStale(script.position()?),
            192 => Self::UseUnknown(script.byte()?),
            193..=195 => Self::Restore(wish::placement(script)?),
            196..=211 => Self::Confirm(script.position()?),
            212..=215 => Self::ConfirmOld(script.position()?),
            216..=217 => Self::SetState(wish::state(script)?),
            218..=219 => Self::SetLimit(wish::limit(script)?),
            220 => Self::Return,
            221..=223 => Self::Restart,
            224..=229 => Self::Merge(script.position()?, script.position()?),
            230..=232 => Self::Gang((0..=script.below(3)?).map(|_| wish::request(script)).collect::<Option<_>>()?),
            233..=234 => Self::Resize(script.position()?, wish::request(script)?),
            235..=241 => {
                Self::ResizeAlike(script.position()?, 1 + u32::from(script.byte()? % 8), u64::from(script.byte()? % 20))
            }
            242..=246 => Self::ClaimChosen(wish::chosen(script)?),
            247..=251 => Self::ClaimPlanned(wish::request(script)?),
            252 => Self::ClaimStale,
            253..=254 => Self::Restore(wish_extras::alone(script)?),
            // 255: one byte for all that came last.
            _ => match script.byte()? {
                0..=99 => Self::SetRole(script.position()?),
                _ => Self::SetLimitOf(script.position()?, script.position()?, script.byte()?),
            },
        })
    }

    /// The ops of a whole script.
    pub(super) fn sequence(script: Script<'_>) -> impl Iterator<Item = Self> {
        let mut script = script;
        core::iter::from_fn(move || Self::read(&mut script)).take(MOST)
    }
}
