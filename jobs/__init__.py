"""What happens with nobody waiting: the job loop and its sweeps."""
