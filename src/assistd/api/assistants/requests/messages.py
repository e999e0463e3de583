"""Bodies of messages."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo

from assistd.api.bodies import MAX_TEXT, Body, Many, Metadata
from assistd.engine.assistants.messages import NewMessage
from assistd.engine.context.picture_urls import explain_refusal
from assistd.engine.policy import Policy
from assistd.objects.message import (
    Attachment,
    AttachmentTool,
    Content,
    ImageFile,
    ImageFileContent,
    ImageURL,
    ImageURLContent,
    TextContent,
    TextValue,
)


class TextBody(Body):
    """A part of text; in a request it is a plain string (trap 30)."""

    type: Literal["text"]
    text: Annotated[str, StringConstraints(max_length=MAX_TEXT)]


class ImageFileFields(Body):
    """A picture that was uploaded."""

    file_id: str
    detail: Literal["auto", "low", "high"] = "auto"


class ImageFileBody(Body):
    """A part that is an uploaded picture."""

    type: Literal["image_file"]
    image_file: ImageFileFields


def _check_allowed(url: str, info: ValidationInfo) -> str:
    policy: Policy = info.context or Policy()
    if refusal := explain_refusal(url, private=policy.private_image_urls):
        raise ValueError(refusal)
    return url


class ImageURLFields(Body):
    """A picture elsewhere."""

    url: Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_allowed)]
    detail: Literal["auto", "low", "high"] = "auto"


class ImageURLBody(Body):
    """A part that is a picture elsewhere."""

    type: Literal["image_url"]
    image_url: ImageURLFields


PartBody = Annotated[TextBody | ImageFileBody | ImageURLBody, Field(discriminator="type")]


class AttachmentToolBody(Body):
    """A tool an attachment is for."""

    type: Literal["code_interpreter", "file_search"]


class AttachmentBody(Body):
    """A file that comes with a message."""

    file_id: str
    tools: Many[AttachmentToolBody] = [AttachmentToolBody(type="code_interpreter")]

    def attachment(self) -> Attachment:
        """Return the attachment as it stands on messages: its tools as they were sent (contract section 4)."""
        tools = tuple(AttachmentTool(type=each.type) for each in self.tools)
        return Attachment(file_id=self.file_id, tools=tools)


class CreateMessage(Body):
    """The body of POST /threads/{id}/messages, and of messages within other bodies."""

    role: Literal["user", "assistant"]
    content: (
        Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
        | Annotated[Many[PartBody], Field(min_length=1)]
    )
    attachments: Many[AttachmentBody] | None = None
    metadata: Metadata | None = None

    def message(self) -> NewMessage:
        """Return the message as the engine takes it."""
        if isinstance(self.content, str):
            content: tuple[Content, ...] = (TextContent(text=TextValue(value=self.content)),)
        else:
            content = tuple(_content(part) for part in self.content)
        attachments = tuple(each.attachment() for each in self.attachments or ())
        return NewMessage(self.role, content, attachments, self.metadata)


def _content(part: TextBody | ImageFileBody | ImageURLBody) -> Content:
    match part:
        case TextBody():
            return TextContent(text=TextValue(value=part.text))
        case ImageFileBody():
            fields = part.image_file
            return ImageFileContent(
                image_file=ImageFile(file_id=fields.file_id, detail=fields.detail)
            )
        case ImageURLBody():
            return ImageURLContent(
                image_url=ImageURL(url=part.image_url.url, detail=part.image_url.detail)
            )
