"""TRL itself takes the forms of exported training data, and counts the loss where it belongs."""

import importlib
import importlib.util
from pathlib import Path

import pytest

from qloragen.export import Example, Prompt, form_of, tagged

PROMPT = Prompt((Path(__file__).resolve().parents[1] / "prompts/training.md").read_text("utf-8"))
EXAMPLES = [
    Example(
        instruction="What does a memtable hold?", input="A memtable holds new writes.", output="The newest writes."
    ),
    Example(
        instruction="Where do hints lie?", input="Hints lie on the coordinator's disk.", output="On its disk.\n\nThere."
    ),
]
MISSING = [name for name in ("torch", "transformers", "trl") if not importlib.util.find_spec(name)]

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: make .venv/qlora"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny") / "model"
    texts = [PROMPT.whole(example) for example in EXAMPLES]
    return importlib.import_module(".tiny_models", __package__).tiny_model(folder, texts)


@pytest.fixture
def prepared(model, tmp_path):
    """Return what TRL makes of the examples in a form: for each the whole text, and the part that is learned."""
    trl, transformers, datasets = map(importlib.import_module, ("trl", "transformers", "datasets"))

    def prepare(name, *, tag=False, **settings):
        form = form_of(name, system=None, prompt=PROMPT)
        rows = [(tagged(form) if tag else form).row(example) for example in EXAMPLES]
        tokenizer = transformers.AutoTokenizer.from_pretrained(model)
        options = {"max_length": 512, "use_cpu": True, "bf16": False, "report_to": "none", **settings}
        trainer = trl.SFTTrainer(
            model=transformers.AutoModelForCausalLM.from_pretrained(model),
            args=trl.SFTConfig(output_dir=str(tmp_path), activation_checkpointing=False, **options),
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=tokenizer,
        )
        batch = trainer.data_collator([trainer.train_dataset[number] for number in range(len(rows))])
        learned = [tokenizer.decode([token for token in row if token != -100]) for row in batch["labels"].tolist()]
        return [tokenizer.decode(row["input_ids"]) for row in trainer.train_dataset], learned

    return prepare


@pytest.mark.parametrize("tag", [False, True])
def test_of_prompt_and_completion_the_completion_and_its_end_are_learned(prepared, tag):
    whole, learned = prepared("prompt-completion", tag=tag)

    assert whole == [f"{PROMPT.whole(example)}<|end|>" for example in EXAMPLES]
    assert learned == [f"{PROMPT.tail(example)}<|end|>" for example in EXAMPLES]


@pytest.mark.parametrize("tag", [False, True])
def test_a_text_is_learned_whole_with_its_end(prepared, tag):
    whole, learned = prepared("text", tag=tag)

    assert whole == learned == [f"{PROMPT.whole(example)}<|end|>" for example in EXAMPLES]


CHATS = [
    f"<|user|>{example.instruction}\n\n{example.input}<|end|><|assistant|>{example.output}<|end|>"
    for example in EXAMPLES
]


@pytest.mark.parametrize("tag", [False, True])
@pytest.mark.parametrize("name", ["messages", "openai"])
def test_of_a_chat_what_the_assistant_says_and_its_end_are_learned(prepared, name, tag):
    whole, learned = prepared(name, tag=tag, assistant_only_loss=True)

    assert whole == CHATS
    assert learned == [f"{example.output}<|end|>" for example in EXAMPLES]


@pytest.mark.parametrize("tag", [False, True])
def test_of_sharegpt_chats_trl_keeps_the_names_of_the_roles_so_it_is_given_messages(prepared, tag):
    whole, learned = prepared("sharegpt", tag=tag)

    # TRL 1.16 makes messages of them, by `human` and `gpt`, which the templates of models do not know.
    assert whole == learned
    assert whole == [chat.replace("<|user|>", "<|human|>").replace("<|assistant|>", "<|gpt|>") for chat in CHATS]
