"""Code is repaired when, and only when, that makes it Python; literals that were valid stay as they are."""

# ruff: noqa: RUF001  signs that look like others are what this is about

import ast
import re
import time
from pathlib import Path

import pytest

from assistd.sandbox.guest.shared import repair


def compiles(code: str) -> bool:
    try:
        compile(code, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError):
        return False
    return True


def repaired(code: str) -> str:
    return repair.apply(code, repair.find(code, compiles))


@pytest.mark.parametrize(
    ("sent", "run"),
    [
        ("```python\nprint(1)\n```", "print(1)"),
        ("```\nprint(1)\n```\n", "print(1)\n"),
        ("~~~py\nprint(1)\n~~~", "print(1)"),
        ("\n  ```python\nprint(1)\n  ```", "\nprint(1)"),
        ("```python\r\nprint(1)\r\n```", "print(1)\r"),
        ("```python\nprint(1)", "print(1)"),
        ("print(1)\n```", "print(1)"),
        ("```python print(1)```", "print(1)"),
        ("`print(1)`", "print(1)"),
        ("Here's the code:\n```python\nprint(1)\n```\nDone!", "# Here's the code:\nprint(1)\n# Done!"),
        ("```python\na = 1\n```\nand\n```python\nb = 2\n```", "a = 1\n# and\nb = 2"),
        ("```bash\nls -l /\n```\n```python\na = 1\n```", "# ls -l /\na = 1"),
        (r"import math\nprint(1)", "import math\nprint(1)"),
        (r"x = 1\r\nif x:\n\tprint('a\n')\n", "x = 1\nif x:\n\tprint('a\\n')\n"),
        (r"x = 1\n# what's it\nprint(1)", "x = 1\n# what's it\nprint(1)"),
        (r"print(\"a\")\nprint(\"b\\n\")", 'print("a")\nprint("b\\n")'),
        (r"s = \"\"\"x\ny\"\"\"", 's = """x\ny"""'),
        (r"```python\nprint(1)\n```", "print(1)"),
        ("x\N{NO-BREAK SPACE}= 1", "x = 1"),
        ("if 1:\n\u3000\u3000x = 1", "if 1:\n  x = 1"),
        ("\ufeffx\u200b = 1", "x = 1"),
        ("x = 1\u2028y = 2", "x = 1\ny = 2"),
        ("x\xa0= 'a\xa0b'  # c\xa0d", "x = 'a\xa0b'  # c\xa0d"),
        ("print(“你好，世界”)", 'print("你好，世界")'),
        ("print（'你好（）'）", "print('你好（）')"),
        ("x = ｛'a'：1，'b'：［2］｝；y=x", "x = {'a':1,'b':[2]};y=x"),
        ("print(‘it\\'s’)", "print('it\\'s')"),
        ('print(“say "hi"”)', 'print("say \\"hi\\"")'),
        ("x = 3 − 2 × 1", "x = 3 - 2 * 1"),
        ("assert 1 ≤ 2", "assert 1 <= 2"),
        ("if 1 &lt; 2 and 3 &gt; 2:\n    print('&lt;')", "if 1 < 2 and 3 > 2:\n    print('&lt;')"),
        ("print(&quot;a &amp; b&quot;)", 'print("a & b")'),
        ("print(&#39;a&#39;)", "print('a')"),
        ("```python\nx\xa0= “a”\n```", 'x = "a"'),
    ],
)  # fmt: skip
def test_a_slip_is_repaired(sent: str, run: str) -> None:
    assert repaired(sent) == run


@pytest.mark.parametrize(
    "code",
    [
        "x = = 1",
        "print('a'",
        "Here is what I would do.",
        "```bash\nls -l | grep x\n```",
        "def f(:\n    '''“”'''",
        "```\n```",
        "",
        "x = '“'\ny = = '\xa0'",
    ],
)
def test_what_no_repair_makes_valid_stays_as_it_is(code: str) -> None:
    assert repaired(code) == code


SLIPS = ["“", "（", "\xa0", "&lt;", r"\n", "```", "，", "\u200b"]
VALID = [f"x = {slip!r}  # {slip}\ny = '''\n{slip}\n'''" for slip in SLIPS]


@pytest.mark.parametrize(
    "code", [*VALID, *[p.read_text() for p in sorted(Path(ast.__file__).parent.glob("[a-c]*.py"))]]
)
def test_code_that_compiles_is_never_changed(code: str) -> None:
    assert repair.find(code, compiles) == 0


def literals(code: str) -> list[str]:
    return [
        node.value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


@pytest.mark.parametrize("slip", ["x\xa0= 1", "x = （1）", "if 1 &lt; 2: pass", r"x = 1\ny = 2"])
@pytest.mark.parametrize("code", VALID)
def test_a_repair_elsewhere_changes_no_literal(code: str, slip: str) -> None:
    broken = f"{code}\n{slip}"
    assert not compiles(broken)
    assert repaired(broken) != broken
    assert literals(repaired(broken)) == literals(code)


@pytest.mark.parametrize(
    "hostile",
    ['\\"""' * 25_000, "\\'''" * 24_999 + "\\", '"' * 99_999, "&quot;" * 16_001, "“" * 99_999,
     "```\n" * 25_000, "`" * 99_999, "#\\n" * 33_000, "\\\"" * 49_999, "'\\\n" * 33_000],
)  # fmt: skip
def test_no_repair_takes_long(hostile: str) -> None:
    hostile = hostile[: repair.LIMIT - 1] + hostile[-1]
    for repairs in (*(1 << number for number in range(repair.ALL.bit_length())), repair.ALL):
        started = time.process_time()
        repair.apply(hostile, repairs)
        assert time.process_time() - started < 0.5


def test_longer_code_is_not_repaired() -> None:
    code = "```\n" + "x = 1\n" * repair.LIMIT + "```"
    assert repair.apply(code, repair.ALL) == code


def test_a_repair_drops_no_letter_of_code() -> None:
    hidden = "evil()\n'''\n```python\nprint(1)\n```\n'''"
    for repairs in range(repair.ALL + 1):
        shown = repair.apply(hidden, repairs)
        assert re.findall(r"\w+", shown.replace("python", "")) == re.findall(
            r"\w+", hidden.replace("python", "")
        )
