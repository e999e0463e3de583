"""`assistd serve`, which begins to count requests and transactions at SIGUSR1 and stops at SIGUSR2."""

import signal

from assistd import metrics
from assistd.__main__ import main

if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, lambda *_: metrics.switch(on=True))
    signal.signal(signal.SIGUSR2, lambda *_: metrics.switch(on=False))
    main()
