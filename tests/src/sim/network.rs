//! Wires: bytes arrive in order, after a while, or the wire breaks and what was under way is lost.

use std::collections::BTreeMap;

use meros_sdk::IdSource;
use meros_wire::Link;

/// Which end of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Who connected.
    Client,
    /// The master.
    Server,
}

/// A wire; its number is also the master's number for the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WireId(pub u64);

/// Something that arrives.
#[derive(Debug)]
pub enum Arrival {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The end of the wire.
    Gone,
}

#[derive(Debug, Default)]
struct Wire {
    /// When the last thing sent towards each end arrives: what follows comes no earlier.
    last_ms: [u64; 2],
}

/// All wires that have not broken.
#[derive(Debug, Default)]
pub struct Network {
    wires: BTreeMap<WireId, Wire>,
    last: u64,
}

impl Network {
    /// A new wire.
    pub fn connect(&mut self) -> WireId {
        self.last += 1;
        let id = WireId(self.last);
        self.wires.insert(id, Wire::default());
        id
    }

    /// True while bytes pass.
    #[must_use]
    pub fn is_whole(&self, wire: WireId) -> bool {
        self.wires.contains_key(&wire)
    }

    /// When something sent now arrives; `None`: the wire is broken.
    pub fn arrival_ms(&mut self, wire: WireId, to: End, now_ms: u64, delay_ms: u64) -> Option<u64> {
        let last_ms = &mut self.wires.get_mut(&wire)?.last_ms[to as usize];
        *last_ms = (*last_ms).max(now_ms + delay_ms);
        Some(*last_ms)
    }

    /// Breaks a wire: nothing arrives any more.
    pub fn cut(&mut self, wire: WireId) -> bool {
        self.wires.remove(&wire).is_some()
    }

    /// One of the whole wires.
    pub fn any(&self, dice: &mut IdSource) -> Option<WireId> {
        let limit = u64::try_from(self.wires.len()).ok()?.checked_sub(1)?;
        let at = usize::try_from(dice.up_to(limit)).ok()?;
        self.wires.keys().nth(at).copied()
    }
}

/// Everything a link has to send.
pub fn drain(link: &mut dyn Link) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let output = link.output();
        if output.is_empty() {
            return all;
        }
        let count = output.len();
        all.extend_from_slice(output);
        link.consume(count);
    }
}
