"""Every environment variable, typed, with its default. Nothing else reads the environment."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from platformdirs import user_data_path
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from tools.contract.actors import Site


class Settings(BaseSettings):
    """Where the shop keeps its data, which database and which model it uses, where it serves."""

    model_config = SettingsConfigDict(env_prefix="SHOPKEEPER_", extra="ignore", populate_by_name=True)

    home: Path = Field(
        default_factory=lambda: user_data_path("shopkeeper", appauthor=False),
        alias="SHOPKEEPER_HOME",
        description="Where data, credentials and logs are kept.",
    )
    host: str = Field(
        default="127.0.0.1", alias="SHOPKEEPER_HOST", description="The address that the web process listens on."
    )
    port: int = Field(default=8000, ge=1, le=65535, alias="SHOPKEEPER_PORT", description="Its port.")
    pool_size: int = Field(
        default=10, ge=2, alias="SHOPKEEPER_POOL", description="Database connections of a process for calls."
    )
    requests_per_minute: int = Field(
        default=600,
        ge=1,
        alias="SHOPKEEPER_RATE",
        description="Requests a minute that one key or person may make of a process.",
    )
    server_url: str | None = Field(
        default=None,
        alias="SHOPKEEPER_URL",
        description="The command line calls this server over HTTP instead of in process.",
    )
    key: SecretStr | None = Field(default=None, alias="SHOPKEEPER_KEY", description="The API key that it calls with.")

    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/\s]+$",
        alias="SHOPKEEPER_PUBLIC_URL",
        description="Where people reach the web process, for the links in mails; default: its own address.",
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        alias="SHOPKEEPER_SMTP_URL",
        description="The server that sends mail, smtps://user:password@host (or smtp://); without it links are handed over.",
    )
    mail_from: str | None = Field(
        default=None, alias="SHOPKEEPER_MAIL_FROM", description="The sender of mails; default: shopkeeper@ that server."
    )

    @field_validator("smtp_url")
    @classmethod
    def _is_a_mail_server(cls, given: SecretStr | None) -> SecretStr | None:
        """The message does not repeat it: it has a password."""
        server = urlsplit(given.get_secret_value()) if given else None
        if server is not None and (server.scheme not in ("smtp", "smtps") or not server.hostname):
            raise PydanticCustomError("address", "write it as smtps://user:password@host:465")
        return given

    database_url: str | None = Field(
        default=None, alias="DATABASE_URL", description="The runtime role's; default: embedded."
    )
    database_owner_url: str | None = Field(
        default=None, alias="DATABASE_OWNER_URL", description="For migrate, dump, restore."
    )
    database_direct_url: str | None = Field(
        default=None, alias="DATABASE_DIRECT_URL", description="Past a pooler: for what needs a session."
    )
    database_replica_url: str | None = Field(
        default=None, alias="DATABASE_REPLICA_URL", description="For reading tools."
    )

    @field_validator("database_url", "database_owner_url", "database_direct_url", "database_replica_url")
    @classmethod
    def _is_an_address(cls, given: str | None) -> str | None:
        """What libpq cannot read it repeats in its message, password and all; this does not."""
        try:
            conninfo_to_dict(given or "")
        except ProgrammingError:
            form = "write it as postgresql://user:password@host:5432/database"
            raise PydanticCustomError("address", form) from None
        return given

    openai_api_key: SecretStr | None = Field(
        default=None, alias="OPENAI_API_KEY", description="Without it: the embedded planner."
    )
    openai_base_url: str | None = Field(
        default=None, alias="OPENAI_BASE_URL", description="Any OpenAI-compatible server."
    )
    model: str = Field(default="gpt-5-mini", alias="SHOPKEEPER_MODEL", description="The model that specialists use.")
    router_model: str | None = Field(
        default=None, alias="SHOPKEEPER_ROUTER_MODEL", description="A smaller one for routing."
    )

    @cached_property
    def credentials(self) -> Path:
        """The owner's password and API key, written once by the first start."""
        return self.home / "credentials"

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def site(self) -> "Site":
        """Where people reach this installation, and whether it can send them mail."""
        from tools.contract.actors import Site  # wakes SQLAlchemy, which settings alone need not

        return Site(self.public_url or self.address, mails=self.smtp_url is not None)

    @property
    def mail_sender(self) -> str:
        host = urlsplit(self.smtp_url.get_secret_value()).hostname if self.smtp_url else None
        return self.mail_from or f"Shopkeeper <shopkeeper@{host or 'localhost'}>"
