"""Links to files are found while text streams."""

import itertools
import unicodedata
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistd.engine.annotations import spellings
from assistd.engine.annotations.links import LinkFinder, Piece
from assistd.engine.annotations.spellings import WELL_FORMED as PREFIX
from assistd.engine.annotations.spellings import CodeBlocks, variants

PATHS = {
    "x.csv": "file-1",
    "x.csv.gz": "file-2",
    "my file (1).png": "file-3",
    "数据/图.png": "file-4",
    "a": "file-5",
}
UPLOADS = {"src.csv": "upload-1", "Ωmega ΑΣ.csv": "upload-2", "x.csv": "upload-3"}
FILES = UPLOADS | PATHS
PROSE = st.sampled_from(
    [
        "see ",
        "😀",
        "图表: ",
        "[data](",
        ")",
        ". ",
        ",",
        "\n",
        "sandbox:",
        "sandbox:/mnt",
        "/mnt/data/",
        "`",
        "\n```\n",
        "x.csv",
        "](",
        "saved as `",
        "s",
        ".",
        "](/",
        "]\uff08",
        "\uff09",
        "Sandbox:",
        "sandbox://",
        "attachment:",
        "src.csv",
        "SRC.CSV",
        "\\",
    ]
)
LINKS = st.sampled_from([PREFIX + path for path in [*FILES, "missing.txt", "x.csvx", ""]])
BEGINNINGS = (
    *(f"[l]({each}" for each in ("", "./", "/", "/mnt/data/", "mnt/data/", "</mnt/data/")),
    *(
        scheme + folder
        for scheme in ("sandbox:", "file:", "attachment:")
        for folder in (
            "",
            "/",
            "//",
            "///",
            "mnt/data/",
            "/mnt/data/",
            "//mnt/data/",
            "///mnt/data/",
        )
    ),
)


def swap_slashes(text: str) -> str:
    return text.replace("/", "\\")


NEAR_MISSES = st.builds(
    lambda beginning, name, write, change, end: change(beginning + write(name)) + end,
    st.sampled_from(BEGINNINGS),
    st.sampled_from(list(FILES)),
    st.sampled_from(
        [str, quote, lambda name: quote(name, safe=""), lambda n: n.replace(" ", "%20")]
    ),
    st.sampled_from([str, str.upper, str.swapcase, swap_slashes]),
    st.sampled_from([")", "\uff09", ".", "。", ", ", '"', "> ", "\n", "", "**", "`"]),
)
TEXTS = st.lists(PROSE | LINKS | NEAR_MISSES, max_size=20).map("".join)


def stream(text: str, cuts: list[int]) -> list[Piece]:
    finder, pieces, start = LinkFinder(PATHS, UPLOADS), [], 0
    for cut in sorted({cut % (len(text) + 1) for cut in cuts}):
        pieces += finder.feed(text[start:cut])
        start = cut
    return [*pieces, *finder.feed(text[start:]), *finder.end()]


@given(TEXTS, st.lists(st.integers(0, 1000), max_size=30))
def test_no_text_is_lost_or_changed_and_every_annotation_is_the_slice_it_names(
    text: str, cuts: list[int]
) -> None:
    pieces = stream(text, cuts)
    assert "".join(piece.text for piece in pieces) == text
    sent = 0
    for piece in pieces:
        sent += len(piece.text)
        if mark := piece.annotation:
            assert text[mark.start_index : mark.end_index] == mark.text
            assert mark.end_index <= sent
            assert piece.text in {mark.text, ""}
            assert mark.file_path.file_id in FILES.values()


@given(TEXTS, st.lists(st.integers(0, 1000), max_size=30))
def test_where_the_stream_is_cut_changes_no_annotation(text: str, cuts: list[int]) -> None:
    found = [piece.annotation for piece in stream(text, cuts) if piece.annotation]
    assert found == [piece.annotation for piece in stream(text, []) if piece.annotation]


@given(TEXTS)
def test_no_two_annotations_overlap(text: str) -> None:
    marks = [piece.annotation for piece in stream(text, []) if piece.annotation]
    spans = sorted((mark.start_index, mark.end_index) for mark in marks)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))


def links(text: str) -> list[str]:
    return [piece.annotation.text for piece in stream(text, []) if piece.annotation]


def ids(
    text: str, paths: dict[str, str] = PATHS, uploads: dict[str, str] | None = None
) -> list[str]:
    finder = LinkFinder(paths, uploads)
    pieces = [*finder.feed(text), *finder.end()]
    return [piece.annotation.file_path.file_id for piece in pieces if piece.annotation]


def test_a_full_stop_ends_a_sentence_and_not_a_name() -> None:
    assert links(f"It is in {PREFIX}x.csv.") == [f"{PREFIX}x.csv"]


def test_the_longest_name_that_exists_is_the_one_that_is_linked() -> None:
    assert links(f"{PREFIX}x.csv.gz") == [f"{PREFIX}x.csv.gz"]


def test_a_name_that_goes_on_is_another_name() -> None:
    assert links(f"{PREFIX}x.csv2 {PREFIX}ab {PREFIX}a-b {PREFIX}a/b") == []


def test_names_with_blanks_and_brackets_need_no_quoting() -> None:
    assert links(f"[p]({PREFIX}my file (1).png)") == [f"{PREFIX}my file (1).png"]


def test_trap_16_a_link_to_a_file_that_does_not_exist_is_not_annotated() -> None:
    text = (
        "sandbox://mnt/data/no.csv sandbox:/mnt/data/missing.txt [m](missing.txt) /mnt/data/no.csv"
    )
    assert links(text) == []


@given(st.sampled_from(BEGINNINGS), st.sampled_from(list(FILES)), st.sampled_from([str, quote]))
def test_each_way_to_spell_a_link_leads_to_the_file(
    beginning: str, name: str, write: Callable[[str], str]
) -> None:
    assert ids(beginning + write(name) + ")", PATHS, UPLOADS) == [FILES[name]]


@pytest.mark.parametrize(
    "text",
    [
        "sandbox:mnt/data/x.csv",
        "sandbox://mnt/data/x.csv",
        "attachment:x.csv",
        "attachment:/mnt/data/x.csv",
        "[x](/x.csv)",
        "[x](mnt/data/x.csv)",
        "[x](/mnt/data/X.CSV)",
        "[x](Sandbox:/mnt/data/X.csv)",
        "[x](sandbox:\\mnt\\data\\x.csv)",
        "[x](sandbox:%2Fmnt%2Fdata%2Fx.csv)",
        "[x]\uff08/mnt/data/x.csv\uff09",
        "\u3010x\u3011\uff08sandbox:/mnt/data/x.csv\uff09\u3002",
        "sandbox:/mnt/data/x.csv?",
        "sandbox:/mnt/data/x.csv\uff0c",
        "**sandbox:/mnt/data/x.csv**",
    ],
)
def test_a_link_with_another_root_scheme_case_or_bracket_is_repaired(text: str) -> None:
    assert ids(text) == ["file-1"]


def test_another_case_leads_nowhere_where_it_may_mean_two_files() -> None:
    paths = {"A.csv": "file-1", "a.CSV": "file-2"}
    assert ids("[a](a.csv) [a](sandbox:/mnt/data/a.csv)", paths) == []
    assert ids("[a](A.csv) [a](a.CSV)", paths) == ["file-1", "file-2"]


def test_a_name_of_a_mac_is_linked_in_composed_letters_and_in_decomposed_ones() -> None:
    paths = {unicodedata.normalize("NFD", "Zürich.csv"): "file-1"}
    for form in ("NFC", "NFD"):
        assert ids(unicodedata.normalize(form, "[z](sandbox:/mnt/data/Zürich.csv)"), paths) == [
            "file-1"
        ]


def test_a_file_in_the_folder_itself_is_meant_before_one_of_that_name_further_down() -> None:
    paths = {"out/x.csv": "file-1", "x.csv": "file-2"}
    assert ids("[x](x.csv) sandbox:x.csv [x](out/x.csv)", paths) == ["file-2", "file-2", "file-1"]


def test_a_link_to_an_upload_is_annotated_and_a_mention_of_it_is_not() -> None:
    assert ids("[s](sandbox:/mnt/data/src.csv)", PATHS, UPLOADS) == ["upload-1"]
    assert ids("[s](src.csv)", PATHS, UPLOADS) == ["upload-1"]
    prose = "I read src.csv, `src.csv`, saved as `src.csv` and /mnt/data/src.csv."
    assert ids(prose, PATHS, UPLOADS) == []


def test_a_link_to_an_upload_that_code_wrote_over_leads_to_what_it_wrote() -> None:
    assert ids("[x](x.csv)", PATHS, UPLOADS) == ["file-1"]


def test_a_name_that_an_upload_has_is_no_mention_of_a_written_file_further_down() -> None:
    assert ids("I read x.csv", {"out/x.csv": "file-1"}, UPLOADS) == []


@pytest.mark.parametrize(
    "text",
    [
        "sandbox:///mnt/data/{}",
        "file:///mnt/data/{}",
        "sandbox:{}",
        "[data]({})",
        "[data](./{})",
        "[data](</mnt/data/{}>)",
        "[data](/mnt/data/{})",
        "It is at /mnt/data/{}.",
        "Saved as `{}`.",
        "**{}** is ready",
        "I made {}!",
        "文件{}已保存",
    ],
)
@pytest.mark.parametrize("name", ["x.csv", "my file (1).png", "my%20file%20(1).png"])
def test_a_near_miss_is_repaired(text: str, name: str) -> None:
    wanted = PATHS[name.replace("%20", " ")]
    assert ids(text.format(name)) == [wanted]


@pytest.mark.parametrize(
    "spelling", ["sandbox:/mnt/data/数据/图.png", quote("/mnt/data/数据/图.png")]
)
def test_a_link_may_be_escaped_as_in_a_url(spelling: str) -> None:
    assert ids(f"[图]({spelling})") == ["file-4"]


@pytest.mark.parametrize(
    "text",
    [
        "```python\ndf.to_csv('x.csv')\nopen('/mnt/data/x.csv')\n```",
        "~~~\n[x](sandbox:/mnt/data/x.csv)\n~~~",
        "`pd.read_csv('x.csv')` reads it",
        "see https://example.com/x.csv and C:/mnt/data/x.csv and ~/x.csv",
        "a letter and a word",
        "mail me@x.csv, or x.csv-old, x.csvs, xx.csv",
        "[x.csv](https://example.com/other)",
    ],
)
def test_what_only_looks_like_a_file_is_left_alone(text: str) -> None:
    assert ids(text) == []


def test_text_after_a_code_block_is_read_again() -> None:
    assert ids("```\nx.csv\n```\n[x](x.csv)") == ["file-1"]


def test_a_name_that_two_files_have_is_left_alone_and_their_paths_are_not() -> None:
    paths = {"a/x.csv": "file-a", "b/x.csv": "file-b"}
    assert ids("x.csv [x](x.csv) sandbox:x.csv", paths) == []
    assert ids("see a/x.csv and [b](/mnt/data/b/x.csv)", paths) == ["file-b", "file-a"]


def test_a_mention_beside_a_link_is_not_annotated_so_that_replacing_texts_keeps_the_link() -> None:
    text = f"I saved x.csv to /mnt/data/x.csv: [x.csv]({PREFIX}x.csv)"
    assert links(text) == [f"{PREFIX}x.csv"]


def test_a_name_without_an_ending_counts_only_in_backticks_after_saved_as() -> None:
    assert ids("saved as `a`") == ["file-5"]
    assert ids("`a` is a") == []


def test_the_same_file_linked_twice_is_annotated_twice() -> None:
    assert len(links(f"{PREFIX}x.csv {PREFIX}x.csv")) == 2


def test_text_that_cannot_be_a_link_is_never_held_back() -> None:
    finder = LinkFinder(PATHS)
    assert [piece.text for piece in finder.feed("plain words ")] == ["plain words "]
    assert [piece.text for piece in finder.feed("then sandb")] == ["then "]
    assert [piece.text for piece in finder.feed("lasting")] == ["sandblasting"]


@given(TEXTS, st.lists(st.integers(0, 500)))
def test_code_blocks_are_the_same_however_often_they_are_asked_for(
    text: str, places: list[int]
) -> None:
    blocks = CodeBlocks()
    for place in sorted({place % (len(text) + 1) for place in places}):
        if text[place - 1 : place + 1] == "``":
            continue  # within a fence, where no link begins
        assert blocks.hold(text, place) == CodeBlocks().hold(text, place)


def test_a_mention_is_found_among_many_thousand_files() -> None:
    paths = {f"out/chart_{n}.png": f"file-{n}" for n in range(3000)}
    finder = LinkFinder(paths)
    pieces = [*finder.feed("The charts are saved; see chart_1234.png first."), *finder.end()]
    (found,) = [piece.annotation for piece in pieces if piece.annotation]
    assert (found.text, found.file_path.file_id) == ("chart_1234.png", "file-1234")


def test_a_name_with_a_twin_in_other_case_is_linked_by_its_own_spelling() -> None:
    paths = {"A.csv": "file-1", "a.CSV": "file-2"}
    assert ids("sandbox:a.CSV [a](/A.csv)", paths) == ["file-2", "file-1"]


def test_text_is_searched_once_however_small_the_pieces_are_in_which_it_comes() -> None:
    finder, searched = LinkFinder(PATHS), 0
    for _ in range(1000):
        finder.feed("no link in this ")
        searched += len(finder._text) - finder._searched
    assert searched < 1000 * 16, "what was searched is searched again"


def test_a_trigger_that_is_cut_anywhere_is_found() -> None:
    text = f"{'see that ' * 9}[x](</mnt/data/x.csv>) and Attachment:x.csv."
    found = [[piece.annotation for piece in stream(text, [cut])] for cut in range(len(text))]
    assert all(sum(each is not None for each in marks) == 2 for marks in found)


@pytest.mark.parametrize(
    "text", ["[x](chart_77.png)", f"{PREFIX}out/chart_77.png", "I made chart_77.png."]
)
def test_only_names_that_a_text_may_mean_are_spelled_out(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(name: str) -> set[str]:
        asked.append(name)
        return variants(name)

    monkeypatch.setattr(spellings, "variants", counted)
    assert ids(text, {f"out/chart_{n}.png": f"file-{n}" for n in range(10_000)}) == ["file-77"]
    assert len(asked) < 100


def test_of_more_files_than_can_be_told_apart_the_newest_are_linked() -> None:
    paths = {f"{n}.csv": f"file-{n}" for n in range(30_000)}
    assert ids("[a](0.csv) [b](29999.csv), 1.csv", paths) == ["file-29999"]


def test_names_that_differ_only_in_case_do_not_cost_each_other_much() -> None:
    alike = {
        "".join(letters) + ".csv": f"file-{number}"
        for number, letters in enumerate(
            itertools.product(*zip("abcdefghijkl", "ABCDEFGHIJKL", strict=True))
        )
    }
    assert ids("[a](abcdefghijkl.csv)", alike) == ["file-0"]
    assert ids("[a](aBcDeFgHiJkL.csvx)", alike) == []
