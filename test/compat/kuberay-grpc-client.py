"""A client of the KubeRay API over gRPC, made from the published .proto files by a program that is not ours.

usage: kuberay-grpc-client.py PROTO_FOLDER EMPTY_FOLDER ADDRESS TOKEN; prints what it met as JSON.
"""

import json
import pathlib
import sys

import grpc
from grpc_tools import protoc

proto, made, address, token = sys.argv[1:5]
files = sorted(str(path) for path in pathlib.Path(proto).glob("*.proto"))
own = pathlib.Path(protoc.__file__).parent / "_proto"
flags = [f"-I{proto}", f"-I{own}", f"--python_out={made}", f"--grpc_python_out={made}"]
if protoc.main(["protoc", *flags, *files]) != 0:
    sys.exit("the .proto files could not be compiled")
sys.path.insert(0, made)

import cluster_pb2
import cluster_pb2_grpc
import config_pb2
import config_pb2_grpc

metadata = [("authorization", token)]


def refused(call, request, **options):
    """The code and the sentence that a call is refused with."""
    try:
        call(request, timeout=20, **options)
    except grpc.RpcError as error:
        return [error.code().value[0], error.details()]
    return [0, ""]


with grpc.insecure_channel(address) as channel:
    templates = config_pb2_grpc.ComputeTemplateServiceStub(channel)
    clusters = cluster_pb2_grpc.ClusterServiceStub(channel)
    template = config_pb2.ComputeTemplate(
        name="python", namespace="default", cpu=2, memory=4, extended_resources={"example.com/x": 3}
    )
    sent = config_pb2.CreateComputeTemplateRequest(namespace="default", compute_template=template)
    created = templates.CreateComputeTemplate(sent, metadata=metadata, timeout=20)
    listed = templates.ListComputeTemplates(
        config_pb2.ListComputeTemplatesRequest(namespace="default"), metadata=metadata, timeout=20
    )
    spec = cluster_pb2.ClusterSpec(
        head_group_spec=cluster_pb2.HeadGroupSpec(
            compute_template="python",
            ray_start_params={"dashboard-host": "0.0.0.0"},
            security_context=cluster_pb2.SecurityContext(privileged=False),
        )
    )
    cluster = cluster_pb2.Cluster(
        name="python",
        namespace="default",
        user="ann",
        version="2.46.0",
        environment=cluster_pb2.Cluster.STAGING,
        cluster_spec=spec,
    )
    asked = cluster_pb2.CreateClusterRequest(namespace="default", cluster=cluster)
    made_cluster = clusters.CreateCluster(asked, metadata=metadata, timeout=20)
    head = made_cluster.cluster_spec.head_group_spec
    missing = cluster_pb2.GetClusterRequest(namespace="default", name="nobody")
    print(
        json.dumps(
            {
                "created": [created.memory_unit, dict(created.extended_resources)],
                "listed": [one.name for one in listed.compute_templates],
                "cluster": [made_cluster.environment, made_cluster.created_at.seconds > 0],
                "privileged": head.security_context.HasField("privileged"),
                "missing": refused(clusters.GetCluster, missing, metadata=metadata)[0],
                "unauthenticated": refused(clusters.GetCluster, missing)[0],
            }
        )
    )
