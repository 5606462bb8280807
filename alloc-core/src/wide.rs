//! Wide: place for requests that take more than one leaf, or several members, along the planes of [`agents`](crate::agents).
//!
//! What a request needs at the least is a floor of one family. A search goes through the classes from the floor up, tightest
//! first (pack), or roomiest first (spread), looks at each agent it finds there, plans on those that have enough, and claims.
//! Several floors are tried one after the other (**passes**): one NUMA node that has it all before an agent that has it in pieces;
//! room for shares in new cores before room in pools that are there.
//!
//! A search is bounded: after so many looks, or so many agents whose plan failed, it gives up, and the caller walks over all.
//! Agents that have grown are looked at beside, a few for each placement, all of them before a search gives up.

use core::ops::Range;

use crate::MILLI_PER_PU;
use crate::agents::{Agents, Family, Figures, Sieve, pus_up, split_parts, units};
use crate::block::POSITIONS_PER_LINE;
use crate::claim::{Holder, Untaken, take};
use crate::extras::DeviceAmount;
use crate::ids::AgentId;
use crate::index::ROW;
use crate::mask::Mask;
use crate::outcome::Grant;
use crate::plain;
use crate::plan::plan;
use crate::quantity::pages_up;
use crate::record::OpenRecord;
use crate::request::{Level, Locality, Policy, Request};
use crate::shortlist::{self, Shortlist};
use crate::site::{Hands, Site};
use crate::siting::Siting;
use crate::stock::{View, WhatIf};
use crate::toll::Toll;
use crate::wants::{Grain, Wants};
use crate::worth::{LOSES_NO_DEVICE, Worth};

/// How many agents that do not have enough are looked at in a pass for one placement.
const LOOKS: u32 = 64;
/// The same by devices: many have some left, and no CPU to go with them.
const DEVICE_LOOKS: u32 = 1024;
/// How many agents or leaves that a rule forbids are passed over in a search.
pub(crate) const TURNED_AWAY: u32 = 1024;
/// How many agents have enough, and no plan, before a pass is given up.
const MISSES: u32 = 8;
/// How many agents that have grown are looked at for each placement.
const GROWN_LOOKS: usize = 8;
const PASSES: usize = 6;

/// A floor: an agent with less of the family cannot serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Floor {
    family: Family,
    amount: u32,
    /// Only of agents that have no device left.
    bare: bool,
}

/// The floors to search by, in order.
#[derive(Clone, Copy, Debug, Default)]
struct Floors {
    list: [Option<Floor>; PASSES],
    len: usize,
}

impl Floors {
    /// Where no core is narrower than `width` PUs.
    fn of(request: &Request, wants: &Wants, policy: Policy, width: u32) -> Self {
        let single = wants.takes().iter().any(|take| matches!(take.grain, Grain::Kept | Grain::Split));
        let family = if single { Family::Free } else { Family::Whole };
        let least = wants.least_pus_on(width);
        let shared = u32::try_from(wants.share_milli().div_ceil(u64::from(MILLI_PER_PU))).unwrap_or(u32::MAX);
        let most = least.saturating_add(shared);
        let mut floors = Self::default();
        if let Some(wish) = request.extras.wishes().and_then(|wishes| wishes.devices.first()) {
            // Devices are the scarcer.
            match wish.amount {
                DeviceAmount::Whole(devices) => floors.push(Family::Devices, devices),
                DeviceAmount::Milli(milli) => {
                    floors.push(Family::Split, split_parts(milli));
                    floors.push(Family::Devices, 1);
                }
            }
            return floors;
        }
        let in_numa_node = request.locality == Locality::Required(Level::NumaNode);
        if !single && (in_numa_node || policy != Policy::Spread) {
            floors.push(Family::Together, most);
        }
        if single || !in_numa_node {
            floors.push(family, most);
        }
        if least < most {
            floors.push(family, least);
        }
        floors
    }

    fn get(&self, at: usize) -> Option<Floor> {
        self.list.get(at).copied().flatten()
    }

    /// Nothing is found by a floor of nothing.
    fn push(&mut self, family: Family, amount: u32) {
        if amount > 0 {
            self.list[self.len] = Some(Floor { family, amount, bare: false });
            self.len += 1;
        }
    }

    /// The same among agents without devices first.
    fn bare_first(mut self) -> Self {
        let floors = self.list;
        let bare = floors.iter().flatten().map(|floor| Floor { bare: true, ..*floor });
        let all = bare.chain(floors.iter().flatten().copied());
        self.list.iter_mut().zip(all).for_each(|(place, floor)| *place = Some(floor));
        self.len *= 2;
        self
    }
}

/// Why an agent was not claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// No agent that was found serves.
    Agent,
    /// The shard's claim records are used up.
    Shard,
    /// The role is refused, whatever the agent.
    Role,
}

/// Joins the groups, charges the role and takes what a record says. The first agent whose pools changed for nothing is kept in
/// `pools_changed`.
pub(crate) fn take_planned<'a>(
    site: &Site<'a>,
    mut record: OpenRecord<'a>,
    siting: Option<Siting<'_>>,
    pools_changed: &mut Option<AgentId>,
) -> Result<Grant, Missed> {
    if siting.is_some_and(|siting| !siting.join(site, &mut record)) {
        return Err(Missed::Agent);
    }
    record.sort();
    let charged = record.amounts(site.hands.places_of(record.place()));
    take(site, &mut record, &charged, siting).map_err(|untaken| match untaken {
        Untaken::Role(_) => Missed::Role,
        Untaken::Moved { pools_changed: changed } => {
            *pools_changed = pools_changed.or_else(|| changed.then_some(site.agent));
            Missed::Agent
        }
    })
}

/// The agents shown in a family, class by class; in each from a line on, and then up to it.
#[derive(Debug)]
struct Trail {
    family: Family,
    classes: Range<u32>,
    class: Option<u32>,
    start: u32,
    line: u32,
    wrapped: bool,
}

impl Trail {
    fn new(floor: Floor, start: u32) -> Self {
        let classes = floor.family.classes_from(floor.amount);
        Self { family: floor.family, classes, class: None, start, line: start, wrapped: false }
    }

    /// The next agent that is in a mask, and its class.
    fn next(
        &mut self,
        agents: &Agents,
        (mask, sieve): (Option<&Mask>, Sieve),
        roomiest_first: bool,
    ) -> Option<(u32, u32)> {
        let in_mask = |line: &u32| mask.is_none_or(|mask| mask.has(line * POSITIONS_PER_LINE));
        loop {
            let Some(class) = self.class else {
                self.class = Some(if roomiest_first { self.classes.next_back() } else { self.classes.next() }?);
                (self.line, self.wrapped) = (self.start, false);
                continue;
            };
            // Stretches without agents in the mask are passed over at once.
            let from = mask.map_or(Some(self.line), |mask| {
                mask.next_row(self.line * POSITIONS_PER_LINE / ROW)
                    .map(|row| self.line.max(row * ROW / POSITIONS_PER_LINE))
            });
            match from.and_then(|from| agents.next(self.family, class, from, sieve)) {
                Some(line) if !self.wrapped || line < self.start => {
                    self.line = line + 1;
                    if in_mask(&line) {
                        return Some((class, line));
                    }
                }
                _ if !self.wrapped => (self.line, self.wrapped) = (0, true),
                _ => self.class = None,
            }
        }
    }
}

/// A search in one shard, for one request, and any number of holders.
#[derive(Debug)]
pub(crate) struct Wide<'a> {
    hands: Hands<'a>,
    siting: Option<Siting<'a>>,
    request: &'a Request,
    wants: Wants,
    policy: Policy,
    worth: Option<&'a Worth>,
    pages: u64,
    /// What an agent has to have in all, where floors are of devices.
    toll: Option<Toll>,
    floors: Floors,
    /// Which floor is searched by, and how far.
    pass: usize,
    trail: Trail,
    looks: u32,
    misses: u32,
    /// Agents that a rule forbids.
    turned_away: u32,
    /// Agents of the trail that are not looked at yet, with their classes, the next one last; and how many.
    ahead: ([(u32, u32); shortlist::MOST], usize),
    /// Agents found that are not used yet.
    found: Shortlist,
    /// An agent that was claimed on, and may serve once more.
    last: Option<u32>,
    /// Whether an agent was found without the memory wanted: from then on the planes of memory are asked too.
    by_memory: bool,
    /// Where the next agent that has grown is looked for, and whether all were looked at.
    grown: u32,
    settled: bool,
    /// An agent whose pools changed though nothing was claimed.
    pub(crate) pools_changed: Option<AgentId>,
}

impl<'a> Wide<'a> {
    /// A search for so many placements; `None` when the planes cannot tell who serves.
    pub(crate) fn new(
        hands: Hands<'a>,
        siting: Option<Siting<'a>>,
        request: &'a Request,
        (policy, worth): (Policy, Option<&'a Worth>),
        placements: usize,
    ) -> Option<Self> {
        let apart = (u64::from(hands.shard.lines()) * u64::from(hands.table.start_of(hands.desk))) >> 32;
        let start = u32::try_from(apart).unwrap_or(0);
        let wants = Wants::new(request, false);
        let width = hands.table.narrowest();
        let mut floors = Floors::of(request, &wants, policy, width);
        if worth.is_some_and(Worth::spares_devices) {
            floors = floors.bare_first();
        }
        let by_devices = floors.get(0).is_some_and(|floor| matches!(floor.family, Family::Devices | Family::Split));
        let trail = Trail::new(floors.get(0)?, start);
        let mut wide = Self {
            hands,
            siting,
            request,
            wants,
            policy,
            worth,
            pages: pages_up(request.mem_bytes),
            toll: by_devices.then(|| Toll::least(request)),
            floors,
            pass: 0,
            trail,
            looks: 0,
            misses: 0,
            turned_away: 0,
            ahead: ([(0, 0); shortlist::MOST], 0),
            found: Shortlist::default(),
            last: None,
            by_memory: false,
            grown: start,
            settled: false,
            pools_changed: None,
        };
        wide.settle_grown(placements.saturating_mul(GROWN_LOOKS));
        Some(wide)
    }

    /// Claims on the next agent that serves.
    pub(crate) fn place(&mut self, holder: Holder) -> Result<Grant, Missed> {
        if let Some(line) = self.last.take()
            && self.still_serves(line)
            && let Ok(grant) = self.claim(line, holder)
        {
            self.last = Some(line);
            return Ok(grant);
        }
        while let Some(line) = self.pop() {
            match self.claim(line, holder) {
                Ok(grant) => {
                    (self.looks, self.misses) = (0, 0);
                    // What is left where was claimed is the tightest there is.
                    self.last = (self.policy != Policy::Spread).then_some(line);
                    return Ok(grant);
                }
                Err(Missed::Agent) => self.misses += 1,
                Err(missed) => return Err(missed),
            }
        }
        Err(Missed::Agent)
    }

    /// Whether an agent has enough still.
    fn still_serves(&self, line: u32) -> bool {
        let (site, floor) = (self.site(line), self.floors.get(self.pass));
        site.zip(floor).is_some_and(|(site, floor)| {
            let figures = Figures::of(&site.machine);
            figures.amount(floor.family) >= floor.amount && figures.pages >= self.pages
        })
    }

    /// The best of the agents found; of none, of the next few.
    fn pop(&mut self) -> Option<u32> {
        while self.found.len() == 0 {
            self.gather();
            if self.found.len() == 0 {
                self.next_pass()?;
            }
        }
        self.found.pop()
    }

    /// Finds the next few agents that have enough.
    fn gather(&mut self) {
        let by_devices = self.worth.is_some_and(Worth::knows_devices);
        let looks = if self.toll.is_some() { DEVICE_LOOKS } else { LOOKS };
        while self.found.len() == 0 && self.looks < looks && self.misses < MISSES {
            if self.ahead.1 == 0 {
                self.look_ahead(if by_devices { shortlist::MOST } else { shortlist::FEW });
            }
            if self.ahead.1 == 0 {
                return;
            }
            while let Some((class, line)) = self.pop_ahead() {
                match self.look(class, line) {
                    Some(rank) => {
                        self.found.push(rank, line);
                        // There is none better; those that are left are for the next.
                        if by_devices && rank <= LOSES_NO_DEVICE {
                            return;
                        }
                    }
                    None => self.looks += 1,
                }
            }
        }
    }

    /// Takes the next few agents of the trail, and asks for all before the first is looked at.
    fn look_ahead(&mut self, most: usize) {
        let (mut ahead, mut len) = ([(0, 0); shortlist::MOST], 0);
        while len < most
            && let Some(next) = self.next()
        {
            self.hands.shard.prefetch_words(next.1);
            ahead[len] = next;
            len += 1;
        }
        ahead[..len].reverse();
        self.ahead = (ahead, len);
    }

    fn pop_ahead(&mut self) -> Option<(u32, u32)> {
        let (ahead, len) = &mut self.ahead;
        *len = len.checked_sub(1)?;
        Some(ahead[*len])
    }

    /// The next agent of the trail that may be claimed on, and its class.
    fn next(&mut self) -> Option<(u32, u32)> {
        let mask = self.siting.map(|siting| siting.mask(self.hands.shard_at));
        let bare = self.floors.get(self.pass).is_some_and(|floor| floor.bare);
        let bare = self.worth.filter(|_| bare).map(|worth| split_parts(worth.least_part()));
        let sieve = Sieve { pus: self.toll.map(|toll| pus_up(toll.cpu_milli)), bare };
        let roomiest_first = self.policy == Policy::Spread;
        while self.turned_away < TURNED_AWAY {
            let (class, line) = self.trail.next(&self.hands.shard.index.agents, (mask, sieve), roomiest_first)?;
            let position = line * POSITIONS_PER_LINE;
            if self.siting.is_none_or(|siting| siting.admits_at(&self.hands, position)) {
                return Some((class, line));
            }
            self.turned_away += 1;
        }
        None
    }

    /// Goes on to the next floor; after the last one begins again once, when all that has grown is known.
    fn next_pass(&mut self) -> Option<()> {
        self.pass += 1;
        if self.floors.get(self.pass).is_none() {
            if self.settled || self.settle_grown(self.hands.shard.agents() as usize) == 0 {
                return None;
            }
            (self.pass, self.settled) = (0, true);
        }
        self.trail = Trail::new(self.floors.get(self.pass)?, self.trail.start);
        (self.looks, self.misses, self.ahead.1) = (0, 0, 0);
        Some(())
    }

    /// Looks at agents that have grown; how many.
    fn settle_grown(&mut self, most: usize) -> usize {
        let agents = &self.hands.shard.index.agents;
        for looked in 0..most {
            let Some(line) = agents.next_grown(self.grown).or_else(|| agents.next_grown(0)) else { return looked };
            self.grown = line + 1;
            if let Some(site) = self.site(line) {
                agents.settle_grown(line, &site.machine);
            }
        }
        most
    }

    /// The agent whose block starts at a line, if it takes new claims.
    fn site(&self, line: u32) -> Option<Site<'a>> {
        let site = self.hands.open_site_at(line * POSITIONS_PER_LINE)?;
        (site.cell.line == line).then_some(site)
    }

    /// Looks whether an agent has enough, and ranks it.
    fn look(&mut self, class: u32, line: u32) -> Option<i64> {
        let agents = &self.hands.shard.index.agents;
        if self.by_memory && !agents.is_shown(Family::Pages, units(self.pages), line) {
            return None;
        }
        let site = self.site(line)?;
        let floor = self.floors.get(self.pass)?;
        let figures = agents.look(floor.family, class, line, &site.machine);
        if let Some(toll) = self.toll
            && figures.cpu_milli < toll.cpu_milli
        {
            let classes = Family::Cpu.classes_from(pus_up(toll.cpu_milli));
            agents.settle(Family::Cpu, classes, line, &site.machine);
            return None;
        }
        if figures.pages < self.pages {
            self.by_memory = true;
            agents.settle(Family::Pages, Family::Pages.classes_from(units(self.pages)), line, &site.machine);
            return None;
        }
        if figures.amount(floor.family) < floor.amount {
            return None;
        }
        let free = i64::from(figures.free);
        Some(match self.worth {
            Some(worth) => worth.rank_agent(&site.machine, &figures),
            None if self.policy == Policy::Spread => -free,
            None => free,
        })
    }

    /// Plans on an agent, and claims.
    fn claim(&mut self, line: u32, holder: Holder) -> Result<Grant, Missed> {
        let site = self.site(line).ok_or(Missed::Agent)?;
        let mut record = site.begin(holder.owner, holder.role).map_err(|_| Missed::Shard)?;
        record.set_standing(self.request.standing.unwrap_or_default());
        let planned = plain::plan(self.request, &self.wants, site.machine, &mut record).unwrap_or_else(|| {
            let view = View { machine: site.machine, what_if: WhatIf::AsIs };
            plan(self.request, &view, &mut record)
        });
        planned.map_err(|_| Missed::Agent)?;
        take_planned(&site, record, self.siting, &mut self.pools_changed)
    }
}
