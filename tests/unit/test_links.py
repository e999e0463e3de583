"""Links to files are found while text streams."""

from hypothesis import given
from hypothesis import strategies as st

from assistd.engine.links import PREFIX, LinkFinder, Piece

PATHS = {
    "x.csv": "file-1",
    "x.csv.gz": "file-2",
    "my file (1).png": "file-3",
    "数据/图.png": "file-4",
    "a": "file-5",
}
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
        "s",
        ".",
    ]
)
LINKS = st.sampled_from([PREFIX + path for path in [*PATHS, "missing.txt", "x.csvx", ""]])
TEXTS = st.lists(PROSE | LINKS, max_size=20).map("".join)


def stream(text: str, cuts: list[int]) -> list[Piece]:
    finder, pieces, start = LinkFinder(PATHS), [], 0
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
    for piece in pieces:
        if piece.annotation:
            mark = piece.annotation
            assert text[mark.start_index : mark.end_index] == mark.text == piece.text
            assert mark.file_path.file_id == PATHS[mark.text.removeprefix(PREFIX)]


@given(TEXTS, st.lists(st.integers(0, 1000), max_size=30))
def test_where_the_stream_is_cut_changes_no_annotation(text: str, cuts: list[int]) -> None:
    found = [piece.annotation for piece in stream(text, cuts) if piece.annotation]
    assert found == [piece.annotation for piece in stream(text, []) if piece.annotation]


def links(text: str) -> list[str]:
    return [piece.text for piece in stream(text, []) if piece.annotation]


def test_a_full_stop_ends_a_sentence_and_not_a_name() -> None:
    assert links(f"It is in {PREFIX}x.csv.") == [f"{PREFIX}x.csv"]


def test_the_longest_name_that_exists_is_the_one_that_is_linked() -> None:
    assert links(f"{PREFIX}x.csv.gz") == [f"{PREFIX}x.csv.gz"]


def test_a_name_that_goes_on_is_another_name() -> None:
    assert links(f"{PREFIX}x.csv2 {PREFIX}ab {PREFIX}a-b {PREFIX}a/b") == []


def test_names_with_blanks_and_brackets_need_no_quoting() -> None:
    assert links(f"[p]({PREFIX}my file (1).png)") == [f"{PREFIX}my file (1).png"]


def test_trap_16_only_files_that_exist_and_well_formed_links_are_annotated() -> None:
    assert links("sandbox://mnt/data/x.csv sandbox:/mnt/data/missing.txt /mnt/data/x.csv") == []


def test_the_same_file_linked_twice_is_annotated_twice() -> None:
    assert len(links(f"{PREFIX}x.csv {PREFIX}x.csv")) == 2


def test_text_that_cannot_be_a_link_is_never_held_back() -> None:
    finder = LinkFinder(PATHS)
    assert [piece.text for piece in finder.feed("plain words ")] == ["plain words "]
    assert [piece.text for piece in finder.feed("then sandb")] == ["then "]
    assert [piece.text for piece in finder.feed("lasting")] == ["sandblasting"]
