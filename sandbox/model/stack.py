"""Addresses and settings of the components of the stack."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from sandbox.model import ROOT
from sandbox.model.variables import read_variables

__all__ = ["Stack"]


@dataclass(frozen=True)
class Stack:
    """The stack of a checkout, with the variables that it was started with."""

    root: Path = ROOT

    @cached_property
    def settings(self) -> Mapping[str, str]:
        return read_variables(self.root)

    def port(self, component: str) -> int:
        """Return the published port of a component by the name of its variable: ``port("tempo_otlp")`` reads
        TEMPO_OTLP_PORT.
        """
        return int(self.settings[f"{component.upper()}_PORT"])

    def url(self, component: str) -> str:
        return f"http://127.0.0.1:{self.port(component)}"

    def version(self, service: str) -> str:
        return self.settings[f"{service.upper().replace('-', '_')}_VERSION"]

    @property
    def environment(self) -> str:
        return self.settings["DEPLOYMENT_ENVIRONMENT"]

    @property
    def reports(self) -> Path:
        """The folder for the results of a run: figures, evidence, JUnit XML."""
        folder = Path(os.environ.get("REPORTS", self.root / ".run" / "reports"))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def database(self, name: str) -> str:
        """Return the URL of a database, with the credentials of the server's owner."""
        password = quote(self.settings["POSTGRES_PASSWORD"], safe="")
        return f"postgresql://sandbox:{password}@127.0.0.1:{self.port('postgres')}/{name}"
