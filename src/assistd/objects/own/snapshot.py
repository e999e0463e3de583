"""What a workspace keeps of its variables between two sessions, as clients may look at it."""

from typing import Literal

from assistd.objects.base import Object, Timestamp


class KeptVariables(Object):
    """Variables that are kept together, because they share an object, or one alone.

    Args:
        names: of the variables.
        bytes: that they take.
    """

    names: tuple[str, ...]
    bytes: int


class LeftVariable(Object):
    """A variable that could not be kept.

    Args:
        name: its name.
        reason: why, as the session said.
    """

    name: str
    reason: str


class Snapshot(Object):
    """The variables of a thread or a container, kept while it has no session; not a part of the hosted API.

    Args:
        workspace_id: the thread, or the container.
        saved_at: when they were kept.
        expires_at: when they are deleted, unless a session has them until then.
        bytes: that count for the storage of the project.
        variables: what is kept, in the order in which it is restored.
        left_out: what is not.
        is_whole: whether there was time to look at all of them.
    """

    object: Literal["assistd.variables"] = "assistd.variables"
    workspace_id: str
    saved_at: Timestamp
    expires_at: Timestamp | None = None
    bytes: int = 0
    variables: tuple[KeptVariables, ...] = ()
    left_out: tuple[LeftVariable, ...] = ()
    is_whole: bool = True
