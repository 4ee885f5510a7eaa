"""The records of the manifest as types, made from its schema by `tests/pipeline/test_manifest_types.py`.

Change `pipeline/manifest.schema.json`, then run that file. A page that reads a key which no record has is an error of
the type checker.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class SiteRecord(TypedDict):
    """What the manifest holds as SiteRecord."""

    title: str
    url: str
    description: str


class ModelInput(TypedDict):
    """What the manifest holds as ModelInput."""

    size: list[int]
    mean: list[float]
    std: list[float]
    fit: str
    resize: int
    interpolation: str
    background: list[int]
    range: NotRequired[list[float]]
    display: NotRequired[list[int]]


class ModelLayer(TypedDict):
    """What the manifest holds as ModelLayer."""

    name: str
    type: str
    kind: Literal["conv", "norm", "activation", "pool", "linear", "join", "identity", "softmax", "other"]
    shape: list[int]
    parameters: int
    macs: int
    receptive_field: list[int] | None
    jump: NotRequired[list[int] | None]
    start: NotRequired[list[int] | None]
    layout: NotRequired[str]
    heads: NotRequired[int]
    stage: int


class ModelStage(TypedDict):
    """What the manifest holds as ModelStage."""

    title: str
    layer: str
    layers: list[str]


class ModelAccuracy(TypedDict):
    """Of the model card beside the weights; empty where there is none."""

    top1: NotRequired[float]
    top5: NotRequired[float]
    loss: NotRequired[float]
    images: NotRequired[int]
    data: NotRequired[str]
    note: NotRequired[str]


class ModelOutput(TypedDict):
    """What the network answers with, and how it is read."""

    kind: Literal["classes", "binary", "labels", "value", "mask"]
    threshold: NotRequired[float | None]
    unit: NotRequired[str]
    squash: NotRequired[str]
    key: NotRequired[str]


class ModelPruningPoint(TypedDict):
    """What the manifest holds as ModelPruningPoint."""

    scope: str
    sparsity: float
    top1: float
    agreement: NotRequired[float]
    nonzero: NotRequired[int]
    correlation: dict[str, float]


class ModelPruningWhole(TypedDict):
    """What the manifest holds as ModelPruningWhole."""

    scope: str
    sparsity: float
    top1: float
    images: int


class ModelPruning(TypedDict):
    """The accuracy of pruned copies; empty where it was not measured."""

    data: NotRequired[str]
    images: NotRequired[int]
    shown: NotRequired[int]
    points: NotRequired[list[ModelPruningPoint]]
    whole: NotRequired[list[ModelPruningWhole]]


class ModelRankingMeasures(TypedDict):
    """What the manifest holds as ModelRankingMeasures."""

    method: str
    rank: int
    mean: float
    low: float
    high: float
    images: int
    beats: list[str]


class ModelRanking(TypedDict):
    """Of methods over labelled pictures, by innerview rank; empty where there is none."""

    data: NotRequired[str]
    images: NotRequired[int]
    right: NotRequired[int]
    bootstrap: NotRequired[int]
    sampling: NotRequired[str]
    controls: NotRequired[list[str]]
    measures: NotRequired[dict[str, list[ModelRankingMeasures]]]


class ModelRecord(TypedDict):
    """What the manifest holds as ModelRecord."""

    slug: str
    name: str
    title: str
    source: str
    digest: str
    input: ModelInput
    vocabulary: str
    classes: list[str]
    parameters: int
    macs: int
    layers: list[ModelLayer]
    stages: list[ModelStage]
    default_layer: str
    rectifiers: str
    accuracy: ModelAccuracy
    note: str
    derived_from: str
    output: NotRequired[ModelOutput]
    statistics: NotRequired[dict[str, Any]]
    pruning: NotRequired[ModelPruning]
    ranking: NotRequired[ModelRanking]
    nonzero: int


class StyleRecord(TypedDict):
    """What the manifest holds as StyleRecord."""

    name: str
    look: NotRequired[Literal["map", "sprite", "strip", "photo"]]
    values: NotRequired[Literal["map", "channels", "colours"]]
    kernels: NotRequired[bool]
    shares_scale: NotRequired[bool]
    ramp: NotRequired[Literal["green", "signed", "by sign", "grey", "heat", "colour", ""]]
    zero_white: NotRequired[bool]
    over_photo: NotRequired[bool]
    reads: NotRequired[Literal["channels", "signed", "between", "colours", ""]]
    reads_from: NotRequired[Literal["file", "map"]]
    difference: NotRequired[Literal["signed", "colour", ""]]
    axes: NotRequired[int]
    pairs: NotRequired[bool]
    counts: NotRequired[Literal["value", "size", ""]]
    described: NotRequired[bool]
    key: NotRequired[str]


class MethodRecord(TypedDict):
    """What the manifest holds as MethodRecord."""

    slug: str
    title: str
    family: str
    draw: str
    cites: str
    summary: str
    text: str
    formula: str
    reading: str
    limits: str
    inputs: list[str]
    axes: list[str]
    parameters: dict[str, Any]
    at: str
    preset: str
    passes: float
    key: str
    per: NotRequired[list[str]]
    accepts: NotRequired[dict[str, list[str]]]
    bounds: NotRequired[dict[str, list[float]]]
    order: NotRequired[int]
    film: NotRequired[str]
    counts: NotRequired[Literal["value", "size", ""]]
    roles: NotRequired[list[str]]


class ImageRecord(TypedDict):
    """What the manifest holds as ImageRecord."""

    id: str
    title: str
    digest: str
    size: list[int]
    credit: str
    licence: str
    source: str
    alt: str
    sets: list[str]
    targets: dict[str, str]
    note: str
    background: NotRequired[str]
    fit: NotRequired[str]
    frame: NotRequired[int]
    box: NotRequired[list[int]]
    mask_digest: NotRequired[str]
    photo: str
    thumb: str


class UnreadableRecord(TypedDict):
    """What the manifest holds as UnreadableRecord."""

    id: str
    reason: str


class ValueRecord(TypedDict):
    """What a network answers that answers with a value."""

    name: str
    value: float
    unit: str


class MaskRecord(TypedDict):
    """A class that a network predicts in a part of a picture."""

    name: str
    index: int
    share: float


class ProbabilityRecord(TypedDict):
    """Of one class."""

    name: str
    index: int
    probability: float


class PredictionRecord(TypedDict):
    """What the manifest holds as PredictionRecord."""

    model: str
    image: str
    label: str | None
    label_probability: float | None
    correct: bool | None
    kind: NotRequired[Literal["classes", "binary", "labels", "value", "mask"]]
    above: NotRequired[list[str]]
    values: NotRequired[list[ValueRecord]]
    shares: NotRequired[list[MaskRecord]]
    top: list[ProbabilityRecord]


class FigureTarget(TypedDict):
    """What the manifest holds as FigureTarget."""

    name: str
    slug: NotRequired[str]
    index: int
    probability: NotRequired[float | None]
    role: str


class SpriteRecord(TypedDict):
    """How the channels lie in the picture."""

    channels: int
    columns: int
    rows: int
    tile: list[int]
    gap: int
    factor: NotRequired[int]
    reduced: NotRequired[float]
    shown: NotRequired[list[int]]
    patches: NotRequired[int]
    side: NotRequired[int]
    lines: NotRequired[int]


class EvidenceRecord(TypedDict):
    """What the manifest holds as EvidenceRecord."""

    score: float
    curve: NotRequired[list[float]]
    layers: NotRequired[list[int]]


class FigureRecord(TypedDict):
    """A picture, a job that failed, or a method with nothing to say."""

    id: str
    model: str
    image: str
    method: str
    status: Literal["drawn", "failed", "inapplicable"]
    layer: str
    target: FigureTarget | None
    style: NotRequired[str]
    file: str
    thumb: str
    map: NotRequired[str]
    animation: NotRequired[str]
    array: NotRequired[str]
    page: str
    width: int
    height: int
    shape: list[int | list[Any]]
    range: list[float | None] | None
    scale: list[float | None] | None
    clipped: float
    sprite: SpriteRecord | None
    numbers: dict[str, Any]
    evidence: NotRequired[dict[str, EvidenceRecord]]
    alt: str
    note: str
    reason: str
    keys: dict[str, str]
    digest: str


class ClassMeanRecord(TypedDict):
    """What the manifest holds as ClassMeanRecord."""

    model: str
    name: str
    index: int
    method: str
    layer: str
    images: int
    zero: int
    file: str
    width: int
    height: int
    shape: list[int]
    scale: list[float]
    key: str
    digest: str


class ShareRecord(TypedDict):
    """What the manifest holds as ShareRecord."""

    page: str
    file: str
    width: int
    height: int
    alt: str
    digest: str


class MeasureRecord(TypedDict):
    """What the manifest holds as MeasureRecord."""

    slug: str
    title: str
    better: Literal["low", "high", ""]
    summary: str
    text: str
    formula: str
    reading: str
    limits: str
    cites: str


class ControlMeasured(TypedDict):
    """What the manifest holds as ControlMeasured."""

    model: str
    image: str
    evidence: dict[str, EvidenceRecord]


class ControlRecord(TypedDict):
    """What the manifest holds as ControlRecord."""

    slug: str
    title: str
    summary: str
    measured: list[ControlMeasured]


class ProbeInput(TypedDict):
    """Per channel of the normalised images."""

    mean: list[float]
    spread: list[float]


class ProbeNorm(TypedDict):
    """What the manifest holds as ProbeNorm."""

    layer: str
    shift: float
    ratio: float


class ProbeBroken(TypedDict):
    """What the manifest holds as ProbeBroken."""

    name: str
    count: int
    channels: list[int]


class ProbeAnswer(TypedDict):
    """What the manifest holds as ProbeAnswer."""

    name: str
    count: int


class ProbeConfused(TypedDict):
    """What the manifest holds as ProbeConfused."""

    label: str
    said: str
    count: int


class AnswerRecord(TypedDict):
    """What a network said to one image of a probe."""

    number: int
    name: str
    label: str
    label_probability: float | None
    said: str
    probability: float
    second: str
    second_probability: float


class ProbeSheet(TypedDict):
    """What the manifest holds as ProbeSheet."""

    file: str
    side: int
    columns: int
    width: int
    height: int


class ProbeLayerRaising(TypedDict):
    """The channels that raise each class's score most, class by class."""

    images: int
    channels: list[list[int]]
    effects: list[list[float]]


class ProbeLayer(TypedDict):
    """What the manifest holds as ProbeLayer."""

    layer: str
    channels: int
    dead: list[int]
    constant: list[int]
    broken: list[int]
    twins: list[list[float]]
    images: NotRequired[int]
    zeros: float
    bound: float
    raising: NotRequired[ProbeLayerRaising]


class ProbeRecord(TypedDict):
    """What the manifest holds as ProbeRecord."""

    model: str
    data: str
    images: int
    labelled: int
    correct: int
    unanswered: NotRequired[int]
    unreadable: NotRequired[list[str]]
    input: NotRequired[ProbeInput]
    norms: NotRequired[list[ProbeNorm]]
    broken: NotRequired[list[ProbeBroken]]
    classes: NotRequired[list[str]]
    answers: NotRequired[list[ProbeAnswer]]
    confusion: list[list[int]] | None
    labels: NotRequired[list[int] | None]
    confused: NotRequired[list[ProbeConfused]]
    wrong: list[AnswerRecord]
    unsure: list[AnswerRecord]
    sheet: ProbeSheet | None
    layers: list[ProbeLayer]


ComparisonNumbers = TypedDict(
    "ComparisonNumbers",
    {
        "correlation": "float",
        "relative difference": "float",
    },
)


class ComparisonRecord(TypedDict):
    """What the manifest holds as ComparisonRecord."""

    id: str
    models: list[str]
    image: str
    method: str
    layer: str
    target: str
    figures: list[str]
    files: dict[str, str]
    width: int
    height: int
    scale: list[float]
    sprite: NotRequired[SpriteRecord | None]
    numbers: ComparisonNumbers


class ChangesAnswer(TypedDict):
    """What the manifest holds as ChangesAnswer."""

    model: str
    image: str
    label: str | None
    before: ProbabilityRecord | ValueRecord | MaskRecord
    after: ProbabilityRecord | ValueRecord | MaskRecord


ChangesFigureNumbers = TypedDict(
    "ChangesFigureNumbers",
    {
        "correlation": "NotRequired[float]",
        "relative difference": "NotRequired[float]",
        "largest difference": "NotRequired[float]",
        "ssim": "NotRequired[float]",
    },
)


class ChangesFigure(TypedDict):
    """What the manifest holds as ChangesFigure."""

    id: str
    kind: Literal["changed", "new", "gone"]
    model: str
    image: str
    method: str
    layer: str
    target: str
    status: list[str]
    scales: NotRequired[list[list[float | None] | None]]
    size: NotRequired[list[int]]
    reason: NotRequired[str]
    numbers: NotRequired[ChangesFigureNumbers]
    values: NotRequired[Literal["stored", "decoded", ""]]
    because: NotRequired[list[str]]
    files: NotRequired[dict[str, str]]


class ChangesRecord(TypedDict):
    """What changed from the gallery that this one was built against."""

    counts: dict[str, int]
    parts: dict[str, dict[str, list[str]]]
    versions: list[list[str]]
    answers: list[ChangesAnswer]
    figures: list[ChangesFigure]


class PinRecord(TypedDict):
    """What the manifest holds as PinRecord."""

    figure: str
    file: str
    digest: str
    current: bool


class LiveRecord(TypedDict):
    """What the manifest holds as LiveRecord."""

    model: str
    file: str
    bytes: int


class Manifest(TypedDict):
    """What a published gallery holds."""

    format: Literal["innerview-manifest"]
    version: Literal[1]
    generator: dict[str, str]
    site: SiteRecord
    models: list[ModelRecord]
    styles: NotRequired[list[StyleRecord]]
    methods: list[MethodRecord]
    images: list[ImageRecord]
    unreadable: NotRequired[list[UnreadableRecord]]
    predictions: list[PredictionRecord]
    figures: list[FigureRecord]
    class_means: NotRequired[list[ClassMeanRecord]]
    shares: NotRequired[list[ShareRecord]]
    measures: NotRequired[list[MeasureRecord]]
    controls: NotRequired[list[ControlRecord]]
    probes: NotRequired[list[ProbeRecord]]
    comparisons: NotRequired[list[ComparisonRecord]]
    changes: NotRequired[ChangesRecord]
    pins: NotRequired[list[PinRecord]]
    live: NotRequired[list[LiveRecord]]
