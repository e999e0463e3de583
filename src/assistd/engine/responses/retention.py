"""The end of responses that nobody goes on from any more."""

from assistd import clock
from assistd.db.database import Database
from assistd.db.responses import expiry
from assistd.periodic import Duty

_SECONDS = 60.0


def make_duty(database: Database) -> Duty:
    """Return the duty of deleting responses whose time is over, and what they were made of."""

    async def delete_expired() -> None:
        while await database.run(expiry.delete_expired, clock.seconds()):
            pass

    return Duty("expired responses", delete_expired, _SECONDS)
