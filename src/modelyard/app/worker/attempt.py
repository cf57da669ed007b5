"""One attempt at a flow run: unpack the sources, plan, then do step by step what is not done yet.

Steps run one after another in this process. Each is begun and ended at the yard, so that what is finished is never done
again, whatever happens to this process.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import logging
import os
import platform
import sys
import threading
import traceback
import zipfile
from pathlib import Path
from typing import Any, NoReturn

from modelyard.app.worker.meter import Meter
from modelyard.kernel.errors import InvalidInput, StaleVersion, TooLarge, YardError
from modelyard.pipelines.api import Assignment, FlowRunId, Json, Plan, PlannedStep, StepFile, StepReport
from modelyard.pipelines.model.keys import cache_key, environment_digest
from modelyard.sdk.authoring import AuthoredFlow, Step, StepContext
from modelyard.sdk.authoring.code import code_digest
from modelyard.sdk.authoring.context import within
from modelyard.sdk.authoring.tracing import filled
from modelyard.sdk.hub import Yard

_log = logging.getLogger("modelyard.worker")
_BEAT_S = 2.0
_ERROR = 4000
_CHUNK = 1 << 20
Steps = dict[str, Step[..., Any]]


class FlowFault(Exception):
    """The flow's own code is at fault; the text is what its run failed with."""


class AttemptAtRun:
    """What this process is for."""

    def __init__(self, yard: Yard, run: FlowRunId, number: int, *, folder: Path) -> None:
        self._yard = yard
        self._run = run
        self._number = number
        self._folder = folder
        self._meter = Meter()
        self._environment = environment_digest(platform.python_version(), installed_packages())
        self._code: dict[str, str] = {}

    def carry_out(self) -> None:
        """Do it, and report its end; a fault of the flow's own is reported as the run's failure.

        Raises:
            YardError: the yard does not answer, or has given this attempt up.
        """
        work = self._yard.pipelines
        work.heartbeat(self._run, self._number)
        threading.Thread(target=self._keep_beating, name="worker-heartbeat", daemon=True).start()
        assigned = work.assignment(self._run)
        sources = self._unpacked(assigned)
        flow = assigned.flow
        self._code = {
            "mlflow.source.git.commit": flow.spec.commit or flow.bundle,
            "mlflow.source.name": f"flow:{flow.name}@{flow.version}",
        }
        try:
            plan, steps = _planned(assigned, sources)
            work.report_plan(self._run, self._number, plan)
            _log.info("attempt %d at %s: %d steps", self._number, self._run, len(plan.steps))
            output = self._do_steps(plan, steps)
        except FlowFault as err:
            work.finish_run(self._run, self._number, error=str(err)[:_ERROR])
            _log.error("the run failed: %s", err)
            return
        work.finish_run(self._run, self._number, output=output)
        _log.info("the run is finished")

    def _unpacked(self, assigned: Assignment) -> Path:
        bundle, sources = self._folder / "bundle.zip", self._folder / "sources"
        with bundle.open("wb") as file:
            for chunk in self._yard.pipelines.bundle(assigned.flow.name, assigned.flow.version):
                file.write(chunk)
        with zipfile.ZipFile(bundle) as zipped:
            zipped.extractall(sources)
        return sources

    def _do_steps(self, plan: Plan, steps: Steps) -> Json:
        results: dict[str, Json] = {}
        for planned in plan.steps:
            results[planned.id] = self._do(steps[planned.step], planned, plan.flow, results)
        return filled(plan.output, results)

    def _do(self, step: Step[..., Any], planned: PlannedStep, flow: str, results: dict[str, Json]) -> Json:
        arguments = {name: filled(value, results) for name, value in planned.arguments.items()}
        try:
            code = code_digest(step.fn)
        except InvalidInput as err:
            raise FlowFault(f"step {planned.id}: {err.detail}") from err
        key = cache_key(step=step.name, code=code, inputs=arguments, environment=self._environment)
        standing = self._yard.pipelines.begin_step(self._run, planned.id, self._number, key)
        if not standing.proceed:
            _log.info("%s: taken from before", planned.id)
            return standing.result
        _log.info("%s: begins", planned.id)
        tags = {"modelyard.flow_run": self._run, "modelyard.step": planned.id, "modelyard.flow": flow} | self._code
        os.environ["MLFLOW_RUN_CONTEXT"] = json.dumps(tags)
        context = StepContext(
            keeper=YardKeeper(self._yard, self._run, self._number), folder=self._folder, run=self._run,
            step=planned.id, yard=self._yard,
        )  # fmt: skip
        self._meter.start()
        try:
            with within(context):
                result = step.run(arguments)
        except Exception as err:  # noqa: BLE001  # a step's own code may raise anything
            self._fail(planned, context, err)
        self._finish(planned, context, result)
        return result

    def _finish(self, planned: PlannedStep, context: StepContext, result: Json) -> None:
        reads, writes = context.said
        report = StepReport(result=result, reads=reads, writes=writes, used=self._meter.read())
        try:
            self._yard.pipelines.finish_step(self._run, planned.id, self._number, report)
        except (InvalidInput, TooLarge) as err:
            self._fail(planned, context, err)
        _log.info("%s: finished in %.2f s", planned.id, report.used.wall_s)

    def _fail(self, planned: PlannedStep, context: StepContext, err: Exception) -> NoReturn:
        """Report a step that failed, and end the run with it."""
        _log.error("%s: failed", planned.id, exc_info=err)
        reads, writes = context.said
        text = told(err)
        report = StepReport(error=text[:_ERROR], reads=reads, writes=writes, used=self._meter.read())
        self._yard.pipelines.finish_step(self._run, planned.id, self._number, report)
        raise FlowFault(f"step {planned.id} failed: {text}") from err

    def _keep_beating(self) -> None:
        """Say that this process lives; end it at once when nobody wants its work any more."""
        pause = threading.Event()
        while not pause.wait(_BEAT_S):
            try:
                self._yard.pipelines.heartbeat(self._run, self._number)
            except StaleVersion as err:
                _log.error("%s", err.detail)
                os._exit(3)
            except YardError as err:
                _log.warning("the yard was not told that this worker lives: %s", err.detail)


class YardKeeper:
    """Keeps files of steps in the yard."""

    def __init__(self, yard: Yard, run: FlowRunId, number: int) -> None:
        self._yard = yard
        self._run = run
        self._number = number

    def keep(self, path: Path, name: str) -> StepFile:
        """Send a file."""
        with path.open("rb") as file:
            chunks = iter(lambda: file.read(_CHUNK), b"")
            return self._yard.pipelines.keep_file(self._run, name, chunks, self._number)

    def fetch(self, file: StepFile, target: Path) -> None:
        """Fetch a file."""
        with target.open("wb") as out:
            for chunk in self._yard.pipelines.read_file(file.digest):
                out.write(chunk)


def _planned(assigned: Assignment, sources: Path) -> tuple[Plan, Steps]:
    """Import the flow and plan it.

    Raises:
        FlowFault: either fails.
    """
    module_name, _, name = assigned.flow.spec.entry.partition(":")
    sys.path.insert(0, str(sources))
    try:
        found = getattr(importlib.import_module(module_name), name, None)
        if not isinstance(found, AuthoredFlow):
            raise FlowFault(f"{module_name} has no flow {name}; mark the function with @flow")
        return found.traced(**assigned.params)
    except FlowFault:
        raise
    except Exception as err:
        _log.exception("the flow could not be planned")
        raise FlowFault(f"the flow could not be planned: {told(err)}") from err


def told(err: Exception) -> str:
    """An error in one line, with the line of source that raised it."""
    text = err.detail if isinstance(err, YardError) else "".join(traceback.format_exception_only(err)).strip()
    frames = traceback.extract_tb(err.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return text + where


def installed_packages() -> dict[str, str]:
    """The version of each installed package by name."""
    return {d.name.lower(): d.version for d in importlib.metadata.distributions() if d.name}
