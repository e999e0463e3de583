"""The filter's programs: right numbers, both architectures, every jump inside."""

import re
import struct
from pathlib import Path

import pytest

from assistd.sandbox.guest.walls import calls, seccomp

HEADERS = {
    0: ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    1: ("/usr/include/asm-generic/unistd.h",),
}
ALL = {
    **calls.JUDGED,
    **{name: pair for group in calls.REFUSED.values() for name, pair in group.items()},
    **calls.HOSTED_JUDGED,
    **calls.COMPUTING,
    **calls.COMPUTING_JUDGED,
    **{
        name: pair
        for answers in (calls.HOSTED, calls.HOSTED_OWNER)
        for _, group in answers.values()
        for name, pair in group.items()
    },
}


@pytest.mark.parametrize("architecture", [0, 1], ids=["x86-64", "aarch64"])
def test_the_numbers_are_those_of_the_kernels_headers(architecture: int) -> None:
    header = next((path for path in map(Path, HEADERS[architecture]) if path.exists()), None)
    if header is None:
        pytest.skip("the kernel's headers are not installed")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
    numbers = {name: int(number) for name, number in found}
    wrong = {
        name: (pair[architecture], numbers[name])
        for name, pair in ALL.items()
        if name in numbers
        and pair[architecture] is not None
        and pair[architecture] != numbers[name]
    }
    assert not wrong
    assert len(numbers.keys() & ALL.keys()) > 60


def _run(
    machine: str,
    audit: int,
    number: int,
    *arguments: int,
    host: seccomp.Host | None = None,
    datagrams: bool = True,
) -> int:
    """Interpret the program of a session for one call."""
    program = seccomp.assemble(machine, host, datagrams=datagrams)
    return _interpret(program, audit, number, *arguments)


def _interpret(instructions: bytes, audit: int, number: int, *arguments: int) -> int:
    """Interpret a program for one call; every jump must land inside it."""
    program = list(struct.iter_unpack("=HBBI", instructions))
    data = struct.pack("=IIQ6Q", number, audit, 0, *(arguments + (0,) * 6)[:6])
    accumulator = position = 0
    while True:
        code, yes, no, value = program[position]
        position += 1
        if code == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
        elif code == 0x54:
            accumulator &= value
        elif code == 0x06:
            return value
        else:
            taken = {
                0x15: accumulator == value,
                0x25: accumulator > value,
                0x35: accumulator >= value,
                0x45: bool(accumulator & value),
            }[code]
            position += yes if taken else no


MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
ALLOW, EPERM, ENOSYS, EAFNOSUPPORT = 0x7FFF0000, 0x00050001, 0x00050026, 0x00050061
EINVAL, ENOTTY, EOPNOTSUPP = 0x00050016, 0x00050019, 0x0005005F
DONE_NOTHING = 0x00050000


@pytest.mark.parametrize("machine", MACHINES)
def test_each_call_is_judged_as_it_is_listed(machine: str) -> None:
    audit, column = MACHINES[machine]
    judged = {pair[column] for pair in calls.JUDGED.values()}
    refused = {p[column] for group in calls.REFUSED.values() for p in group.values()} - {None}
    for number in range(600):
        if number in judged:
            continue
        expected = ENOSYS if number > calls.NEWEST else EPERM if number in refused else ALLOW
        assert _run(machine, audit, number) == expected, number


@pytest.mark.parametrize("machine", MACHINES)
def test_arguments_decide_where_they_must(machine: str) -> None:
    audit, column = MACHINES[machine]
    call = {name: pair[column] or -1 for name, pair in calls.JUDGED.items()}

    def judge(name: str, *arguments: int) -> int:
        return _run(machine, audit, call[name], *arguments)

    assert judge("clone3") == judge("memfd_create") == judge("inotify_init1") == ENOSYS
    assert judge("clone", 0x01200011) == ALLOW
    assert all(judge("clone", 1 << bit | 17) == EPERM for bit in (17, 25, 26, 27, 28, 29, 30))
    assert (
        judge("socket", 2, 1 | 0o2000000, 6)
        == judge("socket", 1, 5)
        == judge("socketpair", 1, 1)
        == ALLOW
    )
    assert (
        judge("socket", 40, 1) == judge("socket", 16, 3) == judge("socket", 17, 3) == EAFNOSUPPORT
    )
    assert (
        judge("socket", 2, 3) == judge("socket", 10, 1, 132) == judge("socketpair", 1, 3) == EPERM
    )
    assert (
        judge("setsockopt", 3, 1, 2)
        == judge("setsockopt", 3, 6, 1)
        == judge("setsockopt", 3, 0, 26)
        == ALLOW
    )
    assert judge("setsockopt", 3, 1, 26) == judge("setsockopt", 3, 6, 31) == EPERM
    assert judge("setsockopt", 3, 1, 7) == judge("setsockopt", 3, 1, 8) == DONE_NOTHING
    assert judge("ioctl", 0, 0x5401) == judge("ioctl", 0, 0x541B) == ALLOW
    assert judge("ioctl", 0, 0x5412) == judge("ioctl", 0, 0x1_0000_541C) == EPERM
    assert judge("prctl", 15) == judge("prctl", 38) == ALLOW
    assert judge("prctl", 4) == judge("prctl", 35) == EPERM
    assert judge("fcntl", 3, 2, 1) == judge("fcntl", 3, 1030) == judge("fcntl", 3, 1038) == ALLOW
    assert judge("fcntl", 3, 1024, 1) == judge("fcntl", 3, 1 << 32 | 1026) == EPERM
    assert judge("fcntl", 3, 1039) == judge("fcntl", 3, 1040) == EINVAL
    assert judge("mmap", 0, 4096, 3, 0x22) == ALLOW
    assert judge("mmap", 0, 4096, 3, 0x4_0022) == judge("mmap", 0, 4096, 3, 0x5404_0022) == EPERM
    assert judge("sendto", 3, 0, 1, 0x4000) == judge("sendmsg", 3, 0, 0x4000) == ALLOW
    assert judge("sendto", 3, 0, 1, 1) == judge("sendmsg", 3, 0, 0x41) == EOPNOTSUPP
    assert judge("sendmmsg", 3, 0, 1, 1) == EOPNOTSUPP


@pytest.mark.parametrize("machine", MACHINES)
def test_datagrams_are_refused_where_nothing_counts_their_memory(machine: str) -> None:
    audit, column = MACHINES[machine]
    number = seccomp.JUDGED["socket"][column] or -1

    def judge(*arguments: int) -> int:
        return _run(machine, audit, number, *arguments, datagrams=False)

    assert judge(2, 2) == judge(10, 2 | 0o2000000, 17) == EPERM
    assert judge(1, 2) == judge(2, 1) == judge(10, 1, 6) == ALLOW
    assert judge(16, 3) == EAFNOSUPPORT


@pytest.mark.parametrize("machine", MACHINES)
def test_other_architectures_are_killed_and_x32_refused(machine: str) -> None:
    audit, _ = MACHINES[machine]
    assert _run(machine, 0x40000003, 1) == 0x80000000
    assert _run(machine, audit ^ 1, 1) == 0x80000000
    assert _run(machine, audit, 0x40000000 | 1) == ENOSYS


def test_a_machine_without_a_filter_is_refused() -> None:
    with pytest.raises(OSError, match="no system call filter for riscv64"):
        seccomp.assemble("riscv64")


@pytest.mark.parametrize(
    ("machine", "audit", "column"), [("x86_64", 0xC000_003E, 0), ("aarch64", 0xC000_00B7, 1)]
)
def test_without_namespaces_more_is_refused(machine: str, audit: int, column: int) -> None:
    def answer(name: str, *arguments: int, owned: bool = True) -> int:
        number = ALL[name][column]
        assert number is not None
        return _run(machine, audit, number, *arguments, host=seccomp.Host(60, guards_owned=owned))

    allowed, refused, pretended = 0x7FFF_0000, 0x0005_0001, 0x0005_0000
    assert answer("close", 60) == answer("fcntl", 60, 2, 1) == pretended
    assert answer("close", 5) == answer("fcntl", 60, 1) == answer("dup3", 60, 5) == allowed
    assert answer("dup3", 5, 60) == 0x0005_0010  # EBUSY
    assert answer("prlimit64", 0, 7, 1) == answer("setrlimit", 7, 1) == allowed
    assert answer("prlimit64", 99, 7, 1) == answer("prlimit64", 0, 4, 1 << 32) == refused
    assert answer("setpriority", 0, 0, 5) == allowed
    assert answer("setpriority", 2, 0, 5) == answer("sched_setaffinity", 99) == pretended
    assert answer("sendmsg", 3) == answer("connect", 3) == answer("socketpair", 1, 2) == refused
    assert answer("socketpair", 1, 1) == answer("sendto", 3) == allowed
    assert answer("sendmsg", 3, 0, 1) == answer("sendmmsg", 3, 0, 1, 1) == refused
    assert answer("sendto", 3, 0, 1, 1) == answer("fallocate", 3) == EOPNOTSUPP
    assert answer("fcntl", 60, 1024) == answer("fcntl", 3, 8) == answer("fcntl", 3, 10) == refused
    assert answer("ioctl", 60, 0x5451) == pretended
    assert answer("ioctl", 3, 0x5451) == answer("ioctl", 60, 0x541B) == allowed
    assert answer("ioctl", 0, 0x5412) == refused
    # FS_IOC_SETFLAGS, _SETVERSION, _ENABLE_VERITY, _SET_ENCRYPTION_POLICY, _RESVSP
    for request in (0x4008_6602, 0x4008_7602, 0x4080_6685, 0x800C_6613, 0x4030_5828):
        assert answer("ioctl", 3, request) == answer("ioctl", 3, request, owned=False) == ENOTTY
    assert answer("fchmod", 3) == pretended
    assert answer("fchmod", 3, owned=False) == allowed


@pytest.mark.parametrize("machine", MACHINES)
def test_a_reader_of_documents_may_call_nothing_that_has_a_name(machine: str) -> None:
    audit, column = MACHINES[machine]
    program = seccomp.assemble_computing(machine)
    numbers = {name: pair[column] or -1 for name, pair in ALL.items()}
    computing = {pair[column] for pair in calls.COMPUTING.values()}
    judged = {pair[column] for pair in calls.COMPUTING_JUDGED.values()}

    def judge(name: str, *arguments: int) -> int:
        return _interpret(program, audit, numbers[name], *arguments)

    for number in set(range(600)) - judged:
        expected = ENOSYS if number > calls.NEWEST else ALLOW if number in computing else EPERM
        assert _interpret(program, audit, number) == expected, number
    assert not computing & {numbers[name] for group in calls.REFUSED.values() for name in group}
    assert judge("clone3") == ENOSYS
    assert judge("clone", 0x3D0F00) == ALLOW  # a thread
    assert judge("clone", 0x01200011) == judge("clone", 0x1001_0000) == EPERM
    assert judge("mmap", 0, 4096, 3, 0x22) == judge("mprotect", 0, 4096, 3) == ALLOW
    assert judge("mmap", 0, 4096, 7, 0x22) == judge("mprotect", 0, 4096, 5) == EPERM
    assert judge("mmap", 0, 4096, 3, 0x21) == judge("mmap", 0, 4096, 3, 0x4_0022) == EPERM
    assert judge("fcntl", 3, 3) == judge("fcntl", 3, 1030, 3) == judge("prctl", 15) == ALLOW
    assert judge("fcntl", 3, 4) == judge("prctl", 1, 0) == judge("prctl", 4) == EPERM
    assert judge("prlimit64", 0, 3, 0, 1) == judge("socketpair", 1, 1) == ALLOW
    assert judge("prlimit64", 9, 3, 0) == judge("prlimit64", 0, 3, 1) == EPERM
    assert judge("prlimit64", 0, 3, 1 << 32) == judge("socketpair", 1, 5) == EPERM
    assert judge("socketpair", 2, 1) == EAFNOSUPPORT
