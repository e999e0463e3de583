"""A multipart body is read as it arrives, however it is cut."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistd.api.multipart import Form, read_form
from assistd.errors import RequestError

BOUNDARY = "XYZ"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def body(data: bytes, filename: str = "a.csv", purpose: str = "assistants") -> bytes:
    return (
        (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n'
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
            "Content-Type: text/csv\r\n\r\n"
        ).encode()
        + data
        + f"\r\n--{BOUNDARY}--\r\n".encode()
    )


async def read(data: bytes, size: int, content_type: str = TYPE) -> Form[bytes]:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), size):
            yield data[start : start + size]

    async def keep(parts: AsyncIterator[bytes]) -> bytes:
        return b"".join([part async for part in parts])

    return await read_form(content_type, chunks(), "file", keep)


@given(st.binary(max_size=300), st.integers(1, 400))
async def test_any_bytes_come_through_any_cutting(data: bytes, size: int) -> None:
    form = await read(body(data), size)
    assert form.file == data
    assert form.fields == {"purpose": "assistants"}


@pytest.mark.parametrize("name", ["你好.txt", "a b.csv", "émile.pdf", "x" * 255])
async def test_names_in_any_script_are_kept(name: str) -> None:
    assert (await read(body(b"1", name), 7)).filename == name


async def test_the_three_escapes_of_browsers_are_undone() -> None:
    assert (await read(body(b"1", "a%22b%22.csv"), 50)).filename == 'a"b".csv'


async def test_a_body_that_is_cut_off_is_refused() -> None:
    whole = body(b"some data")
    with pytest.raises(RequestError):
        await read(whole[:-30], 11)


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data"])
async def test_another_kind_of_body_is_refused(content_type: str) -> None:
    with pytest.raises(RequestError, match="multipart/form-data"):
        await read(body(b"1"), 50, content_type)


async def test_garbage_is_refused() -> None:
    with pytest.raises(RequestError):
        await read(b"\x00\xff garbage " * 20, 13)


async def test_a_form_without_its_file_names_what_is_missing() -> None:
    plain = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nx\r\n--{BOUNDARY}--\r\n'
    with pytest.raises(RequestError, match="'file'"):
        await read(plain.encode(), 20)


def part(name: str, *headers: str) -> bytes:
    lines = "".join(f"{each}\r\n" for each in headers)
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n{lines}\r\n\r\n'.encode()
    )


@pytest.mark.parametrize("number", [17, 100_000])
async def test_parts_are_counted_also_where_they_have_one_name(number: int) -> None:
    with pytest.raises(RequestError, match="more than 17 parts"):
        await read(part("a") * number + body(b"1"), 65_536)


async def test_sixteen_fields_and_a_file_are_taken() -> None:
    fields = b"".join(part(f"f{n}") for n in range(15))
    assert len((await read(fields + body(b"1"), 50)).fields) == 16


@pytest.mark.parametrize("size", [7, 65_536])
async def test_the_headers_of_all_parts_together_are_bounded(size: int) -> None:
    each = part("a", *(f"x-{n}: {'a' * 1000}" for n in range(4)))
    with pytest.raises(RequestError, match="more than 16384 bytes"):
        await read(each * 10 + body(b"1"), size)


async def test_a_boundary_that_is_longer_than_any_is_refused() -> None:
    with pytest.raises(RequestError, match="boundary has more than 70 characters"):
        await read(body(b"1"), 50, f"multipart/form-data; boundary={'b' * 71}")
