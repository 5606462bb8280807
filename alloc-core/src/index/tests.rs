//! Classes, steps, searches.

use super::plane::*;
use super::*;

#[test]
fn classes_rise_with_what_is_free() {
    let classes: Vec<u32> = (1..=32).filter_map(leaf_class).collect();
    assert!(classes.is_sorted() && classes.len() == 32);
    assert_eq!((classes[0], classes[7], classes[31]), (0, 7, 13));
    assert_eq!([0, 6, 7, 13].map(|class| Plane::leaf(class).index()), [1, 7, 9, 15]);
    assert_eq!(pool_class(u32::MAX), Some(6));
}

#[test]
fn a_step_is_reached_exactly_at_its_pages() {
    for steps in 1..=16 {
        assert_eq!(steps_up_to(pages_of(steps)), steps);
        assert_eq!(steps_up_to(pages_of(steps) - 1), steps - 1);
    }
    assert_eq!(pages_of(16), 96 << 18, "96 GiB");
    assert_eq!((steps_up_to(0), usize::from(steps_up_to(u64::MAX))), (0, STEPS));
    assert_eq!((Plane::memory(0), Plane::memory(pages_of(1))), (None, Some(Plane::step(0))));
}

#[test]
fn a_span_knows_its_bits_in_every_row() {
    assert_eq!(Span { first: 60, len: 8 }.rows().collect::<Vec<_>>(), [(0, 0xF << 60), (1, 0xF)]);
    assert_eq!(Span { first: 64, len: 64 }.rows().collect::<Vec<_>>(), [(1, u64::MAX)]);
    assert_eq!(Span { first: 5, len: 0 }.rows().count(), 0);
}

#[test]
fn a_search_finds_what_was_set_and_skips_what_was_cleared() {
    let index = Index::new(1 << 20);
    let far = 900_000;
    for position in [5, far] {
        index.set_active(Span::one(position), true);
        index.leaf_changed(position, (0, 8), || 8);
    }
    let query = Query::new(Plane::leaf(7), None);
    assert_eq!(index.next(query, 0, index.rows()), Some((0, 1 << 5)));
    assert_eq!(index.next(query, 1, index.rows()), Some((far / ROW, 1 << (far % ROW))));
    index.leaf_changed(far, (8, 0), || 0);
    assert_eq!(index.next(query, 1, index.rows()), None);
    assert_eq!(index.next(query, 0, index.rows()), Some((0, 1 << 5)));
    index.leaf_changed(5, (8, 0), || 8);
    assert!(index.has_leaf(5, 8), "it came back while it was cleared");
}

#[test]
fn memory_filters_and_is_cleared_by_who_finds_it_wrong() {
    let index = Index::new(64);
    let span = Span { first: 4, len: 2 };
    index.set_active(span, true);
    index.leaf_changed(4, (0, 8), || 8);
    assert_eq!(index.query(7, Some(Plane::step(3))), Query::new(Plane::leaf(7), None), "nothing is hidden");
    let query = Query::new(Plane::leaf(7), Some(Plane::step(3)));
    assert_eq!(index.row(query, 0), 0);
    index.memory_known(span, 5);
    assert_eq!(index.row(query, 0), 1 << 4);
    index.memory_hidden(span, 3..5, 5, || 3);
    assert_eq!(index.row(query, 0), 0);
    assert_eq!(index.query(7, Some(Plane::step(3))), query);
    index.memory_shown(span, 3..5, 5);
    index.memory_hidden(span, 3..5, 5, || 4);
    assert!(index.has_memory(span, 4), "it was raised again by the second look");
}

#[test]
fn who_shows_memory_before_who_hid_it_has_told_hides_none() {
    let index = Index::new(64);
    let span = Span { first: 4, len: 2 };
    index.set_active(span, true);
    index.memory_known(span, 5);
    // Both changed the word already, in the other order.
    index.memory_shown(span, 4..5, 5);
    index.memory_hidden(span, 4..5, 5, || 5);
    assert_eq!(index.query(7, Some(Plane::step(3))), Query::new(Plane::leaf(7), None), "nothing is hidden");
}
