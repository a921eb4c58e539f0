"""From a sentence to the arguments of one tool, by the types of its fields.

What is certain goes first: references, mail addresses, periods, values of enums, money. Then figures, then names and free
text from what is left. Whatever the sentence names and no field takes is reported, never dropped in silence.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from planner.fill import apart, bins, composites, conditions, grounded, lost, named, texts, times, values
from planner.fill.composites import TAKES_CODES
from planner.fill.filled import Filled, Told
from planner.fill.spoken import words
from planner.read import money, mood
from planner.read.entities import Span
from planner.read.fields import ORDERLY, Choice, Field, Kind
from planner.read.reading import Reading
from planner.read.words import NUMBER, number

NEGATED = re.compile(r"^(?:not|n['’]t|never|nothing|none|no)\b", re.I)  # words that say it by a negation of their own
HIGHEST = 999_999  # of our own numbers; what is longer is another's, such as a parcel's
JOINED = re.compile(r"\s*(?:,|/|and|or|vs\.?|versus|against|compared (?:to|with))\s*(?:the )?", re.I)
COUNTS = re.compile(
    r"\s*(?:(?:loyalty|bonus)\s+)?(?:points?|punkte?n?|units?|pieces?|pcs|stück|unités?|pièces?)\b", re.I
)
DIGITS = re.compile(rf"(?<![\d.,]){NUMBER}(?![\d.,/]|-\d)\W*$", re.I)  # at the end of a reference
OPEN = "open"  # of what can be told apart by that, it is no state: a dispute that is looked at is open, too
STATES = ("status", "payment_state", "fulfilment_state", "return_state")
WAITING = ("unpaid", "authorized", "partly_paid", "unfulfilled", "partly_fulfilled")
CALLED_OFF = ("cancelled", "expired")
IN_PASSING = (*STATES, "channel", "state")  # whose words are said in a story, too
STATED = ("status", "channel", "reason")  # what the reader takes the words of a state for
A_STORY = 16  # words, from which on a word may be said in passing
OF_AN_ORDER = {"payment", "shipment", "return"}  # named by their order's number where the shop's own is not said
PLACED = ("warehouse", "carrier", "supplier")  # by name beside whatever a write changes
OUT_OF, INTO = r"\b(?:from|out of)$", r"\b(?:to|into)$"
NOWHERE = "(?!)"  # by its label alone: "in Lyon" is no category, and "to Lyon" no new city


def fill(fields: Sequence[Field], reading: Reading, told: Told) -> Filled:
    """The arguments of one tool from one text. `reading` is used up: hand in a fresh one."""
    filled = Filled()
    if told.writes:
        _in_the_command(reading)
    fields = times.meant(_called_for(fields, reading), reading, told.setting.local)
    _notes(fields, reading, told, filled)
    composites.addresses(fields, reading, filled)
    named.suppliers(fields, reading, filled)
    grounded.warehouses(fields, reading, filled)
    named.groups(fields, reading, filled)
    on_bins = bins.fill(fields, reading, filled)
    if not any(f.many and f.parts and f.required for f in fields):  # lists that can be left out take what is left
        _references([f for f in fields if f.required], reading, filled)
    composites.lines(fields, reading, told, filled)
    _references(fields, reading, filled)
    _by_mention(fields, reading, filled)
    _places(fields, reading, told, filled)
    grounded.fill(fields, reading, told, filled)
    _emails_and_codes(fields, reading, told, filled)
    filled.args |= values.fill(_open(fields, filled, Kind.limit), reading, told.setting)
    if not told.writes:
        conditions.fill(fields, reading, told, filled)
    apart.fill(fields, reading, told, filled)
    _choices(fields, reading, told, filled)
    if reading.mentions:
        named.fill(_nameable(fields, told), reading, filled)
    composites.items(fields, reading, told, filled)
    bins.attach(on_bins, fields, filled)
    filled.args |= values.fill(
        [f for f in fields if f.name not in filled.args], reading, told.setting, ahead=told.writes
    )
    _bare_references(fields, reading, filled)
    _flags(fields, reading, told, filled)
    _not_called_off(fields, told, filled)
    _words(fields, reading, told, filled)
    lost.conclude(fields, reading, told, filled)
    return filled


def _in_the_command(reading: Reading) -> None:
    """Of the times in a change, those in the sentence that asks for it: "spring, in December? Move it to March"."""
    wanted = (mood.Mood.order, mood.Mood.wish)
    sentences = [m for m in re.finditer(r"[^.!?]+[.!?]*", reading.text) if mood.mood(m[0].strip()) in wanted]
    periods = reading.free("period")
    asked = [one for one in periods if any(m.start() <= one.start < m.end() for m in sentences)]
    for one in periods if asked and len(sentences) == 1 else ():
        if one not in asked:
            reading.claim(one.start, one.end)


def _called_for(fields: Sequence[Field], reading: Reading) -> list[Field]:
    """Without those that take nothing unless it is said: "call her" is no consent to calls, and what is paid back is no fee."""
    needs: Mapping[str, str] = words()["needs"]
    unsaid = {name for name, said in needs.items() if not re.search(rf"\b(?:{said})\b", reading.text, re.I)}
    return [f for f in fields if f.required or f.name not in unsaid]


def _nameable(fields: Sequence[Field], told: Told) -> list[Field]:
    """Those that a name may stand for. A write that has what it changes by reference takes no other reference by a name."""
    plain = not told.writes or not any(f.required and f.kind is Kind.reference for f in fields)
    return [
        f for f in fields if f.required or f.kind is not Kind.reference or plain or f.worded or f.reference in PLACED
    ]


def _open(fields: Sequence[Field], filled: Filled, *kinds: Kind) -> list[Field]:
    return [f for f in fields if f.kind in kinds and f.name not in filled.args]


def _notes(fields: Sequence[Field], reading: Reading, told: Told, filled: Filled) -> None:
    worded = [f for f in fields if f.kind in (Kind.note, Kind.reason_text)]
    notes = [f for f in worded if f.required or re.search(rf"\b{re.escape(f.label)}\b[^:]*:\s", reading.text, re.I)]
    if not notes:
        return
    moments = [f for f in fields if f.kind is Kind.moment]
    filled.args |= values.fill(moments, reading.fresh(), told.setting)  # a due date stands inside the note
    for f in notes[:1]:
        said = texts.note(f, reading)
        if said:
            filled.args[f.name] = said


def _perhaps_order(span: Span) -> bool:
    """A number of unsaid kind is an order's, unless it is as long as a parcel's."""
    return not span.reference and not (str(span.value).isdigit() and len(str(span.value)) > 8)


def _references(fields: Sequence[Field], reading: Reading, filled: Filled) -> None:
    wanted = sorted(
        (f for f in fields if f.kind is Kind.reference and not _named_place(f) and f.name not in filled.args),
        key=lambda f: not f.required,
    )
    by_order = not any(f.reference == "order" for f in fields)
    for f in wanted:
        spans = [s for s in reading.free("reference", "foreign", "code") if composites.names(s, f)]
        if not spans:
            spans = [s for s in reading.free("reference", "foreign") if f.reference == "order" and _perhaps_order(s)]
        if not spans and f.required and f.reference in TAKES_CODES:
            spans = [s for s in reading.free("perhaps_code") if not named.known_otherwise(f, s.start, s.end, reading)]
        if not spans and f.required and by_order and f.reference in OF_AN_ORDER:
            spans = [s for s in reading.free("reference") if s.reference == "order"]
        if not spans and f.required and f.reference == "promotion" and (code := composites.capitals(reading)):
            filled.args[f.name] = code
        if not spans:
            continue
        twins = [other for other in wanted if other.reference == f.reference and other.name not in filled.args]
        if len(twins) > 1 and not any(one.many for one in twins):
            spans = spans[:1]  # the next one is for the next field
        found = [_written(reading.take(s), f) for s in spans]
        filled.args[f.name] = found if f.many else found[0]
        if len(set(found)) > 1 and not f.many:
            filled.more[f.name] = list(dict.fromkeys(found))[1:]


def _by_mention(fields: Sequence[Field], reading: Reading, filled: Filled) -> None:
    """A number under a prefix of the person's own, "PICK-4", where the reader says that it is a reference."""
    plain = [
        f for f in fields if f.kind is Kind.reference and f.required and f.prefix and f.reference not in TAKES_CODES
    ]
    lacking = [f for f in plain if f.name not in filled.args and not _named_place(f)]
    for f in lacking[:1]:
        for one in reading.named("ref"):
            said = DIGITS.search(reading.text[one.start : one.end])
            # "thirty four".
            tens = said and re.search(rf"\b{NUMBER}[\s-]+$", reading.text[: one.start + said.start()], re.I)
            if (
                said
                and not tens
                and not any(
                    span.start < one.end and one.start < span.end for span in reading.free("reference", "email")
                )
            ):
                reading.claim(one.start, one.end)
                own = number(said[0])
                filled.args[f.name] = f"{f.prefix}-{own}" if own <= HIGHEST else str(own)
                break


def _places(fields: Sequence[Field], reading: Reading, told: Told, filled: Filled) -> None:
    places = [f for f in fields if f.kind is Kind.reference and _named_place(f)]
    for f in sorted((f for f in places if f.name not in filled.args), key=lambda f: f.reference != "warehouse"):
        said = _place(f, reading, told, several=sum(other.reference == f.reference for other in places) > 1)
        if said:
            filled.args[f.name] = said


def _written(span: Span, f: Field) -> str:
    value = str(span.value)
    return f"{f.prefix}-{int(value)}" if value.isdigit() and len(value) <= 6 and f.prefix else value


def _named_place(f: Field) -> bool:
    return f.reference in ("warehouse", "category")


def _place(f: Field, reading: Reading, told: Told, *, several: bool) -> str | None:
    spans = [s for s in reading.free("reference") if s.reference == f.reference]
    leaves = f.name.startswith(("from", "source"))
    led, not_led = (OUT_OF, INTO) if leaves else (INTO, OUT_OF)
    spans = [s for s in spans if not (several and re.search(not_led, reading.before(s.start)))]
    if spans:  # of two, the one that the units leave stands after "from", or first
        led_first = sorted(spans, key=lambda s: several and re.search(led, reading.before(s.start)) is None)
        return str(reading.take(led_first[0]).value)
    if several:
        needs = None if leaves else reading.search(r"^([A-ZÀ-Þ]\w+) needs\b", flags=0)
        if needs:
            reading.claim(*needs.span(1))
            return needs[1]
        return texts.place(
            f, reading, told.known, lead="(?:from|out of)" if leaves else "(?:to|into|for|over to)", alone=False
        )
    return texts.place(f, reading, told.known, lead=NOWHERE if f.reference == "category" else "(?:in|at|from)")


def _bare_references(fields: Sequence[Field], reading: Reading, filled: Filled) -> None:
    """A lone number of three digits or more, which counts nothing, is the reference that the tool can't do without."""
    lacking = [f for f in fields if f.kind is Kind.reference and f.required and f.name not in filled.args and f.prefix]
    numbers = [n for n in reading.free("number") if n.reference and n.value >= 100]
    numbers = [n for n in numbers if not COUNTS.match(reading.text, n.end)]
    if len(lacking) == 1 and numbers and lacking[0].reference not in TAKES_CODES:
        found = [f"{lacking[0].prefix}-{int(reading.take(n).value)}" for n in numbers]
        filled.args[lacking[0].name] = found[0]
        if found[1:]:
            filled.more[lacking[0].name] = found[1:]


def _emails_and_codes(fields: Sequence[Field], reading: Reading, told: Told, filled: Filled) -> None:
    for kind, spoken in ((Kind.email, "email"), (Kind.phone, "phone"), (Kind.sku, "code")):
        for f in _open(fields, filled, kind):
            spans = reading.free(spoken)
            if spans:  # of two addresses of mail, the last is the new one
                filled.args[f.name] = reading.take(spans[-1]).value
            elif kind is Kind.sku and (code := composites.capitals(reading)):
                filled.args[f.name] = code
    for f in _open(fields, filled, Kind.country):
        spans = reading.free("country")
        if spans:
            filled.args[f.name], *others = dict.fromkeys(
                reading.take(one).value for one in (spans[:1] if told.writes else spans)
            )
            filled.more |= {f.name: others} if others else {}
    for f in _open(fields, filled, Kind.currency):
        _put(filled, f, _currency(reading, told))


def _currency(reading: Reading, told: Told) -> str | None:
    """A currency that is not the home one. A write takes it from its label or an amount; "in dollars" is for lists."""
    label = reading.search(r"\bcurrency\b.*?\b([A-Z]{3})\b", flags=0)
    if label:
        reading.claim(*label.span(1))
        return label[1]
    amounts = [s.currency for s in reading.free("money") if s.currency not in ("", told.setting.currency)]
    named = None if told.writes else values.IN_CURRENCY.search(reading.text)
    return money.SIGNS[named[1].lower()] if named else amounts[0] if amounts else None


def _choices(fields: Sequence[Field], reading: Reading, told: Told, filled: Filled) -> None:
    """Values of enums by their phrases: over all fields together, the longest phrase wins its place."""
    said, names = reading.text.lower(), {f.name for f in fields}
    hits = [
        (m, f, choice)
        for f in fields
        if f.kind is Kind.choice or (f.choices and f.kind is not Kind.apart)
        for choice in f.choices
        if _is_said(f, choice, reading)
        for phrase in choice.phrases
        if not (phrase == OPEN and f.name in STATES and OPEN in names)
        if all(word in said for word in phrase.lower().split())
        for m in _phrase(phrase, f).finditer(reading.text)
        if told.writes or _heard(m, f, reading)
    ]
    hits.sort(key=lambda hit: (-len(hit[0][0]), hit[0].start()))
    excepted: list[tuple[Field, Choice]] = []
    ends: list[int] = []  # of what is excepted: "not counting cancelled or expired"
    for m, f, choice in hits:
        if not reading.open(*m.span()) or _within_reference(m, reading):
            continue
        if f.name in filled.args and not f.many:
            if not told.writes and _beside_another(m, f, hits, filled, reading):  # "won against lost": each by itself
                reading.claim(*m.span())
                filled.more.setdefault(f.name, []).append(choice.value)
            continue
        reading.claim(*m.span())
        beside = any(JOINED.fullmatch(reading.text[end : m.start()]) for end in ends)
        if not beside and not conditions.EXCEPTING.search(reading.text[: m.start()]):
            _choose(f, choice, filled, unlikely=conditions.unlikely(f, choice.value, reading, told))
        elif f.name in ORDERLY and any(other is f and choice is not one for _, other, one in hits):
            pass  # "by what we earned, not by pieces": the other one is said as well
        elif f.many and not told.writes:
            excepted.append((f, choice))
            ends.append(m.end())
        else:
            filled.doubts.append(f"not {m[0]}")
    _except(excepted, filled)


def _beside_another(
    m: re.Match[str], f: Field, hits: Sequence[tuple[re.Match[str], Field, Choice]], filled: Filled, reading: Reading
) -> bool:
    """Whether a further value of a field stands right beside the one that it has."""
    taken = [one.span() for one, other, choice in hits if other is f and filled.args[f.name] == choice.value]
    return any(
        JOINED.fullmatch(reading.text[min(end, m.end()) : max(start, m.start())]) is not None for start, end in taken
    )


def _is_said(f: Field, choice: Choice, reading: Reading) -> bool:
    """Whether words that are said in passing, too, stand as the value here: who "is on the phone" placed no order by phone."""
    needs = words()["values"].get(f.name, {}).get(choice.value)
    return needs is None or re.search(rf"\b(?:{needs})", reading.text, re.I) is not None


def _heard(m: re.Match[str], f: Field, reading: Reading) -> bool:
    """Whether a state is one in the reader's ears: in a story "sent me a photo" is none. A few words are heard as they stand."""
    short = len(reading.text.split()) <= A_STORY or not reading.mentions
    if short or f.name not in IN_PASSING:
        return True
    return any(one.kind in STATED and one.start < m.end() and m.start() < one.end for one in reading.mentions)


def _except(excepted: Sequence[tuple[Field, Choice]], filled: Filled) -> None:
    """Of a list that takes several states, all but those that are not wanted: "unpaid, not counting cancelled"."""
    without = {f.name: {one.value for other, one in excepted if other is f} for f, _ in excepted}
    for f in dict.fromkeys(f for f, _ in excepted):
        left = [value for value in filled.args.get(f.name, ()) if value not in without[f.name]]
        filled.args[f.name] = left or [one.value for one in f.choices if one.value not in without[f.name]]


def _choose(f: Field, choice: Choice, filled: Filled, *, unlikely: bool) -> None:
    if unlikely:
        pass  # the reader hears something else in the word
    elif not f.many:
        filled.args[f.name] = choice.value
    elif choice.value not in filled.args.setdefault(f.name, []):
        filled.args[f.name].append(choice.value)


def _phrase(phrase: str, f: Field) -> re.Pattern[str]:
    words = r"[\s_-]+".join(map(re.escape, phrase.split()))
    cue = (
        rf"(?:{'|'.join(map(re.escape, f.cues))})\s+"
        if f.cues and " " not in phrase and not phrase.endswith("ly")
        else ""
    )
    # "The other two" are in no state.
    pointing = r"(?<!\bthe )(?<!\bany )(?<!\beach )" if phrase.lower() == "other" else ""
    return re.compile(rf"(?<![\w-]){pointing}{cue}{words}(?:s|d|ed)?(?![\w-])", re.I)


def _within_reference(m: re.Match[str], reading: Reading) -> bool:
    return any(
        s.kind in ("email", "code", "quoted", "url", "period", "money", "reference")
        and s.start < m.end()
        and m.start() < s.end
        for s in reading.spans
    )


def _flags(fields: Sequence[Field], reading: Reading, told: Told, filled: Filled) -> None:
    for f in _open(fields, filled, Kind.flag):
        otherwise = words()["flags"].get(f.name)
        m = (otherwise and reading.search(rf"\b({otherwise})\b")) or reading.search(rf"\b({re.escape(f.label)})\b")
        if m:
            reading.claim(*m.span(1))
            value = NEGATED.search(m[1]) is not None or not conditions.EXCEPTING.search(reading.text[: m.start()])
            filled.args |= {} if conditions.unlikely(f, value, reading, told) else {f.name: value}
    if filled.args.get("open") is True:  # what is left to do "this morning" was not finished then
        filled.args = {
            name: value for name, value in filled.args.items() if not name.startswith(("finished_", "closed_"))
        }


def _not_called_off(fields: Sequence[Field], told: Told, filled: Filled) -> None:
    """Of what is still to be paid or sent, without what was called off: nothing is owed for a cancelled order."""
    status = next((f for f in fields if f.name == "status" and f.many), None)
    waits = {str(value) for name in STATES[1:] for value in filled.args.get(name) or ()} & {*WAITING}
    if told.writes or status is None or not waits or {"status", "open"} & filled.args.keys():
        return
    filled.args["status"] = [choice.value for choice in status.choices if choice.value not in CALLED_OFF]


def _words(fields: Sequence[Field], reading: Reading, told: Told, filled: Filled) -> None:
    for f in _open(fields, filled, Kind.city):
        _put(filled, f, texts.place(f, reading, told.known, lead=NOWHERE if told.writes else texts.WHERE))
    for f in _open(fields, filled, Kind.text, Kind.number, Kind.postcode, Kind.note):
        _put(filled, f, _free_text(f, reading))
    looked_up = _people(fields, told, filled)
    for f in _open(fields, filled, Kind.proper_name):
        said = None if f.required else texts.labelled(f, reading)
        said = said or texts.name(f, reading, told.openers, alone=not looked_up, writes=told.writes)
        _put(filled, f, said or (named.new(reading) if f.required and told.writes and not looked_up else None))
    _look_ups(looked_up, reading, told, filled)
    places = _no_words(fields, reading) if any(_open(fields, filled, Kind.search)) else []
    for f in _open(fields, filled, Kind.search):
        people = any(named.of_people(one) for one in fields)
        _put(filled, f, texts.search(reading, told.known, required=f.required, people=people))
    filled.doubts += places
    gives_reasons = any(f.name == "reason" for f in fields)
    for f in _open(fields, filled, Kind.reason_text):
        said = texts.reason(reading, told.openers, apart=gives_reasons)
        _put(filled, f, said or (texts.left(reading, told) if f.required else None))


def _no_words(fields: Sequence[Field], reading: Reading) -> list[str]:
    """Places that a list cannot be narrowed by: no words of it are called so, "returns in Lyon"."""
    if any(f.kind in (Kind.city, Kind.country) or f.reference == "warehouse" or f.required for f in fields):
        return []
    grounds = [
        one
        for one in reading.grounds
        if reading.open(one.start, one.end) and one.of("warehouse", "city", fits=("exact",))
    ]
    places = [one for one in grounds if not one.goods and not one.of("customer", "supplier", "promotion", "carrier")]
    for one in places:
        reading.claim(one.start, one.end)
    return [reading.text[one.start : one.end] for one in places]


def _put(filled: Filled, f: Field, value: Any) -> None:
    if value is not None and value != "":
        filled.args[f.name] = value


def _free_text(f: Field, reading: Reading) -> Any:
    if f.many:
        return texts.listed(f, reading)
    said = texts.labelled(f, reading)
    if said is None and f.required and f.kind is Kind.text:
        said = texts.demanded(f, reading)
    numbered = f.name.endswith("_number") or f.name == "card"
    if said is None or (numbered and not re.search(r"\d", said)):  # "which number" is asked for
        return None
    return _typed(said, f)


def _people(fields: Sequence[Field], told: Told, filled: Filled) -> list[Field]:
    """Reference fields that a name could stand for: required ones, and the customer of a list or of a new thing."""
    told_already = {*filled.args, *filled.people}
    unnamed = [f for f in fields if f.kind is Kind.reference and f.name not in told_already and not _named_place(f)]
    whose = not told.writes or not any(f.required and f.kind is Kind.reference for f in fields)
    return [f for f in unnamed if f.required or (f.reference == "customer" and whose)]


def _typed(said: str, f: Field) -> Any:
    types = f.type.split("|")
    types = ["integer", "number", "boolean"] if types == ["any"] else types
    if "integer" in types and re.fullmatch(r"-?\d+", said):
        return int(said)
    if "number" in types and re.fullmatch(r"-?\d+(?:[.,]\d+)?", said):
        return float(said.replace(",", "."))
    return said == "true" if "boolean" in types and said in ("true", "false") else said


def _look_ups(people: list[Field], reading: Reading, told: Told, filled: Filled) -> None:
    """References that are missing while a name or an e-mail address was said: to be looked up by a reading tool."""
    for f in sorted(people, key=lambda f: (not f.required, f.reference != "customer"))[:1]:
        said = _someone(f, reading, told)
        if said:
            filled.people[f.name] = said


def _someone(f: Field, reading: Reading, told: Told) -> str | None:
    of_goods = f.reference in TAKES_CODES
    emails = reading.free("email") if not of_goods else []
    if emails:
        return str(reading.take(emails[0]).value)
    quoted = reading.free("quoted") if of_goods else []
    if quoted:
        return str(reading.take(quoted[0]).value)
    for start, end in reading.names(told.openers):
        if reading.somebody(start, end) if of_goods else reading.somewhere(start, end):
            continue
        if f.reference == "customer" and named.known_otherwise(f, start, end, reading):  # a supplier
            continue
        reading.claim(start, end)
        return re.sub(r"['’]s?$", "", reading.text[start:end])
    runs = reading.unknown(told.known) if f.required and not reading.grounded else []
    if runs and len(reading.text[runs[0][0] : runs[0][1]].split()) <= 4:
        reading.claim(*runs[0])
        return re.sub(r"['’]s?$", "", reading.text[runs[0][0] : runs[0][1]])
    return None
