//! Resources: what is counted, numbered as machines and limits bring it. A number is a *place* in
//! [`Amounts`](crate::amounts::Amounts).
//!
//! Place 0 is CPU and place 1 memory. Places are given under the table's lock and never change, so they are read without it.

use std::sync::OnceLock;

use crate::amounts::{CPU_MILLI, MAX_RESOURCES, PAGES};
use crate::reason::Resource;

/// The most resources of a table. Few under loom, which makes every counter of every run anew.
pub(crate) const PLACES: usize = if cfg!(loom) { 5 } else { MAX_RESOURCES };

/// The resources by place.
#[derive(Debug)]
pub(crate) struct Resources([OnceLock<Resource>; PLACES]);

impl Resources {
    pub(super) fn new() -> Self {
        let resources = Self(core::array::from_fn(|_| OnceLock::new()));
        for (place, resource) in [(CPU_MILLI, Resource::CpuMilli), (PAGES, Resource::MemBytes)] {
            let _first = resources.0[place].set(resource);
        }
        resources
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Resource> {
        self.0.iter().map_while(|place| place.get().copied())
    }

    /// The resource of a place.
    pub(crate) fn at(&self, place: usize) -> Option<Resource> {
        self.0.get(place)?.get().copied()
    }

    /// The place of a resource.
    pub(crate) fn place(&self, resource: Resource) -> Option<usize> {
        self.iter().position(|other| other == resource)
    }

    /// Gives each of these a place, if it has none yet; false, and nothing done, when there are not enough. Under the table's lock.
    pub(crate) fn number(&self, wanted: &[Resource]) -> bool {
        let mut new: Vec<Resource> = Vec::new();
        for resource in wanted {
            if self.place(*resource).is_none() && !new.contains(resource) {
                new.push(*resource);
            }
        }
        let first = self.iter().count();
        let fits = first + new.len() <= PLACES;
        for (place, resource) in self.0[first..].iter().zip(new).filter(|_| fits) {
            let _first = place.set(resource);
        }
        fits
    }
}
