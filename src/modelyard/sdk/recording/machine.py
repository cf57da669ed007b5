"""What the machine does while a run trains: CPU, memory, disk, network, GPUs, and the energy that it takes.

Names are those that MLflow's system metrics have. GPUs are read by NVML where `nvidia-ml-py` and a driver are there.
Energy is measured where the machine tells it (RAPL of the CPU packages, NVML's counter of each GPU), for everything
that runs on it; where it does not, it is estimated as this process's CPU time at 10 W a busy core, and the tag
`modelyard.energy` says which.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from modelyard.kernel.units import BUSY_CORE_WATTS

_MB = 1e6
_RAPL = Path("/sys/class/powercap")
_J_A_WH = 3600.0


class Machine:
    """Measures from its making; `sample` gives what is so now, and sums since then."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._net = psutil.net_io_counters()
        self._cpu_s = self._busy_s()
        self._gpus = _gpus()
        self._packages = [(path, limit) for path, limit in _packages() if _number(path) is not None]
        self._last = {path: _number(path) or 0 for path, _ in self._packages}
        self._package_j = 0.0
        self._gpu_mj = [gpu.millijoules() for gpu in self._gpus]
        psutil.cpu_percent()
        self._process.cpu_percent()

    @property
    def energy_by(self) -> str:
        """How the energy of the CPU is known, and of GPUs where there are some."""
        cpu = "CPU measured (RAPL)" if self._packages else "CPU estimated at 10 W a busy core"
        return cpu + (", GPU measured (NVML)" if self._gpus else "")

    def sample(self) -> dict[str, float]:
        """Metrics by name."""
        memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(Path.cwd()))
        found = {
            "system/cpu_utilization_percentage": psutil.cpu_percent(),
            "system/system_memory_usage_megabytes": memory.used / _MB,
            "system/system_memory_usage_percentage": memory.percent,
            "system/disk_usage_percentage": disk.percent,
            "system/disk_available_megabytes": disk.free / _MB,
            "system/process_cpu_percentage": self._process.cpu_percent(),
            "system/process_memory_megabytes": self._process.memory_info().rss / _MB,
        }
        net = psutil.net_io_counters()
        found["system/network_receive_megabytes"] = (net.bytes_recv - self._net.bytes_recv) / _MB
        found["system/network_transmit_megabytes"] = (net.bytes_sent - self._net.bytes_sent) / _MB
        for number, gpu in enumerate(self._gpus):
            found |= {f"system/gpu_{number}_{name}": value for name, value in gpu.sample().items()}
        found["system/energy_watt_hours"] = self._energy_j() / _J_A_WH
        return found

    def _energy_j(self) -> float:
        for path, limit in self._packages:
            now = _number(path)
            if now is not None:
                self._package_j += ((now - self._last[path]) % limit) / 1e6
                self._last[path] = now
        cpu = self._package_j if self._packages else (self._busy_s() - self._cpu_s) * BUSY_CORE_WATTS
        gpu = sum(gpu.millijoules() - before for gpu, before in zip(self._gpus, self._gpu_mj, strict=True))
        return cpu + gpu / 1e3

    def _busy_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)


class _Gpu:
    """One GPU, by NVML."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle

    def sample(self) -> dict[str, float]:
        """Metrics by the end of their names; what the device does not tell is left out."""
        nvml, handle = self._nvml, self._handle
        found: dict[str, float] = {}
        asked: dict[str, Callable[[], float]] = {
            "utilization_percentage": lambda: float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            "memory_usage_megabytes": lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used / _MB,
            "power_usage_watts": lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1e3,
        }
        for name, ask in asked.items():
            with suppress(nvml.NVMLError):
                found[name] = ask()
        return found

    def millijoules(self) -> float:
        """The energy that it took since its driver was loaded; 0 where it does not tell."""
        try:
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        except self._nvml.NVMLError:
            return 0.0


def gpu_names() -> list[str]:
    """What the GPUs of this machine are called."""
    nvml = _nvml()
    if nvml is None:
        return []
    names = [nvml.nvmlDeviceGetName(nvml.nvmlDeviceGetHandleByIndex(i)) for i in range(nvml.nvmlDeviceGetCount())]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _gpus() -> list[_Gpu]:
    nvml = _nvml()
    if nvml is None:
        return []
    return [_Gpu(nvml, nvml.nvmlDeviceGetHandleByIndex(i)) for i in range(nvml.nvmlDeviceGetCount())]


def _nvml() -> Any:
    """NVML, ready to be asked; None where the library or the driver is not there."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


def _packages() -> list[tuple[Path, int]]:
    """Energy counters of the CPU packages, in microjoules, each with the number at which it begins anew."""
    zones = [zone for zone in sorted(_RAPL.glob("intel-rapl:[0-9]*")) if zone.name.count(":") == 1]
    limits = [(zone / "energy_uj", _number(zone / "max_energy_range_uj")) for zone in zones]
    return [(path, limit + 1) for path, limit in limits if limit]


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
