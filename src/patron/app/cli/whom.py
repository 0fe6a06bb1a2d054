"""Whom a command is asked about."""

from typing import Annotated

import typer

Who = Annotated[
    str, typer.Argument(help="A profile id, or email:…, user_id:…, phone:…, anonymous_id:…")
]
