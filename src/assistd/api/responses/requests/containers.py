"""Bodies of containers."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from assistd.api.bodies import MAX_TEXT, Body, Many
from assistd.engine.responses import container_life
from assistd.errors import RequestError
from assistd.objects.responses.container import MemoryLimit, StoredContainer

MAX_FILES = 50
"""Files that a container may be made with (contract, responses, 3)."""

MAX_MINUTES = 43_200
"""Minutes without use after which a container expires: 30 days; the hosted service was only seen with 20."""

NAME_PATTERN = r"^[^\x00]*$"
"""What a name may be: any text that can stand in a row."""

FileIds = Annotated[Many[str], Field(max_length=MAX_FILES)]


class ExpiresAfterBody(Body):
    """How long a container lives without being used."""

    anchor: Literal["last_active_at"]
    minutes: Annotated[int, Field(strict=True, ge=1, le=MAX_MINUTES)]


class DisabledNetwork(Body):
    """Code has no network."""

    type: Literal["disabled"]


class AllowlistNetwork(Body):
    """Code reaches some hosts: refused, never accepted silently (contract, responses, 7.9)."""

    type: Literal["allowlist"]
    allowed_domains: Many[str] = []
    domain_secrets: list[Any] | None = None


NetworkPolicyBody = Annotated[DisabledNetwork | AllowlistNetwork, Field(discriminator="type")]


def require_no_network(policy: DisabledNetwork | AllowlistNetwork | None, param: str) -> None:
    """See that no network is asked for; `param` is what an error blames.

    Raises:
        RequestError: it is.
    """
    if isinstance(policy, AllowlistNetwork):
        raise RequestError(
            "A network policy of type 'allowlist' is not supported: this server's sandboxes have no "
            'network. Send {"type": "disabled"}, or no policy.',
            param=f"{param}.type",
            code="unsupported_value",
        )


def _check_skills(value: list[Any]) -> list[Any]:
    if value:
        raise ValueError("this server has no skills; send none")
    return value


class CreateContainer(Body):
    """The body of POST /containers."""

    name: Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=NAME_PATTERN)]
    file_ids: FileIds | None = None
    expires_after: ExpiresAfterBody | None = None
    memory_limit: MemoryLimit | None = None
    network_policy: NetworkPolicyBody | None = None
    skills: Annotated[list[Any], AfterValidator(_check_skills)] | None = None

    def container(self) -> StoredContainer:
        """The container, still without its files.

        Raises:
            RequestError: it would need what this server does not have.
        """
        require_no_network(self.network_policy, "network_policy")
        minutes = self.expires_after and self.expires_after.minutes
        return container_life.make(self.name, self.memory_limit, minutes)


class AddFile(Body):
    """The body of POST /containers/{id}/files that names a file of the project."""

    file_id: Annotated[str, StringConstraints(min_length=1)]
