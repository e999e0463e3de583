"""A conversation with searches, shown to a small model that can search."""

from assistd.engine.tools.search_outcome import Found, tell_found
from assistd.models.conversation import Assistant, HostedCall, HostedSpec, Text, Turn, User

_NUMBER = 1  # of markers that no search has

# In two languages, for a small model searches in that of the only one.
_SHOWN = (
    (
        "When does the museum open?",
        "opening hours of the museum",
        Found("", "museum.md", "The museum opens at 9 and closes at 17. On Mondays it is closed."),
        "The museum opens at 9.",
    ),
    (
        "博物館的門票多少錢?",
        "博物館門票價格",
        Found("", "門票.md", "全票一百五十元,學生票八十元。六歲以下兒童免費。"),
        "全票一百五十元,學生票八十元。",
    ),
)


def show_example(tool: HostedSpec, question: str) -> tuple[Turn, ...]:
    """Return the turns to show before a conversation: without them such a model answers without a search.

    Args:
        tool: file search, as the model is told of it.
        question: the user's last words.
    """
    del question  # any may be one that files answer
    turns: list[Turn] = []
    for asked, query, found, answer in _SHOWN:
        turns += [
            User((Text(asked),)),
            Assistant(calls=(HostedCall(query, tool, query),)),
            tell_found(query, tool, [found], number=_NUMBER),
            Assistant(answer),
        ]
    return tuple(turns)
