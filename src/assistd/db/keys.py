"""API keys: what each opens, until it is revoked; of a key only the hash is stored."""

import hashlib
import hmac

from sqlalchemy import Connection, func, insert, or_, select, update

from assistd import clock, ids
from assistd.db import projects, tables
from assistd.db.transaction import transaction
from assistd.errors import NotFoundError
from assistd.objects.project import Access, ApiKey

_KEYS = tables.api_keys.c


def hash_of(key: str) -> str:
    """Return what is stored of a key: SHA-256, enough for 238 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()


def redact(key: str) -> str:
    """Return the first and the last letters of a key; of a short one, which a person chose, less."""
    ending = key[-4:] if len(key) > 24 else ""
    return f"{key[:3]}***{ending}"


@transaction(writes=True, short=True)
def create(connection: Connection, key: str, name: str, project_id: str | None) -> ApiKey:
    """Let a key open a project, or as an admin key (`project_id` None) the organization."""
    made = ApiKey(
        id=ids.new("key"),
        project_id=project_id,
        name=name,
        created_at=clock.seconds(),
        redacted=redact(key),
    )
    connection.execute(insert(tables.api_keys).values(hash=hash_of(key), **made.model_dump()))
    return made


@transaction(writes=True, short=True)
def replace(connection: Connection, key: str, name: str, project_id: str) -> None:
    """Let a key open a project, and no other key of that name any more."""
    known = connection.execute(
        select(_KEYS.id).where(_KEYS.hash == hash_of(key)).with_for_update()
    ).scalar()
    now = clock.seconds()
    others = update(tables.api_keys).where(
        _KEYS.name == name, _KEYS.hash != hash_of(key), _KEYS.revoked_at.is_(None)
    )
    connection.execute(others.values(revoked_at=now))
    if known is None:
        create(connection, key, name, project_id)
    else:
        again = update(tables.api_keys).where(_KEYS.id == known)
        connection.execute(again.values(name=name, project_id=project_id, revoked_at=None))


@transaction(writes=True, short=True)
def revoke(connection: Connection, key_id: str) -> ApiKey:
    """Let a key open nothing any more; one that is revoked stays so.

    Raises:
        NotFoundError: no key has this id.
    """
    known = update(tables.api_keys).where(_KEYS.id == key_id, _KEYS.revoked_at.is_(None))
    connection.execute(known.values(revoked_at=clock.seconds()))
    row = connection.execute(select(tables.api_keys).where(_KEYS.id == key_id)).mappings().first()
    if row is None:
        raise NotFoundError(f"No API key has the id '{key_id}'; see `assistd keys list`.")
    return ApiKey.model_validate(row)


@transaction()
def all_of(connection: Connection) -> list[ApiKey]:
    """Return every key, oldest first, revoked ones too."""
    rows = connection.execute(select(tables.api_keys).order_by(_KEYS.created_at, _KEYS.id))
    return [ApiKey.model_validate(row) for row in rows.mappings()]


@transaction(short=True)
def count(connection: Connection) -> int:
    """Return how many keys there are."""
    return connection.execute(select(func.count()).select_from(tables.api_keys)).scalar_one()


@transaction(short=True)
def find_access(connection: Connection, key_hash: str) -> Access | None:
    """Return what a key opens, by the key's hash; None where it is unknown or revoked.

    The index compares hashes, whose bytes nobody can choose, so its timing tells nothing of a key;
    the last word is a comparison in constant time.
    """
    found = select(tables.api_keys).where(_KEYS.hash == key_hash, _KEYS.revoked_at.is_(None))
    row = connection.execute(found).mappings().first()
    if row is None or not hmac.compare_digest(row["hash"], key_hash):
        return None
    access = Access(key_id=row["id"], project=None, last_used_at=row["last_used_at"])
    if row["project_id"] is None:
        return access
    project = projects.get(connection, row["project_id"])
    return None if project.archived_at else access.evolve(project=project)


@transaction(writes=True, short=True)
def note_use(connection: Connection, key_id: str, day: int) -> None:
    """Note the day on which a key was used, unless a later one is noted.

    Args:
        connection: a transaction.
        key_id: the key.
        day: when the day began (Unix seconds).
    """
    earlier = or_(_KEYS.last_used_at.is_(None), _KEYS.last_used_at < day)
    used = update(tables.api_keys).where(_KEYS.id == key_id, earlier)
    connection.execute(used.values(last_used_at=day))
