"""What flows say about speech, and who speaks in an org's calls.

Revision 0002, after 0001; 2026-11-24.
"""

import sqlalchemy as sa
from alembic import op

from store.columns import JsonDocument, PlainText

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty."""
    with op.batch_alter_table("orgs") as orgs:
        orgs.add_column(sa.Column("providers", JsonDocument()))
    with op.batch_alter_table("flows") as flows:
        flows.add_column(sa.Column("speech_json", PlainText()))


def downgrade() -> None:
    """Drop the columns."""
    with op.batch_alter_table("flows") as flows:
        flows.drop_column("speech_json")
    with op.batch_alter_table("orgs") as orgs:
        orgs.drop_column("providers")
