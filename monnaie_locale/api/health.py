"""Whether the service answers: what a load balancer or a monitor asks every few seconds."""

from flask import Flask

from monnaie_locale.api.endpoint import Call, api_blueprint, endpoint
from monnaie_locale.api.marks import OPEN_TO_ALL
from monnaie_locale.api.schema import Reply

blueprint = api_blueprint("health_api", __name__)


def init_app(app: Flask) -> None:
    """Add the endpoint."""
    app.register_blueprint(blueprint)


class HealthReply(Reply):
    """The process is up."""

    status: str


@endpoint(
    blueprint,
    "GET",
    "/health",
    summary="Whether the service answers",
    permission=OPEN_TO_ALL,
    answers=HealthReply,
    reads=False,
)
def health(*, call: Call) -> HealthReply:
    """Answer without looking at the database: a busy disk must not make a supervisor kill a healthy process."""
    del call
    return HealthReply(status="ok")
