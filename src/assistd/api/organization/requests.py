"""The queries of the organization's reports (contract sections 2 and 8)."""

import base64
import binascii
from typing import Annotated, Any, ClassVar, Literal, Self

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistd.errors import RequestError
from assistd.metering.meter import Owner, Width

_Time = Annotated[int, Field(ge=0, lt=1 << 40)]  # Unix seconds
_LISTS = ("project_ids", "api_key_ids", "vector_store_ids", "models", "group_by")


class ReportQuery(BaseModel):
    """What is wanted of what was metered: from when to when, whose, and in how many buckets."""

    model_config = ConfigDict(frozen=True)

    limits: ClassVar[dict[Width, tuple[int, int]]]
    """Width of a bucket -> how many there are by default, and at most."""

    start_time: _Time
    end_time: _Time | None = None
    project_ids: tuple[str, ...] | None = None
    limit: int | None = Field(default=None, ge=1)
    page: str | None = None

    @classmethod
    async def of(cls, request: Request) -> Self:
        """Read a request's query; lists come with brackets or without (contract section 1).

        Raises:
            RequestValidationError: a value is missing or wrong.
            RequestError: the time runs backwards, or there are more buckets than a page may have.
        """
        given: dict[str, Any] = dict(request.query_params)
        for name in _LISTS:
            values = request.query_params.getlist
            if items := values(f"{name}[]") + values(name):
                given[name] = items
        try:
            query = cls.model_validate(given)
        except ValidationError as error:
            wrong = [{**e, "loc": ("query", *e["loc"])} for e in error.errors(include_url=False)]
            raise RequestValidationError(wrong) from error
        if query.end_time is not None and query.end_time <= query.start_time:
            raise RequestError(
                "Invalid 'end_time': it must be after 'start_time'.", param="end_time"
            )
        most = cls.limits[query.width][1]
        if query.buckets > most:
            raise RequestError(
                f"Invalid 'limit': integer above maximum value. Expected a value <= {most}, but got "
                f"{query.limit} instead.",
                param="limit",
                code="integer_above_max_value",
            )
        return query

    @property
    def buckets(self) -> int:
        """How many buckets a page has at most."""
        return self.limit or self.limits[self.width][0]

    @property
    def width(self) -> Width:
        """The width of a bucket."""
        raise NotImplementedError

    def begins_at(self) -> int:
        """Return where the wanted page begins, in Unix seconds.

        Raises:
            RequestError: the cursor is none of ours.
        """
        if self.page is None:
            return self.start_time
        try:
            time = int.from_bytes(base64.urlsafe_b64decode(self.page.removeprefix("page_")))
        except (binascii.Error, ValueError):
            time = -1
        if not self.start_time < time < 1 << 40:
            raise RequestError(
                f"Invalid 'page': '{self.page}' is no page of this report.", param="page"
            )
        return time


class _WidthQuery(ReportQuery):
    """A query for how much there was, by minute, hour or day."""

    limits: ClassVar[dict[Width, tuple[int, int]]] = {
        "1d": (7, 31),
        "1h": (24, 168),
        "1m": (60, 1440),
    }

    bucket_width: Width = "1d"

    @property
    def width(self) -> Width:
        """The width of a bucket."""
        return self.bucket_width


class UsageQuery(_WidthQuery):
    """The query for sessions, and for the bytes of vector stores."""

    group_by: tuple[Literal["project_id"], ...] = ()


class RequestsQuery(_WidthQuery):
    """A query for requests: also by key and by what they were for; there are no users here."""

    subject: ClassVar[str]
    """What the API calls what they were for."""

    api_key_ids: tuple[str, ...] | None = None

    @property
    def subjects(self) -> tuple[str, ...] | None:
        """What they were for; None for all."""
        raise NotImplementedError

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are grouped by."""
        raise NotImplementedError

    @property
    def owners(self) -> tuple[Owner, ...]:
        """Those of them that a count has."""
        own: dict[str, Owner] = {
            "project_id": "project_id",
            "api_key_id": "api_key_id",
            self.subject: "subject",
        }
        return tuple(own[field] for field in self.fields if field in own)


class SearchesQuery(RequestsQuery):
    """The query for searches of vector stores."""

    subject: ClassVar[str] = "vector_store_id"

    vector_store_ids: tuple[str, ...] | None = None
    group_by: tuple[Literal["project_id", "user_id", "api_key_id", "vector_store_id"], ...] = ()

    @property
    def subjects(self) -> tuple[str, ...] | None:
        """The stores; None for all."""
        return self.vector_store_ids

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are grouped by."""
        return self.group_by


class EmbeddingsQuery(RequestsQuery):
    """The query for embeddings."""

    subject: ClassVar[str] = "model"

    models: tuple[str, ...] | None = None
    group_by: tuple[Literal["project_id", "user_id", "api_key_id", "model"], ...] = ()

    @property
    def subjects(self) -> tuple[str, ...] | None:
        """The models; None for all."""
        return self.models

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are grouped by."""
        return self.group_by


class CompletionsQuery(RequestsQuery):
    """The query for what models read and wrote; there are no batches, users, tiers or sources here."""

    subject: ClassVar[str] = "model"

    models: tuple[str, ...] | None = None
    batch: bool | None = None
    group_by: tuple[
        Literal[
            "project_id", "user_id", "api_key_id", "model", "batch", "service_tier", "api_source"
        ],
        ...,
    ] = ()

    @property
    def subjects(self) -> tuple[str, ...] | None:
        """The models; None for all."""
        return () if self.batch else self.models

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are grouped by."""
        return self.group_by


class CostsQuery(ReportQuery):
    """The query for what they cost: by the day, and also by key and by line item."""

    limits: ClassVar[dict[Width, tuple[int, int]]] = {"1d": (7, 180)}

    bucket_width: Literal["1d"] = "1d"
    api_key_ids: tuple[str, ...] | None = None
    group_by: tuple[Literal["project_id", "line_item", "api_key_id"], ...] = ()

    @property
    def width(self) -> Width:
        """The width of a bucket."""
        return self.bucket_width

    @property
    def owners(self) -> tuple[Owner, ...]:
        """The fields of a session that are grouped by; there is one line item."""
        return tuple(field for field in self.group_by if field != "line_item")


def page_at(time: int) -> str:
    """Return the cursor of the page that begins at a time in Unix seconds."""
    return f"page_{base64.urlsafe_b64encode(time.to_bytes(9)).decode()}"
