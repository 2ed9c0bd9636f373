"""Tables, migrations, one module of queries per aggregate, the event log and the bus."""
