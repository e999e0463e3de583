"""Traces: what a run did and how long each part took, as spans; and whose trace a request belongs to."""
