"""Requests to addresses that people give us (receivers of notifications, payment systems): never into our own network.

The name is resolved once, every address that it stands for is judged, and the connection goes to the one that was judged: a name
that later stands for another address (DNS rebinding) gains nothing. No redirects, no proxies of the environment, no more bytes or
seconds than the limits. Only https; http where the address lies in OUTGOING_NETWORKS, the operator's list of networks of his own
that may be called.

An answer of whatever status is an answer; whatever else goes wrong is an OutgoingError whose text is for people.
"""

import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address

import httpx
from django.conf import settings

from security.limits import OUTGOING_ANSWER_BYTES_LIMIT, OUTGOING_SECONDS_LIMIT, OUTGOING_URL_CHARS_LIMIT
from security.networks import Address, is_within, networks_of

PORT_MAX = 65_535
# Addresses of IPv6 that stand for one of IPv4, which would have to be judged instead, and the former site-local ones: nobody's
# receiver lives there.
_TRANSLATED = tuple(
    IPv6Network(network)
    for network in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fec0::/10")
)


class OutgoingError(Exception):
    """The request was not made, or there was no answer to use; the text says why."""


class AddressRefused(OutgoingError):  # noqa: N818 - an answer about the address, not a failure
    """The address must not be called, so trying again is of no use."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, header fields (names in lower case), body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def send(*, method: str, url: str, content: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """Send one request and return its answer. Raises AddressRefused and OutgoingError. Takes OUTGOING_SECONDS_LIMIT at most,
    beside what the operating system takes to resolve the name."""
    target = checked(url=url)
    address = _resolved(target)
    pinned = target.copy_with(host=str(address))
    deadline = time.monotonic() + OUTGOING_SECONDS_LIMIT
    fields = {**(headers or {}), "Host": target.netloc.decode("ascii")}
    try:
        with (
            httpx.Client(trust_env=False, follow_redirects=False, timeout=OUTGOING_SECONDS_LIMIT) as client,
            client.stream(
                method, pinned, content=content, headers=fields, extensions={"sni_hostname": target.host}
            ) as response,
        ):
            body = _body(response, deadline)
            return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)
    except httpx.HTTPError as error:
        raise OutgoingError(f"{target.host} did not answer ({type(error).__name__}).") from error


def checked(*, url: str) -> httpx.URL:
    """Return the address if its form is acceptable: for forms that take one. Raises AddressRefused; resolves nothing."""
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise AddressRefused("This is not an address.") from error
    if len(url) > OUTGOING_URL_CHARS_LIMIT or not url.isprintable() or " " in url:
        raise AddressRefused(f"An address has at most {OUTGOING_URL_CHARS_LIMIT} printable characters, without blanks.")
    if target.scheme not in {"https", "http"} or not target.host:
        raise AddressRefused("An address begins with https:// and a name.")
    if target.port is not None and not 0 < target.port <= PORT_MAX:
        raise AddressRefused("There is no such port.")
    if target.userinfo:
        raise AddressRefused("An address holds no user name and no password.")
    return target


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet: nothing private, local, shared, reserved or translated."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _resolved(target: httpx.URL) -> Address:
    """The address to connect to. All that the name stands for must be acceptable, or the next try would reach another."""
    port = target.port or {"https": 443, "http": 80}[target.scheme]
    try:
        found = socket.getaddrinfo(target.host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutgoingError(f"The name {target.host} cannot be resolved.") from error
    addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    own = networks_of(" ".join(settings.OUTGOING_NETWORKS))
    _judge(target, addresses, own)
    return addresses[0]


def _judge(target: httpx.URL, addresses: Iterable[Address], own: Iterable[object]) -> None:
    for address in addresses:
        if is_within(address, own):  # type: ignore[arg-type] # networks, as networks_of returns them
            continue
        if not is_public(address):
            raise AddressRefused(f"{target.host} is not an address of the public internet.")
        if target.scheme != "https":
            raise AddressRefused("An address begins with https://.")


def _body(response: httpx.Response, deadline: float) -> bytes:
    body = b""
    for piece in response.iter_raw():  # not decompressed: a small answer may stand for a large one
        body += piece
        if len(body) > OUTGOING_ANSWER_BYTES_LIMIT:
            raise OutgoingError(f"The answer has more than {OUTGOING_ANSWER_BYTES_LIMIT} bytes.")
        if time.monotonic() > deadline:
            raise OutgoingError(f"The answer takes more than {OUTGOING_SECONDS_LIMIT} seconds.")
    return body
