"""A client of the Workload API as somebody without an SDK would write it.

Usage: workloads-client.py BASE_URL TOKEN. Prints what it saw as one JSON object.
"""

import base64
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

BASE, TOKEN = sys.argv[1], sys.argv[2]
DEADLINE_SECONDS = 10


def call(method, path, body=None, token=TOKEN):
    """The answer's status and text; an error's too."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data=data, method=method)
    request.add_header("Authorization", "Bearer " + token)
    if data is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def main():
    workload = {
        "displayName": "from-python",
        "description": "größer & schöner",
        "workspaceId": "team",
        "resource": {"replica": 1, "cpu": "1", "memory": "1Gi"},
        "image": "python:3",
        "entryPoint": base64.b64encode(b"python train.py").decode(),
        "env": {"A": "b"},
    }
    status, text = call("POST", "/workloads", workload)
    workload_id = json.loads(text)["workloadId"]
    created = status == 200 and workload_id.startswith("from-python-")

    query = urllib.parse.urlencode({"description": "größer & sch", "phase": "Pending,Running"})
    listed = json.loads(call("GET", "/workloads?" + query)[1])["totalCount"]

    empty = [call("PATCH", "/workloads/" + workload_id, {"priority": 1})[1]]
    empty.append(call("POST", "/workloads/" + workload_id + "/stop")[1])
    phase = json.loads(call("GET", "/workloads/" + workload_id)[1])["phase"]
    clones = json.loads(call("POST", "/workloads/clone", {"workloadIds": [workload_id]})[1])["workloadIds"]
    empty.append(call("POST", "/workloads/delete", {"workloadIds": [workload_id] + clones})[1])

    status, text = call("POST", "/workloads", {**workload, "displayName": ""})
    error = json.loads(text)
    refused = [status, error["errorCode"], error["errorMessage"]]
    status, text = call("GET", "/workloads/" + workload_id)
    print(
        json.dumps(
            {
                "created": created,
                "listed": listed,
                "phase": phase,
                "clones": len(clones),
                "empty": empty,
                "refused": refused,
                "missing": [status, json.loads(text)["errorCode"]],
                "unauthenticated": call("GET", "/workloads", token="wrong")[0],
            }
        )
    )


main()
