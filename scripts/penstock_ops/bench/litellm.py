"""The LiteLLM proxy as a process, from an environment of its own: what the door is measured beside."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from penstock_ops.bench.instance import Instance

#: Names its command, where that is not on the PATH.
COMMAND = "PENSTOCK_LITELLM"
MISSING = (
    f"LITELLM PROXY MISSING: nothing is beside the door. `python -m venv FOLDER && "
    f"FOLDER/bin/pip install 'litellm[proxy]'`, then {COMMAND}=FOLDER/bin/litellm"
)
KEY = "sk-bench"


def litellm_command() -> str | None:
    """None: it is not on this machine."""
    return shutil.which(os.environ.get(COMMAND, "litellm"))


class Proxy(Instance):
    """One worker before the model at `model_url`, without a database: it keeps nothing."""

    def __init__(self, command: str, model_url: str, folder: Path) -> None:
        super().__init__("litellm", _QUIET, folder)
        config = folder / "litellm.yaml"
        config.write_text(json.dumps(_config(model_url)))  # YAML is a superset
        listening = ("--host", "127.0.0.1", "--port", str(self.port))
        self._command = [command, "--config", str(config), "--num_workers", "1", *listening]


#: It asks nobody outside for prices, and tells nobody anything.
_QUIET: Mapping[str, str] = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    "NO_DOCS": "True",
}


def _config(model_url: str) -> dict[str, object]:
    asked = {"model": "openai/gpt-5.4-nano", "api_base": model_url, "api_key": "sk-model", "timeout": 60}
    return {
        "model_list": [{"model_name": "bench", "litellm_params": asked}],
        "litellm_settings": {"telemetry": False, "num_retries": 0},
        "general_settings": {"master_key": KEY, "disable_spend_logs": True},
    }
