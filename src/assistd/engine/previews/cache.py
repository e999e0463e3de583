"""Previews of stored files, each made once: what a file holds never changes."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, TypeAlias

import structlog

from assistd.engine.previews.kind import describe
from assistd.engine.workspace.contents import InputFile
from assistd.files.store import FileStore
from assistd.logs import failure

log = structlog.get_logger()

_Key: TypeAlias = tuple[str, str]  # a file's id, and its name in /mnt/data: a preview may name it
_MOST_KEPT = 4096  # of some hundred bytes each
_THREADS = 4


class PreviewCache:
    """Makes previews, in threads of its own, and keeps the newest."""

    def __init__(self) -> None:
        self._previews = OrderedDict[_Key, str]()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="preview")

    async def read(self, files: FileStore, inputs: Sequence[InputFile]) -> dict[str, str]:
        """Return the previews of files, by file id; empty where there is none, or no such file."""
        await self._make([each for each in inputs if _key(each) not in self._previews], files)
        found: dict[str, str] = {}
        for each in inputs:
            key = _key(each)
            found[each.file.id] = self._previews.get(key, "")
            if key in self._previews:
                self._previews.move_to_end(key)
        while len(self._previews) > max(_MOST_KEPT, len(inputs)):
            self._previews.popitem(last=False)
        return found

    async def _make(self, inputs: Sequence[InputFile], files: FileStore) -> None:
        if not inputs:
            return
        openers = await files.openers([each.file for each in inputs])
        run = asyncio.get_running_loop().run_in_executor
        parts = (inputs[start::_THREADS] for start in range(min(_THREADS, len(inputs))))
        made = await asyncio.gather(
            *(run(self._threads, _describe_all, part, openers) for part in parts)
        )
        for previews in made:
            self._previews |= previews


def _key(input_file: InputFile) -> _Key:
    return input_file.file.id, input_file.name


def _describe_all(
    inputs: Sequence[InputFile], openers: Mapping[str, Callable[[], BinaryIO]]
) -> dict[_Key, str]:
    previews: dict[_Key, str] = {}
    for each in inputs:
        if each.file.id in openers:
            try:
                with openers[each.file.id]() as file:
                    path = f"/mnt/data/{each.name}"
                    previews[_key(each)] = describe(path, each.file.bytes, file)
            except OSError as error:  # deleted meanwhile, or the store fails: tried again
                log.warning("file not previewed", file_id=each.file.id, **failure(error))
            except Exception as error:  # noqa: BLE001  a run needs no preview
                log.error("preview failed", file_id=each.file.id, **failure(error))
                previews[_key(each)] = ""
    return previews
