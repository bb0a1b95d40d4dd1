"""Ways to reach people: addresses, telephone and card numbers of persons; and, for the notes alone, web addresses.

Addresses of roles and lists, and those that are made up for examples, belong to nobody.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address

from .case import Case, Check
from .wordlist import listed

_MAIL = re.compile(
    r"(?<![\w.+%/:@-])([A-Za-z0-9][A-Za-z0-9._%+-]{0,63})@"
    r"((?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24})(?![\w@-])(?!:[\w/~])"
)
_ROLES = listed(
    "dev devs user users info support admin administrator noreply no-reply donotreply do-not-reply contact "
    "contacts help helpdesk hello hi team sales press media security privacy private legal abuse postmaster "
    "webmaster hostmaster root mailer-daemon jobs careers hr office service services feedback git hg svn commits "
    "commit issues announce announcements list lists subscribe unsubscribe marketing billing accounts account "
    "newsletter news events editor editors admins ops devops oncall alerts notifications reports bugs bug conduct "
    "trademarks licensing opensource oss community events centos ubuntu ec2-user debian azureuser opc hadoop "
    "cassandra postgres mysql ftp www me you someone somebody anyone username name email mail foo bar baz alice "
    "bob carol dave eve jdoe john.doe jane.doe johndoe janedoe johnsmith john.smith jane.smith your.name yourname "
    "your-name your_name myname my.name firstname.lastname first.last test tester demo sample example client "
    "customer recipient sender from to cc xyz abc joe jane john jsmith"
)
_ROLE_PARTS = re.compile(
    r"^(?:dev|users?|pmc|commits|issues|reviews|builds|notifications|announce|security)[-+]|-(?:subscribe|"
    r"unsubscribe|help|dev|users?|list|team)$"
)
_EXAMPLES = re.compile(
    r"(?:^|\.)(?:example|invalid|test|localhost|local|internal|lan|svc|cluster|acme|domain|mydomain|yourdomain|company|"
    r"mycompany|yourcompany|email|mail|foo|bar|foobar|host|server|corp|site|website|contoso|some\w*)\.[a-z]{2,12}$"
    r"|^(?:mail\.)?example\.|\.(?:example|invalid|test|local|localhost|internal)$"
)
"""Domains that are made up."""
_LISTS = re.compile(r"(?:^|\.)(?:lists?|groups|noreply)\.|\.apache\.org$|^(?:googlegroups\.com|groups\.io)$")
"""Domains of lists and machines."""
_NO_DOMAINS = listed(
    "class java py js ts md json yml yaml xml html htm txt jar sh conf cfg ini properties go rs rb c h cpp cs sql "
    "cql log gz zip tar local internal svc lan png jpg svg db service timer socket"
)
_NUMBERS = re.compile(r"[+(\d](?:(?<!\()|(?=\d))[\d ().\-/]{8,24}\d")
"""Where telephone and card numbers are looked for."""
_PHONE = re.compile(
    r"\+[1-9]\d{0,2}(?:[ .\-/]?\(?\d{1,5}\)?){2,6}|\(\d{3}\)[ -]?\d{3}[-. ]\d{4}|(?:1[-. ])?\d{3}([-. ])\d{3}\1\d{4}"
)
_FICTION = re.compile(r"555.?01\d\d$|(\d)\1{6,}$|1234567|0123456")
_CARD = re.compile(
    r"(?:4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|6(?:011|5\d{2}))([ -]?)\d{4}\1\d{4}\1\d{4}|3[47]\d{2}([ -]?)\d{6}\2\d{5}"
)
_TEST_CARDS = listed(
    "4111111111111111 4242424242424242 5555555555554444 378282246310005 4012888888881881 5105105105105100 "
    "371449635398431 6011111111111117 4000056655665556 4000000000000002 6011000990139424 4222222222222222"
)
_PHONE_DIGITS = range(9, 16)
_FEWEST_DIFFERENT_DIGITS = 4


def _personal_data(case: Case) -> str | None:
    for name, text, _ in case.parts:
        if "@" in text and any(_is_persons(match[1], match[2]) for match in _MAIL.finditer(text)):
            return f"The {name} contains a person's e-mail address; leave it out."
        if text.isascii() and _digits(text) < _PHONE_DIGITS.start:
            continue
        for match in _NUMBERS.finditer(text):
            if _stands_alone(text, match.start(), match.end()) and (what := _number(match[0])):
                return f"The {name} contains {what}; leave it out."
    return None


def _digits(text: str) -> int:
    """Return how many digits a text of ASCII has."""
    return len(text) - len(text.encode().translate(None, b"0123456789"))


def _is_persons(local: str, domain: str) -> bool:
    user, host = local.lower(), domain.lower()
    if user in _ROLES or _ROLE_PARTS.search(user) or not re.search(r"[a-z]", user):
        return False
    ending = host.rsplit(".", 1)[-1]
    return not (ending in _NO_DOMAINS or domain.isupper() or _EXAMPLES.search(host) or _LISTS.search(host))


def _stands_alone(text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    return not (before.isalnum() or before in set("_./-=:#&+@") - {"", ":"}) and not (
        after.isalnum() or after in ("_", "/", "=")
    )


def _number(found: str) -> str | None:
    if _CARD.fullmatch(found) and _is_card("".join(filter(str.isdigit, found))):
        return "a card number"
    if _PHONE.fullmatch(found) and _is_phone(found):
        return "a telephone number"
    return None


def _is_phone(found: str) -> bool:
    digits = "".join(filter(str.isdigit, found))
    return len(digits) in _PHONE_DIGITS and len(set(digits)) >= _FEWEST_DIFFERENT_DIGITS and not _FICTION.search(digits)


def _is_card(digits: str) -> bool:
    """Whether the check digit is right (Luhn), and the number none that is published for tests."""
    if digits in _TEST_CARDS or len(set(digits)) < _FEWEST_DIFFERENT_DIGITS:
        return False
    doubled = [int(digit) * 2 for digit in digits[-2::-2]]
    return (sum(map(int, digits[-1::-2])) + sum(number - 9 if number > 9 else number for number in doubled)) % 10 == 0


# ------------------------------------------------------------------------------------------------------ only noted

_WEB = re.compile(r"(?:https?://|www\.)([\w.-]+)")
_IP = re.compile(r"\d\d?\d?(?:\.\d{1,3}){3}")
_DOTTED = re.compile(r"\.\d{1,3}\.\d")
"""A part of each address, which is found much faster."""


def _contact(case: Case) -> str | None:
    for name, text, lowered in case.parts:
        if ("://" in lowered or "www." in lowered) and any(_is_public(match[1]) for match in _WEB.finditer(lowered)):
            return f"The {name} contains a web address."
        if _DOTTED.search(text) and any(_is_public(match[0]) for match in _IP.finditer(text)):
            return f"The {name} contains an IP address."
    return None


def _is_public(host: str) -> bool:
    if not _IP.fullmatch(host):
        return "." in host and not _EXAMPLES.search(host)
    try:
        return IPv4Address(host).is_global
    except AddressValueError:
        return False


PERSONS: tuple[Check, ...] = (
    Check("personal_data", "A person's e-mail address, a telephone or card number.", _personal_data),
    Check("contact", "A web or IP address.", _contact, action="flag"),
)
