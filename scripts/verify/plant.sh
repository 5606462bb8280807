#!/usr/bin/env bash
# Plants mistakes in a copy of the tree, one at a time, and demands that the model checker finds each. CONTRIBUTING.md, "Does the
# model checker look?", has them one by one.
#
# A plant is `name | file of alloc-core/src | sed script | model`; the models are run once without any plant, too. A plant that
# changes nothing, or does not compile, is a failure: the code moved on and the plant has to follow.
. "$(dirname "$0")/../lib.sh"

plants=(
    'load and store for a compare-and-swap | sync.rs | s/self.0.compare_exchange_weak(before, after, success, failure)/{ self.0.store(after, Ordering::Release); Ok::<u64, u64>(before) }/ | a_leaf_core_is_never_in_two_hands'
    'index bit cleared without reading the truth again | index.rs | s/if plane_of(truth()) == from {/if false {/ | the_index_tells_what_came_back_last'
    'row cleared above without reading it again | index.rs | /fn lower(/,/^    }/s/if self.word(plane, row).load(Ordering::Acquire) != 0 {/if false {/ | an_empty_row_is_found_again_once_it_is_not'
    'Relaxed where the leaf needs Release | leaf.rs | s/word.update(Ordering::SeqCst, Ordering::Relaxed/word.update(Ordering::Relaxed, Ordering::Relaxed/ | a_leaf_core_is_never_in_two_hands'
    'Relaxed where the pool needs Release | pool.rs | s/word.update(Ordering::SeqCst, Ordering::Relaxed/word.update(Ordering::Relaxed, Ordering::Relaxed/ | an_exclusive_claim_never_meets_the_pool'
    'flights looked for at the role alone | ledger/path.rs | s/self.path(role).any(/self.path(role).take(1).any(/ | a_doomed_child_does_not_refuse_its_sibling'
    'undo across levels not counted | ledger/path.rs | s/if below > 0 {/if false {/ | an_undo_across_levels_is_contended'
    'undo of other resources not counted | ledger.rs | /self.refund_extras(role, owed);/{n;s/who.2.count_undone();//} | a_doomed_charge_of_disk_makes_nobody_refused'
)

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --create | tar --extract --directory="$copy"

# model NAME…: runs models of the copy, quickly built; the log is in $copy/log. In a target folder of its own: cargo takes another
# checkout's fresh binary for this one's.
model() {
    local quick=(--config 'profile.release.lto=false' --config 'profile.release.codegen-units=16')
    (cd "$copy" && env -u CARGO_TARGET_DIR scripts/loom.sh "${quick[@]}" -- "$@") >"$copy/log" 2>&1
}

trimmed() { sed 's/^ *//; s/ *$//' <<<"$1"; }

mapfile -t models < <(printf '%s\n' "${plants[@]}" | sed 's/.*| *//' | sort -u)
model "${models[@]}" || { tail -n 40 "$copy/log"; fail "plant: a model fails with nothing planted"; }

for plant in "${plants[@]}"; do
    IFS='|' read -r name file script model <<<"$plant"
    name=$(trimmed "$name") file=$(trimmed "$file") script=$(trimmed "$script") model=$(trimmed "$model")
    source=$copy/alloc-core/src/$file
    cp "$source" "$copy/sound"
    sed -i "$script" "$source"
    cmp -s "$source" "$copy/sound" && fail "plant: '$name' changes nothing in $file: the code moved on, let the plant follow"
    model "$model" && fail "plant: '$name' is not found by $model"
    grep -q '^test result: FAILED' "$copy/log" || { tail -n 40 "$copy/log"; fail "plant: '$name' does not compile"; }
    cp "$copy/sound" "$source"
    echo "found by $model: $name"
done
