from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Beat(_message.Message):
    __slots__ = ("version", "oldest", "started_at", "address", "build", "tiers", "mib", "most", "warm", "is_listed", "sessions", "leaves_in")
    class SessionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    MIB_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    WARM_FIELD_NUMBER: _ClassVar[int]
    IS_LISTED_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    LEAVES_IN_FIELD_NUMBER: _ClassVar[int]
    version: int
    oldest: int
    started_at: float
    address: str
    build: str
    tiers: _containers.RepeatedScalarFieldContainer[int]
    mib: int
    most: int
    warm: int
    is_listed: bool
    sessions: _containers.ScalarMap[str, int]
    leaves_in: float
    def __init__(self, version: _Optional[int] = ..., oldest: _Optional[int] = ..., started_at: _Optional[float] = ..., address: _Optional[str] = ..., build: _Optional[str] = ..., tiers: _Optional[_Iterable[int]] = ..., mib: _Optional[int] = ..., most: _Optional[int] = ..., warm: _Optional[int] = ..., is_listed: _Optional[bool] = ..., sessions: _Optional[_Mapping[str, int]] = ..., leaves_in: _Optional[float] = ...) -> None: ...

class Order(_message.Message):
    __slots__ = ("version", "is_replaced", "is_draining", "is_over", "ending", "closes_in")
    class EndingEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IS_REPLACED_FIELD_NUMBER: _ClassVar[int]
    IS_DRAINING_FIELD_NUMBER: _ClassVar[int]
    IS_OVER_FIELD_NUMBER: _ClassVar[int]
    ENDING_FIELD_NUMBER: _ClassVar[int]
    CLOSES_IN_FIELD_NUMBER: _ClassVar[int]
    version: int
    is_replaced: bool
    is_draining: bool
    is_over: bool
    ending: _containers.ScalarMap[str, int]
    closes_in: float
    def __init__(self, version: _Optional[int] = ..., is_replaced: _Optional[bool] = ..., is_draining: _Optional[bool] = ..., is_over: _Optional[bool] = ..., ending: _Optional[_Mapping[str, int]] = ..., closes_in: _Optional[float] = ...) -> None: ...

class Leave(_message.Message):
    __slots__ = ("started_at",)
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    started_at: float
    def __init__(self, started_at: _Optional[float] = ...) -> None: ...

class Left(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
