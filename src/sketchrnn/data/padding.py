"""How many steps of padding the decoder is trained on: the three choices.

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

import numpy as np
import numpy.typing as npt

END_STEPS = 4
TAIL_EVERY = 8
LEARN_TO_END = 100
POOL_BATCHES = 20  # batches of an epoch that are sorted by length together (similar)


def sampled_weights(
    lengths_B: npt.NDArray[np.int64], N_max: int, chance: int
) -> npt.NDArray[np.float32]:
    """How often each term of L_p counts for drawings of these lengths N_s (sampled): [B, N_max].

    `chance`, from 0 to TAIL_EVERY - 1, says which of the drawings, each TAIL_EVERYth, go on to the
    end.
    """
    goes_on_B = np.arange(len(lengths_B)) % TAIL_EVERY == chance
    tail_B = np.where(goes_on_B, TAIL_EVERY, 0).astype(np.float32)
    is_tail_BT = np.arange(N_max) >= lengths_B[:, None] + END_STEPS
    return np.where(is_tail_BT, tail_B[:, None], np.float32(1))


def sort_by_length(
    order: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    batch_size: int,
    rng: np.random.Generator,
) -> None:
    """Change an order in place so that each batch has drawings of like length (similar).

    POOL_BATCHES batches at a time are sorted; they follow each other in an order of chance. What
    is left over at the end, less than a batch, stays as it is.
    """
    whole = order[: len(order) // batch_size * batch_size].reshape(-1, batch_size)
    for first in range(0, len(whole), POOL_BATCHES):
        pool = whole[first : first + POOL_BATCHES]
        by_length = pool.ravel()[np.argsort(lengths[pool.ravel()], kind="stable")]
        pool[:] = rng.permutation(by_length.reshape(pool.shape))
