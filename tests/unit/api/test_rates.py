"""What clients that poll are told where their project has a limit."""

import pytest

from assistd.api.rates import poll_after
from assistd.objects.project import Project, ProjectLimits


@pytest.mark.parametrize(("limit", "pause"), [(None, 50), (12, 10_000), (100_000, 50), (7, 17143)])
def test_a_poller_is_left_half_of_the_requests(limit: int | None, pause: int) -> None:
    project = Project(id="proj_1", name="p", created_at=1, limits=ProjectLimits(requests=limit))
    assert poll_after(project, 50) == pause
