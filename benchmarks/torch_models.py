"""The CAE and the RAE in plain PyTorch, layer for layer those of `cagewatch.detectors.networks`."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def conv(inside: int, outside: int, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Module:
    """Convolution, batch norm, LeakyReLU."""
    pad = dilation * (kernel - 1) // 2
    layer = nn.Conv2d(inside, outside, kernel, stride, pad, dilation)
    return nn.Sequential(layer, nn.BatchNorm2d(outside), nn.LeakyReLU(0.2))


def transposed(inside: int, outside: int, kernel: int, stride: int = 1) -> nn.Module:
    """Transposed convolution, batch norm, LeakyReLU; `stride` enlarges rows and columns."""
    layer = nn.ConvTranspose2d(inside, outside, kernel, stride, kernel // 2, stride - 1)
    return nn.Sequential(layer, nn.BatchNorm2d(outside), nn.LeakyReLU(0.2))


class Cae(nn.Module):
    """{stream: (n, 1, rows, columns)} to the same; time is folded into n."""

    def __init__(self, streams: tuple[str, ...]) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(
            {
                name: nn.Sequential(conv(1, 64, 5, 2), conv(64, 48, 5, 2), conv(48, 32, 3, 1, 2),
                                    conv(32, 16, 3, 1, 2))
                for name in streams
            }
        )  # fmt: skip
        self.fuse = conv(16 * len(streams), 16, 3)
        self.decoders = nn.ModuleDict(
            {
                name: nn.Sequential(transposed(16, 32, 3), transposed(32, 48, 5, 2),
                                    transposed(48, 64, 5, 2), nn.Conv2d(64, 1, 3, padding=1),
                                    nn.Sigmoid())
                for name in streams
            }
        )  # fmt: skip

    def forward(self, frames: dict[str, Tensor]) -> dict[str, Tensor]:
        """Reconstruct every frame."""
        fused = self.fuse(torch.cat([self.encoders[s](x) for s, x in frames.items()], 1))
        return {s: decoder(fused) for s, decoder in self.decoders.items()}


class Down(nn.Module):
    """Two 3x3x3 convolutions around a 1x1x1 shortcut, after enlarging by `up`."""

    def __init__(self, inside: int, outside: int, stride=1, up=None) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=up) if up else nn.Identity()
        self.main = nn.Sequential(
            nn.Conv3d(inside, outside, 3, stride, 1), nn.BatchNorm3d(outside), nn.LeakyReLU(0.2),
            nn.Conv3d(outside, outside, 3, 1, 1), nn.BatchNorm3d(outside),
        )  # fmt: skip
        self.shortcut = nn.Sequential(
            nn.Conv3d(inside, outside, 1, stride), nn.BatchNorm3d(outside)
        )

    def forward(self, x: Tensor) -> Tensor:
        """One residual block."""
        x = self.up(x)
        return nn.functional.leaky_relu(self.main(x) + self.shortcut(x), 0.2)


class Rae(nn.Module):
    """{stream: (n, 1, time, rows, columns)} to the same."""

    def __init__(self, streams: tuple[str, ...]) -> None:
        super().__init__()
        half, whole = (1, 2, 2), (2, 2, 2)
        self.encoders = nn.ModuleDict(
            {s: nn.Sequential(Down(1, 32, half), Down(32, 64, whole), Down(64, 96, whole))
             for s in streams}
        )  # fmt: skip
        self.fuse = nn.Sequential(
            nn.Conv3d(96 * len(streams), 64, 3, padding=1), nn.BatchNorm3d(64), nn.LeakyReLU(0.2)
        )
        self.decoders = nn.ModuleDict(
            {s: nn.Sequential(Down(64, 96, up=whole), Down(96, 64, up=whole), Down(64, 32, up=half),
                              nn.Conv3d(32, 1, 3, padding=1), nn.Sigmoid())
             for s in streams}
        )  # fmt: skip

    def forward(self, clips: dict[str, Tensor]) -> dict[str, Tensor]:
        """Reconstruct every clip."""
        fused = self.fuse(torch.cat([self.encoders[s](x) for s, x in clips.items()], 1))
        return {s: decoder(fused) for s, decoder in self.decoders.items()}
