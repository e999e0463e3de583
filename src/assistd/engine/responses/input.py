"""What a client sends to a response or a conversation, as it is kept: items, each with an id."""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistd.db.responses.items import StoredItem
from assistd.errors import NotFoundError, RequestError
from assistd.objects.responses.item import INCLUDES, Item, Reasoning, ReasoningText

_SEALED = "rt1."
"""Begins the `encrypted_content` of this server; others' is ignored (contract, responses, 8.6)."""


@dataclass(frozen=True, slots=True)
class ItemReference:
    """Stands for an item that is kept already, in what a client sends."""

    id: str


GivenItem = Item | ItemReference
"""What a client sends: an item, or a reference to one."""


def read_input(
    given: Sequence[GivenItem], references: Mapping[str, StoredItem], known: Iterable[str] = ()
) -> list[StoredItem]:
    """Return what a client sent, as it is kept.

    Args:
        given: the items and references.
        references: the items that are referred to, by id.
        known: ids of items that the model sees before these.

    Raises:
        NotFoundError: a reference leads nowhere.
        RequestError: an item is there twice.
    """
    seen = set(known)
    found: list[StoredItem] = []
    for each in given:
        if each.id in seen:
            raise RequestError(
                f"Duplicate item found with id {each.id}. Remove duplicate items from your input and "
                "try again.",
                param="input",
            )
        seen.add(each.id)
        if not isinstance(each, ItemReference):
            found.append(store(each))
        elif each.id in references:
            found.append(references[each.id])
        else:
            raise NotFoundError(
                f"Item with id '{each.id[:64]}' not found. Items are not persisted when `store` is set "
                "to false. Try again with `store` set to true, or remove this item from your input.",
                param="input",
            )
    return found


def store(item: Item) -> StoredItem:
    """Return an item of a client as it is kept: what only `include` shows stands apart."""
    if isinstance(item, Reasoning):
        item = _unseal(item)
    member, _ = INCLUDES.get(item.type, ("", ""))
    if not member or getattr(item, member) is None:
        return StoredItem(item.id, is_input=True, item=item)
    more: dict[str, Any] = item.model_dump(mode="json", include={member})
    return StoredItem(item.id, is_input=True, item=item.evolve(**{member: None}), more=more)


def seal(thoughts: Iterable[ReasoningText]) -> str:
    """Return the `encrypted_content` of a reasoning, by which a client can send it back later.

    It is no secret: the same text stands in the item's `content`. So it is not enciphered.
    """
    text = "".join(each.text for each in thoughts)
    return _SEALED + base64.urlsafe_b64encode(text.encode()).decode()


def _unseal(item: Reasoning) -> Reasoning:
    """Return a reasoning with the text that it has in its encrypted form alone, if that is ours."""
    sealed = item.encrypted_content
    if item.content or not sealed or not sealed.startswith(_SEALED):
        return item
    try:
        text = base64.b64decode(sealed[len(_SEALED) :], altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return item  # somebody else's, after all
    return item.evolve(content=(ReasoningText(text=text),) if text else ())
