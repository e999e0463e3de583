from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Hello(_message.Message):
    __slots__ = ("version", "oldest")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIELD_NUMBER: _ClassVar[int]
    version: int
    oldest: int
    def __init__(self, version: _Optional[int] = ..., oldest: _Optional[int] = ...) -> None: ...

class Key(_message.Message):
    __slots__ = ("key", "if_idle", "is_planned", "generation")
    KEY_FIELD_NUMBER: _ClassVar[int]
    IF_IDLE_FIELD_NUMBER: _ClassVar[int]
    IS_PLANNED_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    key: str
    if_idle: bool
    is_planned: bool
    generation: int
    def __init__(self, key: _Optional[str] = ..., if_idle: _Optional[bool] = ..., is_planned: _Optional[bool] = ..., generation: _Optional[int] = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ("failure", "was_kept")
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    WAS_KEPT_FIELD_NUMBER: _ClassVar[int]
    failure: Failure
    was_kept: bool
    def __init__(self, failure: _Optional[_Union[Failure, _Mapping]] = ..., was_kept: _Optional[bool] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("kind", "message", "number")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SANDBOX: _ClassVar[Failure.Kind]
        BUSY: _ClassVar[Failure.Kind]
        UNSAFE: _ClassVar[Failure.Kind]
        SYSTEM: _ClassVar[Failure.Kind]
        VERSION: _ClassVar[Failure.Kind]
        CANCELLED: _ClassVar[Failure.Kind]
        FAULT: _ClassVar[Failure.Kind]
        LOST: _ClassVar[Failure.Kind]
        SEAT: _ClassVar[Failure.Kind]
        ABSENT: _ClassVar[Failure.Kind]
    SANDBOX: Failure.Kind
    BUSY: Failure.Kind
    UNSAFE: Failure.Kind
    SYSTEM: Failure.Kind
    VERSION: Failure.Kind
    CANCELLED: Failure.Kind
    FAULT: Failure.Kind
    LOST: Failure.Kind
    SEAT: Failure.Kind
    ABSENT: Failure.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    kind: Failure.Kind
    message: str
    number: int
    def __init__(self, kind: _Optional[_Union[Failure.Kind, str]] = ..., message: _Optional[str] = ..., number: _Optional[int] = ...) -> None: ...

class Request(_message.Message):
    __slots__ = ("claim", "reserve", "release", "execute", "interrupt", "changes", "files", "read_small", "remove", "remember", "close", "heard")
    CLAIM_FIELD_NUMBER: _ClassVar[int]
    RESERVE_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    EXECUTE_FIELD_NUMBER: _ClassVar[int]
    INTERRUPT_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    READ_SMALL_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    REMEMBER_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    HEARD_FIELD_NUMBER: _ClassVar[int]
    claim: Claim
    reserve: Reserve
    release: Release
    execute: Execute
    interrupt: Interrupt
    changes: Changes
    files: ListFiles
    read_small: ReadSmall
    remove: Remove
    remember: Remember
    close: Close
    heard: Heard
    def __init__(self, claim: _Optional[_Union[Claim, _Mapping]] = ..., reserve: _Optional[_Union[Reserve, _Mapping]] = ..., release: _Optional[_Union[Release, _Mapping]] = ..., execute: _Optional[_Union[Execute, _Mapping]] = ..., interrupt: _Optional[_Union[Interrupt, _Mapping]] = ..., changes: _Optional[_Union[Changes, _Mapping]] = ..., files: _Optional[_Union[ListFiles, _Mapping]] = ..., read_small: _Optional[_Union[ReadSmall, _Mapping]] = ..., remove: _Optional[_Union[Remove, _Mapping]] = ..., remember: _Optional[_Union[Remember, _Mapping]] = ..., close: _Optional[_Union[Close, _Mapping]] = ..., heard: _Optional[_Union[Heard, _Mapping]] = ...) -> None: ...

class Claim(_message.Message):
    __slots__ = ("hello", "key", "tenant_id", "max_sessions", "memory_bytes", "generation")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    MAX_SESSIONS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    key: str
    tenant_id: str
    max_sessions: int
    memory_bytes: int
    generation: int
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., key: _Optional[str] = ..., tenant_id: _Optional[str] = ..., max_sessions: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., generation: _Optional[int] = ...) -> None: ...

class Reserve(_message.Message):
    __slots__ = ("edition",)
    EDITION_FIELD_NUMBER: _ClassVar[int]
    edition: int
    def __init__(self, edition: _Optional[int] = ...) -> None: ...

class Release(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Execute(_message.Message):
    __slots__ = ("code", "seconds")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    code: bytes
    seconds: float
    def __init__(self, code: _Optional[bytes] = ..., seconds: _Optional[float] = ...) -> None: ...

class Interrupt(_message.Message):
    __slots__ = ("closes",)
    CLOSES_FIELD_NUMBER: _ClassVar[int]
    closes: bool
    def __init__(self, closes: _Optional[bool] = ...) -> None: ...

class Changes(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListFiles(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReadSmall(_message.Message):
    __slots__ = ("files", "most")
    FILES_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[DataFile]
    most: int
    def __init__(self, files: _Optional[_Iterable[_Union[DataFile, _Mapping]]] = ..., most: _Optional[int] = ...) -> None: ...

class Remove(_message.Message):
    __slots__ = ("path",)
    PATH_FIELD_NUMBER: _ClassVar[int]
    path: str
    def __init__(self, path: _Optional[str] = ...) -> None: ...

class Remember(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class Close(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Heard(_message.Message):
    __slots__ = ("is_kept",)
    IS_KEPT_FIELD_NUMBER: _ClassVar[int]
    is_kept: bool
    def __init__(self, is_kept: _Optional[bool] = ...) -> None: ...

class Reply(_message.Message):
    __slots__ = ("is_dead", "failure", "claimed", "reserved", "outputs", "executed", "listed", "contents", "done", "over", "ending")
    IS_DEAD_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    CLAIMED_FIELD_NUMBER: _ClassVar[int]
    RESERVED_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    EXECUTED_FIELD_NUMBER: _ClassVar[int]
    LISTED_FIELD_NUMBER: _ClassVar[int]
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    OVER_FIELD_NUMBER: _ClassVar[int]
    ENDING_FIELD_NUMBER: _ClassVar[int]
    is_dead: bool
    failure: Failure
    claimed: Claimed
    reserved: Reserved
    outputs: Outputs
    executed: Executed
    listed: Listed
    contents: Contents
    done: Done
    over: Over
    ending: Ending
    def __init__(self, is_dead: _Optional[bool] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., claimed: _Optional[_Union[Claimed, _Mapping]] = ..., reserved: _Optional[_Union[Reserved, _Mapping]] = ..., outputs: _Optional[_Union[Outputs, _Mapping]] = ..., executed: _Optional[_Union[Executed, _Mapping]] = ..., listed: _Optional[_Union[Listed, _Mapping]] = ..., contents: _Optional[_Union[Contents, _Mapping]] = ..., done: _Optional[_Union[Done, _Mapping]] = ..., over: _Optional[_Union[Over, _Mapping]] = ..., ending: _Optional[_Union[Ending, _Mapping]] = ...) -> None: ...

class Claimed(_message.Message):
    __slots__ = ("version", "session_id", "is_fresh", "limits", "seconds_left", "takes_contents")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    IS_FRESH_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_LEFT_FIELD_NUMBER: _ClassVar[int]
    TAKES_CONTENTS_FIELD_NUMBER: _ClassVar[int]
    version: int
    session_id: str
    is_fresh: bool
    limits: Limits
    seconds_left: float
    takes_contents: bool
    def __init__(self, version: _Optional[int] = ..., session_id: _Optional[str] = ..., is_fresh: _Optional[bool] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., seconds_left: _Optional[float] = ..., takes_contents: _Optional[bool] = ...) -> None: ...

class Reserved(_message.Message):
    __slots__ = ("is_fresh", "edition", "remembered")
    IS_FRESH_FIELD_NUMBER: _ClassVar[int]
    EDITION_FIELD_NUMBER: _ClassVar[int]
    REMEMBERED_FIELD_NUMBER: _ClassVar[int]
    is_fresh: bool
    edition: int
    remembered: bytes
    def __init__(self, is_fresh: _Optional[bool] = ..., edition: _Optional[int] = ..., remembered: _Optional[bytes] = ...) -> None: ...

class Outputs(_message.Message):
    __slots__ = ("outputs",)
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    outputs: _containers.RepeatedCompositeFieldContainer[Output]
    def __init__(self, outputs: _Optional[_Iterable[_Union[Output, _Mapping]]] = ...) -> None: ...

class Output(_message.Message):
    __slots__ = ("text", "picture", "name")
    class Name(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STDOUT: _ClassVar[Output.Name]
        STDERR: _ClassVar[Output.Name]
        RESULT: _ClassVar[Output.Name]
        ERROR: _ClassVar[Output.Name]
    STDOUT: Output.Name
    STDERR: Output.Name
    RESULT: Output.Name
    ERROR: Output.Name
    TEXT_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    text: str
    picture: bytes
    name: Output.Name
    def __init__(self, text: _Optional[str] = ..., picture: _Optional[bytes] = ..., name: _Optional[_Union[Output.Name, str]] = ...) -> None: ...

class Executed(_message.Message):
    __slots__ = ("status", "outputs", "notes", "repairs")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN: _ClassVar[Executed.Status]
        OK: _ClassVar[Executed.Status]
        RAISED: _ClassVar[Executed.Status]
        INTERRUPTED: _ClassVar[Executed.Status]
        TIMEOUT: _ClassVar[Executed.Status]
        DEAD: _ClassVar[Executed.Status]
    UNKNOWN: Executed.Status
    OK: Executed.Status
    RAISED: Executed.Status
    INTERRUPTED: Executed.Status
    TIMEOUT: Executed.Status
    DEAD: Executed.Status
    STATUS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    REPAIRS_FIELD_NUMBER: _ClassVar[int]
    status: Executed.Status
    outputs: _containers.RepeatedCompositeFieldContainer[Output]
    notes: _containers.RepeatedScalarFieldContainer[str]
    repairs: int
    def __init__(self, status: _Optional[_Union[Executed.Status, str]] = ..., outputs: _Optional[_Iterable[_Union[Output, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ..., repairs: _Optional[int] = ...) -> None: ...

class Listed(_message.Message):
    __slots__ = ("files", "removed", "notes", "has_more")
    FILES_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[DataFile]
    removed: _containers.RepeatedScalarFieldContainer[str]
    notes: _containers.RepeatedScalarFieldContainer[str]
    has_more: bool
    def __init__(self, files: _Optional[_Iterable[_Union[DataFile, _Mapping]]] = ..., removed: _Optional[_Iterable[str]] = ..., notes: _Optional[_Iterable[str]] = ..., has_more: _Optional[bool] = ...) -> None: ...

class DataFile(_message.Message):
    __slots__ = ("path", "size", "is_sparse", "device", "inode")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    IS_SPARSE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    INODE_FIELD_NUMBER: _ClassVar[int]
    path: str
    size: int
    is_sparse: bool
    device: int
    inode: int
    def __init__(self, path: _Optional[str] = ..., size: _Optional[int] = ..., is_sparse: _Optional[bool] = ..., device: _Optional[int] = ..., inode: _Optional[int] = ...) -> None: ...

class Contents(_message.Message):
    __slots__ = ("contents", "has_more")
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    contents: _containers.RepeatedCompositeFieldContainer[Content]
    has_more: bool
    def __init__(self, contents: _Optional[_Iterable[_Union[Content, _Mapping]]] = ..., has_more: _Optional[bool] = ...) -> None: ...

class Content(_message.Message):
    __slots__ = ("path", "data")
    PATH_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    path: str
    data: bytes
    def __init__(self, path: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class Ending(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Over(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("call_seconds", "interrupt_grace_seconds", "memory_bytes", "processes", "open_files", "data_bytes", "data_inodes", "tmp_bytes", "tmp_inodes", "output_bytes", "pictures", "picture_bytes", "picture_pixels", "session_seconds", "idle_seconds", "freeze_seconds")
    CALL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    INTERRUPT_GRACE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    PROCESSES_FIELD_NUMBER: _ClassVar[int]
    OPEN_FILES_FIELD_NUMBER: _ClassVar[int]
    DATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    DATA_INODES_FIELD_NUMBER: _ClassVar[int]
    TMP_BYTES_FIELD_NUMBER: _ClassVar[int]
    TMP_INODES_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_BYTES_FIELD_NUMBER: _ClassVar[int]
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    PICTURE_BYTES_FIELD_NUMBER: _ClassVar[int]
    PICTURE_PIXELS_FIELD_NUMBER: _ClassVar[int]
    SESSION_SECONDS_FIELD_NUMBER: _ClassVar[int]
    IDLE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FREEZE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    call_seconds: float
    interrupt_grace_seconds: float
    memory_bytes: int
    processes: int
    open_files: int
    data_bytes: int
    data_inodes: int
    tmp_bytes: int
    tmp_inodes: int
    output_bytes: int
    pictures: int
    picture_bytes: int
    picture_pixels: int
    session_seconds: float
    idle_seconds: float
    freeze_seconds: float
    def __init__(self, call_seconds: _Optional[float] = ..., interrupt_grace_seconds: _Optional[float] = ..., memory_bytes: _Optional[int] = ..., processes: _Optional[int] = ..., open_files: _Optional[int] = ..., data_bytes: _Optional[int] = ..., data_inodes: _Optional[int] = ..., tmp_bytes: _Optional[int] = ..., tmp_inodes: _Optional[int] = ..., output_bytes: _Optional[int] = ..., pictures: _Optional[int] = ..., picture_bytes: _Optional[int] = ..., picture_pixels: _Optional[int] = ..., session_seconds: _Optional[float] = ..., idle_seconds: _Optional[float] = ..., freeze_seconds: _Optional[float] = ...) -> None: ...

class PutPart(_message.Message):
    __slots__ = ("file", "data", "end")
    FILE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    file: PutFile
    data: bytes
    end: PutEnd
    def __init__(self, file: _Optional[_Union[PutFile, _Mapping]] = ..., data: _Optional[bytes] = ..., end: _Optional[_Union[PutEnd, _Mapping]] = ...) -> None: ...

class PutEnd(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PutFile(_message.Message):
    __slots__ = ("session_id", "path", "aliases", "stored_path", "stored")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    STORED_PATH_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    path: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    stored_path: str
    stored: Stored
    def __init__(self, session_id: _Optional[str] = ..., path: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., stored_path: _Optional[str] = ..., stored: _Optional[_Union[Stored, _Mapping]] = ...) -> None: ...

class Stored(_message.Message):
    __slots__ = ("key", "size", "is_offered", "url")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    IS_OFFERED_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    key: str
    size: int
    is_offered: bool
    url: str
    def __init__(self, key: _Optional[str] = ..., size: _Optional[int] = ..., is_offered: _Optional[bool] = ..., url: _Optional[str] = ...) -> None: ...

class ReadFile(_message.Message):
    __slots__ = ("session_id", "path")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    path: str
    def __init__(self, session_id: _Optional[str] = ..., path: _Optional[str] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("data", "failure")
    DATA_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    failure: Failure
    def __init__(self, data: _Optional[bytes] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class SaveSession(_message.Message):
    __slots__ = ("session_id", "most_bytes", "seconds")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    MOST_BYTES_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    most_bytes: int
    seconds: float
    def __init__(self, session_id: _Optional[str] = ..., most_bytes: _Optional[int] = ..., seconds: _Optional[float] = ...) -> None: ...

class SavePart(_message.Message):
    __slots__ = ("sections", "data", "failure")
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    sections: Sections
    data: bytes
    failure: Failure
    def __init__(self, sections: _Optional[_Union[Sections, _Mapping]] = ..., data: _Optional[bytes] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class Sections(_message.Message):
    __slots__ = ("sections", "left", "is_whole", "has_more")
    class LeftEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    IS_WHOLE_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    sections: _containers.RepeatedCompositeFieldContainer[Section]
    left: _containers.ScalarMap[str, str]
    is_whole: bool
    has_more: bool
    def __init__(self, sections: _Optional[_Iterable[_Union[Section, _Mapping]]] = ..., left: _Optional[_Mapping[str, str]] = ..., is_whole: _Optional[bool] = ..., has_more: _Optional[bool] = ...) -> None: ...

class Section(_message.Message):
    __slots__ = ("names", "size")
    NAMES_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    size: int
    def __init__(self, names: _Optional[_Iterable[str]] = ..., size: _Optional[int] = ...) -> None: ...

class RestorePart(_message.Message):
    __slots__ = ("session", "sections", "data", "end")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    session: RestoreSession
    sections: Sections
    data: bytes
    end: PutEnd
    def __init__(self, session: _Optional[_Union[RestoreSession, _Mapping]] = ..., sections: _Optional[_Union[Sections, _Mapping]] = ..., data: _Optional[bytes] = ..., end: _Optional[_Union[PutEnd, _Mapping]] = ...) -> None: ...

class RestoreSession(_message.Message):
    __slots__ = ("session_id", "seconds")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    seconds: float
    def __init__(self, session_id: _Optional[str] = ..., seconds: _Optional[float] = ...) -> None: ...

class Restored(_message.Message):
    __slots__ = ("failure", "lost")
    class LostEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    failure: Failure
    lost: _containers.ScalarMap[str, str]
    def __init__(self, failure: _Optional[_Union[Failure, _Mapping]] = ..., lost: _Optional[_Mapping[str, str]] = ...) -> None: ...

class State(_message.Message):
    __slots__ = ("version", "is_ready", "jail", "added", "overview")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IS_READY_FIELD_NUMBER: _ClassVar[int]
    JAIL_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    OVERVIEW_FIELD_NUMBER: _ClassVar[int]
    version: int
    is_ready: bool
    jail: str
    added: _containers.RepeatedScalarFieldContainer[str]
    overview: Overview
    def __init__(self, version: _Optional[int] = ..., is_ready: _Optional[bool] = ..., jail: _Optional[str] = ..., added: _Optional[_Iterable[str]] = ..., overview: _Optional[_Union[Overview, _Mapping]] = ...) -> None: ...

class Overview(_message.Message):
    __slots__ = ("live", "waiting", "warm", "most", "limitations")
    LIVE_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    WARM_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    LIMITATIONS_FIELD_NUMBER: _ClassVar[int]
    live: _containers.RepeatedCompositeFieldContainer[LiveSession]
    waiting: _containers.RepeatedCompositeFieldContainer[Waiting]
    warm: int
    most: int
    limitations: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, live: _Optional[_Iterable[_Union[LiveSession, _Mapping]]] = ..., waiting: _Optional[_Iterable[_Union[Waiting, _Mapping]]] = ..., warm: _Optional[int] = ..., most: _Optional[int] = ..., limitations: _Optional[_Iterable[str]] = ...) -> None: ...

class LiveSession(_message.Message):
    __slots__ = ("key", "id", "tenant_id", "is_busy", "opened_at", "used_at", "ends_at", "memory_limit_bytes")
    KEY_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    IS_BUSY_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    USED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    key: str
    id: str
    tenant_id: str
    is_busy: bool
    opened_at: float
    used_at: float
    ends_at: float
    memory_limit_bytes: int
    def __init__(self, key: _Optional[str] = ..., id: _Optional[str] = ..., tenant_id: _Optional[str] = ..., is_busy: _Optional[bool] = ..., opened_at: _Optional[float] = ..., used_at: _Optional[float] = ..., ends_at: _Optional[float] = ..., memory_limit_bytes: _Optional[int] = ...) -> None: ...

class Waiting(_message.Message):
    __slots__ = ("key", "tenant_id", "seconds", "before")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    key: str
    tenant_id: str
    seconds: float
    before: int
    def __init__(self, key: _Optional[str] = ..., tenant_id: _Optional[str] = ..., seconds: _Optional[float] = ..., before: _Optional[int] = ...) -> None: ...

class Measured(_message.Message):
    __slots__ = ("use",)
    USE_FIELD_NUMBER: _ClassVar[int]
    use: Use
    def __init__(self, use: _Optional[_Union[Use, _Mapping]] = ...) -> None: ...

class Use(_message.Message):
    __slots__ = ("opened_at", "ends_at", "memory_limit_bytes", "memory_bytes", "cpu_seconds")
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    CPU_SECONDS_FIELD_NUMBER: _ClassVar[int]
    opened_at: float
    ends_at: float
    memory_limit_bytes: int
    memory_bytes: int
    cpu_seconds: float
    def __init__(self, opened_at: _Optional[float] = ..., ends_at: _Optional[float] = ..., memory_limit_bytes: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., cpu_seconds: _Optional[float] = ...) -> None: ...

class Examined(_message.Message):
    __slots__ = ("walls", "failure")
    WALLS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    walls: _containers.RepeatedCompositeFieldContainer[Wall]
    failure: Failure
    def __init__(self, walls: _Optional[_Iterable[_Union[Wall, _Mapping]]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class Wall(_message.Message):
    __slots__ = ("name", "stands", "is_required", "meaning")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STANDS_FIELD_NUMBER: _ClassVar[int]
    IS_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    name: str
    stands: bool
    is_required: bool
    meaning: str
    def __init__(self, name: _Optional[str] = ..., stands: _Optional[bool] = ..., is_required: _Optional[bool] = ..., meaning: _Optional[str] = ...) -> None: ...
