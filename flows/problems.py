"""What is wrong with a flow, told to the person who wrote it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    Attributes:
        path: Where, e.g. `transfer_map_json.front_desk`.
        message: One sentence.
        code: A stable word for the kind of problem.
    """

    path: str
    message: str
    code: str
