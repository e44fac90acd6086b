"""Whether two contenders computed the same."""


def tolerance(workload: str, type_: str, pass_: str, value: float) -> float:
    """How far another contender's number may be from the engine's."""
    if workload in ("log-softmax", "linear"):
        # Sums of numbers of both signs that cancel, added up in another order by everyone.
        floor = 1e-2 if workload == "log-softmax" and pass_ != "forward" else 1e-5
        allowed = 1e-3 * abs(value) + floor
    else:
        allowed = 2e-5 * abs(value) + 1e-7
    return allowed if type_ == "Float" else 1e-5 * allowed


def agrees(row: dict, engine: float, peer: float) -> bool:
    # False also for NaN.
    return abs(peer - engine) <= tolerance(row["workload"], row["type"], row["pass"], engine)
