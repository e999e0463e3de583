"""The agent: asks a model, runs the tools that it calls, and tells a `Record`; knows no API and no database.

A door to it (`engine/assistants/`) brings an `Ask`, a `Conversation` and a `Record`, and calls
`run_loop`. The smallest door there can be is in `tests/unit/agent/memory.py`.
"""
