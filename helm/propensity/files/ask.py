# ruff: noqa: INP001, S310, T201 - helm test hands this text to `python -c` in a pod of its own
"""Ask the service for the prediction that the README shows; without a key, see that it is refused."""

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

KEY = Path("/etc/propensity/api-key/api-key")
BODY = {"user_id": "12345", "last_activity_hours": 2.5, "cart_count": 3, "session_duration": 15.2}
PATIENCE_SECONDS = 60
"""Policies and endpoints reach a new pod's node a little after the pod."""


def ask(url: str) -> tuple[int, str]:
    """Return status and body of one POST /predict."""
    headers = {"Content-Type": "application/json"}
    if KEY.exists():
        headers["X-API-Key"] = KEY.read_text().strip()
    request = urllib.request.Request(url + "/predict", json.dumps(BODY).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


wanted = 200 if KEY.exists() else 401
until = time.monotonic() + PATIENCE_SECONDS
status, text = 0, "nothing answered"
while status != wanted and time.monotonic() < until:
    try:
        status, text = ask(sys.argv[1])
    except OSError as error:
        status, text = 0, str(error)
    if status != wanted:
        time.sleep(2)
print(status, text)
if wanted == 401:
    print("There is no entry `api-key` in the Secret, so only the refusal was tested.")
sys.exit(status != wanted)
