"""The bodies of our own routes."""

from assistd.api.bodies import Body
from assistd.objects.responses.container import MemoryLimit


class SessionBody(Body):
    """What the next session of a thread or a container is to have."""

    memory_limit: MemoryLimit
