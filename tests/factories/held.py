"""Requests that a test keeps back, as a slow network does."""

from playwright.sync_api import Page, Route

STEP_MS = 20
STEPS_MAX = 500


class Held:
    """A handler of `route` whose requests do not leave before the test lets them go."""

    def __init__(self) -> None:
        self.routes: list[Route] = []

    def __call__(self, route: Route) -> None:
        self.routes.append(route)

    def one(self, page: Page) -> Route:
        """Wait for a request, and return the oldest that is kept back."""
        for _ in range(STEPS_MAX):
            if self.routes:
                return self.routes.pop(0)
            page.wait_for_timeout(STEP_MS)
        raise AssertionError("the request was never sent")
