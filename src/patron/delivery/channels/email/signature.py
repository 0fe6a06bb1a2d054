"""The DKIM signature of a mail (RFC 6376)."""

import msgspec

# RFC 8058 wants both List-Unsubscribe headers covered.
COVERED = (
    b"from",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"reply-to",
    b"mime-version",
    b"content-type",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
)


class DkimKey(msgspec.Struct, frozen=True):
    """`private_key` is PEM; the public half stands in DNS at `selector._domainkey.domain`."""

    domain: str
    selector: str
    private_key: str


def sign(mail: bytes, key: DkimKey) -> bytes:
    """`mail` with its signature in front. ValueError when the key cannot be used."""
    import dkim

    head = mail.split(b"\r\n\r\n", 1)[0].lower()
    present = [name for name in COVERED if head.startswith(name) or b"\r\n" + name + b":" in head]
    try:
        signature: bytes = dkim.sign(
            mail,
            key.selector.encode(),
            key.domain.encode(),
            key.private_key.encode(),
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=present,
        )
    except dkim.DKIMException as error:
        raise ValueError(f"DKIM key {key.selector} of {key.domain}: {error}") from error
    return signature + mail
