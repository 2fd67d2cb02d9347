"""A scale on the wire: what each answer of a site weighs, headers and body, as it leaves."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask


@dataclass
class Meter:
    """A WSGI application around the site's; `weights` are (path, bytes), in order."""

    app: Flask
    weights: list[tuple[str, int]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Return the bytes of all answers since the last `clear`."""
        return sum(weight for _, weight in self.weights)

    def clear(self) -> None:
        """Begin again at zero."""
        self.weights.clear()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as the site does."""
        heads = 0

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            nonlocal heads
            heads = len(status) + sum(len(name) + len(value) + 4 for name, value in headers)
            return start_response(status, headers, *more)

        answer = self.app(environ, start)
        body = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        self.weights.append((environ["PATH_INFO"], heads + len(body)))
        return [body]
