"""Signed words: links that act, sessions of a cart, signed identities."""

import base64
import binascii
import hashlib
import hmac
from typing import Any

import msgspec


class BadSignature(ValueError):
    """The token was not made by us, or was changed."""


class Signer:
    """Signs small values with HMAC-SHA256 under one secret; `purpose` keeps the uses apart."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise ValueError("secret: needs at least 16 bytes; delete the file to get a new one")
        self._secret = secret

    def token(self, purpose: str, payload: Any) -> str:
        """An URL-safe token that carries `payload` (JSON) in the open and proves it is ours."""
        body = _b64(msgspec.json.encode(payload))
        return f"{body}.{_b64(self._mac(purpose, body.encode())[:18])}"

    def read(self, purpose: str, token: str) -> Any:
        """The payload of a token; raises BadSignature."""
        body, _, mac = token.partition(".")
        good = _b64(self._mac(purpose, body.encode("utf-8", "replace"))[:18])
        if not hmac.compare_digest(mac.encode("utf-8", "replace"), good.encode()):
            raise BadSignature("the link is damaged or not ours")
        try:
            return msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (binascii.Error, ValueError, msgspec.DecodeError) as error:
            raise BadSignature("the link is damaged or not ours") from error

    def digest(self, purpose: str, value: str) -> str:
        """A keyed hash, 64 hex characters, that only our secret can make."""
        return self._mac(purpose, value.encode()).hex()

    def _mac(self, purpose: str, data: bytes) -> bytes:
        return hmac.new(self._secret, purpose.encode() + b"\0" + data, hashlib.sha256).digest()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
