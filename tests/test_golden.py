"""The reference code's own states, exactly: `reference/golden` of the shared folder.

Each file there holds weights, inputs and what the reference TensorFlow code computed from them for
one cell. The sizes are read from the arrays, so that any file of that layout is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from sketchrnn.model.cells import Cell, HyperLSTMCell, LayerNormLSTMCell, LSTMCell, State
from sketchrnn.model.config import ModelConfig
from sketchrnn.model.losses import kl_loss, reconstruction_loss
from sketchrnn.model.mixture import Mixture
from sketchrnn.model.network import Network
from sketchrnn.model.unroll import Backend
from unrolling import every_way

Arrays = Mapping[str, npt.NDArray[np.float32]]
TF_CELLS = {"lstm": "LSTMCell", "layer_norm": "LayerNormLSTMCell", "hyper": "HyperLSTMCell"}
ENCODING_TOLERANCE = 1e-5
LOSS_TOLERANCE = 2e-4  # relative: the reference adds 1e-6 inside its logarithm
REFERENCE_EPSILON = 1e-6
# With the reference's 1e-6 put into our density, gradients agree to the last bits of float32 ...
GRADIENT_TOLERANCE = 2e-5
# ... and this is what that 1e-6 alone changes, at densities down to e^-8.6 in these files.
EPSILON_EFFECT = 5e-3


def golden_files() -> list[str]:
    return ["lstm", "layer_norm", "hyper", "lstm_decoder_only"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a file found, the four known names where the folder is absent (they then skip)."""
    if "golden_name" in metafunc.fixturenames:
        import os

        default = Path(__file__).resolve().parents[2] / "shared"
        folder = Path(os.environ.get("SKETCHRNN_SHARED", default)) / "reference" / "golden"
        found = sorted(path.stem for path in folder.glob("*.npz"))
        metafunc.parametrize("golden_name", found or golden_files())


@pytest.fixture
def golden(shared: Path, golden_name: str) -> Arrays:
    path = shared / "reference" / "golden" / f"{golden_name}.npz"
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def cell_name(arrays: Arrays, scope: str) -> str:
    for name, tf_name in TF_CELLS.items():
        if any(key.startswith(f"var/{scope}/{tf_name}/") for key in arrays):
            return name
    raise AssertionError(f"no known cell under {scope}")


def config_of(arrays: Arrays) -> ModelConfig:
    conditional = "var/ENC_RNN_mu/super_linear_w" in arrays
    decoder = cell_name(arrays, "RNN")
    kernels = [
        name
        for name in arrays
        if name.startswith("var/") and name.endswith("/hyper_ix/zw/super_linear_w")
    ]
    hyper_size, embedding = arrays[kernels[0]].shape if kernels else (256, 32)
    decoder_size, outputs = arrays["var/RNN/output_w"].shape
    sizes: dict[str, int] = {}
    if conditional:
        encoder = cell_name(arrays, "ENC_RNN/fw")
        twice, z_size = arrays["var/ENC_RNN_mu/super_linear_w"].shape
        sizes = {"encoder_size": twice // 2, "z_size": z_size}
    else:
        encoder = "lstm"
    return ModelConfig(
        N_max=arrays["input/x"].shape[1] - 1,
        conditional=conditional,
        encoder_cell=encoder,
        decoder_cell=decoder,
        decoder_size=decoder_size,
        mixtures=(outputs - 3) // 6,
        hyper_size=hyper_size,
        hyper_embedding=embedding,
        **sizes,
    )


def cell_arrays(cell: Cell, arrays: Arrays, scope: str) -> dict[str, npt.NDArray[np.float32]]:
    """Our parameter names -> the reference's arrays under `scope`, reshaped to ours."""

    def get(name: str) -> npt.NDArray[np.float32]:
        return arrays[f"{scope}/{name}"]

    def norms(prefix: str = "") -> dict[str, npt.NDArray[np.float32]]:
        return {
            f"{ours}.{letter}": get(f"{prefix}{theirs}/ln_{letter}")
            for ours, theirs in (("gates_norm", "ln_all"), ("c_norm", "ln_c"))
            for letter in ("gamma", "beta")
        }

    result = {"W_xh": get("W_xh"), "W_hh": get("W_hh")}
    if isinstance(cell, LSTMCell):
        result["bias"] = get("bias")
    elif isinstance(cell, LayerNormLSTMCell):
        result |= norms()
    elif isinstance(cell, HyperLSTMCell):
        small = "LayerNormLSTMCell/"
        gates = ("i", "j", "f", "o")
        scaled = [f"{gate}x" for gate in gates] + [f"{gate}h" for gate in gates]
        shifted = scaled[4:]
        result["bias"] = get("bias")
        result |= norms()
        result |= {f"hyper.{name}": get(f"{small}{name}") for name in ("W_xh", "W_hh")}
        result |= {f"hyper.{name}": value for name, value in norms(small).items()}
        result["W_zw"] = np.hstack([get(f"hyper_{g}/zw/super_linear_w") for g in scaled])
        result["b_zw"] = np.hstack([get(f"hyper_{g}/zw/super_linear_b") for g in scaled])
        result["W_alpha"] = np.stack([get(f"hyper_{g}/alpha/super_linear_w") for g in scaled])
        result["W_zb"] = np.hstack([get(f"hyper_{g}/zb/super_linear_w") for g in shifted])
        result["W_beta"] = np.stack([get(f"hyper_{g}/beta/super_linear_w") for g in shifted])
    return result


def state_blocks(config: ModelConfig) -> list[int]:
    """Where each part of the reference's flat state stands in ours: lstm has c first."""
    return {"lstm": [1, 0], "layer_norm": [0, 1], "hyper": [0, 2, 1, 3]}[config.decoder_cell]


def to_ours(flat: npt.NDArray[np.float32], config: ModelConfig, network: Network) -> State:
    """The reference's flat state [..., S] as our parts, h first, then c."""
    order = state_blocks(config)
    sizes = [network.decoder.state_sizes[block] for block in order]
    parts = np.split(flat, np.cumsum(sizes)[:-1], axis=-1)
    placed = [parts[order.index(block)] for block in range(len(order))]
    return tuple(torch.tensor(part) for part in placed)


def network_of(arrays: Arrays) -> Network:
    config = config_of(arrays)
    network = Network(config)
    weights: dict[str, npt.NDArray[np.float32]] = {}

    def add(prefix: str, cell: Cell, scope: str, name: str) -> None:
        found = cell_arrays(cell, arrays, f"var/{scope}/{TF_CELLS[name]}")
        weights.update({f"{prefix}.{key}": value for key, value in found.items()})

    add("decoder", network.decoder, "RNN", config.decoder_cell)
    weights["head.weight"] = arrays["var/RNN/output_w"].T
    weights["head.bias"] = arrays["var/RNN/output_b"]
    if config.conditional:
        add("encoder_forward", network.encoder_forward, "ENC_RNN/fw", config.encoder_cell)
        add("encoder_backward", network.encoder_backward, "ENC_RNN/bw", config.encoder_cell)
        for ours, theirs in (("to_mu", "ENC_RNN_mu"), ("to_log_variance", "ENC_RNN_sigma")):
            weights[f"{ours}.weight"] = arrays[f"var/{theirs}/super_linear_w"].T
            weights[f"{ours}.bias"] = arrays[f"var/{theirs}/super_linear_b"]
        for kind in ("w", "b"):
            parts = to_ours(arrays[f"var/linear/super_linear_{kind}"], config, network)
            name = "weight" if kind == "w" else "bias"
            joined = torch.cat(parts, dim=-1).numpy()
            weights[f"to_initial_state.{name}"] = joined.T if kind == "w" else joined
    network.load_state_dict(
        {name: torch.tensor(np.ascontiguousarray(value)) for name, value in weights.items()}
    )
    return network


def tensor(arrays: Arrays, name: str) -> torch.Tensor:
    return torch.tensor(arrays[name])


def assert_close(ours: torch.Tensor, theirs: npt.NDArray[np.float32], tolerance: float) -> None:
    np.testing.assert_allclose(ours.detach().numpy(), theirs, rtol=0, atol=tolerance)


@every_way
def test_golden_encodings(golden: Arrays, backend: Backend) -> None:
    network = network_of(golden)
    if not network.config.conditional:
        pytest.skip("a decoder-only model has no encoder")
    lengths = tensor(golden, "input/lengths").long()
    mu, log_variance = network.encode(tensor(golden, "input/x")[:, 1:], lengths, backend=backend)
    assert_close(mu, golden["out/mu"], ENCODING_TOLERANCE)
    assert_close(log_variance, golden["out/presig"], ENCODING_TOLERANCE)
    L_KL = kl_loss(mu, log_variance).mean()
    assert_close(L_KL, golden["out/L_KL_raw"], ENCODING_TOLERANCE)


@every_way
def test_golden_mixture_and_states(golden: Arrays, backend: Backend) -> None:
    network = network_of(golden)
    x = tensor(golden, "input/x")
    z = tensor(golden, "input/z") if network.config.conditional else None
    if z is not None:
        initial = to_ours(golden["out/initial_state"], network.config, network)
        for ours, theirs in zip(network.begin(z).state, initial, strict=True):
            assert_close(ours, theirs.numpy(), ENCODING_TOLERANCE)
    mixture, memory = network.decode(x[:, :-1], z, backend=backend)
    for ours, theirs in (  # type: ignore[assignment]
        (mixture.pi, "pi"),
        (mixture.mu_x, "mu1"),
        (mixture.mu_y, "mu2"),
        (mixture.log_sigma_x.exp(), "sigma1"),
        (mixture.log_sigma_y.exp(), "sigma2"),
        (mixture.rho, "corr"),
        (mixture.pen_logits, "pen_logits"),
    ):
        assert_close(ours, golden[f"out/{theirs}"], ENCODING_TOLERANCE)
    final = to_ours(golden["out/final_state"], network.config, network)
    for ours, theirs in zip(memory.state, final, strict=True):
        assert_close(ours, theirs.numpy(), ENCODING_TOLERANCE)


def relative(ours: dict[str, torch.Tensor], theirs: Arrays) -> float:
    """Largest difference of any gradient, relative to the largest entry of that gradient."""
    assert set(ours) == set(theirs)
    return max(
        float(np.abs(ours[name].numpy() - theirs[name]).max() / np.abs(theirs[name]).max())
        for name in theirs
    )


@every_way
def test_golden_loss_and_gradients(
    golden: Arrays, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = network_of(golden)
    x = tensor(golden, "input/x")
    z = tensor(golden, "input/z") if network.config.conditional else None
    lengths = tensor(golden, "input/lengths").long()

    def loss_and_gradients() -> tuple[float, dict[str, torch.Tensor]]:
        network.zero_grad()
        mixture, _ = network.decode(x[:, :-1], z, backend=backend)
        L_R = reconstruction_loss(mixture, x[:, 1:], lengths).L_R.mean()
        L_R.backward()
        named = [*network.decoder.named_parameters(), *network.head.named_parameters("head")]
        return L_R.item(), {name: value.grad for name, value in named if value.grad is not None}

    scope = f"grad_L_R/RNN/{TF_CELLS[network.config.decoder_cell]}"
    theirs = cell_arrays(network.decoder, golden, scope) | {
        "head.weight": golden["grad_L_R/RNN/output_w"].T,
        "head.bias": golden["grad_L_R/RNN/output_b"],
    }
    L_R, ours = loss_and_gradients()
    np.testing.assert_allclose(L_R, golden["out/L_R"], rtol=LOSS_TOLERANCE)
    assert relative(ours, theirs) < EPSILON_EFFECT

    exact = Mixture.log_density
    monkeypatch.setattr(
        Mixture,
        "log_density",
        lambda self, offset: torch.log(exact(self, offset).exp() + REFERENCE_EPSILON),
    )
    L_R, ours = loss_and_gradients()
    np.testing.assert_allclose(L_R, golden["out/L_R"], rtol=GRADIENT_TOLERANCE)
    assert relative(ours, theirs) < GRADIENT_TOLERANCE
