"""From where a request comes, and whether its client may call from there.

Behind proxies the address of the connection is the proxy's. X-Forwarded-For is believed only as far as trusted proxies
wrote it (settings.TRUSTED_PROXIES): it is read from its end, and the first address that is no trusted proxy is the
client's. Whoever calls directly can write into the header what he likes, and is known by his connection all the same.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from security.limits import CLIENT_LIST_ITEMS_LIMIT, FORWARDED_ADDRESSES_LIMIT

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def address_of(meta: Mapping[str, Any]) -> Address | None:
    """Return the address of the client from the variables of a request; None where it cannot be known."""
    address = as_address(str(meta.get("REMOTE_ADDR", "")))
    trusted = networks_of(" ".join(settings.TRUSTED_PROXIES))
    forwarded = str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",")
    for text in reversed(forwarded[-FORWARDED_ADDRESSES_LIMIT:]):
        if address is None or not is_within(address, trusted) or not text.strip():
            break
        address = as_address(text.strip())
    return address


def is_within(address: Address | None, networks: Iterable[Network]) -> bool:
    """Whether an address is known and lies in one of the networks."""
    return address is not None and any(
        address.version == network.version and address in network for network in networks
    )


@lru_cache(maxsize=1024)
def networks_of(text: str) -> tuple[Network, ...]:
    """Return the networks of a space-separated list in CIDR notation. Raises ValueError."""
    return tuple(ip_network(part) for part in text.split())


def validate_networks(value: str) -> None:
    """Refuse a space-separated list that has something else than networks in it."""
    if len(value.split()) > CLIENT_LIST_ITEMS_LIMIT:
        raise ValidationError(f"A list has at most {CLIENT_LIST_ITEMS_LIMIT} networks.", code="networks")
    for part in value.split():
        try:
            ip_network(part)
        except ValueError as error:
            raise ValidationError(
                f"{part} is not a network in CIDR notation, such as 192.0.2.0/24 or 2001:db8::/32.", code="networks"
            ) from error


def as_address(text: str) -> Address | None:
    """Return the address in a text, with or without a port, an IPv4 address in IPv6 as IPv4; None if there is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def origin_of(address: Address | str | None) -> str:
    """What counts as one origin of failures: an IPv4 address, or an IPv6 network of 64 bits: who has one address has them all."""
    if address is None or ":" not in str(address):
        return str(address or "")
    return str(ip_network((int(IPv6Address(str(address))) >> 64 << 64, 64)))


def address_text(request: HttpRequest) -> str | None:
    """The address of a request's client as text: how the lock of the log-in (axes) asks for it."""
    address = address_of(request.META)
    return None if address is None else str(address)
