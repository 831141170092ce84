"""The trials of a study, written one by one as lines of JSON, so that an interrupted study goes on where it was."""

__all__ = ["Journal"]

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from caloforge.errors import BadFile, UnwritablePath
from caloforge.validation.power.result import TrialKey

Scores = Mapping[str, float]


class Journal:
    """A file whose first line says what the trials are of, and whose other lines hold a trial each.

    Args:
        path: of the file.
        subject: what numbers of trials depend on besides spoil, size and number: truth, seed, version.
        resume: go on with the trials that an earlier call left there.
        overwrite: begin anew although there is such a file.

    Attributes:
        trials: scores of the earlier trials.

    Raises:
        BadFile: the file holds trials of something else, or no trials.
        UnwritablePath: there is such a file, and neither ``resume`` nor ``overwrite`` is on; or it cannot be written.
    """

    def __init__(self, path: Path, subject: Mapping[str, Any], resume: bool = False, overwrite: bool = False) -> None:
        self.path = path
        self.trials: dict[TrialKey, Scores] = {}
        if path.exists() and resume:
            self.trials = self._read(subject)
            return
        if path.exists() and not overwrite:
            raise UnwritablePath(
                path,
                "the file exists (resume=True, or --resume, goes on; overwrite=True, or --overwrite, begins anew)",
            )
        self._write("w", subject)

    def keep(self, key: TrialKey, scores: Scores) -> None:
        """Write one trial, at once.

        Args:
            key: of the trial.
            scores: its numbers by metric.

        Raises:
            UnwritablePath: the file cannot be written.
        """
        self._write("a", {**key._asdict(), "scores": dict(scores)})

    def _write(self, mode: str, content: Mapping[str, Any]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open(mode) as file:
                file.write(json.dumps(content) + "\n")
        except OSError as error:
            raise UnwritablePath(self.path, error.strerror or "writing failed") from error

    def _read(self, subject: Mapping[str, Any]) -> dict[TrialKey, Scores]:
        """A last line that was not finished is cut off."""
        text = self.path.read_text()
        complete = text[: text.rfind("\n") + 1]
        try:
            first, *lines = map(json.loads, complete.splitlines())
            trials = {TrialKey(t["spoil"], t["size"], t["number"]): t["scores"] for t in lines}
        except (ValueError, KeyError, TypeError) as error:
            raise BadFile(
                self.path, "it holds no trials of a study", "overwrite=True, or --overwrite, begins anew"
            ) from error
        different = [name for name in subject if first.get(name) != json.loads(json.dumps(subject[name]))]
        if different:
            raise BadFile(
                self.path,
                f"its trials have another {', '.join(different)}",
                "overwrite=True, or --overwrite, begins anew",
            )
        if complete != text:
            self.path.write_text(complete)
        return trials
