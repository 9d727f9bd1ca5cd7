"""Caps what remote answers cost: a token bucket that holds money. Pure.

The budget of a period flows in evenly, and as much as that can be saved up. What an answer costs is known only when it
has come, so a request is charged an estimate, which is put right afterwards; what that takes below zero is paid back
with time before the next request may spend.
"""

from msgspec import Struct

from arriero.router.settings import Prices

# Tokens that an answer is taken to have before one has been seen.
_FIRST_GUESS_TOKENS = 400.0
# Answers that the running mean goes back over.
_REMEMBERED_ANSWERS = 50
_MILLION = 1_000_000


def price(prices: Prices, prompt_tokens: float, answer_tokens: float) -> float:
    """What a request costs, in the currency of the prices."""
    return (prompt_tokens * prices.price_in + answer_tokens * prices.price_out) / _MILLION


class AnswerLength(Struct, frozen=True):
    """How long answers are. mean_tokens: a running mean, over the last fifty or so. answers: that it was made of."""

    mean_tokens: float = _FIRST_GUESS_TOKENS
    answers: int = 0

    def expected_tokens(self, wanted_tokens: int | None = None) -> float:
        """Of the next answer. wanted_tokens: the most that the request allows; None where it does not say."""
        return self.mean_tokens if wanted_tokens is None else min(self.mean_tokens, float(wanted_tokens))

    def after(self, answer_tokens: int) -> "AnswerLength":
        """With one more answer seen. The first replaces the guess."""
        answers = min(self.answers + 1, _REMEMBERED_ANSWERS)
        return AnswerLength(self.mean_tokens + (answer_tokens - self.mean_tokens) / answers, answers)


class Purse(Struct, frozen=True):
    """What may still be spent. left: money, below zero where more was spent than there was. at_s: when that was so."""

    left: float
    at_s: float


class CostCap:
    """Spends no more than a budget, over any time longer than its period. Has one owner.

    budget: money of every ``period_s`` seconds, and the most that can be saved up. Every now_s is of one clock, which
    must go on over a restart where the purse is kept over one: ``time.time``. Where it jumps back, nothing flows in.
    """

    __slots__ = ("_budget", "_period_s", "_purse")

    def __init__(self, budget: float, period_s: float, now_s: float, purse: Purse | None = None) -> None:
        self._budget = budget
        self._period_s = period_s
        self._purse = Purse(budget, now_s) if purse is None else purse

    @property
    def purse(self) -> Purse:
        """What is to be kept over a restart."""
        return self._purse

    def left(self, now_s: float) -> float:
        """What may be spent now; below zero where it is owed."""
        elapsed_s = max(0.0, now_s - self._purse.at_s)
        return min(self._budget, self._purse.left + elapsed_s * self._budget / self._period_s)

    def may_spend(self, now_s: float, estimated: float) -> bool:
        """Whether there is enough. What is dearer than the whole budget never may; what costs nothing always does."""
        return estimated <= 0.0 or estimated <= self.left(now_s)

    def spend(self, now_s: float, amount: float) -> None:
        """Take it out, even where there is less. A request's estimate is taken before it is sent, so that those that
        are under way at once do not spend the same money."""
        self._purse = Purse(self.left(now_s) - amount, now_s)

    def refund(self, now_s: float, amount: float) -> None:
        """Put it back: what was taken for a request that has failed."""
        self._purse = Purse(min(self._budget, self.left(now_s) + amount), now_s)

    def settle(self, now_s: float, estimated: float, actual: float) -> None:
        """Put an estimate right that was spent before."""
        self.refund(now_s, estimated - actual)
