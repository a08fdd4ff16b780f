"""Writing a model as ONNX, for programs without PyTorch: the encoder, and one step of the decoder.

    FOLDER/encoder.onnx         x_BT5 and lengths_B -> mu, log_variance        (conditional models)
    FOLDER/initial_state.onnx   z -> the decoder's state before the first step (conditional models)
    FOLDER/decoder_step.onnx    point, z, state -> the mixture of the next point, next state
    FOLDER/sketchrnn.json       scale, N_max, classes, the state's sizes, config, fitted prior

The graphs are written from the equations of `model.cells`, operator by operator, and hold nothing
else: that takes milliseconds and no other exporter, and a viewer shows the paper's figure 2.

Shapes: B batch, T steps, H hidden, E embedding, Z latent; both B and T may be any number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from sketchrnn.drawing.coder import Coder
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_together
from sketchrnn.model.config import (
    FORGET_BIAS,
    GATES,
    LAYER_NORM_EPSILON,
    PARAMETERS,
    PEN_STATES,
    POINT,
    ModelConfig,
)

Array = npt.NDArray[np.float32]
Weights = Mapping[str, Array]  # of one cell or layer, by its own names
Value = str | int | list[int] | Array  # the name of one, or a constant

FORMAT = 1
FACTS = "sketchrnn.json"
# The oldest that have all that is needed, so that old runtimes read the files, too.
OPSET, IR_VERSION = 17, 8
LIMIT_BYTES = 2**31 - 1  # of one ONNX file

# The head's outputs, as in `model.mixture.Mixture`; rho is the correlation after its tanh (eq. 6).
MIXTURE = ("pen_logits", "pi_logits", "mu_x", "mu_y", "log_sigma_x", "log_sigma_y", "rho")


def export_onnx(model: Coder, folder: Path) -> list[Path]:
    """Write the model into `folder`, made where it is missing: all files, or none.

    Points and mixtures are in scaled units; times `scale` of sketchrnn.json they are in the user's.

    Returns:
        What was written.

    Raises:
        SketchRNNError: the package onnx is missing, cells that are not in `CELLS`, a model over
            2 GB, or `folder` is a file.
        OSError: it cannot be written.
    """
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise SketchRNNError(
            "export onnx needs the package onnx: pip install 'sketchrnn[onnx]'"
        ) from None
    if folder.exists() and not folder.is_dir():
        raise SketchRNNError(f"{folder}: is no folder; the ONNX files need one")
    config = model.config
    for cell in [config.decoder_cell] + [config.encoder_cell] * config.conditional:
        if cell not in CELLS:
            raise SketchRNNError(
                f"{model.name}: has {cell} cells, which are not written as ONNX yet; those that"
                f" are: {', '.join(CELLS)}"
            )
    tensors = model.network.state_dict().items()
    weights = {name: value.float().numpy(force=True) for name, value in tensors}
    if sum(array.nbytes for array in weights.values()) > LIMIT_BYTES:
        raise SketchRNNError(f"{model.name} has over 2 GB of weights, more than ONNX can hold")
    contents = {"decoder_step.onnx": decoder_step(config, weights)}
    if config.conditional:
        contents["encoder.onnx"] = encoder(config, weights)
        contents["initial_state.onnx"] = initial_state(config, weights)
    facts = {
        "format": FORMAT,
        "name": model.name,
        "classes": model.facts.classes,
        "scale": model.facts.scale,
        "N_max": config.N_max,
        "conditional": config.conditional,
        "state": state_sizes(config.decoder_cell, config.decoder_size, config),
        "config": asdict(config),
        "prior": None if model.prior is None else model.prior.to_json(),
    }
    contents[FACTS] = (json.dumps(facts, indent=2) + "\n").encode("utf-8")
    return write_together(folder, contents)


def state_sizes(cell: str, size: int, config: ModelConfig) -> dict[str, int]:
    """The parts of a cell's state in the order of `Cell.state_sizes`, each with its units."""
    sizes = {"h": size, "c": size}
    if cell == "hyper":
        sizes |= {"hyper_h": config.hyper_size, "hyper_c": config.hyper_size}
    return sizes


# The three graphs ---------------------------------------------------------------------------------


def decoder_step(config: ModelConfig, weights: Weights) -> bytes:
    """One step: point [B, 5], z [B, Z] where conditional, the state -> MIXTURE, next state.

    The parts of the state keep their names; those of the next one begin with `next_`.
    """
    graph = Graph("decoder_step")
    x = graph.input("point", "B", POINT)
    if config.conditional:
        x = graph.op("Concat", x, graph.input("z", "B", config.z_size), axis=1)
    sizes = state_sizes(config.decoder_cell, config.decoder_size, config)
    before = [graph.input(name, "B", size) for name, size in sizes.items()]
    state = CELLS[config.decoder_cell](graph, part_of(weights, "decoder"), x, before)
    widths = [PEN_STATES] + [config.mixtures] * PARAMETERS
    *plain, rho_raw = graph.split(linear(graph, part_of(weights, "head"), state[0]), widths)
    mixture = [*plain, graph.op("Tanh", rho_raw)]
    for name, value, width in zip(MIXTURE, mixture, widths, strict=True):
        graph.output(name, value, width)
    for (name, size), value in zip(sizes.items(), state, strict=True):
        graph.output(f"next_{name}", value, size)
    return graph.file()


def initial_state(config: ModelConfig, weights: Weights) -> bytes:
    """The state before the first step: z [B, Z] -> tanh(W_z z + b_z), in its parts."""
    graph = Graph("initial_state")
    z = graph.input("z", "B", config.z_size)
    state = graph.op("Tanh", linear(graph, part_of(weights, "to_initial_state"), z))
    sizes = state_sizes(config.decoder_cell, config.decoder_size, config)
    parts = graph.split(state, list(sizes.values()))
    for (name, size), value in zip(sizes.items(), parts, strict=True):
        graph.output(name, value, size)
    return graph.file()


def encoder(config: ModelConfig, weights: Weights) -> bytes:
    """Drawings -> mu [B, Z] and log_variance [B, Z] of q(z | S) (eq. 2).

    x_BT5 are stroke-5 rows without the start token, lengths_B int64 true numbers of points, from 1
    to T; rows past a length are not read. Both directions run in one Scan over the steps, the
    backward one over each drawing reversed by its own length.
    """
    graph = Graph("encoder")
    x_BT5 = graph.input("x_BT5", "B", "T", POINT)
    lengths_B = graph.input("lengths_B", "B", type="INT64")
    forward_TB5 = graph.op("Transpose", x_BT5, perm=[1, 0, 2])
    backward_TB5 = graph.op("ReverseSequence", forward_TB5, lengths_B, time_axis=0, batch_axis=1)
    B, T = (graph.op("Gather", graph.op("Shape", x_BT5), axis) for axis in (0, 1))
    steps_T1 = graph.op("Unsqueeze", graph.op("Range", 0, T, 1), [1])
    going_TB1 = graph.op("Unsqueeze", graph.op("Less", steps_T1, lengths_B), [2])
    batch = graph.op("Unsqueeze", B, [0])

    # In the order that Scan asks for: the states of both directions, then the points of a step.
    body = Graph("encoder_step", "step_")
    sizes = state_sizes(config.encoder_cell, config.encoder_size, config)
    ways = ("forward", "backward")
    states = [
        [body.input(f"{way}_{name}", "B", size) for name, size in sizes.items()] for way in ways
    ]
    points = [body.input(f"{way}_point", "B", POINT) for way in ways]
    going = body.input("going", "B", 1, type="BOOL")
    for way, before, point in zip(ways, states, points, strict=True):
        after = CELLS[config.encoder_cell](body, part_of(weights, f"encoder_{way}"), point, before)
        for old, new, size in zip(before, after, sizes.values(), strict=True):
            kept = body.op("Where", going, new, old)  # past its end it stands still
            body.output(f"next_{old}", kept, size)
    zeros = [
        graph.op("ConstantOfShape", graph.op("Concat", batch, [size], axis=0))
        for size in [*sizes.values()] * len(ways)
    ]
    ends = graph.ops(
        "Scan",
        *(*zeros, forward_TB5, backward_TB5, going_TB1),
        outputs=len(zeros),
        num_scan_inputs=3,
        body=body.proto,
    )
    h_B2H = graph.op("Concat", ends[0], ends[len(sizes)], axis=1)
    for name in ("mu", "log_variance"):
        graph.output(name, linear(graph, part_of(weights, f"to_{name}"), h_B2H), config.z_size)
    return graph.file()


# The cells and layers, as in `model.cells` --------------------------------------------------------


def lstm_step(graph: Graph, weights: Weights, x: str, state: Sequence[str]) -> list[str]:
    """See `LSTMCell`, and `LayerNormLSTMCell`, which has norms and no bias."""
    h, c = state
    from_x, from_h = graph.op("MatMul", x, weights["W_xh"]), graph.op("MatMul", h, weights["W_hh"])
    gates = graph.op("Add", from_x, from_h)
    if "bias" in weights:
        gates = graph.op("Add", gates, weights["bias"])
    return gated_update(graph, weights, graph.parts(gates, GATES), c)


def hyper_step(graph: Graph, weights: Weights, x: str, state: Sequence[str]) -> list[str]:
    """See `HyperLSTMCell`."""
    h, c, *hyper = state
    x_and_h = graph.op("Concat", x, h, axis=1)
    k, n = lstm_step(graph, part_of(weights, "hyper"), x_and_h, hyper)
    scaling = graph.op("Add", graph.op("MatMul", k, weights["W_zw"]), weights["b_zw"])
    shifting = graph.op("MatMul", k, weights["W_zb"])

    def expand(embedded: str, weights_GEH: Array) -> list[str]:
        """Each gate's embedding to its units: [B, G * E] -> G times [B, H]."""
        pairs = zip(graph.parts(embedded, len(weights_GEH)), weights_GEH, strict=True)
        return [graph.op("MatMul", one, weight) for one, weight in pairs]

    scales = expand(scaling, weights["W_alpha"])
    shifts = expand(shifting, weights["W_beta"])
    x_parts = graph.parts(graph.op("MatMul", x, weights["W_xh"]), GATES)
    h_parts = graph.parts(graph.op("MatMul", h, weights["W_hh"]), GATES)
    gates = []
    for gate, bias in enumerate(np.split(weights["bias"], GATES)):
        from_x = graph.op("Mul", scales[gate], x_parts[gate])
        from_h = graph.op("Mul", scales[GATES + gate], h_parts[gate])
        total = graph.op("Add", graph.op("Add", from_x, from_h), shifts[gate])
        gates.append(graph.op("Add", total, bias))
    return [*gated_update(graph, weights, gates, c), k, n]


CELLS = {"lstm": lstm_step, "layer_norm": lstm_step, "hyper": hyper_step}


def gated_update(graph: Graph, weights: Weights, gates: list[str], c: str) -> list[str]:
    """What all cells share: the gates i, g, f, o before their nonlinearity and c -> h', c'."""

    def norm(value: str, gamma: Array, beta: Array) -> str:
        return graph.op("LayerNormalization", value, gamma, beta, epsilon=LAYER_NORM_EPSILON)

    normed = "c_norm.gamma" in weights
    if normed:  # each gate by itself
        parts = [np.split(weights[f"gates_norm.{name}"], GATES) for name in ("gamma", "beta")]
        gates = [norm(*one) for one in zip(gates, *parts, strict=True)]
    i, g, f, o = gates
    forget = graph.op("Add", f, np.array(FORGET_BIAS, dtype=np.float32))
    kept = graph.op("Mul", graph.op("Sigmoid", forget), c)
    new = graph.op("Mul", graph.op("Sigmoid", i), graph.op("Tanh", g))
    c_new = graph.op("Add", kept, new)
    shown = norm(c_new, weights["c_norm.gamma"], weights["c_norm.beta"]) if normed else c_new
    return [graph.op("Mul", graph.op("Sigmoid", o), graph.op("Tanh", shown)), c_new]


def linear(graph: Graph, weights: Weights, x: str) -> str:
    """x W^T + b, as torch keeps W."""
    return graph.op("Gemm", x, weights["weight"], weights["bias"], transB=1)


def part_of(weights: Weights, name: str) -> Weights:
    """The weights whose names begin with `name` and a dot, without that."""
    begin = f"{name}."
    return {key[len(begin) :]: value for key, value in weights.items() if key.startswith(begin)}


class Graph:
    """An ONNX graph that grows by one operator at a time; values are known by their names.

    `prefix` begins the names that are made here: they may not meet those of a graph around it.
    """

    def __init__(self, name: str, prefix: str = "") -> None:
        import onnx

        self._onnx: ModuleType = onnx
        self._prefix = prefix
        self.proto = onnx.GraphProto(name=name)

    def input(self, name: str, *shape: int | str, type: str = "FLOAT") -> str:
        """Add an input of that shape, whose letters stand for any number; its name."""
        number = getattr(self._onnx.TensorProto, type)
        self.proto.input.append(self._onnx.helper.make_tensor_value_info(name, number, shape))
        return name

    def output(self, name: str, value: str, width: int) -> None:
        """Make a value [B, width] an output of that name."""
        helper, number = self._onnx.helper, self._onnx.TensorProto.FLOAT
        self.proto.node.append(helper.make_node("Identity", [value], [name]))
        self.proto.output.append(helper.make_tensor_value_info(name, number, ["B", width]))

    def op(self, kind: str, *inputs: Value, **attributes: Any) -> str:
        """Add an operator of one output; its name."""
        return self.ops(kind, *inputs, outputs=1, **attributes)[0]

    def ops(self, kind: str, *inputs: Value, outputs: int, **attributes: Any) -> list[str]:
        """Add an operator; the names of its outputs. Inputs are values by name, or constants."""
        name = f"{self._prefix}{kind}_{len(self.proto.node)}"
        names = [name] if outputs == 1 else [f"{name}_{number}" for number in range(outputs)]
        given = [one if isinstance(one, str) else self._constant(one) for one in inputs]
        node = self._onnx.helper.make_node(kind, given, names, name, **attributes)
        self.proto.node.append(node)
        return names

    def _constant(self, value: int | list[int] | Array) -> str:
        """Add numbers: of the array's type, else int64, as shapes and axes are."""
        name = f"{self._prefix}constant_{len(self.proto.initializer)}"
        array = value if isinstance(value, np.ndarray) else np.array(value, dtype=np.int64)
        self.proto.initializer.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def parts(self, value: str, count: int) -> list[str]:
        """[B, count * n] -> count times [B, n]."""
        return self.ops("Split", value, outputs=count, axis=1)

    def split(self, value: str, widths: list[int]) -> list[str]:
        """[B, sum(widths)] -> one [B, width] each."""
        return self.ops("Split", value, widths, outputs=len(widths), axis=1)

    def file(self) -> bytes:
        """The graph as a whole file, checked against the standard."""
        helper = self._onnx.helper
        model = helper.make_model(
            self.proto,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="sketchrnn",
        )
        self._onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content
