"""An org with one flow and one number, for the demonstration and the benchmarks."""

from dataclasses import dataclass

from hum.administration import create_org
from store import flows, numbers
from store.database import Database
from store.flows import FlowFields

NUMBER = "+15550100200"


@dataclass(frozen=True, slots=True)
class Furnished:
    """What was made."""

    org_id: str
    number_id: str


async def furnish(database: Database, org_name: str, flow: FlowFields) -> Furnished:
    """Make an org whose number `NUMBER` runs the flow."""
    org = await create_org(database, org_name, "owner@example.com")
    async with database.write() as conn:
        stored = await flows.create_flow(conn, org.org_id, flow)
        number = await numbers.create_number(
            conn, org.org_id, "PN" + "0" * 32, NUMBER, "Main line", flow_id=stored.id
        )
    return Furnished(org.org_id, number.id)
