"""What notebooks use: arrays, pictures and figures of one network and one picture, as the docs show it."""

import base64
import re
import shutil
import subprocess
import sys
import tomllib

import numpy as np
import pytest
import torch
import visiting_package
from PIL import Image
from torch import nn

import generator
from generator import load, look
from generator.core import plugins
from generator.core.errors import ConfigError, InnerviewError, NotApplicable
from generator.core.records import Input

GREY = Input((1, 12, 12), (0.5,), (0.25,))


@pytest.fixture(scope="module")
def network():
    """The bundled network."""
    return load("vgg-cifar10")


@pytest.fixture(scope="module")
def seen(network, repository):
    """What it sees in the cat."""
    return look(
        network,
        repository / "generator" / "config" / "new_gallery" / "images" / "chelsea.jpg",
        label="cat",
        title="<Chelsea>",
    )


def test_importing_it_waits_for_no_torch():
    code = "import sys, generator; assert 'torch' not in sys.modules; dir(generator); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert set(generator.__all__) <= set(dir(generator))
    with pytest.raises(AttributeError, match="no attribute 'lok'"):
        generator.lok  # noqa: B018


@pytest.mark.parametrize("page", ["library.md"])
def test_every_example_of_the_docs_runs(page, repository, tmp_path, monkeypatch):
    shutil.copyfile(
        repository / "generator" / "config" / "new_gallery" / "images" / "chelsea.jpg", tmp_path / "photo.jpg"
    )
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (repository / "site_src/docs" / page).read_text(), re.M | re.S)
    names = {}
    assert len(blocks) > 8
    for block in blocks:
        exec(block, names)
    assert (tmp_path / "frog.png").is_file()
    assert "cat" in names["seen"]._repr_html_()


def test_an_array_is_what_the_method_returned(network, seen):
    heat = seen.array("grad-cam", target="cat")
    assert heat.dtype == np.float32 and heat.shape == (4, 4) and heat.max() > 0
    assert not np.array_equal(heat, seen.array("grad-cam", target="frog"))
    assert np.array_equal(seen.array("grad-cam"), seen.array("grad-cam", target="label"))  # it says cat, rightly
    x = network.worker._loaded[1].model
    layer = seen.array("activations", layer=network.layers[0])
    assert layer.shape == network.card.layers[0].shape and isinstance(x, nn.Module)


def test_the_answer_adds_up(seen):
    assert seen.answer[0][0] == "cat" and sum(probability for _, probability in seen.answer) == pytest.approx(1)
    assert "cat, 95 %" in repr(seen)


def test_a_figure_shows_itself_without_anything_else(seen, tmp_path):
    figure = seen.figure("grad-cam", target="frog")
    html = figure._repr_html_()
    source = re.search(r'src="data:image/(\w+);base64,([^"]+)"', html)
    assert base64.b64decode(source[2]) == figure.file and f".{source[1]}" == figure.suffix
    assert "http" not in html and "<script" not in html
    assert "&lt;Chelsea&gt;" in html and "<Chelsea>" not in html
    assert figure.caption.startswith("Grad-CAM of backbone.relu7 for frog (1 %)") and "for frog" in figure.alt
    for name in ("a.png", f"b{figure.suffix}"):
        with Image.open(figure.save(tmp_path / name)) as saved:
            assert saved.size == figure.picture.size
    whole = seen._repr_html_()
    assert whole.count("<figure") == 3 and "cat 95 %" in whole


@pytest.mark.parametrize("form", ["file", "image", "array"])
def test_a_picture_may_come_in_any_form(form, network, repository):
    file = repository / "generator" / "config" / "new_gallery" / "images" / "chelsea.jpg"
    with Image.open(file) as opened:
        image = opened.convert("RGB")
    given = {"file": str(file), "image": image, "array": np.asarray(image)}[form]
    assert look(network, given).answer[0][0] == "cat"


@pytest.mark.parametrize("mode", ["RGBX", "CMYK", "YCbCr", "LAB", "HSV", "RGBa", "La", "PA", "I", "F", "I;16", "1"])
def test_a_pillow_image_may_have_any_mode(mode, network, repository):
    with Image.open(repository / "generator/config/new_gallery/images/chelsea.jpg") as opened:
        rgb = opened.convert("RGB").resize((48, 32))
    through = {"La": "LA", "RGBa": "RGBA", "PA": "P", "LAB": "RGB", "I;16": "I"}.get(mode)
    given = Image.new(mode, (48, 32)) if mode in ("LAB", "PA") else (rgb.convert(through) if through else rgb)
    given = given if given.mode == mode else given.convert(mode)
    answer = look(network, given).answer
    assert sum(probability for _, probability in answer) == pytest.approx(1)
    if mode in ("RGBX", "RGBa"):  # the same colours
        assert dict(answer)["cat"] == pytest.approx(dict(look(network, rgb).answer)["cat"], abs=1e-6)


@pytest.mark.parametrize("form", ["float32", "float64", "tensor", "channels first", "bfloat16"])
def test_floats_from_0_to_1_are_the_bytes_that_they_stand_for(form, network):
    pixels = np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    unit = torch.from_numpy(pixels / 255)
    given = {
        "float32": unit.float().numpy(),
        "float64": unit.numpy(),
        "tensor": unit.requires_grad_(),
        "channels first": unit.detach().permute(2, 0, 1),
        "bfloat16": unit.bfloat16(),
    }[form]
    near = 0.05 if form == "bfloat16" else 1e-4
    assert dict(look(network, given).answer) == pytest.approx(dict(look(network, pixels).answer), abs=near)


NO_PICTURES = [
    (None, "there is a NoneType"),
    (b"bytes", "there is a bytes"),
    ([[0]], "there is a list"),
    ("", "expected the name of a file"),
    (Image.new("RGB", (0, 4)), "one without pixels"),
    (np.zeros((0, 4, 3), np.uint8), "there is one of shape"),
    (np.zeros((1, 8, 8, 3), np.uint8), "there is one of shape"),
    (np.zeros((8, 8, 5), np.uint8), "expected a picture of 3 channels, as the network wants; there are 5"),
    (np.full((8, 8, 3), "a"), "expected an array of whole numbers or floats"),
    (np.full((8, 8, 3), None), "one of Python objects"),
]


@pytest.mark.parametrize(("given", "message"), NO_PICTURES)
def test_what_is_no_picture_costs_one_line(given, message, network):
    with pytest.raises(InnerviewError, match=message) as raised:
        _ = look(network, given).answer
    assert "\n" not in str(raised.value)


def test_a_figure_is_saved_under_names_of_images_alone(seen, tmp_path):
    with pytest.raises(ConfigError, match=r"^map\.mat: expected a name that ends like an image's"):
        seen.figure("saliency").save(tmp_path / "map.mat")


WRONG = [
    ({"method": "saliency", "target": 3}, "no class is called 3"),
    ({"method": "grad-cm"}, "no method is called 'grad-cm'; did you mean 'grad-cam'?"),
    ({"method": "grad-cam", "target": "frg"}, "no class is called 'frg'; did you mean 'frog'?"),
    ({"method": "grad-cam", "layer": "relu99"}, "no layer is called 'relu99'"),
    ({"method": "saliency", "layer": "backbone.relu0"}, "saliency: it looks at no single layer"),
    ({"method": "smoothgrad", "m": 3}, "^smoothgrad.m: unknown parameter"),
    ({"method": "smoothgrad", "n": "many"}, "^smoothgrad.n: expected a value like"),
]


@pytest.mark.parametrize(("asked", "message"), WRONG)
@pytest.mark.parametrize("kind", ["array", "figure"])
def test_what_is_not_there_costs_one_line(asked, message, kind, seen):
    with pytest.raises(ConfigError, match=re.escape(message).replace(r"\^", "^")):
        getattr(seen, kind)(**asked)


def test_a_label_must_be_a_class(network, seen):
    with pytest.raises(ConfigError, match="no label is called 'lynx'"):
        look(network, np.zeros((8, 8, 3), np.uint8), label="lynx")
    with pytest.raises(ConfigError, match="this look was given no label"):
        look(network, np.zeros((8, 8, 3), np.uint8)).figure("saliency", target="label")


# --- networks that are at hand ----------------------------------------------------------------------


def test_a_module_is_looked_at_and_stays_as_it_was(repository):
    torch.manual_seed(2)
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 2)).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    net = load(module, input=GREY, classes=["a", "b"])
    seen = look(net, np.full((12, 12, 3), 99, np.uint8))
    assert seen.array("vanilla-backprop", target="b").shape == (1, 12, 12)
    assert module.training and all(value.requires_grad for value in module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    with pytest.raises(NotApplicable):
        seen.figure("cam")  # no global average pooling
    assert "<figure" in seen._repr_html_()


@pytest.mark.parametrize(
    ("more", "message"),
    [({}, "needs `input`"), ({"input": GREY, "classes": ["a"]}, "1 classes for a network with 2 outputs")],
)
def test_a_module_needs_an_input_and_as_many_classes_as_outputs(more, message):
    with pytest.raises(ConfigError, match=message):
        load(nn.Sequential(nn.Flatten(), nn.Linear(144, 2)), **more)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (64, "^input: expected an Input"),
        (Input((3, 12, 12), (0.5,), (0.25,)), "^input: mean: expected 3 numbers"),
        (Input((1, 12, 12), (0.5,), (0,)), "^input: std: expected numbers above 0"),
        (Input(12, (0.5,), (0.25,)), "^input: mean: expected 3 numbers"),
        (Input((0, 12, 12), (0.5,), (0.25,)), "^input: size: expected 1 to 1024 channels"),
        (Input(12, (0.5,) * 3, (0.25,) * 3), r"^sequential: it does not take an input of size \(3, 12, 12\): Runtime"),
    ],
)
def test_an_input_of_another_shape_costs_one_line(given, message):
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(400, 2))
    with pytest.raises(InnerviewError, match=message):
        load(module, input=given)


def test_what_is_no_network_costs_one_line():
    with pytest.raises(
        ConfigError, match=r"^network: expected a name or a torch\.nn\.Module, there is the class Linear"
    ):
        load(nn.Linear, input=GREY)
    with pytest.raises(ConfigError, match="there is a OrderedDict"):
        load(nn.Linear(2, 2).state_dict(), input=GREY)


def test_class_names_may_be_numbers():
    net = load(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(400, 2)), input=GREY, classes=range(2))
    assert net.classes == ("0", "1") and look(net, np.zeros((12, 12), np.uint8)).answer[0][0] in net.classes


def test_the_package_of_the_docs_is_one(repository, tmp_path, monkeypatch):
    text = (repository / "site_src" / "docs" / "packages.md").read_text()
    points = tomllib.loads(re.search(r"^```toml\n(.*?)^```", text, re.M | re.S)[1])["project"]["entry-points"]
    assert set(points) == {plugins.METHODS, plugins.MODELS}
    folder = visiting_package.install(tmp_path)
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items())
        for group, named in points.items()
    ]
    (tmp_path / "herons-1.0.dist-info" / "entry_points.txt").write_text("\n".join(lines))
    for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S):
        name = re.match(r"# herons/(\w+\.py)\n", block)[1]
        (folder / name).write_text(block)
    code = """if True:
        from generator import load, look
        import numpy as np
        seen = look("heron-net", np.zeros((8, 8, 3), np.uint8))
        assert seen.model.classes == ("heron", "no heron")
        assert seen.array("attention-map").shape == (32, 32)
    """
    command = [sys.executable, "-c", code]
    monkeypatch.setenv("PYTHONPATH", ":".join([str(tmp_path), *filter(None, sys.path)]))
    subprocess.run(command, check=True, cwd=tmp_path)
