const clusterSpec = {
  headGroupSpec: {
    computeTemplate: "small",
    rayStartParams: { "dashboard-host": "0.0.0.0" },
  },
  workerGroupSpec: [
    { groupName: "workers", computeTemplate: "small", replicas: 1, minReplicas: 1, maxReplicas: 2 },
  ],
}
const service = {
  name: "greeter",
  namespace: "default",
  user: "ann",
  version: "2.46.0",
  serveConfigV2: "applications:\n  - name: greeter\n    import_path: greeter:app\n    route_prefix: /\n",
  clusterSpec,
}

/** A body that works for each route that reads one. */
export const examples = {
  createComputeTemplate: { name: "small", namespace: "default", cpu: 1, memory: 2, memoryUnit: "Gi" },
  createCluster: { name: "first", namespace: "default", user: "ann", version: "2.46.0", clusterSpec },
  createRayJob: {
    name: "hello",
    namespace: "default",
    user: "ann",
    version: "2.46.0",
    entrypoint: "python -c 'import ray; ray.init(); print(ray.cluster_resources())'",
    shutdownAfterJobFinishes: true,
    clusterSpec,
  },
  createRayService: service,
  updateRayService: service,
  submitRayJob: { entrypoint: "python -c 'print(1)'", metadata: { team: "a" } },
} as const
