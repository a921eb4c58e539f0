"""The demo shop's customers: who they are, where they live, what they agreed to."""

from bisect import bisect
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate

from db.models.customers import Address, Consent, ConsentChannel, Customer, CustomerStatus
from db.seed.demo_catalogue import DAYS, TRADE
from db.seed.demo_people import COMPANIES, COUNTRIES, Country
from db.seed.draft import Draft, Row
from db.text import fold

COUNT = 2_000
EARLIER = 700  # of them knew the shop before the first order of the year
SENDS_BACK = 411  # the customer who sends nearly everything back
CLUB = "club"


@dataclass
class Buyer:
    customer: Row
    address: Row
    country: str
    weight: float
    sends_back: bool

    @property
    def trade(self) -> bool:
        return self.customer["customer_group"] == TRADE

    @property
    def club(self) -> bool:
        return CLUB in self.customer["tags"]


class Buyers:
    """All customers in the order in which they came; some buy often, most once or twice."""

    def __init__(self, people: list[Buyer]) -> None:
        self.people = people
        self._since = [person.customer["created_at"] for person in people]
        self._weights = list(accumulate(person.weight for person in people))

    def pick(self, moment: datetime, chance: float) -> Buyer:
        """One of those who are customers at that moment; `chance` is from 0 to 1."""
        known = bisect(self._since, moment)
        return self.people[bisect(self._weights, chance * self._weights[known - 1], 0, known - 1)]


def write_customers(draft: Draft) -> Buyers:
    rng = draft.random
    start = draft.today - timedelta(days=DAYS)
    days = [-rng.randrange(1, 700) for _ in range(EARLIER)]
    days += [int((DAYS + 1) * rng.random() ** 0.8) for _ in range(COUNT - EARLIER)]
    moments = sorted(_moment(draft, start + timedelta(days=day)) for day in days)
    countries = rng.choices(COUNTRIES, weights=[country.share for country in COUNTRIES], k=COUNT)
    return Buyers([_customer(draft, *person) for person in zip(range(COUNT), moments, countries, strict=True)])


def _moment(draft: Draft, day: date) -> datetime:
    """A moment of the day, or of the day before when it has not come yet."""
    second = draft.random.uniform(60, 86_000)
    at = draft.at(day, second)
    return at if at <= draft.now else draft.at(day - timedelta(days=1), second)


def _customer(draft: Draft, number: int, at: datetime, country: Country) -> Buyer:
    rng = draft.random
    first, last = rng.choice(country.first_names.split()), rng.choice(_names(country.last_names))
    trade = number % 66 == 7
    email = f"{_mailbox(first)}.{_mailbox(last)}{number + 1}@example.{('com', 'net', 'org')[number % 3]}"
    tags = [tag for tag, chance in ((CLUB, 0.2), ("newsletter", 0.45)) if rng.random() < chance]
    customer = draft.add(
        Customer, at, status=CustomerStatus.active, name=f"{first} {last}", name_key=fold(f"{first} {last}"),
        first_name=first, last_name=last, email=email, email_key=email.lower(), phone=_pattern(draft, country.phone),
        company=COMPANIES[number // 66 % len(COMPANIES)] if trade else None, locale=country.locale,
        customer_group=TRADE if trade else None, tags=[*tags, TRADE] if trade else tags,
        note="Sends nearly everything back." if number == SENDS_BACK else None,
    )  # fmt: skip
    address = _address(draft, customer, country, at)
    if rng.random() < 0.12:
        _address(draft, customer, country, at, label="Work")
    if "newsletter" in tags:
        proof = {"form": "checkout", "wording": "2025-01"}
        draft.add(
            Consent,
            at,
            customer_id=customer["id"],
            channel=ConsentChannel.email,
            granted=True,
            proof=proof,
            occurred_at=at,
        )
    weight = (9.0 if trade else 1.0) * rng.paretovariate(1.6)
    return Buyer(
        customer, address, country.code, 12.0 if number == SENDS_BACK else min(weight, 40.0), number == SENDS_BACK
    )


def _address(draft: Draft, customer: Row, country: Country, at: datetime, label: str | None = None) -> Row:
    rng = draft.random
    city, region, prefix = rng.choice(country.cities.split("|")).split(",")
    street = rng.choice(country.streets.split("|"))
    home = label is None
    return draft.add(
        Address, at, customer_id=customer["id"], label=label or "Home", name=customer["name"],
        company=customer["company"], line1=country.street.format(street=street, number=rng.randrange(1, 140)), city=city,
        region=region, postcode=_pattern(draft, country.postcode.format(prefix)), country=country.code,
        phone=customer["phone"], is_default_shipping=home, is_default_billing=home,
    )  # fmt: skip


def _names(text: str) -> list[str]:
    """Family names; a particle (El, De, Van) belongs to the word after it."""
    names: list[str] = []
    for word in text.split():
        if names and names[-1] in ("El", "De", "Van"):
            names[-1] += f" {word}"
        else:
            names.append(word)
    return names


def _mailbox(name: str) -> str:
    return "".join(letter for letter in fold(name) if letter.isalnum())


def _pattern(draft: Draft, pattern: str) -> str:
    """A pattern with its # made digits and its @ letters."""
    return "".join(
        str(draft.random.randrange(10))
        if sign == "#"
        else draft.random.choice("ABDEHKLNPRSTXZ")
        if sign == "@"
        else sign
        for sign in pattern
    )
