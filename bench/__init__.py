"""Simulators, the load generator and the benchmarks. Nothing in the service imports this."""
