"""The crowd of the hammer on sums per day: processes that post under the same few grants."""

import random
import time
from collections import Counter

import psycopg

from tests.ledger.hammers.crowd import Arena
from tests.ledger.poster import Poster

# Grants by number, with their sums per day.
GRANTS = {1: 400, 2: 700, 3: 150}


def spend_under_grants(arena: Arena, seed: int, first_grant: int) -> Counter[str]:
    """Post batches whose operations take of one or two grants, in any order, until the time is over; count outcomes."""
    chance, told = random.Random(seed), Counter[str]()
    running, batch = arena.running(), 0
    anna = arena.book.accounts["anna"]
    with psycopg.connect(arena.url) as connection:
        poster = Poster(connection, book_id=arena.book.id, source_id=arena.book.source_id)
        while running():
            batch += 1
            operations, spendings = [], []
            for place in range(1, chance.randint(2, 6)):
                chosen = chance.sample(sorted(GRANTS), chance.randint(1, 2))
                amounts = {grant: chance.randint(1, 4) for grant in chosen}
                key = f"{seed}.{batch}.{place}:" + ",".join(f"{grant}={amount}" for grant, amount in amounts.items())
                operations.append((key, [(anna, sum(amounts.values()))]))
                spendings += [(place, first_grant + g, a, GRANTS[g]) for g, a in amounts.items()]
            try:
                outcomes = poster.post(*operations, all_or_nothing=chance.random() < 0.2, spendings=spendings)
            except psycopg.Error as error:
                connection.rollback()
                told[type(error).__name__] += 1
                continue
            if chance.random() < 0.5:
                time.sleep(chance.random() * 0.003)
            if chance.random() < 0.05:
                connection.rollback()
            else:
                connection.commit()
                told.update(outcomes)
    return told


def watch_sums(arena: Arena, stop_when_wrong: bool) -> int:
    """Compare what was accepted under each grant with its sum per day, again and again; return how often it was more."""
    running, wrong = arena.running(), 0
    with psycopg.connect(arena.url, autocommit=True) as connection:
        while running():
            taken = taken_under_grants(connection, arena.book.id)
            wrong += any(taken[grant] > most for grant, most in GRANTS.items())
            if wrong and stop_when_wrong:
                arena.stop.touch()
            time.sleep(0.05)
    return wrong


def taken_under_grants(connection: psycopg.Connection, book_id: int) -> Counter[int]:
    """What the accepted operations took of each grant, by their keys."""
    keys = connection.execute(
        "SELECT key FROM ledger_operation WHERE book_id = %s AND outcome = 'accepted'", (book_id,)
    )
    taken = Counter[int]()
    for (key,) in keys:
        for part in key.partition(":")[2].split(","):
            grant, amount = part.split("=")
            taken[int(grant)] += int(amount)
    return taken
