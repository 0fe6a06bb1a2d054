"""For Schemathesis: a mail is text."""

import schemathesis

schemathesis.serializer.alias("message/rfc822", "text/plain")
