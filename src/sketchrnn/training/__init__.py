"""Learning from drawings: loss, schedules, the loop, checkpoints, evaluation."""
