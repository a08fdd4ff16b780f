"""The two judges' networks. One sees the picture, the other reads the strokes.

Both answer with a vector of features and, from it, a score a class. Neither knows the other's
input, so what fools one need not fool the other.

Shapes: B drawings, T points, D = WIDTH features.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sketchrnn.judge.reading import POINT

WIDTH = 128  # features of either judge

_PICTURE = (
    (24, 5, 2),
    (48, 3, 2),
    (64, 3, 1),
    (96, 3, 2),
    (96, 3, 1),
    (WIDTH, 3, 2),
    (WIDTH, 3, 1),
)
_NEAR = (64, WIDTH, WIDTH)
_LAYERS, _HEADS, _INNER = 2, 4, 192
_FAR = 10_000.0  # the longest wave of the places


class PictureJudge(nn.Module):
    """A convolutional network on the rendering [B, 64, 64], grey values from 0 to 255.

    Seven convolutions with ReLU; the mean over what is left of the picture is the features. It is
    trained with batch normalisation before each ReLU, which `folded` makes part of the weights.
    """

    def __init__(self, classes: int, *, normalised: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for width, side, stride in _PICTURE:
            layers.append(nn.Conv2d(before, width, side, stride, side // 2, bias=not normalised))
            if normalised:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.ReLU(inplace=True))
            before = width
        self.layers = nn.Sequential(*layers)
        self.answer = nn.Linear(WIDTH, classes)

    def features(self, grey_BHW: Tensor) -> Tensor:
        """[B, D] of grey values [B, 64, 64]."""
        ink = grey_BHW.to(torch.float32)[:, None] / 255
        grid: Tensor = self.layers(ink.contiguous(memory_format=torch.channels_last))
        return grid.mean(dim=(2, 3))

    def folded(self) -> PictureJudge:
        """The same network, in evaluation, without batch normalisation."""
        plain = PictureJudge(self.answer.out_features)
        plain.answer.load_state_dict(self.answer.state_dict())
        convolutions = [layer for layer in self.layers if isinstance(layer, nn.Conv2d)]
        norms = [layer for layer in self.layers if isinstance(layer, nn.BatchNorm2d)]
        targets = [layer for layer in plain.layers if isinstance(layer, nn.Conv2d)]
        for convolution, norm, target in zip(convolutions, norms, targets, strict=True):
            fused = nn.utils.fusion.fuse_conv_bn_eval(convolution.eval(), norm.eval())
            target.load_state_dict(fused.state_dict())
        return plain.eval()


class StrokeJudge(nn.Module):
    """Attention over the points in drawing order [B, T, POINT], the first `lengths` of each valid.

    Three convolutions over neighbouring points, then two layers of attention (normalised before,
    as in GPT-2), with sines of the place; mean and largest over the points make the features.
    """

    def __init__(self, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.near = nn.ModuleList(
            nn.Conv1d(before, after, 5, padding=2) for before, after in pairwise((POINT, *_NEAR))
        )
        self.layers = nn.ModuleList([_Attention(dropout) for _ in range(_LAYERS)])
        self.norm = nn.LayerNorm(WIDTH)
        self.pool = nn.Linear(2 * WIDTH, WIDTH)
        self.answer = nn.Linear(WIDTH, classes)
        self.dropout = dropout

    def features(self, points_BTP: Tensor, lengths_B: Tensor) -> Tensor:
        """[B, D] of the points [B, T, POINT]; what comes after a drawing's length is not read."""
        T = points_BTP.shape[1]
        valid_BT = torch.arange(T, device=points_BTP.device) < lengths_B[:, None]
        mask_BT1 = valid_BT[:, :, None].to(points_BTP.dtype)
        x = points_BTP * mask_BT1
        for layer in self.near:
            x = F.gelu(layer(x.transpose(1, 2)).transpose(1, 2)) * mask_BT1
        x = x + _places(T, x.device)
        seen = valid_BT[:, None, None, :]
        for layer in self.layers:
            x = layer(x, seen)
        x = self.norm(x)
        mean = (x * mask_BT1).sum(dim=1) / lengths_B[:, None]
        most = x.masked_fill(~valid_BT[:, :, None], -torch.inf).amax(dim=1)
        both = F.dropout(torch.cat([mean, most], dim=1), self.dropout, self.training)
        return F.gelu(self.pool(both))


class _Attention(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.asked = nn.Linear(WIDTH, 3 * WIDTH)
        self.given = nn.Linear(WIDTH, WIDTH)
        self.inner_norm = nn.LayerNorm(WIDTH)
        self.inner = nn.Linear(WIDTH, _INNER)
        self.outer = nn.Linear(_INNER, WIDTH)
        self.dropout = dropout

    def forward(self, x_BTD: Tensor, seen: Tensor) -> Tensor:
        B, T, _ = x_BTD.shape
        three = self.asked(self.norm(x_BTD)).view(B, T, 3, _HEADS, WIDTH // _HEADS)
        q, k, v = three.permute(2, 0, 3, 1, 4)
        read = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        read = self.given(read.transpose(1, 2).reshape(B, T, WIDTH))
        x_BTD = x_BTD + F.dropout(read, self.dropout, self.training)
        inner = self.outer(F.gelu(self.inner(self.inner_norm(x_BTD))))
        return x_BTD + F.dropout(inner, self.dropout, self.training)


def _places(T: int, device: torch.device) -> Tensor:
    """Sines and cosines of the place in the sequence [T, D] (Vaswani et al. 2017, section 3.5)."""
    half = WIDTH // 2
    place = torch.arange(T, device=device, dtype=torch.float32)[:, None]
    rate = _FAR ** (-torch.arange(half, device=device, dtype=torch.float32) / half)
    return torch.cat([(place * rate).sin(), (place * rate).cos()], dim=1)
