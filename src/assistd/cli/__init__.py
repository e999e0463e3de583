"""The command line: parse arguments, load settings, call `wiring`; what a person sees on a terminal."""
