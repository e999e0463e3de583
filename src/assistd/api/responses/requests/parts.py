"""Parts of messages and of outputs of functions, as clients send them (contract, responses, 4.8)."""

import base64
import binascii
import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

from assistd.api.bodies import Body, JsonObject, Many
from assistd.api.validation import make_error
from assistd.engine.context.picture_urls import explain_refusal
from assistd.engine.policy import Policy
from assistd.objects.responses import item as items

_MAX_TEXT = 10_485_760
_MAX_PICTURE = 20_971_520
_MAX_FILE = 73_400_320
_DATA_URL = re.compile(r"data:[^,]{0,256};base64,")

SentText = Annotated[str, StringConstraints(max_length=_MAX_TEXT)]
"""A text as long as an input may be."""
_FileId = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class ItemBody(Body):
    """An item, or a part of one; members that are not known are ignored."""

    model_config = ConfigDict(extra="ignore")


def _check_url(url: str, info: ValidationInfo) -> str:
    policy: Policy = info.context or Policy()
    if refusal := explain_refusal(url, private=policy.private_image_urls):
        raise ValueError(refusal)
    return url


def _refuse_url(url: str) -> str:
    """Refuse to fetch a file: what is at an address can be inside of the operator's network."""
    del url
    raise make_error(
        "Files at an address ('{param}') are not fetched by this server. Upload the file and send its "
        "'file_id', or send its bytes as 'file_data'.",
        code="unsupported_value",
    )


def _check_file_data(data: str) -> str:
    """Refuse bytes of a file that are not in base64: bare, or in a data URL."""
    match = _DATA_URL.match(data)
    try:
        base64.b64decode(data[match.end() :] if match else data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise make_error(
            "Invalid file data: '{param}'. Expected a base64-encoded data URL with a valid file MIME "
            "type (e.g. 'data:application/pdf;base64,...'), or bare base64, but got a value that is "
            "neither."
        ) from error
    return data


class TextPart(ItemBody):
    """Text of anybody; the names that it has say who said it, which its message says, too (responses, trap 29)."""

    type: Literal["input_text", "output_text", "text"]
    text: SentText
    annotations: Many[JsonObject] | None = None

    def input_part(self) -> items.InputText:
        """Return the part as users and functions have it."""
        return items.InputText(text=self.text)

    def output_part(self) -> items.OutputText:
        """Return the part as an assistant has it."""
        return items.OutputText(text=self.text, annotations=tuple(self.annotations or ()))


class RefusalPart(ItemBody):
    """The assistant did not answer."""

    type: Literal["refusal"]
    refusal: SentText

    def output_part(self) -> items.Refusal:
        """Return the part as an assistant has it."""
        return items.Refusal(refusal=self.refusal)


class ImagePart(ItemBody):
    """A picture that was uploaded, or is elsewhere, or in the URL itself."""

    type: Literal["input_image"]
    image_url: (
        Annotated[str, StringConstraints(max_length=_MAX_PICTURE), AfterValidator(_check_url)]
        | None
    ) = None
    file_id: _FileId | None = None
    detail: Literal["auto", "low", "high", "original"] | None = None

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if self.image_url is None and self.file_id is None:
            raise make_error(
                "Missing required parameter: '{param}'. A picture has this or a 'file_id'.",
                code="missing_required_parameter",
                member="image_url",
            )
        return self

    def input_part(self) -> items.InputImage:
        """Return the part as it is kept; the file goes first where a client sent back both."""
        url = None if self.file_id else self.image_url
        return items.InputImage(detail=self.detail or "auto", file_id=self.file_id, image_url=url)


class FilePart(ItemBody):
    """A file that was uploaded, or comes with the part."""

    type: Literal["input_file"]
    file_id: _FileId | None = None
    filename: Annotated[str, StringConstraints(max_length=512)] | None = None
    file_data: (
        Annotated[str, StringConstraints(max_length=_MAX_FILE), AfterValidator(_check_file_data)]
        | None
    ) = None
    file_url: Annotated[str, AfterValidator(_refuse_url)] | None = None

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if self.file_id is None and self.file_data is None:
            raise make_error(
                "Missing required parameter: '{param}'. A file has this or 'file_data'.",
                code="missing_required_parameter",
                member="file_id",
            )
        return self

    def input_part(self) -> items.InputFile:
        """Return the part as it is kept: with one source."""
        data = None if self.file_id else self.file_data
        return items.InputFile(file_id=self.file_id, filename=self.filename, file_data=data)


Part = Annotated[TextPart | RefusalPart | ImagePart | FilePart, Field(discriminator="type")]
"""A part of a message."""
OutputPart = Annotated[TextPart | ImagePart | FilePart, Field(discriminator="type")]
"""A part of what a function of the client gave."""
