"""How many steps of padding the decoder is trained on: the three choices and their numbers.

L_p (eq. 9) counts the end of a drawing at every step from N_s to N_max. A decoder that has learnt
to end knows all of these but the first, and they are half of its steps or more. The choices:

- full: all N_max steps of every drawing, as in the paper.
- sampled: each drawing's N_s points and END_STEPS ends. One drawing in TAIL_EVERY, by chance, goes
  on to N_max, and its further terms count TAIL_EVERY times: the expectation is the full loss. It
  begins after LEARN_TO_END steps of full padding: the few that stand for all change the gradient
  by more than its own size in the first ten steps, by a tenth after 50, by a hundredth after 100.
  A GPU, which runs whole batches, runs these in full: the loss that is meant, at the same cost.
- similar: batches of drawings of like length, padded to the longest of the batch and END_STEPS
  more; what would follow is left out of the loss, which is still divided by N_max.

The loss of a split is always that of all N_max steps.
"""

from __future__ import annotations

from typing import Literal

Padding = Literal["full", "sampled", "similar"]

END_STEPS = 4
TAIL_EVERY = 8
LEARN_TO_END = 100
POOL_BATCHES = 20  # batches of an epoch that are sorted by length together (similar)
