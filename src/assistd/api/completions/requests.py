"""The body of a request for embeddings (contract, file search, section 12)."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticKnownError

from assistd.api.bodies import Many, ModelName

_MOST_INPUTS = 2048

_Text = Annotated[str, StringConstraints(min_length=1)]
_Tokens = Annotated[Many[int], Field(min_length=1)]


def _check_length(items: list[str | int | list[int]]) -> list[str | int | list[int]]:
    """Refuse too many inputs; tokens of one input may be more."""
    if len(items) > _MOST_INPUTS and not all(isinstance(each, int) for each in items):
        found = {"field_type": "List", "max_length": _MOST_INPUTS, "actual_length": len(items)}
        raise PydanticKnownError("too_long", found)
    return items


class CreateEmbeddings(BaseModel):
    """Texts, or their tokens, and the model that embeds them; what else is sent is for an upstream."""

    model_config = ConfigDict(extra="allow", frozen=True)

    max_values: ClassVar[int] = 350_000
    """As many tokens as the hosted service takes at once, and some more."""

    input: (
        _Text
        | Annotated[Many[_Text | int | _Tokens], Field(min_length=1), AfterValidator(_check_length)]
    )
    model: ModelName
    dimensions: int | None = None
    encoding_format: Literal["float", "base64"] = "float"
    user: str | None = None
    input_type: Literal["passage", "query"] = "passage"
    """Not OpenAI's: what the texts are for a model that reads questions in another way."""

    @property
    def texts(self) -> list[str]:
        """The texts; none where tokens were sent."""
        if isinstance(self.input, str):
            return [self.input]
        return [each for each in self.input if isinstance(each, str)]

    def count_items(self) -> int:
        """Return how many texts were sent, or how many tokens."""
        if isinstance(self.input, str):
            return 1
        return sum(len(each) if isinstance(each, list) else 1 for each in self.input)
