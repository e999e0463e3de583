"""The table of settings."""

import re

from assistd.settings import Settings


def test_what_may_open_something_is_declared_so() -> None:
    """By its name: a sandbox host is given every other setting."""
    named = re.compile(r"(^|_)(key|keys|url|token|secret|password)$")
    secret = {name for name, field in Settings.model_fields.items() if not field.repr}
    assert secret == {name for name in Settings.model_fields if named.search(name)}
    assert "sk-1" not in repr(Settings(api_key="sk-1"))
