"""Whose file is indexed next: projects take turns, and within a project its stores."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from assistd.db.search.jobs import Queue


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many jobs of one stage are done at once.

    Args:
        total: of all projects.
        of_project: of one project, so that the next one finds a place while a large file is read.
        of_store: of one store.
    """

    total: int
    of_project: int
    of_store: int


class Turns:
    """Chooses among queues.

    Args:
        capacity: how many jobs are done at once.
    """

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._served: dict[str, int] = {}  # project or store -> the number of its last turn
        self._turn = 0

    def choose(self, queues: Collection[Queue], in_hand: Collection[Queue]) -> Queue | None:
        """Return the queue whose turn it is: files that were never indexed come before all others.

        Args:
            queues: where jobs wait.
            in_hand: for each job that is being done, the queue it came from.

        Returns:
            The queue; None where nobody waits, or those who do have as many jobs in hand as they may.
        """
        if len(in_hand) >= self._capacity.total:
            return None
        projects = Counter(each.project_id for each in in_hand)
        stores = Counter(each.store_id for each in in_hand)
        admitted = [
            each
            for each in queues
            if projects[each.project_id] < self._capacity.of_project
            and stores[each.store_id] < self._capacity.of_store
        ]
        return min(admitted, key=self._rank, default=None)

    def note(self, queue: Queue) -> None:
        """Note that a job of this queue was begun."""
        self._turn += 1
        self._served[queue.project_id] = self._served[queue.store_id] = self._turn

    def forget_all_but(self, queues: Collection[Queue]) -> None:
        """Forget the turns of those who have no job any more."""
        alive = {id_ for each in queues for id_ in (each.project_id, each.store_id)}
        self._served = {id_: turn for id_, turn in self._served.items() if id_ in alive}

    def _rank(self, queue: Queue) -> tuple[bool, int, int, str]:
        served = self._served.get
        is_again = queue.status == "completed"
        return is_again, served(queue.project_id, 0), served(queue.store_id, 0), queue.store_id
