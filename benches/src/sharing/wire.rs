//! Offers as finished structs of the wire: the bytes of `OfferV1` and of the vectors beside it in `wire/schema/framework.fbs`.
//!
//! What an agent shows is made into structs when its [`OfferView::version`] changes, and copied for each offer. The host's name is a
//! text of the message and copied with the offer; roles' names are there once for all messages. So long names cost what they are long.

use meros_alloc_core::OfferView;

/// `OfferV1`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Head {
    offer: u64,
    mem_bytes: u64,
    agent: u32,
    hostname: u32,
    role: u32,
    exclusive_pus: u32,
    pool_milli: u32,
    numa_nodes: u32,
    attributes: u32,
    exclusive_cores: u32,
}

/// `OfferExtrasV1`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Extras {
    disk_bytes: u64,
    huge_pages: u32,
    special_memory: u32,
    devices: u32,
    scalars: u32,
    ranges: u32,
    items: u32,
    reserved_for: u32,
    flags: u32,
}

/// `OfferNumaNodeV1`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct NumaNode {
    mem_bytes: u64,
    numa_node: u32,
    exclusive_pus: u32,
    pool_milli: u32,
    exclusive_cores: u32,
}

/// `OfferRangeV1`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Range {
    begin: u64,
    end: u64,
    name: u32,
    spare: u32,
}

const _: () = assert!(size_of::<Head>() == 48 && size_of::<Extras>() == 40);
const _: () = assert!(size_of::<NumaNode>() == 24 && size_of::<Range>() == 24);

/// An agent's part of its offers.
#[derive(Clone, Debug, Default)]
struct Prepared {
    version: u64,
    head: Head,
    extras: Extras,
    /// Where its parts are among all agents'.
    numa_nodes: Place,
    ranges: Place,
}

/// A part of a list.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    start: u32,
    len: u32,
}

impl Place {
    fn of<T>(self, list: &[T]) -> &[T] {
        &list[self.start as usize..(self.start + self.len) as usize]
    }

    /// Puts parts where those of before were, or at the end if they are more.
    fn put<T>(self, list: &mut Vec<T>, parts: impl ExactSizeIterator<Item = T>) -> Self {
        let (len, end) = (number(parts.len()), number(list.len()));
        if len > self.len {
            list.extend(parts);
            return Self { start: end, len };
        }
        list[self.start as usize..].iter_mut().zip(parts).for_each(|(place, part)| *place = part);
        Self { start: self.start, len }
    }
}

/// What is prepared of all agents, in the order in which it was first.
#[derive(Debug, Default)]
struct Kept {
    agents: Vec<Prepared>,
    numa_nodes: Vec<NumaNode>,
    ranges: Vec<Range>,
}

/// The offers of a message, and what is prepared of each agent.
#[derive(Debug, Default)]
pub struct Wire {
    heads: Vec<Head>,
    extras: Vec<Extras>,
    numa_nodes: Vec<NumaNode>,
    ranges: Vec<Range>,
    /// All hosts' names, and where each ends.
    texts: Vec<u8>,
    ends: Vec<u32>,
    names: Vec<Box<str>>,
    kept: Kept,
    /// Offers of a message.
    most: usize,
    /// Offers of messages that are over.
    sent: usize,
}

impl Wire {
    /// For agents with these names, all offers in one message.
    #[must_use]
    pub fn new(names: Vec<Box<str>>) -> Self {
        let kept = Kept { agents: vec![Prepared::default(); names.len()], ..Kept::default() };
        Self { kept, names, most: usize::MAX, ..Self::default() }
    }

    /// At most so many offers to a message. One that has them is over, and the next is written where it was.
    pub const fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    /// Appends an offer.
    #[inline]
    pub fn write(&mut self, view: &OfferView<'_>) {
        if self.heads.len() == self.most {
            self.next_message();
        }
        let at = view.agent.id().index();
        if self.kept.agents[at].version != view.version || view.version == 0 {
            self.kept.prepare(view);
        }
        let prepared = &self.kept.agents[at];
        self.texts.extend_from_slice(self.names[at].as_bytes());
        self.ends.push(number(self.texts.len()));
        let (offer, hostname, role) = (view.id.get(), number(self.ends.len()), u32::from(view.role.get()));
        self.heads.push(Head { offer, hostname, role, ..prepared.head });
        self.extras.push(prepared.extras);
        self.numa_nodes.extend_from_slice(prepared.numa_nodes.of(&self.kept.numa_nodes));
        self.ranges.extend_from_slice(prepared.ranges.of(&self.kept.ranges));
    }

    /// Forgets the offers; what was prepared stays.
    pub fn clear(&mut self) {
        self.next_message();
        self.sent = 0;
    }

    fn next_message(&mut self) {
        self.sent += self.heads.len();
        self.heads.clear();
        self.extras.clear();
        self.numa_nodes.clear();
        self.ranges.clear();
        self.texts.clear();
        self.ends.clear();
    }

    /// How many offers there are, with those of messages that are over.
    #[must_use]
    pub const fn offers(&self) -> usize {
        self.sent + self.heads.len()
    }

    /// The bytes of this message.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        let structs = size_of_val(self.heads.as_slice()) + size_of_val(self.extras.as_slice());
        let parts = size_of_val(self.numa_nodes.as_slice()) + size_of_val(self.ranges.as_slice());
        structs + parts + self.texts.len() + size_of_val(self.ends.as_slice())
    }

    /// Whether each offer of this message shows what is free of an agent as these clusters are filled: PUs, MiB of memory and of disk, ranges of ports.
    #[must_use]
    pub fn all_show(&self, pus: u32, mem_mib: u64, disk_mib: u64, ranges: u32) -> bool {
        self.heads.iter().zip(&self.extras).all(|(head, extras)| {
            (head.exclusive_pus, head.mem_bytes >> 20) == (pus, mem_mib)
                && (extras.disk_bytes >> 20, extras.ranges) == (disk_mib, ranges)
        })
    }
}

impl Kept {
    #[cold]
    fn prepare(&mut self, view: &OfferView<'_>) {
        let placement = view.placement();
        let pus = number(placement.pus.len());
        let part = |part: &meros_alloc_core::NumaNodeMemory| NumaNode {
            mem_bytes: part.mem_bytes,
            numa_node: u32::from(part.numa_node.get()),
            exclusive_pus: pus,
            exclusive_cores: pus,
            pool_milli: 0,
        };
        let numa_nodes: Vec<NumaNode> = placement.memory.iter().map(part).collect();
        let named = placement.extras.ranges.iter();
        let spans = named.flat_map(|of| of.spans.iter().map(move |span| (of.name.get(), span)));
        let ranges: Vec<Range> =
            spans.map(|(name, span)| Range { begin: span.first, end: span.last, name, spare: 0 }).collect();
        let head = Head {
            mem_bytes: view.quantities.mem_bytes,
            agent: view.agent.id().get(),
            exclusive_pus: pus,
            exclusive_cores: pus,
            numa_nodes: number(numa_nodes.len()),
            ..Head::default()
        };
        let disk_bytes = placement.extras.disk_bytes;
        let extras = Extras { disk_bytes, ranges: number(ranges.len()), reserved_for: u32::MAX, ..Extras::default() };
        let agent = &mut self.agents[view.agent.id().index()];
        let numa_nodes = agent.numa_nodes.put(&mut self.numa_nodes, numa_nodes.into_iter());
        let ranges = agent.ranges.put(&mut self.ranges, ranges.into_iter());
        *agent = Prepared { version: view.version, head, extras, numa_nodes, ranges };
    }
}

fn number(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
