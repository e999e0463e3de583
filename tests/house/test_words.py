"""Names are words that a stranger knows: functions are verbs, and no word has two meanings."""

import re
from collections import Counter
from pathlib import PurePath

import pytest
from tests.house.code import PACKAGE, Name, modules, names
from tests.house.links import ROOT


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Of verbs without -ed, the forms that are nothing but participles; `read`, `put` and `run` are verbs, too.
_IRREGULAR = _words(
    """
    begun bent bound broken brought built caught chosen done drawn fallen felt found forgotten
    foregone foreseen given gone grown heard held hidden hung kept known laid led left lent
    lost made meant met paid said seen sent shown sold spent spoken stolen taken taught
    thought thrown told understood withdrawn worn written
    """
)
# Verbs and nouns that end in -ed.
_NO_PARTICIPLES = _words(
    """
    bed bleed breed embed exceed feed heed need proceed reseed red seed shed shred speed
    succeed wed
    """
)
# Behind a participle these leave it as bare as it is: `opened_by`, `run_until_told` begins with a verb.
_PARTICLES = _words(
    """
    across after as at before below behind between beyond by down for from in into now of off
    on onto out over since so there through to together too twice under until up upon with
    within
    """
)
# A change of the environment's own modules would have every operator build it anew: these stay till then.
_MODULES_OF_ENVIRONMENT = "sandbox/environments/modules/"
_PARTICIPLES_LEFT = frozenset({"_unpacked"})

# Words that had two meanings, and the rooms where names keep the one that they have now.
_ONE_MEANING = {
    "answer": ("models/", "engine/"),  # a model's; HTTP has responses, JSON lines have replies
    "keeper": ("engine/",),  # of leases
    "place": ("engine/", "db/"),  # a position in a text or a list; a session has a slot
    "sentry": (),  # the kernel of gVisor alone: nothing of ours
    "turn": (
        "models/",
        "engine/",
        "objects/timeline.py",
        "cli/runs.py",
    ),  # a question to the model and its answer
}
# Of these names there were two modules or more in different rooms, for different things.
_ONE_MODULE = ("fonts", "gvisor", "memory", "session", "zygote")


def is_participle(word: str) -> bool:
    """Tell whether an English word can only be a past participle (or a past tense)."""
    stem = word.removeprefix("un").removeprefix("re")
    if word in _NO_PARTICIPLES or stem in _NO_PARTICIPLES:
        return False
    return bool(re.fullmatch(r"\w+ed", word)) or word in _IRREGULAR or stem in _IRREGULAR


def is_bare_participle(name: Name) -> bool:
    """Tell whether a function says neither whether it asks, acts or wraps."""
    first, *rest = [*name.words, ""]
    return name.is_function and is_participle(first) and {*rest, ""} <= {*_PARTICLES, ""}


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("_moved", True),
        ("told", True),
        ("opened_by", True),
        ("unforeseen", True),
        ("held", True),
        ("feed", False),
        ("embed", False),
        ("refused_parameter", False),
        ("put", False),
        ("read_small", False),
        ("is_shared", False),
        ("run_until_told", False),
        ("children", False),
    ],
)
def test_a_bare_participle_is_known_by_its_form(text: str, bare: bool) -> None:
    assert is_bare_participle(Name("module.py", text, is_function=True)) is bare


def test_no_function_is_named_by_a_bare_participle() -> None:
    found = {
        name.text
        for folder in (PACKAGE, ROOT / "tools", ROOT / "demo")
        for module, text in modules(folder).items()
        for name in names(module, text)
        if is_bare_participle(name)
    }
    assert found == _PARTICIPLES_LEFT, "name it by what it does for its caller (docs/writing.md)"


def test_a_word_has_one_meaning() -> None:
    found = {
        name.text
        for module, text in modules().items()
        if module != "settings.py"  # what operators type stays
        if not module.startswith(_MODULES_OF_ENVIRONMENT)
        for name in names(module, text)
        for word, rooms in _ONE_MEANING.items()
        if {word, f"{word}s"} & set(name.words) and not module.startswith(rooms)
    }
    assert not found, "take the word of docs/glossary.md"


def test_no_two_modules_for_different_things_have_one_name() -> None:
    stems = Counter(PurePath(module).stem for module in modules())
    found = {stem: stems[stem] for stem in _ONE_MODULE if stems[stem] > 1}
    assert not found
