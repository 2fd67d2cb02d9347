"""Every form of a page, sent as it stands: what follows is a refusal that shows the form again, or a confirmation."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page
from werkzeug.exceptions import HTTPException

from tests.factories.whole_town import Town

FORMS = """() => [...document.querySelectorAll("form")].filter((form) => form.method === "post").map((form) => {
  const button = form.querySelector("[type=submit]");
  const typed = [...new FormData(form)].filter(([, value]) => typeof value === "string");
  const more = button && button.name ? [[button.name, button.value]] : [];
  return { action: form.action, fields: Object.fromEntries([...typed, ...more]) };
})"""
# Would end the visit itself.
LEAVES = {"identity.sign_out", "holder.leave", "till.pair"}
JUDGED = "/page-a-juger"


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that was sent, and the page that came back."""

    endpoint: str
    status: int
    text: str


def endpoint_of_post(town: Town, address: str) -> str | None:
    """Return the endpoint that a form's address reaches."""
    try:
        return town.app.url_map.bind("localhost").match(urlsplit(address).path, method="POST")[0]
    except HTTPException:
        return None


def send_forms(town: Town, page: Page, context: BrowserContext, done: set[str]) -> list[Sent]:
    """Send each form of a page whose endpoint is not yet `done`; return the pages that came back, not the files."""
    sent = []
    for form in page.evaluate(FORMS):
        endpoint = endpoint_of_post(town, form["action"])
        if endpoint is None or endpoint in done or endpoint in LEAVES:
            continue
        done.add(endpoint)
        answer = context.request.post(form["action"], form=form["fields"])
        if answer.headers.get("content-type", "").startswith("text/html"):
            sent.append(Sent(endpoint, answer.status, answer.text()))
    return sent


def show(town: Town, page: Page, sent: Sent) -> None:
    """Open the page that came back, with its styles and without sending anything again."""
    page.route(f"**{JUDGED}", lambda route: route.fulfill(body=sent.text, content_type="text/html; charset=utf-8"))
    page.goto(town.address + JUDGED)
    page.unroute(f"**{JUDGED}")
