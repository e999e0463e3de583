"""A live `assistd serve`, the SDK pointed at it, and all that goes over the wire, for tests to look at."""
