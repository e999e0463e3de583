"""Bodies of conversations."""

from typing import Annotated

from pydantic import Field

from assistd.api.bodies import Metadata
from assistd.api.responses.requests.common import StrictBody
from assistd.api.responses.requests.items import ItemBodies

_Items = Annotated[ItemBodies, Field(max_length=20)]


class CreateConversation(StrictBody):
    """The body of POST /conversations; everything may be left out."""

    items: _Items | None = None
    metadata: Metadata | None = None


class ModifyConversation(StrictBody):
    """The body of POST /conversations/{id}."""

    metadata: Metadata | None


class AddItems(StrictBody):
    """The body of POST /conversations/{id}/items."""

    items: _Items
