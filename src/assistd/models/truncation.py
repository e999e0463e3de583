"""Shortens a conversation for a model: the middle or the beginning is left out, the newest stays."""

import json
from collections.abc import Sequence
from dataclasses import replace

from assistd.models import tokens
from assistd.models.base import ModelRequest, PromptTooLongError
from assistd.models.conversation import FunctionResult, HostedResult, System, Turn, User

_ANSWER_TOKENS = 4096
_CERTAIN = 0.9  # the part of a window that is planned with: tokens are only estimated


def fit(turns: Sequence[Turn], room: int, *, keeps_first: bool = True) -> tuple[Turn, ...]:
    """Return the turns that fit into `room` tokens.

    What must stay stays even where it does not fit: the instructions, the last words of the user,
    and the newest turn. A call and its results stay or go together.

    Args:
        turns: the conversation.
        room: tokens.
        keeps_first: whether its first turn stays if it can, so that the middle is left out and not the
            beginning.
    """
    if sum(map(tokens.of_turn, turns)) <= room:
        return tuple(turns)
    units = _units(turns)
    sizes = [sum(map(tokens.of_turn, unit)) for unit in units]
    kept = _indispensable(units)
    room -= sum(sizes[index] for index in kept)
    spoken = [index for index in range(len(units)) if index not in kept]
    if keeps_first and spoken:
        first = spoken.pop(0)
        if sizes[first] <= room // 2:  # it says what all this is about
            kept.add(first)
            room -= sizes[first]
    for index in reversed(spoken):
        if sizes[index] > room:
            break
        kept.add(index)
        room -= sizes[index]
    return tuple(turn for index in sorted(kept) for turn in units[index])


def fit_window(request: ModelRequest, window: int) -> ModelRequest:
    """Return the request with the turns that leave room for tools and an answer in a window.

    Args:
        request: the request.
        window: tokens of prompt and answer together.

    Raises:
        PromptTooLongError: it must not be shortened, and is longer than the window by itself.
    """
    tools = sum(
        tokens.count(f"{each.name}{each.description}{json.dumps(dict(each.parameters))}")
        for each in (*request.hosted, *request.functions)
    )
    if request.truncation == "disabled":
        asked = sum(map(tokens.of_turn, request.turns)) + tools
        if asked > window:
            message = f"The prompt has about {asked} tokens, and the model takes {window}."
            raise PromptTooLongError(message, window)
        return request
    answer = min(request.max_tokens or _ANSWER_TOKENS, window // 4)
    room = int((window - answer) * _CERTAIN) - tools
    keeps_first = request.truncation == "middle"
    return replace(request, turns=fit(request.turns, room, keeps_first=keeps_first))


def _units(turns: Sequence[Turn]) -> list[list[Turn]]:
    """Return the turns, each call in one unit with its results."""
    units: list[list[Turn]] = []
    for turn in turns:
        if isinstance(turn, (HostedResult, FunctionResult)) and units:
            units[-1].append(turn)
        else:
            units.append([turn])
    return units


def _indispensable(units: list[list[Turn]]) -> set[int]:
    kept = {index for index, unit in enumerate(units) if isinstance(unit[0], System)}
    asked = [index for index, unit in enumerate(units) if isinstance(unit[0], User)]
    return kept | set(asked[-1:]) | {len(units) - 1}
