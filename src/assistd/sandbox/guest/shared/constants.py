"""Numbers and places that the server and the guest agree on."""

import os

GUEST_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""Where the guest's own code lies, on this side of the walls."""
FILES_UID = 0x6FFF_FFFF  # who owns linked files, on a host where the server is root
PROBES = "probes"  # a lower folder with a file for each way that ids are mapped, named like it
SHM_BYTES = 64 << 20  # of a session's /dev/shm
OOM_SCORE = 500  # of a session: server and zygote are the last to be killed when the host has no memory left
