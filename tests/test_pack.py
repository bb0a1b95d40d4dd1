"""The prompt pack: the default one, and what is said about mistakes in one's own."""

import shutil
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.domain.pack import render_training
from qloragen.errors import PackError
from qloragen.packs import MARKER, default_folder, load_pack
from qloragen.template import fill, flaws


@pytest.fixture
def folder(tmp_path):
    """A copy of the default pack to spoil."""
    return Path(shutil.copytree(default_folder(), tmp_path / "pack"))


def edit(folder, name, old, new, times=1):
    path = folder / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, times), "utf-8")


def complaint(folder, **variables):
    with pytest.raises(PackError) as caught:
        load_pack(folder, variables)
    message = str(caught.value)
    assert all(line.startswith(str(folder)) and line.endswith(".") for line in message.split("\n"))
    return message.replace(str(folder) + "/", "")


# ------------------------------------------------------------------------------------------------------ the default


def test_the_default_pack_has_the_14_types_and_the_first_two_always_apply():
    pack = load_pack()

    assert [kind.number for kind in pack.types] == list(range(1, 15))
    assert [kind.number for kind in pack.types if kind.always] == [1, 2]
    assert len({kind.slug for kind in pack.types}) == 14


def test_the_subject_is_a_variable_and_stands_in_no_type():
    toml = tomllib.loads((default_folder() / "pack.toml").read_text("utf-8"))
    said = repr({key: value for key, value in toml.items() if key != "variables"})
    prompts = "".join(path.read_text("utf-8") for path in default_folder().glob("*.md"))

    assert "Cassandra" not in said + prompts
    assert "NoSQL" not in said + prompts


def test_the_caller_can_set_the_variables():
    pack = load_pack(variables={"subject": "PostgreSQL", "field": "the relational field"})

    texts = " ".join([pack.fill(pack.classify.system, types=""), *(kind.guidance for kind in pack.types)])
    assert "PostgreSQL" in texts
    assert "the relational field" in texts
    assert "Cassandra" not in texts


def test_a_dollar_sign_in_a_value_is_kept_as_it_is():
    pack = load_pack(variables={"subject": "$100 ${field} $$"})

    assert "$100 ${field} $$" in pack.fill(pack.classify.system, types="")


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(folder):
    for path in folder.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    assert load_pack(folder) == load_pack()


def test_the_fingerprint_changes_with_any_text(folder):
    before = load_pack(folder).fingerprint
    edit(folder, "training.md", "### End", "### The End")

    assert load_pack(folder).fingerprint != before


# --------------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("number = 3\n", "", '[[types]] no. 3 ("caveats") is missing'),
        ("number = 3\n", "number = 2\n", 'the number "2", which [[types]] no. 2 ("wider-field") has already'),
        ("number = 3\n", "number = 0\n", 'number of [[types]] no. 3 ("caveats") must be 1 or more'),
        ("number = 3\n", 'number = "3"\n', "must be a whole number"),
        ("number = 3\n", "number = true\n", "must be a whole number"),
        ("number = 3\n", "number = 3.0\n", "must be a whole number"),
        ('slug = "caveats"', 'slug = "wider-field"', 'has the slug "wider-field", which [[types]] no. 2'),
        ('slug = "caveats"', 'slug = "Cave ats"', "must be lower-case letters, digits and single hyphens"),
        ('slug = "caveats"', "", "slug of [[types]] no. 3 is missing"),
        ('name = "Caveats and cautions"', 'name = ""', 'name of [[types]] no. 3 ("caveats") is empty'),
        ('name = "Caveats and cautions"', 'name = "a\\nb"', "must be one line"),
        ('name = "Caveats and cautions"', 'name = "summarise A SECTION"', "which [[types]] no. 1"),
        ('aliases = ["Summarize the impact"]', 'aliases = ["Explain a feature"]', 'alias "explain a feature", which'),
        ('aliases = ["Summarize the impact"]', 'aliases = "x"', "must be a list"),
        ('aliases = ["Summarize the impact"]', "aliases = [1]", "aliases.no. 1 of [[types]] no. 10"),
        ("always = true", 'always = "yes"', "must be true or false"),
        ('slug = "caveats"', 'slug = "caveats"\ncolour = 1', "colour of [[types]] no. 3"),
        ('version = "2"', "version = 1", "version must be text in quotes"),
        ('version = "2"', "", "version is missing"),
        ("[input]", "[inputs]", "inputs is not a key that a pack has"),
        ("[again]", "[again]\nshout = 'x'", "again.shout is not a key"),
        (
            "in ${field}: what it",
            "in ${feild}: what it",
            'guidance of [[types]] no. 2 ("wider-field") uses the unknown',
        ),
        ("in ${field}: what it", "for 5$: what it", 'guidance of [[types]] no. 2 ("wider-field") has a "$"'),
        ("in ${field}: what it", "in ${types}: what it", 'unknown variable "types"'),
        ("${complaints}", "them", "again.generate does not use ${complaints}"),
        ("${instructions}", "them", "again.others does not use ${instructions}"),
        ("[variables]", '[variables]\nspare = "x"', "variables.spare is set but no text of the pack uses it"),
        ("[variables]", '[variables]\nguidance = "x"', "variables.guidance has a name that qloragen fills in itself"),
        ("[variables]", '[variables]\n"a-b" = "x"', "variables.a-b must have a name of lower-case letters"),
        ("[variables]", "[variables]\nn = 3", "variables.n must be text in quotes"),
        ('version = "2"', 'version = "2', "this is not TOML"),
        ('version = "2"', 'version = "2"\nversion = "3"', "line 5"),
    ],
)
def test_a_mistake_in_the_toml_is_named_with_its_key(folder, old, new, said):
    edit(folder, "pack.toml", old, new)

    message = complaint(folder)

    assert said in message
    assert message.startswith("pack.toml: ")


def test_empty_guidance_is_a_mistake(folder):
    text = (folder / "pack.toml").read_text("utf-8")
    head, _, rest = text.partition('slug = "caveats"')
    before, _, after = rest.partition('guidance = """')
    (folder / "pack.toml").write_text(
        f'{head}slug = "caveats"{before}guidance = """{after[after.index(chr(34) * 3) :]}'
    )

    assert complaint(folder) == 'pack.toml: guidance of [[types]] no. 3 ("caveats") is empty.'


@pytest.mark.parametrize(("types", "said"), [("", "types is missing"), ("types = []\n", "types has no entry")])
def test_a_pack_without_types_is_a_mistake(folder, types, said):
    text = (folder / "pack.toml").read_text("utf-8").split("[[types]]")[0]
    (folder / "pack.toml").write_text(types + text, "utf-8")

    assert said in complaint(folder)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("classify.md", MARKER + "\n", "", f'classify.md: the line "{MARKER}"'),
        ("generate.md", MARKER, f"{MARKER}\n\n{MARKER}", "stands here a second time"),
        ("classify.md", "${types}\n", "", "classify.md: ${types} is missing."),
        ("classify.md", "${types}", "${typs}", 'classify.md, line 4: the text uses the unknown variable "typs"'),
        ("classify.md", "Types:", "Types: ${guidance}", "classify.md, line 3: the text uses the unknown"),
        ("generate.md", "${guidance}", "", "generate.md: ${guidance} is missing."),
        ("generate.md", "${input_rules}", "", "generate.md: ${input_rules} is missing."),
        (
            "generate.md",
            "A record has",
            "${name} has",
            "generate.md, line 3: ${name} may stand only after the article.",
        ),
        ("generate.md", "A record has", "100 $ has", 'generate.md, line 3: the text has a "$" that starts no variable'),
        ("training.md", "${output}", "", "training.md: ${output} is missing."),
        ("training.md", "### End", "### ${end}", 'training.md, line 10: the text uses the unknown variable "end"'),
    ],
)
def test_a_mistake_in_a_prompt_is_named_with_its_line(folder, name, old, new, said):
    edit(folder, name, old, new)

    assert said in complaint(folder)


def test_a_prompt_needs_text_on_both_sides_of_the_article(folder):
    (folder / "classify.md").write_text(f"\n{MARKER}\n${{types}}\n")

    assert complaint(folder) == f'classify.md, line 2: there is no text before "{MARKER}".'


@pytest.mark.parametrize("name", ["pack.toml", "classify.md", "generate.md", "training.md"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()

    assert complaint(folder).startswith(f"{name}: the file is missing")


def test_a_file_in_another_encoding_is_named_with_the_line(folder):
    (folder / "training.md").write_bytes(b"${instruction}\n${input}\n\xe9 ${output}\n")

    assert complaint(folder) == "training.md, line 3: the text is not UTF-8."


def test_a_folder_in_place_of_a_file_is_named(folder):
    (folder / "training.md").unlink()
    (folder / "training.md").mkdir()

    assert complaint(folder).startswith("training.md: the file cannot be read")


def test_all_mistakes_are_named_at_once(folder):
    edit(folder, "pack.toml", 'slug = "caveats"', 'slug = "wider-field"')
    edit(folder, "training.md", "### End", "${end}")

    assert len(complaint(folder).split("\n")) == 2


def test_a_variable_that_the_pack_does_not_have_cannot_be_set(folder):
    assert (
        complaint(folder, topic="x") == 'pack.toml: the pack has no variable "topic" to set (it has: subject, field).'
    )


def test_a_variable_cannot_be_set_to_nothing(folder):
    assert complaint(folder, subject=" ") == "pack.toml: the value given for variables.subject is empty."


# -------------------------------------------------------------------------------------------------------- templates


@given(st.text(), st.text(), st.text())
def test_values_are_never_expanded(first, second, third):
    pack = load_pack()

    text = render_training(pack, f"{first}$output", f"${{input}}{second}", f"%s {{0}} {{{{x}}}} {third}")

    assert f"{first}$output" in text
    assert f"${{input}}{second}" in text
    assert text.endswith("### End")


@given(st.text(alphabet="$${}ab_1 \n") | st.text())
def test_a_template_without_flaws_can_be_filled_and_one_with_flaws_cannot(text):
    found = list(flaws(text, {"a"}))

    try:
        fill(text, {"a": "1"})
    except (KeyError, ValueError):
        assert found
    else:
        assert not found


def test_the_training_prompt_has_all_sections_and_an_end_marker():
    text = render_training(load_pack(), "Ask", "Given", "Answer")

    assert text == "### Instruction:\nAsk\n\n### Context:\nGiven\n\n### Response:\nAnswer\n\n### End"
