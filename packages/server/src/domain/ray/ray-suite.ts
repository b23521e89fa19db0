import type { AskedClusterSpec, NewRayCluster } from "./commands.ts"
import { noVariables } from "./objects/build-spec.ts"
import type { GroupResources, RayVolume } from "./spec.ts"

/** What the examples of tests are made of. */
export const aSize: GroupResources = {
  cpu: 1,
  memory: 1,
  memoryUnit: "Gi",
  gpu: 0,
  gpuAccelerator: "",
  tolerations: [],
  extendedResources: {},
}

export const aVolume: RayVolume = {
  name: "v",
  mountPath: "/v",
  type: "emptyDir",
  source: "",
  readOnly: false,
  hostPathType: "directory",
  mountPropagation: "none",
  storageClassName: "",
  accessMode: "RWO",
  storage: "",
  items: {},
}

const aGroup = {
  computeTemplate: "small",
  image: "",
  rayStartParams: {},
  volumes: [],
  serviceAccount: "",
  imagePullSecret: "",
  imagePullPolicy: "",
  environment: noVariables,
  annotations: {},
  labels: {},
  securityContext: null,
}

export const aHead: AskedClusterSpec["head"] = { ...aGroup, serviceType: "", enableIngress: false }

export const aWorkerGroup: AskedClusterSpec["workers"][number] = {
  ...aGroup,
  groupName: "small-wg",
  replicas: 1,
  minReplicas: 0,
  maxReplicas: 5,
}

/** A head and one group of one worker. */
export function anAskedSpec(change: Partial<AskedClusterSpec> = {}): AskedClusterSpec {
  return {
    head: aHead,
    workers: [aWorkerGroup],
    enableInTreeAutoscaling: false,
    autoscaler: null,
    headServiceAnnotations: {},
    ...change,
  }
}

export function aWantedCluster(change: Partial<NewRayCluster> = {}): NewRayCluster {
  return {
    namespace: "red",
    name: "c1",
    user: "ada",
    rayVersion: "2.60.0",
    environment: 0,
    annotations: {},
    envs: noVariables,
    spec: anAskedSpec(),
    ...change,
  }
}
