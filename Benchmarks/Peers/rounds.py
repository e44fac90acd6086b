"""Measures one row: every contender in turn, in an order that rotates from round to round."""

from collections.abc import Callable
from pathlib import Path

from agreement import agrees, tolerance
from contender import Contender
from exercise import has_products
from failure import Failure
from results import ENGINE, RowResult

# In so many rounds the products are timed by themselves, too.
PRODUCT_ROUNDS = 5


def measure(
    row: dict, contenders: dict[str, Contender], rounds: int, seconds: float, folder: Path, say: Callable[[str], None]
) -> RowResult:
    result = RowResult(row)
    ready = prepare(result, contenders, folder, say)
    # The first, uncounted round touches the memory that getting ready left untouched.
    for contender in ready:
        contender.settle()
    for number in range(rounds + 1):
        first = number % len(ready)
        for contender in ready[first:] + ready[:first]:
            say(f"round {number}/{rounds}, {contender.name}")
            measured = contender.number(f"time {seconds:g}", "seconds")
            contender.settle()
            if number > 0:
                result.samples.setdefault(contender.name, []).append(measured)
            if has_products(row["workload"]) and number <= PRODUCT_ROUNDS:
                say(f"round {number}/{rounds}, products of {contender.name}")
                alone = contender.number(f"products {seconds:g}", "seconds")
                contender.settle()
                if number > 0:
                    result.products.setdefault(contender.name, []).append(alone)
    if has_products(row["workload"]):
        # Once: it is the same each time.
        for contender in ready:
            say(f"memory of {contender.name}")
            result.memory[contender.name] = int(contender.number("memory", "bytes"))
    for contender in contenders.values():
        contender.ask("release")
    return result


def prepare(
    result: RowResult, contenders: dict[str, Contender], folder: Path, say: Callable[[str], None]
) -> list[Contender]:
    """Those that can run the row, warm and in agreement; the engine is the first."""
    row, path = result.row, folder / "inputs.safetensors"
    request = f"prepare {row['identifier']} {path}"
    say("inputs")
    expected = contenders[ENGINE].number(request, "loss")
    ready = [contenders[ENGINE]]
    for name, contender in contenders.items():
        if name == ENGINE:
            continue
        say(f"{name} gets ready")
        answer = contender.ask(request)
        if "unsupported" in answer:
            result.unsupported[name] = str(answer["unsupported"])
            continue
        loss = answer.get("loss")
        if not isinstance(loss, (int, float)):
            raise Failure(f"{name}: answered {request!r} with {answer}; expected 'loss' or 'unsupported'")
        if not agrees(row, expected, loss):
            allowed = tolerance(row["workload"], row["type"], row["pass"], expected)
            raise Failure(
                f"{row['identifier']}: {name} computed {loss!r}, the engine {expected!r}; "
                f"expected within {allowed:.2g}")
        if len(answer.get("forms") or {}) > 1:
            result.forms[name] = answer["forms"]
        ready.append(contender)
    path.unlink(missing_ok=True)
    return ready
