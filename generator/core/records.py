"""The records that travel from the pictures to the pages."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

MANIFEST_VERSION = 1
LAST = 10_000  # the order of what states none


# --- what goes in ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Example:
    """One picture of the curated set, with what is known about it."""

    id: str  # a slug
    path: str  # the file; stays on this machine, never published
    title: str
    digest: str  # SHA-256 of the file's bytes
    size: tuple[int, int]  # width, height as seen (after EXIF orientation)
    credit: str = ""
    licence: str = ""
    source: str = ""
    alt: str = ""
    sets: tuple[str, ...] = ()
    targets: dict[str, str] = field(default_factory=dict)  # vocabulary -> class name
    note: str = ""  # what to notice in it, and what the reader did to it: "first frame of 12"
    background: str = ""  # "#rrggbb" under its transparency and around its padding; "" leaves it to the input
    fit: str = ""  # "crop" or "pad"; "" leaves it to the input
    frame: int = 0  # which frame, page or slice of the file, from 1; 0: the first, or the only one
    box: tuple[int, ...] = ()  # left, top, right, bottom of the thing, in pixels as seen; () where it is not said
    mask: str = ""  # a file that is white where the thing is; stays on this machine
    mask_digest: str = ""  # SHA-256 of its bytes


@dataclass(frozen=True)
class Input:
    """What a network wants to see: `(channels, height, width)` and how a photo becomes that."""

    size: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: str = "crop"  # "crop": shorter side to `resize`, centre crop; "pad": whole photo on the background; "native"
    resize: int = 0  # shorter side before a crop; 0 means the larger of height and width
    interpolation: str = "bilinear"  # or "bicubic"
    background: tuple[int, int, int] = (255, 255, 255)  # under transparency and around padding
    range: tuple[float, ...] = ()  # of measured values: what becomes 0 and 1; () is all that their type holds
    display: tuple[int, ...] = ()  # the channels that are shown, from 1: one, or red, green and blue; () the first

    @property
    def canvas(self) -> int:
        """Pixels a side of a picture painted from noise: half as large again as the input, at most 128."""
        return min(128, 3 * max(self.size[1:]) // 2)


@dataclass(frozen=True)
class Network:
    """How to build one network; plain data, so that it can cross to a worker process."""

    name: str  # as the user wrote it; its slug is the model's permalink
    source: str  # "bundled:vgg-cifar10", "torchvision:alexnet" or "package.module:function"
    title: str = ""
    weights: str = ""  # a file, a torchvision weights enum member, "random" or "" for the default
    folder: str = ""  # the gallery's folder: relative files and modules are looked up there
    input: Input | None = None  # None: the source knows
    classes: tuple[str, ...] = ()  # (): the source knows
    vocabulary: str = ""  # which of an image's `targets` speaks this network's language
    layer: str = ""  # the CAM layer, when the default is not wanted
    seed: int = 0  # for random weights
    derive: tuple[tuple[str, float], ...] = ()  # (("prune-global", 0.5),): what is done to it after loading
    checkpoints: str = ""  # a folder of checkpoints of its training
    native: bool = False  # pictures at their own size
    output: str = ""  # what it answers with: classes, binary, labels, value or mask; "" finds it
    output_key: str = ""  # the member of what it returns that holds the scores; "" finds it
    threshold: float = 0.5  # the probability from which a binary answer is positive, and a label is there
    unit: str = ""  # of a value
    constants: tuple[tuple[str, str], ...] = ()  # what its forward wants besides pictures: name and value, as JSON
    text: str = ""  # a file of vectors, one per class, which are the head of an image tower
    text_scale: float = 0.0  # by which their cosine similarities are multiplied; 0: the checkpoint's, else CLIP's 100


# --- what a worker tells about networks and methods -------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """One tensor of the forward pass: the output of a torch.nn module or of a call no module owns."""

    name: str  # "features.0", "layer4.1.relu@2" (second call), "layer1.0.add@1" (no module's)
    type: str  # "Conv2d", "relu", "add"
    kind: str  # conv norm activation pool linear join identity softmax other
    shape: tuple[int, ...]  # without the images: (K, h, w) with space, (K,) of a vector, else (R, C) cells
    parameters: int = 0
    macs: int = 0
    receptive_field: tuple[int, int] | None = None  # height, width in input pixels; None: the whole input
    stage: int = 0  # index into ModelCard.stages
    jump: tuple[int, int] | None = None  # input pixels down and right from one value's field to the next one's
    start: tuple[int, int] | None = None  # row and column where the first value's field begins; negative in the padding
    layout: str = ""  # how the network holds it, where that is not (K, h, w): "channels last, 14 x 14 x 96"
    heads: int = 0  # of attention whose weights it holds or whose result it takes, where their places are known


@dataclass(frozen=True)
class Stage:
    """One step of the walk through a network: the picture worth showing and the layers folded under it."""

    title: str  # "conv 64", "pool", "vector of 512", "10 classes"
    layer: str  # the layer whose picture stands for the stage
    layers: tuple[str, ...]


@dataclass(frozen=True)
class ModelCard:
    """What the parent and the pages must know of a network."""

    slug: str
    name: str
    title: str
    source: str
    digest: str  # SHA-256 over names, shapes and bytes of all weights, and over the code of a `module:function`
    input: Input
    vocabulary: str
    classes: tuple[str, ...]
    parameters: int
    nonzero: int  # of the parameters
    macs: int
    layers: tuple[Layer, ...]
    stages: tuple[Stage, ...]
    default_layer: str  # "" where no tensor has space
    rectifiers: str  # "8 of 8 rectifiers", "undefined: GELU"
    passes_seconds: float = 0.0  # one forward pass on the machine that described it: for prices, not published
    one_at_a_time: bool = False  # it takes no two pictures in a pass; not published, the note says it
    accuracy: dict[str, Any] = field(default_factory=dict)  # {"top1", "images", "data"} from the model card file
    note: str = ""
    derived_from: str = ""  # slug of the network it was made from, for comparisons
    pruning: dict[str, Any] = field(default_factory=dict)  # the curve that `generator.pruning` measured of its weights
    checkpoints: int = 0  # of its training, at hand
    becoming: str = ""  # digest of what is known of the epochs of its training; not published
    output: dict[str, Any] = field(default_factory=lambda: {"kind": "classes"})  # kind, threshold, unit, squash, key
    ranking: dict[str, Any] = field(default_factory=dict)  # of methods over labelled pictures, by `generator.contest`
    statistics: dict[str, Any] = field(default_factory=dict)  # of answers and channels over a whole data set


@dataclass(frozen=True)
class StyleCard:
    """Describe a way of drawing to all who do not draw: names and flags that planner, pages and scripts read."""

    name: str
    look: str = "map"  # how a page lays the picture out: map, sprite, strip or photo
    values: str = "map"  # how a result is kept: "map" (float32), "channels" (8 bits), "colours" (float16, 0 to 1)
    kernels: bool = False  # its tiles are kernels (K, C, h, w): in their own colours where C is 3, else slices
    shares_scale: bool = False  # pictures that differ in nothing but the target end their scale at one value
    ramp: str = ""  # of its colours: green signed "by sign" grey heat colour; "" where they are no scale
    zero_white: bool = False
    over_photo: bool = False  # drawn over the photo; the file "map" holds the values alone
    reads: str = ""  # how codes of a PNG become values again: channels signed between colours; "" where they cannot
    reads_from: str = "file"  # which file of a figure holds these codes: "file" or "map"
    difference: str = ""  # the style that draws right - left of maps: "signed" or "colour"; "" where none is drawn
    axes: int = 0  # of the array that is subtracted
    pairs: bool = False  # two networks' pictures are drawn side by side
    counts: str = ""  # what counts in its values as evidence: "value", "size", or "" where it is not measured
    described: bool = True  # its text alternative says where the values are largest, or that all are equal
    key: str = ""  # digest of the code that draws it


@dataclass(frozen=True)
class MethodCard:
    """A method as its page and the planner see it; the text comes from its docstring."""

    slug: str
    title: str
    family: str  # inside gradient cam perturbation optimisation pair
    style: StyleCard  # how its array becomes a picture
    cites: str
    summary: str  # first sentence
    text: str  # the docstring's body in plain paragraphs
    formula: str  # in Unicode, one line or a few
    reading: str  # "How to read it"
    limits: str  # "Where it misleads"
    inputs: tuple[str, ...]
    axes: tuple[str, ...]  # along which it varies: of image, layer, target, style
    parameters: dict[str, Any]
    at: str  # which layers, where it varies along them: "default", "every", "stages", "units" or a kind ("conv")
    preset: str  # the smallest preset that holds it: quick standard full
    passes: float  # price of one job in forward passes beyond those that the scene shares
    key: str  # digest of its code and all it imports from the generator
    per: tuple[str, ...] = ()  # parameters that multiply `passes`
    accepts: dict[str, tuple[str, ...]] = field(default_factory=dict)  # what a parameter may be: words, `<int>`
    bounds: dict[str, tuple[float, float]] = field(default_factory=dict)  # the least and the most it may be
    counts: str = ""  # what counts in its map as evidence: "value", "size", or "" where it is not measured
    order: int = LAST  # among all methods, on pages and in the manifest
    film: str = ""  # what its animation shows, in words that go on after "Play"
    roles: tuple[str, ...] = ()  # what it stands for on pages and in the pipeline: names of core.roles.ROLES

    @property
    def draw(self) -> str:
        """The name of its style."""
        return self.style.name


@dataclass(frozen=True)
class MeasureCard:
    """A measure of faithfulness, as the pages and the planner see it; text as of a MethodCard."""

    slug: str
    title: str
    better: str  # which end of the score is the good one: "low", "high" or ""
    cites: str
    summary: str
    text: str
    formula: str
    reading: str
    limits: str
    inputs: tuple[str, ...]
    parameters: dict[str, Any]
    preset: str  # the smallest preset that measures it: quick standard full
    passes: float  # price of one map in forward passes,
    runs: float  # and in runs of the method that makes it
    key: str  # digest of its code and all it imports from the generator
    accepts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    bounds: dict[str, tuple[float, float]] = field(default_factory=dict)
    order: int = LAST  # among all measures


@dataclass(frozen=True)
class ControlCard:
    """A map that knows nothing of any network, measured beside the methods."""

    slug: str
    title: str
    summary: str
    key: str  # digest of its code


# --- what comes out ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """One array to make: a method applied to an image by a model, at a layer, for a target."""

    model: str  # slugs
    image: str
    method: str
    layer: str = ""  # the layer's own name
    target: str = ""  # "class:frog", "top", "rival", "contrast:frog:deer"; "" where no class is involved
    style: str = ""  # id of the picture whose style is wanted, or a block of channels: "channels-16-31"
    key: str = ""  # of the array, in the store


@dataclass(frozen=True)
class Figure:
    """One entry of the manifest: a picture, a job that failed or a method with nothing to say."""

    id: str  # figure_name(...)
    model: str
    image: str
    method: str
    status: str  # "drawn", "failed", "inapplicable"
    layer: str = ""
    target: dict[str, Any] | None = None  # {"name", "index", "probability", "role": label|rival|top|class|contrast}
    style: str = ""
    file: str = ""  # relative to the gallery folder
    thumb: str = ""
    map: str = ""  # of an overlay: the bare map at its own size, to be laid over the input by the browser
    animation: str = ""  # how the result came about, where the method shows it; `file` is its last frame
    array: str = ""  # its raw values as .npy, where these are few
    page: str = ""
    width: int = 0
    height: int = 0
    shape: tuple[int, ...] = ()  # of the raw array
    range: tuple[float, float] | None = None  # of the raw array: smallest, largest
    scale: tuple[float, float] | None = None  # values at the two ends of the colour scale
    clipped: float = 0.0  # share of values beyond the scale
    sprite: dict[str, Any] | None = None  # {"channels", "columns", "rows", "tile": [w, h], "gap", "factor", "reduced"}
    numbers: dict[str, Any] = field(default_factory=dict)
    evidence: dict[str, dict[str, Any]] = field(default_factory=dict)  # measure -> {"score", ...}
    alt: str = ""
    note: str = ""
    reason: str = ""
    keys: dict[str, str] = field(default_factory=dict)  # {"array", "picture"}
    digest: str = ""  # SHA-256 of the picture file


def record(value: Any) -> dict[str, Any]:
    """Return a dataclass as a plain dictionary, ready for JSON."""
    return asdict(value)
