"""Which of the files that a call wrote are stored: never more bytes than /mnt/data can hold."""

from assistd.engine.workspace.selection import select
from assistd.sandbox.base import DataFile

MIB = 1 << 20


def test_files_that_fill_the_folder_are_all_selected() -> None:
    changed = [DataFile("a", 400 * MIB), DataFile("b", 368 * MIB)]
    selected = select(changed, 512 * MIB, 768 * MIB)
    assert selected.files == tuple(changed)
    assert (selected.lost, selected.bytes) == ({}, 768 * MIB)


def test_a_file_with_holes_gives_way_to_those_without() -> None:
    holes = DataFile("a", 100, is_sparse=True)
    selected = select([holes, DataFile("b", 60), DataFile("c", 30)], 100, 100)
    assert [each.path for each in selected.files] == ["b", "c"]
    assert "holes" in selected.lost["a"]


def test_a_file_of_many_names_is_read_once_and_counts_for_the_project_under_each() -> None:
    inode = (1, 2)
    named = [DataFile(name, 60, inode=inode) for name in "abc"]
    selected = select(named, 100, 100)
    assert [each.path for each in selected.files] == ["a"]
    assert selected.same == {"b": "a", "c": "a"}
    assert selected.bytes == 180


def test_what_is_too_large_is_lost_under_every_name() -> None:
    named = [DataFile(name, 101, inode=(1, 2)) for name in "ab"]
    selected = select([*named, DataFile("c", 1)], 100, 1000)
    assert [each.path for each in selected.files] == ["c"]
    assert selected.lost.keys() == {"a", "b"}
    assert selected.bytes == 1
