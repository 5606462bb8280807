//! Why: the figures behind a refusal, found by planning the same request on what-if views of the same agent.

use crate::PAGE_BYTES;
use crate::extras::{DeviceLocality, ExtraWord, Extras, HugeSize, Wishes, beside, figures};
use crate::hold;
use crate::ids::NumaNodeId;
use crate::layout::Layout;
use crate::leaf::PuState;
use crate::machine::Machine;
use crate::member::Cpus;
use crate::memory_plan::Demand;
use crate::nodeset::NodeSet;
use crate::plan::{Lack, Nowhere, Scope, cpus_fit, group_scopes, plan, single_scopes};
use crate::quantity::pages_up;
use crate::reason::{Invalid, Reason, Shortage, Wanted};
use crate::request::{HoldLimit, Level, Locality, MemoryLocality, Request};
use crate::shared::{Reach, reach_milli};
use crate::site::Site;
use crate::stock::{Held, Stock, View, WhatIf};
use crate::wants::{Grain, Take, Wants};

/// Why an agent could not grant a request that can be meant at this moment, if it could not.
pub(crate) fn refuses(site: &Site<'_>, request: &Request) -> Option<Reason> {
    let as_is = View { machine: site.machine, what_if: WhatIf::AsIs };
    site.closed().or_else(|| {
        plan(request, &as_is, &mut Nowhere).err()?;
        of_agent(site.machine, request)
    })
}

/// The reason for which an agent refuses a request; `None` when by now it would fit.
pub(crate) fn of_agent(machine: Machine<'_>, request: &Request) -> Option<Reason> {
    let view = |what_if| View { machine, what_if };
    let lack = |what_if| plan(request, &view(what_if), &mut Nowhere).err();
    let short = |lack| shortage(lack, request, &view(WhatIf::AsIs), &view(WhatIf::Empty), machine);
    if let Some(lack) = lack(WhatIf::Empty) {
        return Some(Reason::LargerThanMachine(short(lack)));
    }
    let now = lack(WhatIf::AsIs)?;
    // What cannot differ from the agent as it is need not be planned.
    let leaving = machine.count_in(PuState::Leaving) > 0;
    Some(if leaving && lack(WhatIf::CoresLeft).is_none() {
        Reason::CoresLeaving(short(Lack::Cpus))
    } else if !Demand::of(request).is_empty() && lack(WhatIf::AllAdmitted).is_none() {
        Reason::StrictMemory(short(memory_lack(request)))
    } else {
        Reason::Busy(short(now))
    })
}

/// The reason for which there is nothing to hold; `None` when by now there is.
pub(crate) fn of_hold(machine: Machine<'_>, limit: HoldLimit) -> Option<Reason> {
    let as_is = View { machine, what_if: WhatIf::AsIs };
    match of_agent(machine, &hold::ANYTHING) {
        Some(reason) => Some(reason),
        None if hold::plan(limit, &as_is, &mut Nowhere).is_ok() => None,
        None => Some(Reason::Invalid(Invalid::HoldTooSmall)),
    }
}

/// The reason for which a claim cannot be split.
pub(crate) fn of_split(lack: Lack, held: Held<'_>, request: &Request) -> Reason {
    let all_admitted = Held { all_admitted: true, ..held };
    if plan(request, &all_admitted, &mut Nowhere).is_ok() {
        return Reason::StrictMemory(shortage(memory_lack(request), request, &held, &held, held.machine));
    }
    Reason::Busy(shortage(lack, request, &held, &held, held.machine))
}

/// What is lacking when the memory is there, but not beside those who have some of it.
fn memory_lack(request: &Request) -> Lack {
    let huge = HugeSize::ALL.into_iter().find(|size| request.extras.huge_pages().get(*size) > 0);
    match huge {
        Some(size) if request.mem_bytes == 0 => Lack::Extra(Wanted::HugePages(size)),
        _ => Lack::Memory,
    }
}

/// The reason for which a claim cannot be resized: `now` is what it has and what is free.
pub(crate) fn of_resize(
    lack: Lack,
    request: &Request,
    now: &impl Stock,
    machine: Machine<'_>,
    once_left: bool,
) -> Reason {
    let empty = View { machine, what_if: WhatIf::Empty };
    let short = |lack| shortage(lack, request, now, &empty, machine);
    if let Err(lack) = plan(request, &empty, &mut Nowhere) {
        Reason::LargerThanMachine(short(lack))
    } else if once_left {
        Reason::CoresLeaving(short(lack))
    } else {
        Reason::Busy(short(lack))
    }
}

fn shortage(lack: Lack, request: &Request, now: &impl Stock, empty: &impl Stock, machine: Machine<'_>) -> Shortage {
    let wants = Wants::new(request, false);
    let (what, asked) = match lack {
        Lack::Memory => (Wanted::MemBytes, pages_up(request.mem_bytes).saturating_mul(PAGE_BYTES)),
        Lack::Extra(what) => (what, request.extras.wishes().map_or(0, |wishes| figures::asked(what, wishes))),
        _ if lacks_pus(request, &wants, now) => (Wanted::ExclusivePus, least_pus(&wants, machine)),
        _ => (Wanted::SharedMilli, wants.share_milli()),
    };
    Shortage {
        what,
        asked,
        free: total(what, now),
        best: best(what, request, &wants, now),
        machine: best(what, request, &wants, empty),
        pool_pus: machine.count_in(PuState::Pool),
        leaving_pus: machine.count_in(PuState::Leaving),
        locality: request.locality,
        memory: request.memory,
        devices: request.extras.wishes().map_or(DeviceLocality::Any, |wishes| wishes.locality_of(what)),
    }
}

/// Whether exclusive members are what does not fit: without them, or with shared ones left out, it is the same.
fn lacks_pus(request: &Request, wants: &Wants, now: &impl Stock) -> bool {
    if wants.takes().is_empty() || wants.shares().is_empty() {
        return !wants.takes().is_empty();
    }
    let exclusive = request.members.as_slice().iter().filter(|cpus| !matches!(cpus, Cpus::Shared { .. }));
    let alone = Request { members: exclusive.copied().collect(), extras: Extras::NONE, ..*request };
    !cpus_fit(&alone, Scope::Anywhere, now)
}

/// PUs that the exclusive members need, cores counted with the PUs of the machine's narrowest.
fn least_pus(wants: &Wants, machine: Machine<'_>) -> u64 {
    let narrowest = machine.shape.layout.leaves.iter().map(|leaf| leaf.bits.width).min().unwrap_or(1);
    let pus = |take: &Take| u64::from(take.amount) * if take.grain == Grain::Cores { u64::from(narrowest) } else { 1 };
    wants.takes().iter().map(pus).sum()
}

fn total(what: Wanted, stock: &impl Stock) -> u64 {
    let shape = stock.shape();
    match what {
        Wanted::ExclusivePus => {
            (0..).zip(&shape.layout.leaves).map(|(leaf, _)| u64::from(stock.pus(leaf).count_ones())).sum()
        }
        Wanted::SharedMilli => reach_milli(Reach::Whole, Scope::Anywhere, stock),
        Wanted::MemBytes => shape.ordinary().iter().map(|numa_node| stock.pages(numa_node) * PAGE_BYTES).sum(),
        extra => figures::free(extra, stock),
    }
}

/// The most of it that is of use to the request, in one place which keeps the wishes required.
fn best(what: Wanted, request: &Request, wants: &Wants, stock: &impl Stock) -> u64 {
    match what {
        Wanted::ExclusivePus => best_pus(request.locality, wants.only_take(), stock),
        Wanted::SharedMilli => best_milli(request.locality, stock),
        Wanted::MemBytes => best_memory(request, stock, |numa_node| stock.pages(numa_node) * PAGE_BYTES),
        Wanted::HugePages(size) => {
            best_memory(request, stock, |numa_node| stock.extra(ExtraWord::Huge(numa_node, size)))
        }
        extra => request.extras.wishes().map_or(0, |wishes| best_extra(extra, request, wants, wishes, stock)),
    }
}

/// For devices beside the PUs: the most that any scope has in which the PUs fit. Several members are sure to be beside devices
/// in a single NUMA node only.
fn best_extra(what: Wanted, request: &Request, wants: &Wants, wishes: &Wishes, stock: &impl Stock) -> u64 {
    if wishes.locality_of(what) != DeviceLocality::Required {
        return figures::best(what, wishes, stock);
    }
    let wider = group_scopes(request, stock).chain([Scope::Anywhere]).filter(|_| wants.only_amount().is_some());
    let fitting = single_scopes(stock).chain(wider).filter(|scope| cpus_fit(request, *scope, stock));
    let best = |scope| figures::best_beside(what, wishes, beside::with_pus(wants, scope, stock), stock);
    fitting.map(best).max().unwrap_or(0)
}

fn best_pus(locality: Locality, take: Option<Take>, stock: &impl Stock) -> u64 {
    let layout = &stock.shape().layout;
    let pus = |leaf: u16| u64::from(useful(take, leaf, stock.pus(leaf), layout));
    let most = match locality {
        Locality::Required(Level::Core) => {
            let cores = |leaf: u16| layout.leaves[usize::from(leaf)].bits.each(stock.pus(leaf));
            let in_leaf = |(leaf, _)| cores(leaf).map(move |core| u64::from(useful(take, leaf, core, layout)));
            (0..).zip(&layout.leaves).flat_map(in_leaf).max()
        }
        Locality::Required(level) => {
            layout.domains(level).iter().map(|leaves| leaves.iter().map(|&leaf| pus(leaf)).sum()).max()
        }
        Locality::Any | Locality::Preferred(_) => Some((0..).zip(&layout.leaves).map(|(leaf, _)| pus(leaf)).sum()),
    };
    most.unwrap_or(0)
}

/// How many PUs of a leaf's bits are of use to an only member; several may each use what the others cannot.
fn useful(take: Option<Take>, leaf: u16, pus: u32, layout: &Layout) -> u32 {
    let shape = &layout.leaves[usize::from(leaf)];
    match take {
        Some(Take { kind: Some(kind), .. }) if kind != shape.kind => 0,
        Some(Take { grain: Grain::Cores | Grain::CoresByPu, .. }) => shape.bits.whole(pus).count_ones(),
        Some(Take { grain: Grain::Split, .. }) => shape.bits.count_touched(pus),
        Some(Take { grain: Grain::Kept, .. }) | None => pus.count_ones(),
    }
}

fn best_milli(locality: Locality, stock: &impl Stock) -> u64 {
    let pools = || (0..).zip(&stock.shape().layout.pools);
    let reach = |reach| reach_milli(reach, Scope::Anywhere, stock);
    let most = match locality {
        Locality::Required(Level::Package) => {
            pools().filter_map(|(_, pool)| pool.package).map(|package| reach(Reach::Package(package))).max()
        }
        Locality::Required(_) => pools().map(|(at, _)| reach(Reach::One(at))).max(),
        Locality::Any | Locality::Preferred(_) => Some(reach(Reach::Whole)),
    };
    most.unwrap_or(0)
}

/// For memory beside the PUs: the most that any scope has in which the PUs fit.
fn best_memory(request: &Request, stock: &impl Stock, of_one: impl Fn(NumaNodeId) -> u64) -> u64 {
    let all = |nodeset: NodeSet| nodeset.iter().map(&of_one).sum::<u64>();
    if request.memory != MemoryLocality::Required {
        return all(stock.shape().ordinary());
    }
    let scopes =
        single_scopes(stock).chain(group_scopes(request, stock)).filter(|scope| cpus_fit(request, *scope, stock));
    let of_scope = |scope| match scope {
        Scope::Anywhere => 0,
        Scope::Within { nodeset, .. } => all(nodeset),
    };
    scopes.map(of_scope).max().unwrap_or(0)
}
