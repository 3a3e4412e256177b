"""Where the views find the database."""

from typing import cast

from accounting_link.chassis.mongo import Db
from flask import current_app

KEY = "log-service-database"


def db() -> Db:
    return cast(Db, current_app.extensions[KEY])
