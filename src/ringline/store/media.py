"""Stored media (spec voice-api §6.6): audio files that commands name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ringline.core.errors import RinglineError
from ringline.store.tables import media


class MediaNameTaken(RinglineError):
    """The account has media under this name already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """One file; `object_key` names its bytes in the object store, `media_name` is its owner's name for it."""

    id: str
    account_id: str
    media_name: str
    content_type: str
    object_key: str
    size_bytes: int
    expires_at: datetime
    created_at: datetime
    updated_at: datetime


def create(conn: sa.Connection, item: Media, now: datetime) -> Media | None:
    """Keep new media; returns the expired one whose name it takes over. Raises `MediaNameTaken`."""
    one = media.c
    same = sa.select(media).where(one.account_id == item.account_id, one.media_name == item.media_name)
    row = conn.execute(same).one_or_none()
    expired = _media(row) if row else None
    if expired is not None:
        if expired.expires_at > now:
            raise MediaNameTaken(f"there is media named {item.media_name} already")
        conn.execute(media.delete().where(one.id == expired.id))
    conn.execute(media.insert().values(_row(item)))
    return expired


def find(conn: sa.Connection, account_id: str, media_name: str, now: datetime) -> Media | None:
    """Media by name, unless it has expired."""
    one = media.c
    row = conn.execute(
        sa.select(media).where(
            one.account_id == account_id, one.media_name == media_name, one.expires_at > now
        )
    ).one_or_none()
    return _media(row) if row else None


def page(
    conn: sa.Connection,
    account_id: str,
    content_types: Sequence[str],
    now: datetime,
    *,
    limit: int,
    offset: int = 0,
) -> tuple[list[Media], int]:
    """One page of what has not expired, newest first, and the number of all; no types means any."""
    one = media.c
    conditions = [one.account_id == account_id, one.expires_at > now]
    if content_types:
        conditions.append(one.content_type.in_(content_types))
    total = conn.execute(sa.select(sa.func.count()).select_from(media).where(*conditions)).scalar_one()
    rows = conn.execute(
        sa.select(media)
        .where(*conditions)
        .order_by(one.created_at.desc(), one.id)
        .limit(limit)
        .offset(offset)
    )
    return [_media(row) for row in rows], total


def revise(
    conn: sa.Connection, account_id: str, media_name: str, now: datetime, change: Callable[[Media], Media]
) -> tuple[Media, Media] | None:
    """Replace media by what `change` makes of it; returns it before and after, None when there is none."""
    current = find(conn, account_id, media_name, now)
    if current is None:
        return None
    changed = change(current)
    conn.execute(media.update().where(media.c.id == current.id).values(_row(changed)))
    return current, changed


def delete(conn: sa.Connection, account_id: str, media_name: str, now: datetime) -> Media | None:
    """Forget media; returns it, so that its bytes can be deleted too. None when there is none."""
    current = find(conn, account_id, media_name, now)
    if current is not None:
        conn.execute(media.delete().where(media.c.id == current.id))
    return current


def purge(conn: sa.Connection, now: datetime, limit: int = 500) -> list[Media]:
    """Forget up to `limit` media that have expired; returns them, so that their bytes can be deleted too."""
    rows = conn.execute(sa.select(media).where(media.c.expires_at <= now).limit(limit)).all()
    if rows:
        conn.execute(media.delete().where(media.c.id.in_([row.id for row in rows])))
    return [_media(row) for row in rows]


def _row(item: Media) -> dict[str, Any]:
    return {one.name: getattr(item, one.name) for one in fields(item)}


def _media(row: sa.Row[Any]) -> Media:
    return Media(**row._mapping)
