"""What somebody does with webhooks by the unmodified client; prints what it saw as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from mlflow import MlflowClient
from mlflow.entities.webhook import WebhookStatus
from mlflow.exceptions import MlflowException


def webhooks(url: str) -> dict[str, Any]:
    client = MlflowClient()
    made = client.create_webhook("team", url, ["model_version.created", "model_version_alias.created"], secret="s")
    tested = client.test_webhook(made.webhook_id)
    client.update_webhook(made.webhook_id, description="changed", status=WebhookStatus.DISABLED)
    found = client.get_webhook(made.webhook_id)
    listed = len(client.list_webhooks())
    client.delete_webhook(made.webhook_id)
    try:
        client.get_webhook(made.webhook_id)
        gone = "none"
    except MlflowException as err:
        gone = str(err.error_code)
    return {
        "test": [tested.success, tested.response_status, tested.response_body],
        "events": [str(e) for e in made.events],
        "listed": listed,
        "status": str(found.status),
        "description": found.description,
        "gone": gone,
    }


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(webhooks(sys.argv[1]), default=str) + "\n")
