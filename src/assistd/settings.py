"""The table of settings: name, default, meaning; the only reader of the environment."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_cache_path, user_data_path
from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from assistd.models.base import ModelEntry
from assistd.sandbox.base import JailChoice

Secret = Annotated[str | None, Field(repr=False)]
"""What may open something: not for logs, nor for the sandbox host of workers."""


def list_environment(is_wanted: Callable[[str], bool]) -> dict[str, str]:
    """Return the variables that a program is to be given, by their names."""
    return {name: value for name, value in os.environ.items() if is_wanted(name)}


class Settings(BaseSettings):
    """Every setting is read once, from `ASSISTD_<NAME>` in the environment or an `.env` file."""

    model_config = SettingsConfigDict(
        env_prefix="ASSISTD_",
        env_file=".env",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=8484, ge=0, le=65_535, description="Port to listen on; 0: a free one."
    )
    data_dir: Path = Field(
        default_factory=lambda: user_data_path("assistd"),
        description="Folder of the database and the files, where these are not elsewhere.",
    )
    database_url: Secret = Field(
        default=None,
        pattern="^postgresql(\\+psycopg)?://",
        description="postgresql://user:password@host/name; by default SQLite in the data folder.",
    )
    blobs_url: Secret = Field(
        default=None,
        pattern="^(s3|gs|az)://",
        description="Where the bytes of files are: s3://bucket/prefix, gs://..., az://..., with the vendor's own variables (AWS_ACCESS_KEY_ID, ...); by default in the data folder.",
    )
    cache_dir: Path = Field(
        default_factory=lambda: user_cache_path("assistd"),
        description="Folder of what can be fetched or built again: weights, interpreter environments.",
    )
    packages: Path | None = Field(
        default=None,
        description="A requirements file of packages that sessions get beside the built-in ones; default: packages.txt in the data folder.",
    )
    api_key: Secret = Field(
        default=None,
        description="An API key to accept; without it the first start makes one and prints it.",
    )
    playground: bool = Field(
        default=True,
        description="Give out the pages for the browser, the playground at /playground/ and the operator's at /operator/; whoever opens one needs a key.",
    )
    docs: bool = Field(
        default=False,
        description="Describe the API to anybody, without a key: /openapi.json for programs, /docs as a page.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="How much the server says; never code, prompts or keys."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto",
        description="How the server says it: a JSON object in each line, or `text` for people; `auto` is text on a terminal and JSON elsewhere.",
    )
    drain_seconds: float = Field(
        default=5.0,
        ge=0,
        description="Seconds that the server works on after SIGTERM, while anything is active, before it gives "
        "what is left to another server, or to itself after its restart; Ctrl-C, or a second signal, does not wait.",
    )

    metrics: bool = Field(
        default=True,
        description="Count what happens, for Prometheus: GET /metrics with an admin key.",
    )
    metrics_listen: str | None = Field(
        default=None,
        pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*):\d{1,5}$",
        description="Give out /metrics to anybody at an address of its own, such as 127.0.0.1:9464.",
    )
    metrics_projects: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="Count runs, sessions, tokens and storage of so many projects by their names, the oldest first, and those of the others together; 0 counts none.",
    )

    trace_endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="The collector of traces, with OTLP over HTTP, such as http://127.0.0.1:4318 (extra `otel`); OpenTelemetry's other variables hold, too.",
    )
    trace_exporter: Literal["otlp", "console", "none"] | None = Field(
        default=None,
        validation_alias=AliasChoices("OTEL_TRACES_EXPORTER"),
        description="Where traces go: `otlp` (the default where there is an endpoint), `console`, or `none`.",
    )
    trace_names: bool = Field(
        default=False,
        description="Put the names of assistants into spans, which clients choose.",
    )

    upstream_base_url: Secret = Field(
        default=None,
        description="An OpenAI-compatible /v1 that answers every model name not mapped elsewhere.",
    )
    upstream_api_key: Secret = Field(
        default=None,
        validation_alias=AliasChoices("ASSISTD_UPSTREAM_API_KEY", "OPENAI_API_KEY"),
        description="The key for the upstream; OPENAI_API_KEY is taken where this is not set.",
    )
    upstream_model: str | None = Field(
        default=None,
        description="The upstream's name for every model; default: the name the program asked for.",
    )
    upstream_protocol: Literal["native", "fenced"] = Field(
        default="native",
        description="`native` tool calls, or `fenced` code blocks for models without them.",
    )
    upstream_vision: bool | None = Field(
        default=None,
        description="Whether the upstream's model can see pictures; by default its name tells.",
    )
    upstream_window: int | None = Field(
        default=None,
        gt=0,
        description="Tokens of prompt and answer that the upstream's model takes; the middle of longer "
        "threads is left out, and longer responses are refused or shortened as they ask. By default it is learned where the upstream refuses.",
    )
    upstream_seconds: float = Field(
        default=120.0,
        gt=0,
        description="Seconds to wait for the upstream's next word, retries included.",
    )
    models: dict[str, ModelEntry] = Field(
        default_factory=dict[str, ModelEntry],
        description='Model names as JSON: {"gpt-4o": {"backend": "local"}}.',
    )
    local_model: Literal["none", "0.5b", "1.5b"] = Field(
        default="1.5b",
        description="Size of the built-in Qwen2.5-Coder, fetched where no upstream is set.",
    )

    search_embeddings: str = Field(
        default="builtin",
        pattern="^(builtin|off|upstream:.+)$",
        description="How texts in vector stores are found by meaning: `builtin` (multilingual-e5-small on this "
        "machine, of the extra `search`), `upstream:MODEL` (an embedding model of the upstream), or `off` for "
        "keywords alone. A change makes the vectors anew, in the background.",
    )

    run_seconds: int = Field(
        default=600,
        gt=0,
        description="Seconds after its creation at which a run expires, or a response fails that is not in the background.",
    )
    background_seconds: int = Field(
        default=3600,
        gt=0,
        description="Seconds after its creation at which a response in the background fails.",
    )
    lease_seconds: float = Field(
        default=15.0,
        gt=0,
        description="Seconds after which another process, or the same after its restart, goes on with the run of a dead one.",
    )
    run_turns: int = Field(
        default=32, gt=0, description="Model turns after which a run may call no more tools."
    )
    poll_after_ms: int = Field(
        default=50,
        gt=0,
        description="The openai-poll-after-ms that polling SDKs are told, longer where a project may make few "
        "requests, and beside more than 20 active runs (2.5 ms for each, at most 1000); their default is 1000.",
    )

    sandbox_socket: Path | None = Field(
        default=None,
        description="The unix socket of an `assistd host` on this machine, whose sessions the server uses instead of its own (extra `hosts`); its folder must be closed to other users.",
    )
    hosts_listen: str | None = Field(
        default=None, description="Address and port where hosts join (docs/hosts.md)."
    )
    hosts_certificates: Path | None = Field(
        default=None, description="Folder with this process's part of what `assistd certs` makes."
    )
    content_cache_mib: int = Field(
        default=20_480, ge=0, description="Disk of a host for files its sessions had; 0 keeps none."
    )
    jail: JailChoice = Field(
        default="auto",
        description="The walls around sessions: `auto` takes the strongest this host gives.",
    )
    runsc: str = Field(
        default="runsc",
        description="The gVisor that the jail `gvisor` starts: a path, or a name on the PATH.",
    )
    runsc_platform: str | None = Field(
        default=None,
        description="How gVisor catches system calls: `systrap`, `kvm`, `ptrace`; default: its own choice.",
    )
    call_seconds: float = Field(default=120.0, gt=0, description="Wall time of one code call.")
    memory_mib: int = Field(
        default=1024,
        gt=0,
        description="Memory of one session, the files it writes included; tiers: 1024, 4096, 16384, 65536.",
    )
    session_cores: float | None = Field(
        default=None,
        ge=0.01,
        description="Processors' time of one session, where control groups hold it; default: an equal share.",
    )
    control_groups: bool = Field(
        default=True,
        description="Use the host's control groups where they can be written; else watch memory from outside.",
    )
    session_processes: int = Field(
        default=64, gt=0, description="Processes and threads of one session."
    )
    session_open_files: int = Field(
        default=512, gt=0, description="Open files of each process of a session."
    )
    data_mib: int = Field(
        default=1024,
        gt=0,
        description="Size of a session's /mnt/data; at most three quarters of its memory.",
    )
    data_inodes: int = Field(
        default=20_000, gt=0, description="Files a session's /mnt/data may hold."
    )
    tmp_mib: int = Field(
        default=256, gt=0, description="Size of a session's /tmp; at most a quarter of its memory."
    )
    tmp_inodes: int = Field(
        default=20_000, gt=0, description="Files a session's /tmp may hold, and its home folder."
    )
    output_kib: int = Field(
        default=256, gt=0, description="Output kept of one call; the middle of more is cut."
    )
    model_output_characters: int = Field(
        default=16_000,
        ge=1000,
        description="Characters of the logs of one call that the model is told, head and tail; the step keeps all of ASSISTD_OUTPUT_KIB.",
    )
    pictures: int = Field(default=20, ge=0, description="Pictures kept of one call.")
    picture_mib: int = Field(default=16, gt=0, description="Size of one picture that is kept.")
    picture_megapixels: int = Field(default=50, gt=0, description="Megapixels of such a picture.")
    session_seconds: int = Field(
        default=3600, gt=0, description="Life of a session; then the thread gets a new one."
    )
    idle_seconds: int = Field(
        default=3600, gt=0, description="Seconds without a call after which a session is closed."
    )
    snapshot_mib: int = Field(
        default=256, ge=0, description="Variables kept of a session at its planned end; 0: none."
    )
    snapshot_seconds: float = Field(
        default=10.0, gt=0, description="Seconds to write or load them."
    )
    snapshot_days: int = Field(default=30, gt=0, description="Days that variables are kept.")
    snapshot_closing_seconds: float = Field(
        default=10.0, ge=0, description="Seconds in which a server that stops keeps variables."
    )
    snapshot_after_seconds: float = Field(
        default=0.0, ge=0, description="Keep variables after calls as long as this, too; 0: never."
    )
    freeze_seconds: float = Field(
        default=2.0, ge=0, description="Seconds until what a call left running is frozen."
    )
    max_sessions: int = Field(
        default=250,
        gt=0,
        description="Live sessions on this host; for one more, the idlest is closed.",
    )
    request_seconds: float = Field(
        default=30.0,
        gt=0,
        description="Seconds in which a client must send the head of a request, and as many KiB of its "
        "body; a slow but steady upload may take as long as it needs.",
    )
    answer_seconds: float = Field(
        default=60.0,
        gt=0,
        description="Seconds in which a client must take some of an answer that waits for it; else its "
        "connection is closed.",
    )
    project_requests: int | None = Field(
        default=None,
        gt=0,
        description="Requests per minute of one project, over all server processes; by default no limit.",
    )
    project_runs: int | None = Field(
        default=None,
        gt=0,
        description="Active runs and responses of one project at once; by default no limit.",
    )
    project_storage_mib: int | None = Field(
        default=None,
        gt=0,
        description="Size of all files of one project, and of what its vector stores take; by default no limit.",
    )
    project_sessions: int | None = Field(
        default=None,
        gt=0,
        description="Live sessions of one project; default: as many as there are.",
    )
    queue_calls: int = Field(
        default=1000,
        ge=0,
        description="Calls that may wait while all sessions are in use; projects get their turns.",
    )
    queue_seconds: float = Field(
        default=60.0, gt=0, description="How long a call waits for a session or a host."
    )
    parked_sessions: int = Field(
        default=1, ge=0, description="Sessions kept ready for the next thread."
    )

    upload_mib: int = Field(default=512, gt=0, description="Size of one uploaded file.")
    upload_in_parts_mib: int = Field(
        default=8192, gt=0, description="Size of one file uploaded in parts."
    )
    response_days: float = Field(
        default=30,
        gt=0,
        description="How long responses are kept that belong to no conversation, and items of deleted ones.",
    )
    private_image_urls: bool = Field(
        default=False,
        description="Pass URLs of pictures on whose host is written as a private one (localhost, 10.0.0.1, "
        "a name without a dot); the model's server may fetch them.",
    )
    output_files: int = Field(default=1000, ge=0, description="Files kept of one code call.")
    output_file_mib: int = Field(default=512, gt=0, description="Size of one file that code wrote.")
    search_store_files: int = Field(default=10_000, gt=0, description="Files of one vector store.")
    search_first_files: int = Field(
        default=500, gt=0, description="Files that a vector store may be created with."
    )
    search_batch_files: int = Field(
        default=2000, gt=0, description="Files of one batch that is added to a vector store."
    )
    search_file_mib: int = Field(
        default=512,
        gt=0,
        description="Size of one file whose text can be searched. The reader of a pdf takes some four times "
        "its size of 1 GiB of memory: of more than some 200 MiB it fails, and says so.",
    )
    search_file_seconds: float = Field(
        default=130.0,
        gt=0,
        description="Seconds in which the text of a small file must be read, and then embedded; larger files "
        "have 10 more for each MiB to read, and 4 for each KiB of text to embed.",
    )
    search_filter_levels: int = Field(
        default=8, gt=0, description="Levels of filters within filters in one search."
    )
    search_filter_comparisons: int = Field(
        default=100, gt=0, description="Comparisons of the filters of one search."
    )
    search_file_tokens: int = Field(
        default=5_000_000, gt=0, description="Tokens of the text of one file that can be searched."
    )
    session_price: float = Field(default=0.03, ge=0, description="US dollars per session of 1 GiB.")
    session_price_4g: float = Field(default=0.12, ge=0, description="Per session of 4 GiB.")
    session_price_16g: float = Field(default=0.48, ge=0, description="Per session of 16 GiB.")
    session_price_64g: float = Field(default=1.92, ge=0, description="Per session of 64 GiB.")
    container_memory_mib: int | None = Field(
        default=None,
        gt=0,
        description="The most memory of a container's session: larger tiers (4g, 16g, 64g) are refused; "
        "default: the memory of this host.",
    )
    strict_containers: bool = Field(
        default=False,
        description="Refuse expired containers, as the service does; else they and their files are restored.",
    )
    container_days: int = Field(
        default=30, ge=0, description="Days after which files of an expired container are deleted."
    )

    @property
    def packages_file(self) -> Path:
        """The requirements file of the operator's packages; it may be absent."""
        return self.packages or self.data_dir / "packages.txt"
