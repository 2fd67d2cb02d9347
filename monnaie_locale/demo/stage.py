"""What every stage of the demonstration works with."""

import datetime
from dataclasses import dataclass

from monnaie_locale.demo.installation import Clock
from monnaie_locale.demo.people import People
from monnaie_locale.demo.plan import Plan
from monnaie_locale.identity.roles import Role
from monnaie_locale.runtime import Runtime

MINUTE = datetime.timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The runtime, its clock, the people and the plan."""

    rt: Runtime
    clock: Clock
    people: People
    plan: Plan

    @property
    def now(self) -> datetime.datetime:
        """Return the moment at which the demonstration is."""
        return self.clock.now

    def by(self, role: Role) -> str:
        """Return the caller under which the person of a role acts."""
        return self.people[role]
