//! Picks: which numbers of a range, or items of a set, a request gets. Exactly those it names, or the lowest that are free.

use crate::extras::layout::PickShape;
use crate::extras::spec::Span;
use crate::extras::wishes::{Pick, PickWish};
use crate::extras::word::{ExtraWord, lowest_bits};
use crate::ids::NameId;
use crate::part::Part;
use crate::plan::{Lack, Sink};
use crate::reason::Wanted;
use crate::stock::Stock;

/// What a name stands for.
pub(crate) const fn named(name: NameId, is_set: bool) -> Wanted {
    if is_set { Wanted::Items(name) } else { Wanted::Numbers(name) }
}

/// What is wanted of a range or set.
pub(crate) const fn what(wish: &PickWish, is_set: bool) -> Wanted {
    named(wish.name, is_set)
}

/// Puts the numbers into the plan.
pub(crate) fn plan(wish: &PickWish, is_set: bool, stock: &impl Stock, sink: &mut impl Sink) -> Result<(), Lack> {
    let lack = Lack::Extra(what(wish, is_set));
    let shape = stock.shape().extras.pick(wish.name, is_set).ok_or(lack)?;
    match &wish.pick {
        Pick::Any(count) => any(*count, shape, lack, stock, sink),
        Pick::Exact(spans) => exact(spans, shape, lack, stock, sink),
    }
}

fn any(count: u32, shape: &PickShape, lack: Lack, stock: &impl Stock, sink: &mut impl Sink) -> Result<(), Lack> {
    let mut lacking = count;
    for word in shape.words.clone() {
        if lacking == 0 {
            return Ok(());
        }
        let bits = lowest_bits(stock.extra(ExtraWord::Bits(word)), lacking);
        if bits != 0 {
            sink.put(Part::Extra { word: ExtraWord::Bits(word), amount: bits })?;
            lacking -= bits.count_ones();
        }
    }
    if lacking == 0 { Ok(()) } else { Err(lack) }
}

fn exact(spans: &[Span], shape: &PickShape, lack: Lack, stock: &impl Stock, sink: &mut impl Sink) -> Result<(), Lack> {
    if shape.first_unknown(spans).is_some() {
        return Err(lack);
    }
    shape.each_word(spans, |word, bits| {
        if stock.extra(ExtraWord::Bits(word)) & bits != bits {
            return Err(lack);
        }
        sink.put(Part::Extra { word: ExtraWord::Bits(word), amount: bits })?;
        Ok(())
    })
}

/// How many numbers of a range or set there are.
pub(crate) fn free(shape: &PickShape, stock: &impl Stock) -> u64 {
    shape.words.clone().map(|word| u64::from(stock.extra(ExtraWord::Bits(word)).count_ones())).sum()
}

/// How many of the numbers a wish could have are there.
pub(crate) fn best(wish: &PickWish, shape: &PickShape, stock: &impl Stock) -> u64 {
    let Pick::Exact(spans) = &wish.pick else { return free(shape, stock) };
    let mut there = 0;
    let _every = shape.each_word::<()>(spans, |word, bits| {
        there += u64::from((stock.extra(ExtraWord::Bits(word)) & bits).count_ones());
        Ok(())
    });
    there
}
