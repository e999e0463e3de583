"""The system calls that a session's filter refuses, answers or judges, by number; see `seccomp.py`."""

import errno

# Refused, by the reason for it: (number on x86-64, number on aarch64).
REFUSED: dict[str, dict[str, tuple[int | None, int | None]]] = {
    "reading or steering other processes": {
        "ptrace": (101, 117),
        "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271),
        "kcmp": (312, 272),
        "pidfd_getfd": (438, 438),
        "process_madvise": (440, 440),
        "process_mrelease": (448, 448),
    },
    "mounts, roots and namespaces": {
        "mount": (165, 40),
        "umount2": (166, 39),
        "pivot_root": (155, 41),
        "chroot": (161, 51),
        "open_tree": (428, 428),
        "move_mount": (429, 429),
        "fsopen": (430, 430),
        "fsconfig": (431, 431),
        "fsmount": (432, 432),
        "fspick": (433, 433),
        "mount_setattr": (442, 442),
        "statmount": (457, 457),
        "listmount": (458, 458),
        "setns": (308, 268),
        "unshare": (272, 97),
    },
    "files past the mount namespace": {
        "open_by_handle_at": (304, 265),
        "name_to_handle_at": (303, 264),
        "fanotify_init": (300, 262),
        "fanotify_mark": (301, 263),
        "quotactl": (179, 60),
        "quotactl_fd": (443, 443),
        "lookup_dcookie": (212, 18),
    },
    "the machine": {
        "kexec_load": (246, 104),
        "kexec_file_load": (320, 294),
        "init_module": (175, 105),
        "finit_module": (313, 273),
        "delete_module": (176, 106),
        "create_module": (174, None),
        "get_kernel_syms": (177, None),
        "query_module": (178, None),
        "reboot": (169, 142),
        "swapon": (167, 224),
        "swapoff": (168, 225),
        "syslog": (103, 116),
        "acct": (163, 89),
        "settimeofday": (164, 170),
        "clock_settime": (227, 112),
        "adjtimex": (159, 171),
        "clock_adjtime": (305, 266),
        "sethostname": (170, 161),
        "setdomainname": (171, 162),
        "vhangup": (153, 58),
        "iopl": (172, None),
        "ioperm": (173, None),
    },
    "large or seldom used kernel surface": {
        "bpf": (321, 280),
        "perf_event_open": (298, 241),
        "userfaultfd": (323, 282),
        "io_uring_setup": (425, 425),
        "io_uring_enter": (426, 426),
        "io_uring_register": (427, 427),
        "seccomp": (317, 277),
        "landlock_create_ruleset": (444, 444),
        "landlock_add_rule": (445, 445),
        "landlock_restrict_self": (446, 446),
        "lsm_get_self_attr": (459, 459),
        "lsm_set_self_attr": (460, 460),
        "lsm_list_modules": (461, 461),
        "cachestat": (451, 451),
        "map_shadow_stack": (453, 453),
        "personality": (135, 92),
        "modify_ldt": (154, None),
        "vmsplice": (278, 75),
        "remap_file_pages": (216, 234),
        "nfsservctl": (180, 42),
        "uselib": (134, None),
        "ustat": (136, None),
        "sysfs": (139, None),
        "_sysctl": (156, None),
        "uretprobe": (335, None),
        "uprobe": (336, None),
    },
    "memory that no limit sees, or that moves between nodes": {
        "memfd_secret": (447, 447),
        "move_pages": (279, 239),
        "migrate_pages": (256, 238),
        "mbind": (237, 235),
        "set_mempolicy": (238, 237),
        "set_mempolicy_home_node": (450, 450),
        "shmget": (29, 194),
        "shmat": (30, 196),
        "shmctl": (31, 195),
    },
    "a pool that all of the host shares": {"io_setup": (206, 0)},
    "keys and queues outside of the session": {
        "add_key": (248, 217),
        "request_key": (249, 218),
        "keyctl": (250, 219),
        "msgget": (68, 186),
        "msgsnd": (69, 189),
        "msgrcv": (70, 188),
        "msgctl": (71, 187),
        "semget": (64, 190),
        "semop": (65, 193),
        "semctl": (66, 191),
        "semtimedop": (220, 192),
        "mq_open": (240, 180),
        "mq_unlink": (241, 181),
    },
}

# Answered beside those where a session has no namespaces: by the reason, the errno (0: it seems to
# succeed, so that libraries go on) and the calls.
_Outcomes = dict[str, tuple[int, dict[str, tuple[int | None, int | None]]]]
HOSTED: _Outcomes = {
    "services of the host, and descriptors in flight that no quota sees": (
        errno.EPERM,
        {
            "connect": (42, 203),
            "bind": (49, 200),
            "listen": (50, 201),
            "accept": (43, 202),
            "accept4": (288, 242),
            "sendmsg": (46, 211),
            "sendmmsg": (307, 269),
        },
    ),
    "room on the disk that is taken faster than anybody can look": (
        errno.EOPNOTSUPP,  # as some file systems answer: libc writes instead
        {"fallocate": (285, 47)},
    ),
    "the kept descriptor among others": (errno.ENOSYS, {"close_range": (436, 436)}),
}
# And where files of the host are its own: an owner's rights, which Landlock does not take away.
HOSTED_OWNER: _Outcomes = {
    "modes and times": (
        0,
        {
            "chmod": (90, None),
            "fchmod": (91, 52),
            "fchmodat": (268, 53),
            "fchmodat2": (452, 452),
            "utime": (132, None),
            "utimes": (235, None),
            "futimesat": (261, None),
            "utimensat": (280, 88),
        },
    ),
    "extended attributes": (
        errno.EOPNOTSUPP,
        {
            "setxattr": (188, 5),
            "lsetxattr": (189, 6),
            "fsetxattr": (190, 7),
            "removexattr": (197, 14),
            "lremovexattr": (198, 15),
            "fremovexattr": (199, 16),
            "setxattrat": (463, 463),
            "removexattrat": (466, 466),
        },
    ),
    "owners": (
        errno.EPERM,
        {"chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54)},
    ),
}

# Judged by argument, or answered with ENOSYS.
JUDGED: dict[str, tuple[int | None, int | None]] = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "memfd_create": (319, 279),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "setsockopt": (54, 208),
    "ioctl": (16, 29),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "setrlimit": (160, 164),
    "fcntl": (72, 25),
    "mmap": (9, 222),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
}
# Judged beside those where a session has no namespaces.
HOSTED_JUDGED: dict[str, tuple[int | None, int | None]] = {
    "close": (3, 57),
    "dup2": (33, None),
    "dup3": (292, 24),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
}

# The newest call that was looked at (removexattrat, Linux 6.13).
NEWEST = 466
