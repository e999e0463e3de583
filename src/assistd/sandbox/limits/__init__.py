"""What holds sessions to their limits: control groups, and watches where there are none."""
