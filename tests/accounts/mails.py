"""A server of mails that takes none for some addresses."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend

REFUSED = "full@example.org"


class Refusing(EmailBackend):
    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        refused: dict[str, Any] = {to: (552, b"Mailbox full") for each in messages for to in each.to if to == REFUSED}
        if refused:
            raise smtplib.SMTPRecipientsRefused(refused)
        return int(super().send_messages(messages))
