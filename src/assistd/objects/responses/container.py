"""Containers: each a /mnt/data for code, and the files that stand in it (contract, responses, 4.5)."""

from typing import Literal

from assistd.objects.base import Object, Timestamp
from assistd.objects.file import File

MemoryLimit = Literal["1g", "4g", "16g", "64g"]
Status = Literal["running", "expired"]
Source = Literal["user", "assistant"]

FOLDER = "/mnt/data/"
"""How the paths of the files begin."""


CONTAINER_FILE = "cfile_"
"""How the ids of the files begin."""


class ExpiresAfter(Object):
    """How long a container lives without being used."""

    anchor: Literal["last_active_at"] = "last_active_at"
    minutes: int = 20


class NetworkPolicy(Object):
    """What of the network a container reaches: nothing."""

    type: Literal["disabled"] = "disabled"


class Container(Object):
    """The API's container; fields in the recorded order."""

    id: str
    object: Literal["container"] = "container"
    created_at: Timestamp
    status: Status = "running"
    expires_after: ExpiresAfter = ExpiresAfter()
    last_active_at: Timestamp
    memory_limit: MemoryLimit = "1g"
    name: str
    network_policy: NetworkPolicy = NetworkPolicy()


class StoredContainer(Container):
    """A container as it is stored.

    Args:
        lives_since: when it was made, or was used again after it had expired. One session is billed
            for each of these lives.
    """

    lives_since: Timestamp

    @property
    def expires_at(self) -> int:
        """When it expires unless it is used, in Unix seconds."""
        return self.last_active_at + 60 * self.expires_after.minutes

    @property
    def memory_gib(self) -> int:
        """Its memory, in GiB."""
        return int(self.memory_limit.removesuffix("g"))

    def is_expired(self, now: int) -> bool:
        """Tell whether it is expired at a time in Unix seconds."""
        return self.expires_at <= now

    def use(self, now: int) -> "StoredContainer":
        """Return it as it is once it was used at a time in Unix seconds; an expired one lives anew."""
        since = now if self.is_expired(now) else self.lives_since
        return self.evolve(last_active_at=max(now, self.last_active_at), lives_since=since)

    def show(self, now: int) -> Container:
        """Return it as clients see it at a time in Unix seconds."""
        shown = Container.model_validate(self.model_dump())
        return shown.evolve(status="expired") if self.is_expired(now) else shown


class ContainerFile(Object):
    """The API's file of a container; fields in the recorded order. There is no name but in the path."""

    id: str
    object: Literal["container.file"] = "container.file"
    created_at: Timestamp
    bytes: int
    container_id: str
    path: str
    source: Source


class StoredContainerFile(File):
    """A file of a container as it is stored: a file with a path.

    Args:
        container_id: where it stands.
        path: as clients see it. What a client gave stands under its own name, too, which is `filename`.
        source: who put it there: a client, or code.
        origin_id: the file of the project that it is a copy of, if it is one.
    """

    container_id: str
    path: str
    source: Source
    origin_id: str | None = None

    def show(self) -> ContainerFile:
        """Return it as clients see it."""
        return ContainerFile(
            id=self.id,
            created_at=self.created_at,
            bytes=self.bytes,
            container_id=self.container_id,
            path=self.path,
            source=self.source,
        )
