"""Work is done in rounds for all who ask at the same time."""

import asyncio
from collections.abc import Sequence

import pytest

from patron.kit.rounds import Rounds


def test_who_asks_while_a_round_is_under_way_shares_the_next() -> None:
    seen: list[list[int]] = []

    async def work(some: Sequence[int]) -> list[int]:
        seen.append(list(some))
        await asyncio.sleep(0.01)
        return [10 * one for one in some]

    async def story() -> None:
        rounds = Rounds(work)
        first = asyncio.gather(*(rounds.do(one) for one in (1, 2, 3)))
        while not seen:
            await asyncio.sleep(0)
        later = asyncio.gather(*(rounds.do(one) for one in (4, 5)))
        assert await first == [10, 20, 30]
        assert await later == [40, 50]

    asyncio.run(story())
    assert seen == [[1, 2, 3], [4, 5]]


def test_what_a_round_raises_reaches_all_of_it_and_nobody_else() -> None:
    async def work(some: Sequence[int]) -> list[int]:
        if 1 in some:
            raise ValueError("one")
        return list(some)

    async def story() -> None:
        rounds = Rounds(work)
        ended = await asyncio.gather(rounds.do(1), rounds.do(2), return_exceptions=True)
        assert [str(end) for end in ended] == ["one", "one"]
        assert await rounds.do(2) == 2

    asyncio.run(story())


def test_a_round_whose_first_is_cancelled_is_done_by_the_next() -> None:
    begun = asyncio.Event()
    seen: list[list[int]] = []

    async def work(some: Sequence[int]) -> list[int]:
        seen.append(list(some))
        begun.set()
        await asyncio.sleep(0.01)
        return list(some)

    async def story() -> None:
        rounds = Rounds(work)
        one, two = (asyncio.ensure_future(rounds.do(number)) for number in (1, 2))
        await begun.wait()
        one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one
        assert await two == 2

    asyncio.run(story())
    assert seen[-1] == [2]
