"""The test files that take longest: begun first where files are shared out, so that none of them is waited for."""

LONGEST = (
    "pipeline/test_ray_cluster.py",
    "test_guides.py",
    "site/test_browser.py",
    "pipeline/test_isolation.py",
    "pipeline/test_code_keys.py",
    "cli/test_terminal.py",
    "site/test_takeaway.py",
    "site/test_live.py",
    "site/test_one_file_more.py",
    "core/test_plugins.py",
    "site/test_hostile.py",
    "pipeline/test_pool.py",
    "cli/test_commands.py",
    "site/test_build.py",
    "site/test_animation.py",
    "site/test_layers_in_browser.py",
    "site/test_report_in_browser.py",
    "site/test_looks_in_browser.py",
    "site/test_serve.py",
    "site/test_faults.py",
    "methods/test_optimisation.py",
    "data/test_bad_pictures.py",
    "training/test_training.py",
    "config/test_bad_config.py",
    "pipeline/test_manifest.py",
    "site/test_check.py",
    "site/pages/test_channel_table.py",
    "test_workflows.py",
    "test_benchmarks.py",
    "site/test_home_in_browser.py",
)


def place(file: str) -> int:
    """Return where a file of `tests/` stands in the order; those that are not listed come behind."""
    return next((index for index, name in enumerate(LONGEST) if file.endswith(f"tests/{name}")), len(LONGEST))
