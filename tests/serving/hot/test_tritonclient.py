"""The unmodified Triton client works against the data plane."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.serving.hot.planes import TOKEN, Plane

pytest.importorskip("geventhttpclient", reason="tritonclient[http] is not installed")
http = pytest.importorskip("tritonclient.http", reason="tritonclient[http] is not installed")
InferenceServerException = pytest.importorskip("tritonclient.utils").InferenceServerException


def headers() -> dict[str, str]:
    """New each time: the client writes its own into the mapping that it is given."""
    return {"Authorization": f"Bearer {TOKEN}"}


ROWS = np.array([[1.0, 0.0, 0.5, -0.5], [-1.0, 0.0, 0.5, -0.5]])


@pytest.fixture
def client(shared: Plane) -> Iterator[Any]:
    client = http.InferenceServerClient(f"127.0.0.1:{shared.port}")
    yield client
    client.close()


def test_it_sees_the_server_and_the_model(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("linear", "3", headers=headers())
    assert not client.is_model_ready("broken", headers=headers())
    assert client.get_model_metadata("linear", headers=headers())["versions"] == ["3"]
    assert client.get_server_metadata(headers=headers())["name"] == "modelyard"


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
def test_it_infers_with_raw_and_json_tensors(client: Any, binary_in: bool, binary_out: bool, datatype: str) -> None:
    sent = http.InferInput("x", [2, 4], datatype)
    sent.set_data_from_numpy(ROWS.astype({"FP32": np.float32, "FP64": np.float64}[datatype]), binary_data=binary_in)
    wanted = [http.InferRequestedOutput(name, binary_data=binary_out) for name in ("label", "probability")]
    result = client.infer("linear", [sent], outputs=wanted, headers=headers(), request_id="7")
    assert result.as_numpy("label").tolist() == [1, 0]
    assert result.as_numpy("probability").shape == (2, 2)
    assert result.get_response()["id"] == "7"


def test_it_infers_with_columns_of_several_types(client: Any) -> None:
    miles = http.InferInput("miles", [2, 1], "FP64")
    miles.set_data_from_numpy(np.array([[1.5], [1.5]]))
    payment = http.InferInput("payment", [2, 1], "BYTES")
    payment.set_data_from_numpy(np.array([["cash"], ["card"]], dtype=object))
    result = client.infer("table", [miles, payment], headers=headers())
    cash, card = result.as_numpy("tip").tolist()
    assert cash - card == pytest.approx(1, abs=1e-3)


def test_it_reads_our_errors(client: Any) -> None:
    sent = http.InferInput("x", [1, 3], "FP64")
    sent.set_data_from_numpy(np.zeros((1, 3)))
    with pytest.raises(
        http.InferenceServerException if hasattr(http, "InferenceServerException") else Exception
    ) as caught:
        client.infer("linear", [sent], headers=headers())
    assert "shape [rows, 4]" in str(caught.value)
