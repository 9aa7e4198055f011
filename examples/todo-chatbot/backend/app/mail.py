"""E-mail through a relay that speaks Resend's API."""

from .outside import Unanswered, post
from .settings import Settings


class Undelivered(Exception):
    """Not sent this time; it may work later."""


class Refused(Exception):
    """The relay will never send this."""


class Mailer:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def send_reminder(self, reminder_id: int, address: str, title: str) -> None:
        """Sends one letter. The relay knows it by its key, so that a second attempt sends no second one."""
        settings = self._settings
        letter = {
            "from": settings.mail_from,
            "to": [address],
            "subject": f"Reminder: {title}",
            "text": f"It is time for: {title}\n\n{settings.frontend_url}/dashboard\n",
        }
        try:
            post(
                f"{settings.mail_url}/emails",
                settings.mail_key,
                letter,
                seconds=15,
                **{"Idempotency-Key": f"reminder-{reminder_id}"},
            )
        except Unanswered as error:
            # A refusal of the letter or the key; everything else is the relay's trouble, and passes.
            if error.status in (400, 401, 403, 404, 422):
                raise Refused(str(error)) from error
            raise Undelivered(str(error)) from error
