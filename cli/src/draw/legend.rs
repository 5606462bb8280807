//! Which character stands for whom.
//!
//! Owners are lettered in order of drawing, `A` to `Z`, `a` to `z`, `0` to `9`; when the letters run out
//! the rest share `*`, and only the counts tell them from each other.

use std::collections::HashMap;

use super::ink::{Ink, Line, flow};
use super::map::{MachineMap, PuState};
use super::text::{cut, printable};

const FREE: char = '·';
const POOL: char = '░';
const DISALLOWED: char = '×';
const OFFLINE: char = '-';
const UNLETTERED: char = '*';

/// The longest label of an owner; a longer one is cut.
const MAX_LABEL: usize = 32;

/// The marks of one picture, and how many PUs each has.
#[derive(Debug, Default)]
pub(super) struct Legend {
    numbers: HashMap<String, usize>,
    owners: Vec<(String, usize)>,
    free: usize,
    pool: usize,
    disallowed: usize,
    offline: usize,
}

impl Legend {
    /// Counts the PUs and letters the owners.
    pub(super) fn of(map: &MachineMap) -> Self {
        let mut legend = Self::default();
        for pu in map.pus() {
            *legend.counter(&pu.state) += 1;
        }
        legend
    }

    fn counter(&mut self, state: &PuState) -> &mut usize {
        match state {
            PuState::Free => &mut self.free,
            PuState::Pool => &mut self.pool,
            PuState::Disallowed => &mut self.disallowed,
            PuState::Offline => &mut self.offline,
            PuState::Exclusive(owner) => {
                let next = self.owners.len();
                let number = *self.numbers.entry(owner.clone()).or_insert(next);
                if number == next {
                    self.owners.push((owner.clone(), 0));
                }
                &mut self.owners[number].1
            }
        }
    }

    /// How a PU in this state looks.
    pub(super) fn mark(&self, state: &PuState) -> (char, Ink) {
        match state {
            PuState::Free => (FREE, Ink::Free),
            PuState::Pool => (POOL, Ink::Pool),
            PuState::Disallowed => (DISALLOWED, Ink::Off),
            PuState::Offline => (OFFLINE, Ink::Off),
            PuState::Exclusive(owner) => {
                let number = self.numbers.get(owner).copied().unwrap_or(usize::MAX);
                (letter(number), Ink::Owner(number))
            }
        }
    }

    /// The legend's lines: what is free, the owners in order, the rest.
    pub(super) fn lines(&self, width: usize) -> Vec<Line> {
        let mut pieces = vec![entry(FREE, Ink::Free, "free", self.free, width)];
        for (number, (owner, count)) in self.owners.iter().enumerate() {
            pieces.push(entry(letter(number), Ink::Owner(number), owner, *count, width));
        }
        let others = [
            (POOL, Ink::Pool, "shared pool", self.pool),
            (DISALLOWED, Ink::Off, "not allowed", self.disallowed),
            (OFFLINE, Ink::Off, "offline", self.offline),
        ];
        for (mark, ink, what, count) in others {
            if count > 0 {
                pieces.push(entry(mark, ink, what, count, width));
            }
        }
        flow(pieces, width, 3)
    }
}

fn letter(number: usize) -> char {
    let letters = ('A'..='Z').chain('a'..='z').chain('0'..='9');
    letters.into_iter().nth(number).unwrap_or(UNLETTERED)
}

/// `A web.1 4`: the mark as it looks in the picture, whose it is, how many PUs.
fn entry(mark: char, ink: Ink, whose: &str, count: usize, width: usize) -> Line {
    let count = format!(" {count}");
    let room = MAX_LABEL.min(width.saturating_sub(2 + count.len()));
    let mut line = Line::of(mark, ink);
    line.push(" ", Ink::Plain);
    line.push(cut(&printable(whose), room), Ink::Plain);
    line.push(count, Ink::Faint);
    line
}
