"""Where the views find the database."""

from typing import cast

from flask import current_app

from accounting_link.chassis.mongo import Db

KEY = "log-service-database"


def db() -> Db:
    return cast(Db, current_app.extensions[KEY])
