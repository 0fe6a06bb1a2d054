"""How a rule over HTTP is refused, and one to show how they look."""

from patron.kit.problems import Problem, bad_request
from patron.segments.rules.reading import Misread

LOYAL = {
    "and": [
        {
            "event": "Order Completed",
            "count": {"op": "at_least", "value": 2},
            "within": {"days": 90},
        },
        {"message": "opened", "did": False, "within": {"days": 30}},
        {"reachable": "email"},
    ]
}


def refused(error: Misread) -> Problem:
    """What is wrong with a rule, as an answer: where, what was found, what may stand there."""
    return bad_request(str(error), remedy=error.remedy, path=f"rule{error.path[1:]}")
