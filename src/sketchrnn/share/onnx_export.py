"""Writing a model as ONNX, for programs without PyTorch: the encoder, and one step of the decoder.

    FOLDER/encoder.onnx         x_BT5 and lengths_B -> mu, log_variance        (conditional models)
    FOLDER/initial_state.onnx   z -> the decoder's state before the first step (conditional models)
    FOLDER/decoder_step.onnx    point, z, state -> the mixture of the next point, next state
    FOLDER/sketchrnn.json       scale, N_max, classes, the state's sizes, the config

The graphs are written from the equations of `model.cells`, operator by operator, and hold nothing
else: that takes milliseconds and no other exporter, and a viewer shows the paper's figure 2.

Shapes: B batch, T steps, H hidden, E embedding, Z latent; both B and T may be any number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

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

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

    from sketchrnn.drawing.coder import Coder

Weights = Mapping[str, npt.NDArray[np.float32]]  # of one cell or layer, by its own names
Shape = list[int | str]

FORMAT = 1
FACTS = "sketchrnn.json"
# The oldest that have all that is needed, so that old runtimes read the files, too.
OPSET, IR_VERSION = 17, 8
LIMIT_BYTES = 2**31 - 1  # of one ONNX file

# The head's outputs, as in `model.mixture.Mixture`; rho is the correlation after its tanh (eq. 6).
MIXTURE = ("pen_logits", "pi_logits", "mu_x", "mu_y", "log_sigma_x", "log_sigma_y", "rho")
STATES = {  # parts of a cell's state, in the order of `Cell.state_sizes`
    "lstm": ("h", "c"),
    "layer_norm": ("h", "c"),
    "hyper": ("h", "c", "hyper_h", "hyper_c"),
}


def export_onnx(model: Coder, folder: Path) -> list[Path]:
    """Write the model into `folder`, made where it is missing: all files, or none.

    Points and mixtures are in scaled units; times `scale` of sketchrnn.json they are in the user's.

    Returns:
        What was written.

    Raises:
        SketchRNNError: the package onnx is missing, a model over 2 GB, or `folder` is a file.
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
    tensors = model.network.state_dict().items()
    weights = {name: value.float().numpy(force=True) for name, value in tensors}
    if sum(array.nbytes for array in weights.values()) > LIMIT_BYTES:
        raise SketchRNNError(f"{model.name} has over 2 GB of weights, more than ONNX can hold")
    contents = {"decoder_step.onnx": decoder_step(config, weights).SerializeToString()}
    if config.conditional:
        contents["encoder.onnx"] = encoder(config, weights).SerializeToString()
        contents["initial_state.onnx"] = initial_state(config, weights).SerializeToString()
    facts = {
        "format": FORMAT,
        "name": model.name,
        "classes": model.facts.classes,
        "scale": model.facts.scale,
        "N_max": config.N_max,
        "conditional": config.conditional,
        "state": state_sizes(config.decoder_cell, config.decoder_size, config),
        "config": asdict(config),
    }
    contents[FACTS] = (json.dumps(facts, indent=2) + "\n").encode("utf-8")
    return write_together(folder, contents)


def state_sizes(cell: str, size: int, config: ModelConfig) -> dict[str, int]:
    """The parts of a cell's state, each with its units."""
    units = (size, size, config.hyper_size, config.hyper_size)
    return dict(zip(STATES[cell], units, strict=False))


# The three graphs ---------------------------------------------------------------------------------


def decoder_step(config: ModelConfig, weights: Weights) -> ModelProto:
    """One step: point [B, 5], z [B, Z] where conditional, the state -> MIXTURE, next state.

    The parts of the state keep their names; those of the next one begin with `next_`.
    """
    graph = Graph()
    inputs: dict[str, Shape] = {"point": ["B", POINT]}
    if config.conditional:
        inputs["z"] = ["B", config.z_size]
    x = graph.op("Concat", "point", "z", axis=1) if config.conditional else "point"
    sizes = state_sizes(config.decoder_cell, config.decoder_size, config)
    decoder = part_of(weights, "decoder")
    state = CELLS[config.decoder_cell](graph, decoder, x, list(sizes))
    y = linear(graph, part_of(weights, "head"), state[0])
    M = config.mixtures
    widths = [PEN_STATES] + [M] * PARAMETERS
    *plain, rho_raw = graph.split(y, widths)
    outputs: dict[str, Shape] = {}
    for name, value, width in zip(
        MIXTURE, [*plain, graph.op("Tanh", rho_raw)], widths, strict=True
    ):
        graph.name(value, name)
        outputs[name] = ["B", width]
    for (name, size), value in zip(sizes.items(), state, strict=True):
        graph.name(value, f"next_{name}")
        outputs[f"next_{name}"] = ["B", size]
    inputs |= {name: ["B", size] for name, size in sizes.items()}
    return graph.model("decoder_step", inputs, outputs)


def initial_state(config: ModelConfig, weights: Weights) -> ModelProto:
    """The state before the first step: z [B, Z] -> tanh(W_z z + b_z), in its parts."""
    graph = Graph()
    sizes = state_sizes(config.decoder_cell, config.decoder_size, config)
    state = graph.op("Tanh", linear(graph, part_of(weights, "to_initial_state"), "z"))
    for name, value in zip(sizes, graph.split(state, list(sizes.values())), strict=True):
        graph.name(value, name)
    outputs: dict[str, Shape] = {name: ["B", size] for name, size in sizes.items()}
    return graph.model("initial_state", {"z": ["B", config.z_size]}, outputs)


def encoder(config: ModelConfig, weights: Weights) -> ModelProto:
    """Drawings -> mu [B, Z] and log_variance [B, Z] of q(z | S) (eq. 2).

    x_BT5 are stroke-5 rows without the start token, lengths_B int64 true numbers of points, from 1
    to T; rows past a length are not read. Both directions run in one Scan over the steps, the
    backward one over each drawing reversed by its own length.
    """
    graph = Graph()
    forward_TB5 = graph.op("Transpose", "x_BT5", perm=[1, 0, 2])
    backward_TB5 = graph.op("ReverseSequence", forward_TB5, "lengths_B", time_axis=0, batch_axis=1)
    B, T = (graph.op("Gather", graph.op("Shape", "x_BT5"), graph.integers(i)) for i in (0, 1))
    steps_T = graph.op("Range", graph.integers(0), T, graph.integers(1))
    steps_T1 = graph.op("Unsqueeze", steps_T, graph.integers([1]))
    going_TB = graph.op("Less", steps_T1, "lengths_B")
    going_TB1 = graph.op("Unsqueeze", going_TB, graph.integers([2]))
    batch = graph.op("Unsqueeze", B, graph.integers([0]))

    def zeros(size: int) -> str:
        shape = graph.op("Concat", batch, graph.integers([size]), axis=0)
        return graph.op("ConstantOfShape", shape)

    body = Graph("step_")
    sizes = state_sizes(config.encoder_cell, config.encoder_size, config)
    before: dict[str, Shape] = {}  # the state of both directions
    after: dict[str, Shape] = {}
    for way in ("forward", "backward"):
        cell = part_of(weights, f"encoder_{way}")
        state = [f"{way}_{name}" for name in sizes]
        new = CELLS[config.encoder_cell](body, cell, f"{way}_point", state)
        for (name, size), value in zip(sizes.items(), new, strict=True):
            kept = body.op("Where", "going", value, f"{way}_{name}")  # past its end it stands still
            body.name(kept, f"next_{way}_{name}")
            before[f"{way}_{name}"] = after[f"next_{way}_{name}"] = ["B", size]
    scanned: dict[str, Shape] = {f"{way}_point": ["B", POINT] for way in ("forward", "backward")}
    ends = graph.ops(
        "Scan",
        *(zeros(size) for _ in range(2) for size in sizes.values()),
        forward_TB5,
        backward_TB5,
        going_TB1,
        outputs=len(before),
        num_scan_inputs=3,
        body=body.graph("encoder_step", before | scanned | {"going": ["B", 1]}, after),
    )
    h_B2H = graph.op("Concat", ends[0], ends[len(sizes)], axis=1)
    graph.name(linear(graph, part_of(weights, "to_mu"), h_B2H), "mu")
    graph.name(linear(graph, part_of(weights, "to_log_variance"), h_B2H), "log_variance")
    Z = config.z_size
    return graph.model(
        "encoder",
        {"x_BT5": ["B", "T", POINT], "lengths_B": ["B"]},
        {"mu": ["B", Z], "log_variance": ["B", Z]},
    )


# The cells and layers, as in `model.cells` --------------------------------------------------------


def lstm_step(graph: Graph, weights: Weights, x: str, state: Sequence[str]) -> list[str]:
    """See `LSTMCell`."""
    h, c = state
    gates = graph.op("Add", products(graph, weights, x, h), graph.constant(weights["bias"]))
    return gated_update(graph, graph.parts(gates, GATES), c, None)


def layer_norm_step(graph: Graph, weights: Weights, x: str, state: Sequence[str]) -> list[str]:
    """See `LayerNormLSTMCell`."""
    h, c = state
    gates = graph.parts(products(graph, weights, x, h), GATES)
    return gated_update(graph, normed_gates(graph, weights, gates), c, part_of(weights, "c_norm"))


def hyper_step(graph: Graph, weights: Weights, x: str, state: Sequence[str]) -> list[str]:
    """See `HyperLSTMCell`."""
    h, c, *hyper = state
    x_and_h = graph.op("Concat", x, h, axis=1)
    k, n = layer_norm_step(graph, part_of(weights, "hyper"), x_and_h, hyper)
    scaling = graph.op("MatMul", k, graph.constant(weights["W_zw"]))
    scaling = graph.op("Add", scaling, graph.constant(weights["b_zw"]))
    shifting = graph.op("MatMul", k, graph.constant(weights["W_zb"]))

    def expand(embedded: str, weights_GEH: npt.NDArray[np.float32]) -> list[str]:
        """Each gate's embedding to its units: [B, G * E] -> G times [B, H]."""
        pairs = zip(graph.parts(embedded, len(weights_GEH)), weights_GEH, strict=True)
        return [graph.op("MatMul", one, graph.constant(weight)) for one, weight in pairs]

    scales = expand(scaling, weights["W_alpha"])
    shifts = expand(shifting, weights["W_beta"])
    x_parts = graph.parts(graph.op("MatMul", x, graph.constant(weights["W_xh"])), GATES)
    h_parts = graph.parts(graph.op("MatMul", h, graph.constant(weights["W_hh"])), GATES)
    biases = np.split(weights["bias"], GATES)
    gates = []
    for gate in range(GATES):
        total = graph.op(
            "Add",
            graph.op("Mul", scales[gate], x_parts[gate]),
            graph.op("Mul", scales[GATES + gate], h_parts[gate]),
        )
        total = graph.op("Add", total, shifts[gate])
        gates.append(graph.op("Add", total, graph.constant(biases[gate])))
    new = gated_update(graph, normed_gates(graph, weights, gates), c, part_of(weights, "c_norm"))
    return [*new, k, n]


CELLS = {"lstm": lstm_step, "layer_norm": layer_norm_step, "hyper": hyper_step}


def products(graph: Graph, weights: Weights, x: str, h: str) -> str:
    """x W_xh + h W_hh."""
    parts = (
        graph.op("MatMul", value, graph.constant(weights[name]))
        for value, name in ((x, "W_xh"), (h, "W_hh"))
    )
    return graph.op("Add", *parts)


def normed_gates(graph: Graph, weights: Weights, gates: list[str]) -> list[str]:
    """Each gate normalised by itself."""
    norms = zip(
        np.split(weights["gates_norm.gamma"], GATES),
        np.split(weights["gates_norm.beta"], GATES),
        strict=True,
    )
    return [graph.layer_norm(gate, *norm) for gate, norm in zip(gates, norms, strict=True)]


def gated_update(graph: Graph, gates: list[str], c: str, c_norm: Weights | None) -> list[str]:
    """What all cells share: the gates i, g, f, o before their nonlinearity and c -> h', c'."""
    i, g, f, o = gates
    forget = graph.op("Add", f, graph.constant(np.array(FORGET_BIAS, dtype=np.float32)))
    kept = graph.op("Mul", graph.op("Sigmoid", forget), c)
    new = graph.op("Mul", graph.op("Sigmoid", i), graph.op("Tanh", g))
    c_new = graph.op("Add", kept, new)
    shown = graph.layer_norm(c_new, c_norm["gamma"], c_norm["beta"]) if c_norm else c_new
    return [graph.op("Mul", graph.op("Sigmoid", o), graph.op("Tanh", shown)), c_new]


def linear(graph: Graph, weights: Weights, x: str) -> str:
    """x W^T + b, as torch keeps W."""
    return graph.op(
        "Gemm", x, graph.constant(weights["weight"]), graph.constant(weights["bias"]), transB=1
    )


def part_of(weights: Weights, name: str) -> Weights:
    """The weights whose names begin with `name` and a dot, without that."""
    begin = f"{name}."
    return {key[len(begin) :]: value for key, value in weights.items() if key.startswith(begin)}


class Graph:
    """An ONNX graph that grows by one operator at a time; values are known by their names.

    Args:
        prefix: begins the names that are made here: they may not meet those of a graph around it.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator of one output; its name."""
        return self.ops(kind, *inputs, outputs=1, **attributes)[0]

    def ops(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add an operator; the names of its outputs."""
        from onnx import helper

        name = f"{self._prefix}{kind}_{len(self._nodes)}"
        names = [name] if outputs == 1 else [f"{name}_{number}" for number in range(outputs)]
        self._nodes.append(helper.make_node(kind, inputs, names, name, **attributes))
        return names

    def constant(self, array: npt.NDArray[Any]) -> str:
        """Add numbers, of the array's type."""
        from onnx import numpy_helper

        name = f"{self._prefix}constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def integers(self, values: int | list[int]) -> str:
        """Add int64 numbers, as shapes and axes are."""
        return self.constant(np.array(values, dtype=np.int64))

    def parts(self, value: str, count: int) -> list[str]:
        """[B, count * n] -> count times [B, n]."""
        return self.ops("Split", value, outputs=count, axis=1)

    def split(self, value: str, widths: list[int]) -> list[str]:
        """[B, sum(widths)] -> one [B, width] each."""
        return self.ops("Split", value, self.integers(widths), outputs=len(widths), axis=1)

    def layer_norm(
        self, value: str, gamma: npt.NDArray[np.float32], beta: npt.NDArray[np.float32]
    ) -> str:
        """Normalise over the last axis, then gain and shift."""
        return self.op(
            "LayerNormalization",
            value,
            self.constant(gamma),
            self.constant(beta),
            epsilon=LAYER_NORM_EPSILON,
        )

    def name(self, value: str, name: str) -> None:
        """Give a value the name of an output."""
        from onnx import helper

        self._nodes.append(helper.make_node("Identity", [value], [name]))

    def graph(
        self, name: str, inputs: Mapping[str, Shape], outputs: Mapping[str, Shape]
    ) -> GraphProto:
        """What was built, with these inputs and outputs."""
        from onnx import TensorProto, helper

        types = {"lengths_B": TensorProto.INT64, "going": TensorProto.BOOL}  # the rest is float32
        before, after = (
            [
                helper.make_tensor_value_info(key, types.get(key, TensorProto.FLOAT), shape)
                for key, shape in side.items()
            ]
            for side in (inputs, outputs)
        )
        return helper.make_graph(self._nodes, name, before, after, self._constants)

    def model(
        self, name: str, inputs: Mapping[str, Shape], outputs: Mapping[str, Shape]
    ) -> ModelProto:
        """What was built as a whole file, checked against the standard."""
        from onnx import checker, helper

        model = helper.make_model(
            self.graph(name, inputs, outputs),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="sketchrnn",
        )
        checker.check_model(model, full_check=True)
        return model
