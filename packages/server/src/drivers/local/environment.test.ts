import { describe, expect, it } from "vitest"
import { launchOf } from "../driver-world.ts"
import { podEnvironment, type PodPlace } from "./environment.ts"

const place: PodPlace = {
  home: "/home/x",
  userName: "x",
  tmpDir: "/t",
  path: "/usr/bin:/bin",
  podIp: "127.64.0.2",
  masterIp: "127.64.0.1",
  masterPort: 23_456,
  stopReasonFile: "/s.json",
  gpuKind: "nvidia",
}

function environmentOf(
  env: Record<string, string>,
  gpuIndexes: readonly number[] = [],
  change: Partial<PodPlace> = {},
) {
  const launch = launchOf(3, { env, run: 4, workloadId: "train-x7kqd" })
  const pod = launch.pods[2]
  if (!pod) throw new Error("three pods have a third")
  return podEnvironment(launch, { ...pod, gpuIndexes }, { ...place, ...change })
}

describe("a pod's environment", () => {
  it("tells a pod who it is and where the others are", () => {
    expect(environmentOf({})).toMatchObject({
      WORKLOAD_ID: "train-x7kqd",
      DISPATCH_COUNT: "4",
      MAIN_CONTAINER_NAME: "pytorch",
      POD_NAME: "train-x7kqd-worker-1",
      POD_IP: "127.64.0.2",
      BERTH_HOST: "127.64.0.2",
      POD_NAMESPACE: "team-a",
      MASTER_ADDR: "127.64.0.1",
      MASTER_PORT: "23456",
      WORLD_SIZE: "3",
      RANK: "2",
      NNODES: "3",
      NODE_RANK: "2",
      LOCAL_RANK: "0",
      PET_NNODES: "3",
      PET_NODE_RANK: "2",
      PET_MASTER_ADDR: "127.64.0.1",
      NCCL_SOCKET_IFNAME: "lo",
      GLOO_SOCKET_IFNAME: "lo",
      BERTH_STOP_REASON_FILE: "/s.json",
    })
  })

  it.each(["Deployment", "StatefulSet"] as const)(
    "tells a pod of a %s of no others, for it has none",
    (kind) => {
      const launch = launchOf(1, { kind, env: { WORLD_SIZE: "of the user" } })
      const [pod] = launch.pods
      const env = pod ? podEnvironment(launch, pod, place) : {}
      expect(env).toMatchObject({ POD_IP: "127.64.0.2", BERTH_HOST: "127.64.0.2", NCCL_SOCKET_IFNAME: "lo" })
      expect(env).toHaveProperty("WORLD_SIZE", "of the user")
      const others = ["RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "NNODES", "PET_NNODES", "PORT"]
      for (const name of others) expect(env).not.toHaveProperty(name)
    },
  )

  it("lets the user's values win over the basics and the platform's over the user's", () => {
    const env = environmentOf({
      LANG: "de",
      PATH: "/mine",
      HOME: "/h",
      RANK: "77",
      WORKLOAD_ID: "forged",
      A: "1",
    })
    expect(env).toMatchObject({ LANG: "de", PATH: "/mine", HOME: "/h", A: "1" })
    expect(env).toMatchObject({ RANK: "2", WORKLOAD_ID: "train-x7kqd" })
  })

  it("hides all devices from a pod that asked for none", () => {
    const env = environmentOf({ CUDA_VISIBLE_DEVICES: "0,1,2,3" })
    expect(env).toMatchObject({
      CUDA_DEVICE_ORDER: "PCI_BUS_ID",
      CUDA_VISIBLE_DEVICES: "",
      HIP_VISIBLE_DEVICES: "",
      ROCR_VISIBLE_DEVICES: "",
      PET_NPROC_PER_NODE: "1",
    })
    expect(Object.keys(env)).not.toContain("GPUS_PER_NODE")
    expect(Object.keys(env)).not.toContain("BERTH_GPU_SIMULATED")
  })

  it("shows a pod its own devices, and says when they are only declared", () => {
    expect(environmentOf({}, [1, 3])).toMatchObject({
      CUDA_VISIBLE_DEVICES: "1,3",
      HIP_VISIBLE_DEVICES: "1,3",
      ROCR_VISIBLE_DEVICES: "1,3",
      GPUS_PER_NODE: "2",
      PET_NPROC_PER_NODE: "2",
    })
    expect(environmentOf({}, [1])).not.toHaveProperty("BERTH_GPU_SIMULATED")
    expect(environmentOf({}, [1], { gpuKind: "simulated" })).toHaveProperty("BERTH_GPU_SIMULATED", "1")
    expect(environmentOf({}, [], { gpuKind: "simulated" })).not.toHaveProperty("BERTH_GPU_SIMULATED")
  })

  it("counts AMD's devices for HIP among those that ROCR leaves", () => {
    expect(environmentOf({}, [2, 5], { gpuKind: "amd" })).toMatchObject({
      ROCR_VISIBLE_DEVICES: "2,5",
      HIP_VISIBLE_DEVICES: "0,1",
      CUDA_VISIBLE_DEVICES: "0,1",
    })
    expect(environmentOf({}, [], { gpuKind: "amd" })).toMatchObject({
      ROCR_VISIBLE_DEVICES: "",
      HIP_VISIBLE_DEVICES: "",
    })
  })

  it("finds the tools of a virtual environment that travelled along first", () => {
    expect(environmentOf({ VIRTUAL_ENV: "/v", CONDA_PREFIX: "/c" })["PATH"]).toBe(
      "/v/bin:/c/bin:/usr/bin:/bin",
    )
    expect(environmentOf({ VIRTUAL_ENV: "" })["PATH"]).toBe("/usr/bin:/bin")
  })

  it("gives a pod the same uid whenever it is asked for, and others others", () => {
    const launch = launchOf(2)
    const uids = [...launch.pods, ...launch.pods].map((pod) => podEnvironment(launch, pod, place)["POD_UID"])
    expect(new Set(uids).size).toBe(2)
    expect(uids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
  })
})
