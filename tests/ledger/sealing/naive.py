"""The definitions of RFC 6962, section 2.1, written down as they stand there: slow, obvious, and the measure of the fast ones."""

import hashlib


def root(entries: list[bytes]) -> bytes:
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    middle = part(len(entries))
    return hashlib.sha256(b"\x01" + root(entries[:middle]) + root(entries[middle:])).digest()


def path(index: int, entries: list[bytes]) -> list[bytes]:
    if len(entries) == 1:
        return []
    middle = part(len(entries))
    if index < middle:
        return [*path(index, entries[:middle]), root(entries[middle:])]
    return [*path(index - middle, entries[middle:]), root(entries[:middle])]


def subproof(old: int, entries: list[bytes], whole: bool = True) -> list[bytes]:
    if old == len(entries):
        return [] if whole else [root(entries)]
    middle = part(len(entries))
    if old <= middle:
        return [*subproof(old, entries[:middle], whole), root(entries[middle:])]
    return [*subproof(old - middle, entries[middle:], False), root(entries[:middle])]


def part(size: int) -> int:
    power = 1
    while power * 2 < size:
        power *= 2
    return power
