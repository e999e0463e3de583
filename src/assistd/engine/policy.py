"""The numbers of the engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from assistd.objects.project import ProjectLimits


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers of the engine; each is a setting of the same meaning.

    Args:
        run_seconds: life of a run from its creation, and of a response that is not in the background.
        background_seconds: life of a response in the background.
        lease_seconds: silence after which another process takes over a run.
        call_seconds: wall time of one code call.
        session_seconds: life of a session.
        idle_seconds: without a call, after which a session is closed.
        session_memory_bytes: of one session.
        run_turns: model turns after which no more tools are offered.
        poll_after_ms: when a polling client is told to come back.
        upload_bytes: size of one uploaded file.
        upload_in_parts_bytes: size of one file uploaded in parts.
        model_output_characters: of the logs of one code call, as a model is told them.
        output_files: files kept of one code call.
        output_file_bytes: size of one file that code wrote.
        project_limits: of projects that have none of their own.
        session_prices: US dollars per billed session: GiB of memory -> price. Threads have the
            smallest tier.
        container_memory_mib: memory of a container's session; larger tiers are refused.
        strict_containers: whether expired containers stay expired; else they are restored.
        container_days: days after its end at which the files of an expired container are deleted.
        store_files: files of one vector store.
        store_first_files: files that a vector store may be created with.
        batch_files: files that can be added to a vector store at once.
        index_file_bytes: size of one file whose text can be searched.
        index_file_seconds: to read a small file, or to embed it; larger ones have longer.
        filter_levels: filters within filters, in a search.
        filter_comparisons: of a filter, in all its levels.
        response_seconds: how long a response is kept.
        snapshot_bytes: variables that are kept of one session; 0: none are.
        snapshot_seconds: to write them, or to load them.
        snapshot_after_seconds: they are kept, too, after each call that took as long as this; 0: never.
        snapshot_days: how long they are kept after their session ended.
        private_image_urls: whether pictures may be at addresses of private networks.
        processes: API processes of this server, which clients take for one.
    """

    run_seconds: int = 600
    background_seconds: int = 3600
    lease_seconds: float = 15.0
    call_seconds: float = 120.0
    session_seconds: int = 3600
    idle_seconds: int = 3600
    session_memory_bytes: int = 1 << 30
    run_turns: int = 32
    poll_after_ms: int = 50
    upload_bytes: int = 512 << 20
    upload_in_parts_bytes: int = 8 << 30
    model_output_characters: int = 16_000
    output_files: int = 1000
    output_file_bytes: int = 512 << 20
    project_limits: ProjectLimits = field(default_factory=ProjectLimits)
    session_prices: Mapping[int, float] = field(
        default_factory=lambda: {1: 0.03, 4: 0.12, 16: 0.48, 64: 1.92}
    )
    container_memory_mib: int = 65_536
    strict_containers: bool = False
    container_days: int = 30
    store_files: int = 10_000
    store_first_files: int = 500
    batch_files: int = 2000
    index_file_bytes: int = 512 << 20
    index_file_seconds: float = 130.0
    filter_levels: int = 8
    filter_comparisons: int = 100
    response_seconds: int = 30 * 86_400
    snapshot_bytes: int = 256 << 20
    snapshot_seconds: float = 10.0
    snapshot_after_seconds: float = 0.0
    snapshot_days: int = 30
    private_image_urls: bool = False
    processes: int = 1
