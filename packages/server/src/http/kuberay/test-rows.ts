import type { Principal } from "../../domain/identity/index.ts"
import type {
  HeadGroup,
  RayCluster,
  RayJob,
  RayObjects,
  RayService,
  WorkerGroup,
} from "../../domain/ray/index.ts"
import { AppError } from "../../kit/errors.ts"

/** The moment of reference/kuberay-v1.md 5.4's golden example. */
export const createdAtMs = Date.parse("2023-09-25T10:48:35.766Z")

const group = {
  computeTemplate: "default-template",
  resources: {
    cpu: 2,
    memory: 4,
    memoryUnit: "Gi",
    gpu: 0,
    gpuAccelerator: "",
    tolerations: [],
    extendedResources: {},
  },
  image: "rayproject/ray:2.46.0",
  volumes: [],
  serviceAccount: "",
  imagePullSecret: "",
  imagePullPolicy: "",
  environment: { values: {}, valuesFrom: {} },
  annotations: {},
  labels: {},
  securityContext: null,
}
export const headRow: HeadGroup = {
  ...group,
  rayStartParams: { "dashboard-host": "0.0.0.0", "metrics-export-port": "8080" },
  serviceType: "NodePort",
  enableIngress: false,
}
export const workerRow: WorkerGroup = {
  ...group,
  rayStartParams: { "node-ip-address": "$MY_POD_IP" },
  groupName: "small-wg",
  replicas: 1,
  minReplicas: 1,
  maxReplicas: 1,
}

export const clusterRow = {
  key: "rcl_1",
  namespace: "ray-system",
  name: "test-cluster",
  workspaceId: "ray-system",
  userId: "usr_1",
  user: "3cpo",
  rayVersion: "2.46.0",
  environment: 0,
  annotations: {},
  spec: {
    head: headRow,
    workers: [workerRow],
    enableInTreeAutoscaling: false,
    autoscaler: null,
    headServiceAnnotations: {},
  },
  state: "starting",
  suspended: false,
  address: null,
  createdAtMs,
} as unknown as RayCluster

export const jobRow = {
  key: "rjb_1",
  namespace: "ray-system",
  name: "job-1",
  workspaceId: "ray-system",
  userId: "usr_1",
  user: "3cpo",
  rayVersion: "2.46.0",
  askedJobId: "asked",
  entrypoint: "python -V",
  metadata: { team: "x" },
  runtimeEnv: "env_vars: {A: b}\n",
  numCpus: 0.5,
  numGpus: 1,
  resources: '{"x":1}',
  shutdownAfterJobFinishes: true,
  clusterSelector: {},
  spec: clusterRow.spec,
  ttlSecondsAfterFinished: 60,
  activeDeadlineSeconds: 90,
  submitter: { image: "img", cpu: "1", memory: "2Gi" },
  status: "RUNNING",
  phase: "Running",
  message: "",
  submissionId: "job-1-abcde",
  clusterName: "job-1-fghij",
  startedAtMs: createdAtMs + 1000,
  endedAtMs: null,
  createdAtMs,
  deletingAtMs: null,
} as unknown as RayJob

export const serviceRow = {
  key: "rsv_1",
  namespace: "ray-system",
  name: "svc-1",
  workspaceId: "ray-system",
  userId: "usr_1",
  user: "3cpo",
  rayVersion: "2.46.0",
  serveConfig: "applications: []\n",
  serviceUnhealthySeconds: 0,
  deploymentUnhealthySeconds: 0,
  spec: clusterRow.spec,
  applications: [],
  createdAtMs,
  deletingAtMs: null,
} as unknown as RayService

/** Somebody with this role in every workspace. */
export function member(role: "editor" | "viewer"): Principal {
  return {
    userId: "usr_2",
    userName: "ann",
    keyId: null,
    serverRole: null,
    roleIn: () => role,
    workspaces: () => null,
  } as unknown as Principal
}

type Parts = "templates" | "clusters" | "jobs" | "services" | "submissions"
/** What objects do in a test: the rest throws. */
export type Script = { readonly [Part in Parts]?: Partial<RayObjects[Part]> }

/** Objects that do what the script of the moment says, and tell of their calls: `clusters.get`, then what it was given. */
export function scriptedObjects(script: () => Script, calls: unknown[][]): RayObjects {
  const part = (name: Parts) =>
    new Proxy(
      {},
      {
        get:
          (_, method: string) =>
          (principal: Principal, ...given: unknown[]) => {
            calls.push([`${name}.${method}`, ...given])
            const does = (script()[name] as Record<string, unknown> | undefined)?.[method]
            if (typeof does === "function") return does(principal, ...given) as unknown
            return Promise.reject(new AppError("internal", `${name}.${method} is not in the script`))
          },
      },
    )
  const parts = ["templates", "clusters", "jobs", "services", "submissions"] as const
  return Object.fromEntries(parts.map((name) => [name, part(name)])) as unknown as RayObjects
}
