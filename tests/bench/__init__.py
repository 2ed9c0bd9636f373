"""Tests of the simulators and scenarios."""
