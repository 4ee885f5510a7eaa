"""Networks of strangers: every way in which one can be odd or bad, as functions that gallery.yml may name."""

import os
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F


class Base(nn.Module):
    """Two convolutions, a mean and a linear layer; the others change one thing."""

    def __init__(self, channels=3, width=4, classes=3):
        super().__init__()
        torch.manual_seed(7)
        self.one = nn.Conv2d(channels, width, 3, padding=1)
        self.two = nn.Conv2d(width, width, 3, padding=1)
        self.fc = nn.Linear(width, classes)

    def maps(self, x):
        return F.relu(self.two(F.relu(self.one(x))))

    def forward(self, x):
        return self.fc(self.maps(x).mean((2, 3)))


def plain():
    return Base()


# --- odd, but to be drawn -----------------------------------------------------------------------------


class Tuple(Base):
    def forward(self, x):
        return super().forward(x), {"more": x}


class Dictionary(Base):
    def forward(self, x):
        scores = super().forward(x)
        return {"aux": scores * 0, "logits": scores}


class Shared(Base):
    def __init__(self):
        super().__init__()
        self.two = nn.Conv2d(4, 4, 3, padding=1)
        self.three = self.two

    def maps(self, x):
        return F.relu(self.three(super().maps(x)))


class Dynamic(Base):
    """Has one layer more where the picture is bright."""

    def maps(self, x):
        maps = super().maps(x)
        return F.relu(self.two(maps)) if x.mean() > 0 else maps


class Counting(Base):
    """Every pass is weaker than the one before; keeps a list, a tensor and a number."""

    def __init__(self):
        super().__init__()
        self.calls, self.seen, self.last = 0, [], torch.zeros(1)

    def forward(self, x):
        self.calls += 1
        self.seen.append(float(x.detach().sum()))
        self.last, self.late = self.last + 1, x.detach()
        return super().forward(x) / self.calls


class Random(Base):
    """Drops values also when it is not trained."""

    def maps(self, x):
        return F.dropout(super().maps(x), 0.5)


class AlwaysTraining(Base):
    """Normalises by the batch it sees, and goes back to training at every pass."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(4)

    def maps(self, x):
        self.train()
        return self.norm(super().maps(x))


class OneAtATime(Base):
    """Takes a batch of one and no other."""

    def forward(self, x):
        return self.fc(self.maps(x).mean((2, 3)).view(1, 4))


class Grey(Base):
    def __init__(self):
        super().__init__(channels=1)


class Wide(Base):
    def __init__(self):
        super().__init__(width=700)


class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(7)
        self.fc = nn.Linear(360, 3)

    def forward(self, x):
        return self.fc(x.flatten(1))


def in_training():
    return nn.Sequential(Base(), nn.Dropout(0.9)).train()


class Infinite(Base):
    """Not all values of a layer are finite, but all logits are."""

    def maps(self, x):
        maps = super().maps(x)
        maps = F.relu(maps / torch.where(maps > 0.2, 1.0, 0.0))
        return maps.nan_to_num(0, 0, 0)


# --- bad ----------------------------------------------------------------------------------------------


def unmade():
    raise ValueError("cannot\nbe \x1b[31mmade")


def nothing():
    return None


class Raising(Base):
    def forward(self, x):
        raise KeyError("<script>canary()</script>")


class RaisingForAPicture(Base):
    """Only a real picture is too much for it: a grey one is what it is described with."""

    def forward(self, x):
        if x.std() > 0:
            raise IndexError("fell over")
        return super().forward(x)


class Scalar(Base):
    def forward(self, x):
        return super().forward(x).sum()


class Map(Base):
    def forward(self, x):
        return self.maps(x).mean(1)


class Words(Base):
    def forward(self, x):
        return "a cat"


class Broken(Base):
    """From the second convolution on nothing is a number, for a real picture."""

    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()

    def maps(self, x):
        maps = self.two(self.relu(self.one(x)))
        return self.relu(maps * (float("nan") if x.std() > 0 else 1))


def overflowing():
    net = Base()
    with torch.no_grad():
        net.two.weight.fill_(float("inf"))
    return net


class Hungry(Base):
    """Needs more memory for more samples than it says."""

    most, words = 2, "[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: you tried a lot"

    def forward(self, x):
        if len(x) > self.most:
            raise RuntimeError(self.words)
        return super().forward(x)


class Starving(Hungry):
    """Not even for one."""

    def forward(self, x):
        if x.std() > 0 or len(x) > 1:
            raise MemoryError
        return super().forward(x)


class Hanging(Base):
    """Never comes back from a real picture called two: the brighter one."""

    def forward(self, x):
        if x.mean() > 0.5:
            Path("hangs").write_text(str(os.getpid()))
            time.sleep(3600)
        return super().forward(x)
