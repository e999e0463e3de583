"""A project: the tenant that owns every object made with its keys."""

from assistd.objects.base import Object, Timestamp


class Project(Object):
    """A tenant."""

    id: str
    name: str
    created_at: Timestamp
