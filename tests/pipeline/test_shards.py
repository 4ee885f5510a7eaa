"""Parts of a gallery drawn by machines that share nothing, put together: the same site, and nothing left to draw."""

import shutil
from collections import Counter
from dataclasses import replace

import pytest
import tiny_gallery
from click.testing import CliRunner

from generator.__main__ import main
from generator.core.errors import ConfigError, InnerviewError
from generator.core.store import Store
from generator.pipeline import shards
from generator.pipeline.merge_stores import merge
from generator.pipeline.plan import make_plan
from generator.pipeline.worker import Worker

PICTURES = ["a", "bc", "def", "ghij"]
OTHER = """

def other():
    network = net()
    network[0].weight.data.neg_()
    return network
"""
COMMON = {"vocabulary": "mine", "input": tiny_gallery.INPUT, "classes": ["ant", "bee", "cat"]}
# What is made of more than one image, or of more than one network: pairs, the probe, what excites channels, evidence.
SETTINGS = {
    "models": [{"name": name, "source": f"two_networks_of_mine:{name}", **COMMON} for name in ("net", "other")],
    "compare": [["net", "other"]],
    "methods": ["saliency", "grad-cam", "top-images"],
    "measures": ["deletion", "insertion"],
    "preset": "standard",
}


def lay(folder):
    options = tiny_gallery.lay(folder, PICTURES, tiny_gallery.NETWORK + OTHER, "two_networks_of_mine")
    tiny_gallery.write(options.config, SETTINGS)
    return options


def tree(folder):
    """All files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The stores of three machines that drew a part each, the last one first, and what they reported."""
    folder, found = tmp_path_factory.mktemp("parts"), {}
    for number in (3, 1, 2):
        options = replace(lay(folder / f"machine-{number}"), shard=(number, 3))
        found[number] = tiny_gallery.run(options)[0]
        assert not options.out.exists(), "a part has no site"
    return {folder / f"machine-{number}/.innerview/store": report for number, report in found.items()}


def test_merged_parts_leave_nothing_to_draw_and_the_site_is_that_of_one_machine(parts, tmp_path, monkeypatch):
    whole, ours = lay(tmp_path / "whole"), lay(tmp_path / "merged")
    alone, _ = tiny_gallery.run(whole, no_site=False)
    drawn = [report.drawn for report in parts.values()]
    assert sum(drawn) == alone.drawn and min(drawn) > 0
    assert [report.failures for report in parts.values()] == [{}] * 3

    assert merge(list(parts), ours.store).refused == []
    for question in ("scene", "pairs", "evidence", "probe_part", "probe_whole"):
        monkeypatch.delattr(Worker, question)  # no worker is asked for any of these
    report, _ = tiny_gallery.run(ours, no_site=False)
    assert (report.drawn, report.reused, report.failures) == (0, alone.drawn, {})
    assert tree(ours.out) == tree(whole.out)
    pages = [name for name in tree(ours.out) if name.endswith(".html")]
    assert any("/compare/" in name for name in pages) and any("findings" in name for name in pages)


def test_a_second_merge_changes_nothing_and_sources_stay_as_they_are(parts, tmp_path):
    store, before = Store(tmp_path), [tree(part) for part in parts]
    first = merge(list(parts), store)
    inodes = {path: path.stat().st_ino for path in tmp_path.rglob("*")}
    again = merge(list(parts), store)
    assert (again.new, again.known, again.refused) == (0, first.new + first.known, [])
    assert {path: path.stat().st_ino for path in tmp_path.rglob("*")} == inodes
    assert [tree(part) for part in parts] == before
    assert store.remove_damaged() == []


def test_where_links_are_refused_files_are_copied(parts, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("another disk")

    monkeypatch.setattr("os.link", refuse)
    source = min(parts)
    assert merge([source], Store(tmp_path)).refused == []
    assert tree(tmp_path) == tree(source)
    assert not any(path.stat().st_mode & 0o222 for path in tmp_path.rglob("*") if path.is_file())


def test_what_is_damaged_is_left_out_and_the_rest_is_kept(parts, tmp_path):
    source, target = tmp_path / "damaged", Store(tmp_path / "merged")
    shutil.copytree(min(parts), source)
    records = sorted(source.glob("records/??/*.json"))
    flipped, other = [file for file in records if Store(source).get(file.stem)["payloads"]][:2]
    payloads = [Store(source).path(next(iter(Store(source).get(file.stem)["payloads"].values()))) for file in (other,)]
    for file in (flipped, *payloads):
        file.chmod(0o644)
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    (source / "records/ab").mkdir(exist_ok=True)
    (source / "records/ab/short.json").write_bytes(other.read_bytes())

    result = CliRunner().invoke(main, ["merge", str(source), "--into", str(target.folder)])
    assert result.exit_code == 1, result.output
    lines = [" ".join(line.split()) for line in result.stderr.splitlines()]
    assert f"failed {flipped}: damaged; this record is left out" in lines
    assert (
        f"failed {other}: its payload {payloads[0].name[:12]} is damaged or is gone; this record is left out" in lines
    )
    refused = len(lines)
    kept = sorted(path.name for path in target.folder.glob("records/??/*.json"))
    assert len(kept) == len(records) + 1 - refused and refused >= 3
    assert f"{len(kept):,} records added to {target.folder}, 0 already there, {refused} refused." in result.output
    assert target.remove_damaged() == []


def test_a_folder_that_is_no_store_is_refused_with_one_line(tmp_path):
    with pytest.raises(InnerviewError, match="no store found"):
        merge([tmp_path], Store(tmp_path / "other"))


# --- how the work is dealt out --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    return lay(tmp_path_factory.mktemp("gallery"))


def narrowed(options, number, of):
    """The plan of one part."""
    with options.pool(0) as pool:
        plan = make_plan(options, pool, options.store)
        shards.narrow(plan, number, of, options.store)
        return plan


def keys(plan):
    return Counter(job.key for task in plan.tasks for job in task.jobs)


@pytest.mark.parametrize("of", [1, 3, 9])
def test_every_job_is_in_one_part_and_so_is_every_probe(options, of):
    plans = [narrowed(options, number, of) for number in range(1, of + 1)]
    with options.pool(0) as pool:
        whole = make_plan(options, pool, options.store)
    assert sum((keys(plan) for plan in plans), Counter()) == keys(whole)
    assert Counter(slug for plan in plans for slug in plan.probes) == Counter(list(whole.probes))


def test_parts_cost_the_same_and_do_not_depend_on_what_is_in_store(options, tmp_path):
    first = [narrowed(options, number, 2) for number in (1, 2)]
    costs = [sum(shards._task_price(plan, index) for index in range(len(plan.tasks))) for plan in first]
    assert 0.8 < costs[0] / costs[1] < 1.25
    tiny_gallery.run(options, images=("a",))
    assert [keys(narrowed(options, number, 2)) for number in (1, 2)] == [keys(plan) for plan in first]


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2", "1/ 2", "½/2"])
def test_what_is_no_part_is_said(text):
    with pytest.raises(ConfigError, match="expected PART/PARTS, such as 1/4, the first part of four"):
        shards.parse(text)


def test_the_command_says_which_part_it_drew(tmp_path, monkeypatch):
    tiny_gallery.lay(tmp_path, methods=["saliency"], targets=["top"])
    monkeypatch.chdir(tmp_path)
    drawn = CliRunner().invoke(main, ["build", "--shard", "2/2", "--workers", "0", "--device", "cpu"])
    assert drawn.exit_code == 0, drawn.output
    assert "Part 2 of 2: " in drawn.output and not (tmp_path / "site").exists()
    wrong = CliRunner().invoke(main, ["build", "--shard", "3/2"])
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (2, 1)
    assert wrong.stderr.startswith("innerview: --shard 3/2: expected PART/PARTS")
