"""Classic scripts that bring data to a page, an entry of the registry `innerview.data` each; they work from files."""

from __future__ import annotations

from typing import Any

from . import escape


def data_script(name: str, value: Any) -> str:
    """Return the script that lays `value` into the registry under `name`, whether core.js ran before or runs later.

    >>> data_script("layer", [1])
    '((window.innerview=window.innerview||{}).data=window.innerview.data||{})["layer"]=[1];\\n'
    """
    place = "((window.innerview=window.innerview||{}).data=window.innerview.data||{})"
    return f"{place}[{escape.script_json(name)}]={escape.script_json(value)};\n"
