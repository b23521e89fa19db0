"""The services API as ZenML's own client uses it.

Usage: zenml-client.py. The server and who asks are in ZenML's own variables (ZENML_STORE_URL, ZENML_STORE_API_KEY, or
ZENML_STORE_USERNAME and ZENML_STORE_PASSWORD). Prints what it saw as one JSON object.
"""

import json

from zenml.client import Client
from zenml.enums import ServiceState
from zenml.exceptions import EntityExistsError
from zenml.services import ServiceConfig, ServiceType


def refusal(work):
    """The name of the exception that the client makes of a refusal."""
    try:
        work()
    except (EntityExistsError, KeyError) as error:
        return type(error).__name__
    return None


client = Client()
config = ServiceConfig(
    name="churn",
    service_name="churn-server",
    model_name="churn",
    pipeline_name="train_churn",
    pipeline_step_name="deploy",
)
kind = ServiceType(type="model-serving", flavor="mlflow", description="MLflow prediction service")
seen = {
    "user": client.active_user.name,
    "project": client.active_project.name,
    "stack": client.active_stack_model.name,
    "before": client.list_services().total,
}

made = client.create_service(config=config, service_type=kind)
again = refusal(lambda: client.create_service(config=config, service_type=kind))
found = client.list_services(
    sort_by="desc:created",
    flavor="mlflow",
    pipeline_name="train_churn",
    running=True,
    user=client.active_user.id,
)
by_name = client.get_service("churn-server")
by_prefix = client.get_service(str(made.id)[:30])
changed = client.update_service(
    made.id,
    name="renamed",
    admin_state=ServiceState.ACTIVE,
    service_source="acme.serving.ChurnService",
    status={"state": "active", "last_state": "pending_startup"},
    endpoint={"status": {"hostname": "127.0.0.1", "port": 8000}},
    labels={"team": "growth"},
    prediction_url="http://127.0.0.1:8000/invocations",
    health_check_url="http://127.0.0.1:8000/ping",
)
seen |= {
    "made": [made.name, made.service_type.flavor, made.config["model_name"], made.user.name],
    "again": again,
    # Of what a list gives the metadata is fetched when it is looked at.
    "found": [[service.name, service.config["pipeline_step_name"]] for service in found.items],
    "same": by_name.id == by_prefix.id == made.id,
    "changed": [changed.name, changed.state, changed.admin_state, changed.labels, changed.prediction_url],
    "later": changed.updated > changed.created,
}

client.delete_service(made.id)
seen |= {
    "gone": refusal(lambda: client.get_service(made.id)),
    "unknown": refusal(lambda: client.get_service("churn-server")),
    "after": client.list_services().total,
}
print(json.dumps(seen))
