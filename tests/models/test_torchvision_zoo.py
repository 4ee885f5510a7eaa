"""torchvision's classifiers are known by name, laid in as torchvision does it, and found in its cache."""

import io
import subprocess
import sys
import urllib.error
from dataclasses import replace
from email.message import Message
from pathlib import Path

import pytest
import torch

from generator.core.errors import ModelError
from generator.core.records import Network
from generator.core.torchvision_import import torchvision
from generator.data import preprocess
from generator.data.decode import decode
from generator.models import imagenet_classes, torchvision_zoo
from generator.models.load import load
from generator.models.specs import MODELS, known_names, resolve

SQUEEZENET = Network("squeezenet1_1", "torchvision:squeezenet1_1", weights="random")  # 5 MB: the smallest here


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache for downloads, and no network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def offline(*_, **__):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "urlopen", offline)
    return tmp_path / "hub" / "checkpoints"


def test_torchvision_is_known_without_importing_it():
    assert known_names() == [*MODELS, *torchvision.models.list_models()]
    code = "import sys; from generator.models.specs import known_names; known_names(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize("name", torchvision.models.list_models())
def test_every_name_of_torchvision_resolves(name):
    assert resolve(name) == Network(name, f"torchvision:{name}")


def test_torchvision_imports_in_a_fresh_process_without_a_warning():
    code = "from generator.core.torchvision_import import torchvision;"
    code += "print(len(torchvision.models.list_models()) > 100)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_only_networks_that_import_torchvision_wait_for_it(tmp_path, repository):
    """It takes two seconds of a first look, and brings all of torch._dynamo; sympy alone is 35 MB of a worker."""
    (tmp_path / "mine.py").write_text("from torch import nn\ndef net(): return nn.Conv2d(3, 2, 1)\n")
    (tmp_path / "theirs.py").write_text("from torchvision.models import squeezenet1_1 as net\n")
    code = """if True:
        import sys
        from pathlib import Path
        from generator.core.records import Input
        from generator.data.images import read_image
        from generator.engine.model_card import describe
        from generator.models.load import load
        from generator.models.specs import MODELS, Network, resolve
        from generator.pipeline.jobs import NetworkRequest, scene_tasks
        from generator.pipeline.worker import Worker
        def own(name):
            seen = Input((3, 32, 32), (0.5,) * 3, (0.25,) * 3)
            return load(Network(name, f"{name}:net", folder=sys.argv[1], input=seen))
        own("mine")
        for name in MODELS:
            load(resolve(f"{name}~random"))
        loaded = load(resolve("vgg-cifar10~random"))
        worker = Worker(Path(sys.argv[1], "store"))
        worker.preload(loaded)
        cards = {card.slug: card for card in worker.methods()}
        quick = {slug: card.parameters for slug, card in cards.items() if card.preset in ("forward", "quick")}
        example = read_image(Path(sys.argv[2], "images", "photos", "chelsea.png"))
        request = NetworkRequest(loaded.network, describe(loaded), [example], ["top"], quick, cards)
        for task in scene_tasks(request):
            worker.scene(task, lambda event, key, words: print(words) if event == "failed" else None)
        print(sorted({"torchvision", "torch._dynamo", "sympy"} & set(sys.modules)))
        print(type(own("theirs").model).__name__)
    """
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(repository)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\nSqueezeNet\n", "")


def test_the_names_of_imagenet_are_those_of_torchvision():
    assert imagenet_classes.NAMES == tuple(torchvision.models.AlexNet_Weights.DEFAULT.meta["categories"])


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ModelError, match="no network is called 'resnet81': expected resnet18 or "):
        resolve("resnet81")
    with pytest.raises(ModelError, match="'prunned-50': expected random, random-top-3, pruned-50 or pruned-layer-50"):
        resolve("alexnet~prunned-50")


def test_random_weights_repeat_and_leave_the_random_state_alone():
    before = torch.get_rng_state()
    first, second = load(SQUEEZENET), load(SQUEEZENET)
    assert torch.equal(before, torch.get_rng_state())
    assert first.digest == second.digest != load(replace(SQUEEZENET, seed=1)).digest
    assert (first.slug, first.title) == ("squeezenet1_1~random", "SqueezeNet1.1, random weights")
    assert first.derived_from == "squeezenet1_1" and len(first.classes) == 1000 and first.vocabulary == "imagenet"


@pytest.mark.parametrize("name", ["googlenet", "densenet121", "mobilenet_v2", "mnasnet0_5", "squeezenet1_1"])
def test_a_file_in_the_cache_is_laid_in_as_torchvision_does_it(name, cache):
    members = torchvision.models.get_model_weights(name)
    random = {"init_weights": False} if name == "googlenet" else {}  # says that it saves time
    source = torchvision.models.get_model(name, weights=None, **random)
    cache.mkdir(parents=True)
    torch.save(source.state_dict(), cache / members.DEFAULT.url.rpartition("/")[2])
    expected = torchvision.models.get_model(name, weights=members.DEFAULT).eval()
    loaded = load(Network(name, f"torchvision:{name}"))
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(loaded.model(x), expected(x))
    preset = members.DEFAULT.transforms()
    assert (loaded.input.size, loaded.input.resize) == ((3, *preset.crop_size * 2), preset.resize_size[0])
    assert loaded.classes == tuple(members.DEFAULT.meta["categories"])
    assert "its digest is another" in loaded.note and loaded.accuracy == {}, "the stated accuracy is not this file's"


def test_without_the_file_and_offline_it_says_which_file_goes_where(cache):
    with pytest.raises(ModelError) as caught:
        load(Network("alexnet", "torchvision:alexnet"))
    assert str(caught.value) == (
        "alexnet: its weights are not here and could not be downloaded (<urlopen error no route to host>): put "
        "alexnet-owt-7be5be79.pth (from https://download.pytorch.org/models/alexnet-owt-7be5be79.pth) "
        f"into {cache}, or name a file as weights"
    )


def test_a_download_with_another_digest_is_not_kept(cache, monkeypatch):
    class Response(io.BytesIO):
        """What urlopen returns, as far as torch reads it."""

        def info(self):
            return Message()

    monkeypatch.setattr(torch.hub, "urlopen", lambda request: Response(b"not the weights"))
    with pytest.raises(ModelError, match="could not be downloaded .invalid hash value"):
        load(Network("alexnet", "torchvision:alexnet"))
    assert list(cache.iterdir()) == []


def test_each_file_of_torchvision_has_its_digest_in_its_name():
    for name in torchvision.models.list_models(module=torchvision.models):
        for member in torchvision.models.get_model_weights(name):
            assert len(bytes.fromhex(torchvision_zoo._digest_start(Path(torchvision_zoo._file_name(member))))) >= 4, (
                member
            )


def test_preprocessing_goes_with_the_member():
    first, second = (torchvision.models.ResNet50_Weights[name] for name in ("IMAGENET1K_V1", "IMAGENET1K_V2"))
    assert (torchvision_zoo._input(first).resize, torchvision_zoo._input(second).resize) == (256, 232)


@pytest.mark.parametrize(
    "network, message",
    [
        (
            replace(SQUEEZENET, weights="IMAGENET1K_V7"),
            "'IMAGENET1K_V7': expected IMAGENET1K_V1, DEFAULT, random or a file",
        ),
        (Network("r3d_18", "torchvision:r3d_18"), "r3d_18 is no classifier of single pictures"),
        (Network("x", "torchvision:resnet81"), "torchvision has no model 'resnet81'"),
        (Network("x", "bundled:lenet"), "no network is bundled as 'lenet': expected vgg-cifar10"),
        (Network("vgg-cifar10", "bundled:vgg-cifar10", weights="best"), "'best': expected random or a file"),
    ],
)
def test_what_cannot_be_built_is_told(network, message):
    with pytest.raises(ModelError, match=message):
        load(network)


def test_a_fine_tuned_head_sets_the_number_of_classes(tmp_path):
    torch.save(torchvision.models.squeezenet1_1(num_classes=7).state_dict(), tmp_path / "seven.pth")
    loaded = load(replace(SQUEEZENET, weights=str(tmp_path / "seven.pth")))
    assert loaded.classes == tuple(f"class {index}" for index in range(7)) and loaded.vocabulary == ""
    assert loaded.model(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


def test_a_real_network_names_what_is_in_the_pictures(shared):
    network = Network("squeezenet", "torchvision:squeezenet1_0", weights="squeezenet1_0-imagenet.safetensors")
    loaded = load(replace(network, folder=str(shared / "weights")))
    assert (loaded.input.size, loaded.input.resize) == ((3, 224, 224), 256)
    ranks = {}
    for path in sorted((shared / "images" / "imagenet-samples").iterdir()):
        truth = path.stem.partition("_")[2].replace("_", " ")
        picture, _ = decode(path)
        x = torch.from_numpy(preprocess.normalise(preprocess.fitted(picture, loaded.input), loaded.input))
        with torch.no_grad():
            order = [loaded.classes[index] for index in loaded.model(x)[0].argsort(descending=True)]
        ranks[truth] = order.index(truth)
    first = {name for name, rank in ranks.items() if rank == 0}
    assert first == {"goldfish", "tree frog", "vizsla", "airliner", "volcano"}
    assert {"tabby", "sports car", "espresso"} < {name for name, rank in ranks.items() if rank < 5}
