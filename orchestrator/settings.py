"""Every environment variable, typed, with its default. Nothing else reads the environment."""

import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from platformdirs import user_data_path
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from tools.contract.actors import Site


_PRICE = re.compile(r"\s*([^\s=;]+)=(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)\s*")


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
    # ---- how long, and how many at once: what a caller is told at each limit stands in tools/contract/errors.py ------------

    call_seconds: float = Field(
        default=10.0,
        gt=0,
        alias="SHOPKEEPER_CALL_SECONDS",
        description="For a statement of a call: who waits in front of a screen has given up by then.",
    )
    report_seconds: float = Field(
        default=30.0,
        gt=0,
        alias="SHOPKEEPER_REPORT_SECONDS",
        description="For a statement of a report: a year of a large shop's orders takes a few.",
    )
    job_seconds: float = Field(
        default=120.0,
        gt=0,
        alias="SHOPKEEPER_JOB_SECONDS",
        description="For a statement of a job: nobody waits for it, and beginning again costs more than finishing.",
    )
    lock_seconds: float = Field(
        default=3.0,
        gt=0,
        alias="SHOPKEEPER_LOCK_SECONDS",
        description="That a call waits for a row which another changes: calls take milliseconds, so the other hangs.",
    )
    job_lock_seconds: float = Field(
        default=30.0,
        gt=0,
        alias="SHOPKEEPER_JOB_LOCK_SECONDS",
        description="That a job waits for a row: people go first.",
    )
    idle_seconds: float = Field(
        default=15.0,
        gt=0,
        alias="SHOPKEEPER_IDLE_SECONDS",
        description="After which a transaction in which nothing is asked is ended: its locks keep others waiting.",
    )
    job_idle_seconds: float = Field(
        default=60.0, gt=0, alias="SHOPKEEPER_JOB_IDLE_SECONDS", description="The same for a job."
    )
    reports_at_once: int = Field(
        default=2,
        ge=1,
        alias="SHOPKEEPER_REPORTS",
        description="Reports that a process works on at once: each may keep a core of the database busy.",
    )
    writes_at_once: int = Field(
        default=6,
        ge=1,
        alias="SHOPKEEPER_WRITES",
        description="Changes that it works on at once; with the reports fewer than its connections, so that reads find one.",
    )
    writes_waiting: int = Field(
        default=100,
        ge=0,
        alias="SHOPKEEPER_WRITES_WAITING",
        description="Changes, and as many reports, that may wait for their turn: more would wait in vain.",
    )
    place_seconds: float = Field(
        default=5.0, gt=0, alias="SHOPKEEPER_PLACE_SECONDS", description="For which they wait; then they may come back."
    )
    turns_at_once: int = Field(
        default=32,
        ge=1,
        alias="SHOPKEEPER_TURNS",
        description="Chat turns that a process works on at once: each holds its messages and results in memory.",
    )
    turns_per_actor: int = Field(
        default=8,
        ge=1,
        alias="SHOPKEEPER_TURNS_PER_ACTOR",
        description="Chat turns of one person or key, begun and not begun yet: one person cannot keep all of them busy.",
    )
    turn_seconds: int = Field(
        default=120,
        ge=1,
        alias="SHOPKEEPER_TURN_SECONDS",
        description="For a turn from its beginning, or from its card, to its answer: nobody reads an answer that comes later.",
    )
    streams_per_actor: int = Field(
        default=20,
        ge=1,
        alias="SHOPKEEPER_STREAMS_PER_ACTOR",
        description="Event streams of one person or key in a process: some browser windows.",
    )
    streams_per_conversation: int = Field(
        default=5, ge=1, alias="SHOPKEEPER_STREAMS_PER_CONVERSATION", description="Event streams of one conversation."
    )
    right_seconds: float = Field(
        default=60.0,
        gt=0,
        alias="SHOPKEEPER_RIGHT_SECONDS",
        description="After which it is looked again whether who listens still may: a revoked key hears no longer.",
    )

    file_bytes: int = Field(
        default=50 * 1024 * 1024,
        ge=1,
        alias="SHOPKEEPER_FILE_BYTES",
        description="The largest file that can be uploaded: 100,000 products with their texts.",
    )
    files_bytes: int = Field(
        default=1024 * 1024 * 1024,
        ge=1,
        alias="SHOPKEEPER_FILES_BYTES",
        description="The uploaded files of a shop, all together: they lie in its database until they expire.",
    )
    file_types: str = Field(
        default="text/csv,text/plain,text/tab-separated-values,application/vnd.ms-excel",
        alias="SHOPKEEPER_FILE_TYPES",
        description="Their media types; the fourth is what browsers on Windows call a CSV file.",
    )
    file_days: int = Field(
        default=7, ge=1, alias="SHOPKEEPER_FILE_DAYS", description="Days after which an uploaded file is deleted."
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

    stripe_shop: str | None = Field(
        default=None,
        alias="SHOPKEEPER_STRIPE_SHOP",
        description="The slug of the shop whose payments go through Stripe; the others have the test provider alone.",
    )
    stripe_key: SecretStr | None = Field(default=None, alias="SHOPKEEPER_STRIPE_KEY", description="Its secret API key.")
    stripe_webhook_secret: SecretStr | None = Field(
        default=None,
        alias="SHOPKEEPER_STRIPE_WEBHOOK_SECRET",
        description="With what Stripe signs its events (whsec_…).",
    )
    stripe_api_base: str = Field(
        default="https://api.stripe.com",
        pattern=r"^https?://[^/\s]+$",
        alias="SHOPKEEPER_STRIPE_API_BASE",
        description="Where Stripe's API is.",
    )
    stripe_return_url: str | None = Field(
        default=None,
        pattern=r"^https://[^/\s]+(/\S*)?$",
        alias="SHOPKEEPER_STRIPE_RETURN_URL",
        description="A page of the shop to which customers return from confirming a payment; without it none is sent to confirm.",
    )

    @model_validator(mode="after")
    def _names_all_of_stripe(self) -> "Settings":
        """A shop without its key cannot be paid, and one without the secret would believe anybody."""
        named = {self.stripe_shop is None, self.stripe_key is None, self.stripe_webhook_secret is None}
        if len(named) > 1:
            raise PydanticCustomError(
                "stripe",
                "SHOPKEEPER_STRIPE_SHOP, SHOPKEEPER_STRIPE_KEY and SHOPKEEPER_STRIPE_WEBHOOK_SECRET go together",
            )
        return self

    easypost_shop: str | None = Field(
        default=None,
        alias="SHOPKEEPER_EASYPOST_SHOP",
        description="The slug of the shop whose carriers may be asked through EasyPost; the others keep their own prices.",
    )
    easypost_key: SecretStr | None = Field(
        default=None, alias="SHOPKEEPER_EASYPOST_KEY", description="Its secret API key."
    )
    easypost_webhook_secret: SecretStr | None = Field(
        default=None,
        alias="SHOPKEEPER_EASYPOST_WEBHOOK_SECRET",
        description="With what EasyPost signs its events, as the webhook was given it.",
    )
    easypost_api_base: str = Field(
        default="https://api.easypost.com",
        pattern=r"^https?://[^/\s]+$",
        alias="SHOPKEEPER_EASYPOST_API_BASE",
        description="Where EasyPost's API is.",
    )

    @model_validator(mode="after")
    def _names_all_of_easypost(self) -> "Settings":
        """A shop without its key buys no label, and one without the secret would believe anybody."""
        named = {self.easypost_shop is None, self.easypost_key is None, self.easypost_webhook_secret is None}
        if len(named) > 1:
            raise PydanticCustomError(
                "easypost",
                "SHOPKEEPER_EASYPOST_SHOP, SHOPKEEPER_EASYPOST_KEY and SHOPKEEPER_EASYPOST_WEBHOOK_SECRET go together",
            )
        return self

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

    @model_validator(mode="after")
    def _leaves_connections_for_reads(self) -> "Settings":
        """A process that gives all its connections to changes and reports has none left for who only looks."""
        busy = self.writes_at_once + self.reports_at_once
        if busy >= self.pool_size and {"writes_at_once", "reports_at_once", "pool_size"} & self.model_fields_set:
            raise PydanticCustomError(
                "connections",
                "SHOPKEEPER_WRITES and SHOPKEEPER_REPORTS together ({busy}) have to be fewer than SHOPKEEPER_POOL ({pool})",
                {"busy": busy, "pool": self.pool_size},
            )
        return self

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
    fallback_model: str | None = Field(
        default=None,
        alias="SHOPKEEPER_FALLBACK_MODEL",
        description="Asked in either role's place when the first has failed in all its tries.",
    )
    fallback_url: str | None = Field(
        default=None, alias="SHOPKEEPER_FALLBACK_URL", description="Its server, where it is another one."
    )
    fallback_key: SecretStr | None = Field(
        default=None, alias="SHOPKEEPER_FALLBACK_KEY", description="That server's key."
    )
    model_temperature: float | None = Field(
        default=None,
        ge=0,
        le=2,
        alias="SHOPKEEPER_MODEL_TEMPERATURE",
        description="Unset it is the model's own: some refuse any other.",
    )
    model_seconds: float = Field(
        default=60.0,
        gt=0,
        alias="SHOPKEEPER_MODEL_SECONDS",
        description="Without a byte from a model, after which it is given up: half of a turn, so that another can be asked.",
    )
    model_tries: int = Field(
        default=4,
        ge=1,
        le=10,
        alias="SHOPKEEPER_MODEL_TRIES",
        description="Of each model that is overloaded, fails on its side, or breaks off; the pauses between them add up to 3 s.",
    )

    model_prices: str = Field(
        default="",
        alias="SHOPKEEPER_MODEL_PRICES",
        description="US dollars for a million tokens, read and written: `gpt-5-mini=0.25/2, local=0/0`.",
    )

    @field_validator("model_prices")
    @classmethod
    def _is_a_list_of_prices(cls, given: str) -> str:
        if not all(_PRICE.fullmatch(one) for one in given.split(",") if one.strip()):
            raise PydanticCustomError("prices", "write them as model=read/written, such as gpt-5-mini=0.25/2")
        return given

    @property
    def prices(self) -> dict[str, tuple[float, float]]:
        """By model: US dollars for a million tokens of a prompt, and of an answer."""
        found = [_PRICE.fullmatch(one) for one in self.model_prices.split(",") if one.strip()]
        return {one[1]: (float(one[2]), float(one[3])) for one in found if one}

    @property
    def has_model(self) -> bool:
        return self.openai_api_key is not None or self.openai_base_url is not None

    traces: str | None = Field(
        default=None,
        pattern=r"^(langsmith|https?://\S+)$",
        alias="SHOPKEEPER_TRACES",
        description="Where spans go: an OTLP address such as http://localhost:4318/v1/traces, or `langsmith`.",
    )
    traces_text: bool = Field(
        default=False,
        alias="SHOPKEEPER_TRACES_TEXT",
        description="Whether they have what people, outsiders and models wrote, customers' data among it.",
    )
    langsmith_key: SecretStr | None = Field(default=None, alias="LANGSMITH_API_KEY", description="LangSmith's API key.")
    langsmith_project: str = Field(
        default="shopkeeper", alias="LANGSMITH_PROJECT", description="Its project that the spans go to."
    )
    langsmith_url: str = Field(
        default="https://api.smith.langchain.com",
        pattern=r"^https?://\S+[^/]$",
        alias="LANGSMITH_ENDPOINT",
        description="Where it is; in the EU https://eu.api.smith.langchain.com.",
    )

    @model_validator(mode="after")
    def _has_the_key_of_langsmith(self) -> "Settings":
        if self.traces == "langsmith" and self.langsmith_key is None:
            raise PydanticCustomError("langsmith", "SHOPKEEPER_TRACES=langsmith needs LANGSMITH_API_KEY")
        return self

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

        providers = ("manual", "stripe") if self.stripe_shop else ("manual",)
        carriers = ("tables", "easypost") if self.easypost_shop else ("tables",)
        address, mails = self.public_url or self.address, self.smtp_url is not None
        return Site(address, mails=mails, providers=providers, carriers=carriers)

    @property
    def mail_sender(self) -> str:
        host = urlsplit(self.smtp_url.get_secret_value()).hostname if self.smtp_url else None
        return self.mail_from or f"Shopkeeper <shopkeeper@{host or 'localhost'}>"
