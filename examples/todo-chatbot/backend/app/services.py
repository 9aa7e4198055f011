"""What the routes work with, made once for each process."""

from dataclasses import dataclass

from .accounts import Accounts
from .conversation import Conversation
from .database import Database
from .limits import Limits
from .reminders import Reminders
from .settings import Settings
from .tasks import Tasks


@dataclass
class Services:
    settings: Settings
    database: Database
    accounts: Accounts
    limits: Limits
    tasks: Tasks
    reminders: Reminders
    conversation: Conversation

    @classmethod
    def of(cls, settings: Settings) -> "Services":
        database = Database(settings.database_url)
        return cls(
            settings,
            database,
            Accounts(database),
            Limits(database),
            Tasks(database),
            Reminders(database),
            Conversation(database),
        )

    def forget_what_is_over(self) -> None:
        self.accounts.forget_expired()
        self.limits.forget_old()
