"""General data in the training split: the share that was asked for, the same choice each time, nothing that is held
out."""

import json
import tracemalloc
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.dataset.blending import Blend, Placed
from qloragen.dataset.held_out import HeldOut
from qloragen.dataset.leakage import leaks_in
from qloragen.dataset.mixing import FORM, HELD_OUT, REPEATED, how_many, parse_mix, plan_mix
from qloragen.dataset.splits import Split
from qloragen.export.example import Example, ExportError


def any_form(_example: Example) -> bool:
    return True


def own_examples(wanted: int, split: Split = "train") -> list[Placed]:
    return [
        (split, Example(instruction=f"Own {n}", input="context", output=f"Answer {n}", id=str(n)))
        for n in range(wanted)
    ]


def alpaca_file(path: Path, wanted: int, name: str = "general") -> Path:
    rows = [{"instruction": f"Ask {name} {n}", "input": "", "output": f"Say {n}"} for n in range(wanted)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def sources(placed: list[Placed]) -> Counter[str]:
    return Counter(example.source for _, example in placed)


def taken_of(blend: Blend) -> set[str]:
    return {example.instruction for _, example in blend.general_first([])}


def test_general_data_is_the_share_of_the_training_split_that_was_asked_for(tmp_path):
    file = alpaca_file(tmp_path / "alpaca.jsonl", 100)

    blend = plan_mix([parse_mix(f"{file}:0.2")], 80, any_form)
    found = list(blend.blended(own_examples(80)))

    assert sources(found) == {"qloragen": 80, "alpaca": 20}
    (mixed,) = blend.counts
    assert (mixed.tag, mixed.taken, mixed.there, mixed.share, mixed.is_short) == ("alpaca", 20, 100, 0.2, False)
    assert str(mixed) == "20 examples of alpaca, 20.0% of the training split"


@given(
    own=st.integers(0, 10**6),
    wanted=st.lists(st.tuples(st.integers(1, 300), st.integers(0, 10**6)), min_size=1, max_size=3),
)
def test_each_share_is_met_within_rounding_or_all_of_a_file_is_taken(own, wanted):
    shares, there = [Decimal(share) / 1000 for share, _ in wanted], [count for _, count in wanted]

    taken = how_many(own, shares, there)

    whole = own + sum(taken)
    rounding = 1 + len(wanted)
    for share, count, most in zip(shares, taken, there, strict=True):
        assert 0 <= count <= most
        assert count <= share * whole + rounding
        assert count == most or abs(count - share * whole) <= rounding


@settings(max_examples=40)
@given(texts=st.lists(st.text(min_size=1), min_size=1, unique=True), counts=st.tuples(*[st.integers(1, 60)] * 2))
def test_more_general_data_holds_all_of_less_whatever_order_the_file_is_in(texts, counts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mix")
    rows = [json.dumps({"instruction": f"Ask {text}", "output": "Say."}) for text in texts]
    (folder / "general.jsonl").write_text("\n".join(rows))
    less, more = (plan_mix([parse_mix(f"{folder}/general.jsonl:0.3")], own, any_form) for own in sorted(counts))
    fewer = taken_of(less)

    (folder / "general.jsonl").write_text("\n".join(reversed(rows)))
    most = taken_of(plan_mix([parse_mix(f"{folder}/general.jsonl:0.3")], max(counts), any_form))

    assert fewer <= taken_of(more) == most
    assert len(fewer) == less.counts[0].taken


def test_they_are_spread_evenly_among_those_to_train_on(tmp_path):
    blend = plan_mix(
        [parse_mix(f"{alpaca_file(tmp_path / f'{name}.jsonl', 50, name)}:0.2") for name in ("a", "b")], 60, any_form
    )
    own = [*own_examples(3, "test"), *own_examples(60), *own_examples(3, "validation")]

    found = list(blend.blended(own))

    trained = [placed for placed in found if placed[0] == "train"]
    assert Counter(split for split, _ in found) == {"test": 3, "train": 100, "validation": 3}
    assert [placed for placed in found if placed[1].source == "qloragen"] == own
    for start in range(0, 100, 10):
        assert sources(trained[start : start + 10]) == {"qloragen": 6, "a": 2, "b": 2}
    assert list(blend.blended(own)) == found


def test_where_most_is_general_data_it_is_also_before_the_first_record_and_behind_the_last(tmp_path):
    blend = plan_mix([parse_mix(f"{alpaca_file(tmp_path / 'a.jsonl', 50)}:0.8")], 10, any_form)

    found = [example.source for _, example in blend.blended(own_examples(10))]

    assert found == ["a", "a", "qloragen", "a", "a"] * 10


def test_memory_does_not_grow_with_what_is_mixed_in(tmp_path):
    row = json.dumps({"instruction": "Ask {}", "output": "x" * 1_000})
    (tmp_path / "a.jsonl").write_text("\n".join(row.replace("{}", str(n)) for n in range(10_000)))
    mix = parse_mix(f"{tmp_path / 'a.jsonl'}:0.5")

    tracemalloc.start()
    taken = sum(1 for _ in plan_mix([mix], 9_000, any_form).general_first([]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert taken == 9_000
    assert peak < 2_000_000


def test_general_first_has_all_of_them_before_the_records(tmp_path):
    blend = plan_mix([parse_mix(f"{alpaca_file(tmp_path / 'a.jsonl', 50)}:0.5")], 30, any_form)
    own = own_examples(30)

    found = list(blend.general_first(own))

    assert sources(found[:30]) == {"a": 30}
    assert found[30:] == own


def test_a_file_that_is_too_short_is_taken_whole_and_said_to_be_and_the_others_keep_their_shares(tmp_path):
    short, long = alpaca_file(tmp_path / "short.jsonl", 5, "s"), alpaca_file(tmp_path / "long.jsonl", 500, "l")

    blend = plan_mix([parse_mix(f"{short}:0.3"), parse_mix(f"{long}:0.2")], 75, any_form)

    assert [mixed.taken for mixed in blend.counts] == [5, 20]
    assert [mixed.share for mixed in blend.counts] == [0.05, 0.2]
    assert str(blend.counts[0]) == (
        "5 examples of short, 5.0% of the training split, of the 30.0% that were asked for: there are no more"
    )


def test_what_is_held_out_repeated_or_not_for_the_form_is_left_out_and_counted(tmp_path):
    held_out = HeldOut()
    held_out.add(Example(instruction="Explain it.", input="the context", output="So it is."))
    rows = [
        {"instruction": "Explain it.", "input": "the context", "output": "so  it is."},
        {"prompt": "Explain it.\n\nthe context", "completion": "So it is."},
        {"instruction": "Explain it.", "output": "So it is."},
        {"instruction": "Explain it.", "output": "Otherwise."},
        {"instruction": "Explain it.", "output": "Otherwise."},
        {"instruction": "For another form", "output": "No."},
        {"messages": [{"role": "user", "content": "Hi"}]},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, [*rows[3:5], {"prompt": "p", "completion": "c"}])))

    blend = plan_mix(
        [parse_mix(f"{tmp_path}/{name}.jsonl:0.4") for name in "ab"],
        100,
        lambda example: not example.instruction.startswith("For another"),
        held_out.has,
    )

    first, second = blend.counts
    assert first.left_out == {HELD_OUT: 3, FORM: 1, REPEATED: 1, "the last word is not the assistant's": 1}
    assert second.left_out == {REPEATED: 2}
    assert [example.instruction for _, example in blend.general_first([])] == ["Explain it.", "p"]
    assert str(second).endswith("there are no more; left out: 2 repeated")


def test_what_says_nearly_what_is_held_out_is_no_leak_and_no_reason_to_refuse_the_export(tmp_path):
    words = [f"word{number}" for number in range(60)]
    tested = Example(instruction="Explain it.", input="context", output=" ".join(words), id="tested", article_id="a")
    held_out = HeldOut()
    held_out.add(tested)
    rows = [
        {
            "prompt": f"Put in other words {place}",
            "completion": " ".join([*words[:place], "other", *words[place + 1 :]]),
        }
        for place in range(0, 60, 10)
    ]
    rows.append({"prompt": "Explain it.", "completion": "Something else altogether."})
    (tmp_path / "general.jsonl").write_text("\n".join(map(json.dumps, rows)))

    blend = plan_mix([parse_mix(f"{tmp_path}/general.jsonl:0.5")], 10, any_form, held_out.has)
    careless = plan_mix([parse_mix(f"{tmp_path}/general.jsonl:0.5")], 10, any_form)

    own = [*own_examples(10), ("test", tested)]
    assert blend.counts[0].left_out == {HELD_OUT: 6}
    assert not leaks_in(lambda: blend.blended(own), lambda _hash: None)
    assert leaks_in(lambda: careless.blended(own), lambda _hash: None)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a.jsonl"], "'a.jsonl' is not FILE:SHARE: write a file"),
        (["a.jsonl:20"], "more than 0 and less than 1, such as"),
        (["a.jsonl:0"], "is not FILE:SHARE"),
        (["a.jsonl:nan"], "is not FILE:SHARE"),
        ([":0.2"], "is not FILE:SHARE"),
        (["a.jsonl:0.7", "b.jsonl:0.3"], r"would be 100% of the training split; leave some to the records"),
        (["a.jsonl:0.1", "other/a.json.gz:0.1"], "would be tagged 'a' as others are; give it another name"),
        (["qloragen.jsonl:0.1"], "would be tagged 'qloragen'"),
        (["nowhere.jsonl:0.1"], "nowhere.jsonl does not exist"),
    ],
)
def test_what_cannot_be_mixed_is_said_in_one_sentence(texts, message, tmp_path):
    with pytest.raises(ExportError, match=message):
        plan_mix([parse_mix(text) for text in texts], 10, any_form)


def test_a_file_that_holds_nothing_to_take_is_an_error_that_says_why(tmp_path):
    file = alpaca_file(tmp_path / "general.jsonl", 3)

    with pytest.raises(ExportError, match=r"general\.jsonl holds nothing to mix in \(3 not for this form\); name ano"):
        plan_mix([parse_mix(f"{file}:0.1")], 10, lambda _example: False)
    file.write_text("\n")
    with pytest.raises(ExportError, match=r"holds nothing to mix in \(it is empty\)"):
        plan_mix([parse_mix(f"{file}:0.1")], 10, any_form)


def test_a_file_that_changes_meanwhile_is_an_error_and_no_smaller_share(tmp_path):
    file = alpaca_file(tmp_path / "general.jsonl", 20)
    blend = plan_mix([parse_mix(f"{file}:0.5")], 10, any_form)
    alpaca_file(file, 20, "other")

    with pytest.raises(ExportError, match="was changed while it was read; export once more"):
        list(blend.blended(own_examples(10)))


@pytest.mark.parametrize(
    ("name", "tag"),
    [("alpaca.json", "alpaca"), ("v1.2-chats.jsonl.gz", "v1.2-chats"), ("a.b.parquet", "a.b"), ("plain", "plain")],
)
def test_a_file_is_tagged_by_its_name_without_endings(name, tag):
    assert parse_mix(f"some/{name}:0.25").tag == tag


def test_a_colon_may_be_in_the_name_of_a_file():
    mix = parse_mix("a:b.json:0.25")

    assert (mix.file, mix.share) == (Path("a:b.json"), Decimal("0.25"))
