"""Projects and their API keys; of a key only the hash is stored."""

import hashlib

from sqlalchemy import Connection, delete, func, insert, select, update

from assistd import clock, ids
from assistd.db import tables
from assistd.objects.project import Project


def hashed(key: str) -> str:
    """What is stored of a key: SHA-256, enough for 240 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()


def first_project(connection: Connection) -> Project:
    """The oldest project; made where there is none."""
    row = (
        connection.execute(select(tables.projects).order_by(tables.projects.c.created_at).limit(1))
        .mappings()
        .one_or_none()
    )
    if row is None:
        project = Project(id=ids.new("proj"), name="default", created_at=clock.seconds())
        connection.execute(insert(tables.projects).values(project.model_dump()))
        return project
    return Project.model_validate(row)


def add(connection: Connection, project_id: str, key: str, name: str) -> None:
    """Let a key open a project; a key that does so already stays as it is."""
    if project_of(connection, hashed(key)) is None:
        connection.execute(delete(tables.api_keys).where(tables.api_keys.c.hash == hashed(key)))
        connection.execute(
            insert(tables.api_keys).values(
                hash=hashed(key), project_id=project_id, name=name, created_at=clock.seconds()
            )
        )


def replace(connection: Connection, project_id: str, key: str, name: str) -> None:
    """Let a key open a project, and no other key of that name any more."""
    other = (tables.api_keys.c.name == name, tables.api_keys.c.hash != hashed(key))
    connection.execute(update(tables.api_keys).where(*other).values(revoked_at=clock.seconds()))
    add(connection, project_id, key, name)


def count(connection: Connection) -> int:
    """How many keys there are."""
    return connection.execute(select(func.count()).select_from(tables.api_keys)).scalar_one()


def project_of(connection: Connection, key_hash: str) -> Project | None:
    """The project that a key opens, by the key's hash; None where it opens none."""
    row = (
        connection.execute(
            select(tables.projects)
            .join(tables.api_keys, tables.api_keys.c.project_id == tables.projects.c.id)
            .where(tables.api_keys.c.hash == key_hash, tables.api_keys.c.revoked_at.is_(None))
        )
        .mappings()
        .one_or_none()
    )
    return None if row is None else Project.model_validate(row)
