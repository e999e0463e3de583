"""A message: what the user or the assistant said, with its pictures, files and links."""

from typing import Annotated, Literal

from pydantic import Field

from assistd.objects.base import Metadata, Object, Sparse, Timestamp


class FileReference(Object):
    """A file by its id."""

    file_id: str


class CitedFile(Sparse):
    """A file, and the page of it that is cited; a file without pages has no member for it."""

    file_id: str
    page: int | None = None


class FilePath(Object):
    """An annotation: `text`, which is `value[start_index:end_index]` in code points, leads to a file."""

    type: Literal["file_path"] = "file_path"
    text: str
    start_index: int
    end_index: int
    file_path: FileReference


class FileCitation(Object):
    """An annotation: `text`, which is `value[start_index:end_index]`, cites a file that was searched."""

    type: Literal["file_citation"] = "file_citation"
    text: str
    start_index: int
    end_index: int
    file_citation: CitedFile


Annotation = Annotated[FilePath | FileCitation, Field(discriminator="type")]


class TextValue(Object):
    """Text and its annotations."""

    value: str
    annotations: tuple[Annotation, ...] = ()


class TextContent(Object):
    """A part of a message that is text."""

    type: Literal["text"] = "text"
    text: TextValue


class ImageFile(Sparse):
    """A picture by file id; only a user sets `detail`."""

    file_id: str
    detail: Literal["auto", "low", "high"] | None = None


class ImageFileContent(Object):
    """A part of a message that is an uploaded or generated picture."""

    type: Literal["image_file"] = "image_file"
    image_file: ImageFile


class ImageURL(Object):
    """A picture by URL."""

    url: str
    detail: Literal["auto", "low", "high"] = "auto"


class ImageURLContent(Object):
    """A part of a message that is a picture elsewhere."""

    type: Literal["image_url"] = "image_url"
    image_url: ImageURL


Content = Annotated[TextContent | ImageFileContent | ImageURLContent, Field(discriminator="type")]


class AttachmentTool(Object):
    """A tool an attachment is for."""

    type: Literal["code_interpreter", "file_search"] = "code_interpreter"


class Attachment(Object):
    """A file that came with a message."""

    file_id: str
    tools: tuple[AttachmentTool, ...] = (AttachmentTool(),)

    @property
    def is_for_code(self) -> bool:
        """Whether it joins the files that code in the thread can read (trap 18)."""
        return any(tool.type == "code_interpreter" for tool in self.tools)

    @property
    def is_for_search(self) -> bool:
        """Whether it joins the thread's vector store (contract, file search, trap 19)."""
        return any(tool.type == "file_search" for tool in self.tools)


class IncompleteMessage(Object):
    """Why a message was not finished."""

    reason: Literal["content_filter", "max_tokens", "run_cancelled", "run_expired", "run_failed"]


class Message(Object):
    """The API's message, over REST and in streams alike; the order is a stream's (decision 0046)."""

    id: str
    object: Literal["thread.message"] = "thread.message"
    created_at: Timestamp
    assistant_id: str | None = None
    thread_id: str
    run_id: str | None = None
    status: Literal["in_progress", "completed", "incomplete"] = "completed"
    incomplete_details: IncompleteMessage | None = None
    incomplete_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    role: Literal["user", "assistant"]
    content: tuple[Content, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    metadata: Metadata = {}
