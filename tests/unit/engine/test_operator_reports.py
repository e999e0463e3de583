"""What servers report of sessions is counted once, also where they share the hosts that have them."""

from assistd.objects.operator.server import Report, SessionReport


def report(*ids: str, shares_hosts: bool = False) -> Report:
    sessions = tuple(
        SessionReport(
            id=each,
            key=each,
            project_id="proj_1",
            is_busy=False,
            opened_at=1,
            used_at=1,
            ends_at=2,
            memory_limit_bytes=1,
        )
        for each in ids
    )
    return Report(sessions=sessions, shares_hosts=shares_hosts)


def test_servers_with_sandboxes_of_their_own_all_tell() -> None:
    every = [report("a"), report(), report("b", "c")]
    assert Report.select_sandboxes(every) == every
    assert Report.select_sandboxes([]) == []


def test_of_servers_that_share_hosts_the_one_that_knows_most_tells() -> None:
    own, worker = report("a"), report(shares_hosts=True)
    all_of_them = report("b", "c", shares_hosts=True)
    assert Report.select_sandboxes([worker, own, all_of_them]) == [own, all_of_them]
