import { describe, expect, it } from "vitest"
import { AppError } from "../../../kit/errors.ts"
import type { AskedAutoscaler, AskedClusterSpec } from "../commands.ts"
import { aHead, anAskedSpec, aSize, aVolume, aWorkerGroup } from "../ray-suite.ts"
import type { EnvironmentVariables } from "../spec.ts"
import { buildSpec, noVariables, type SpecSources } from "./build-spec.ts"

const build = (asked: AskedClusterSpec, change: Partial<SpecSources> = {}) =>
  buildSpec(asked, {
    resource: "ray-cluster",
    name: "c1",
    resourcesOf: () => aSize,
    envs: noVariables,
    ...change,
  })

function refusal(asked: AskedClusterSpec): unknown {
  try {
    build(asked)
  } catch (thrown) {
    if (thrown instanceof AppError) return [thrown.code, thrown.detail, thrown.message, thrown.facts]
  }
  return null
}

/** Places as Kubernetes writes them, with what it says. */
const found = (asked: AskedClusterSpec, change?: Partial<SpecSources>) =>
  build(asked, change).issues.map(
    ({ path, message }) =>
      `${path.map((part, at) => (typeof part === "number" ? `[${part}]` : at === 0 ? part : `.${part}`)).join("")}: ${message}`,
  )

const variables = (...names: string[]): EnvironmentVariables => ({
  values: Object.fromEntries(names.map((name) => [name, `${name}!`])),
  valuesFrom: {},
})

const anAutoscaler: AskedAutoscaler = {
  idleTimeoutSeconds: 0,
  upscalingMode: "",
  image: "",
  imagePullPolicy: "",
  cpu: "",
  memory: "",
  environment: noVariables,
  volumes: [],
}

describe("the shape of a cluster", () => {
  it("copies each group's template and takes the cluster's variables into each", () => {
    const big = { ...aSize, cpu: 8 }
    const head = { ...aHead, computeTemplate: "big", environment: variables("H") }
    const { spec, issues } = build(anAskedSpec({ head }), {
      resourcesOf: (name) => (name === "big" ? big : aSize),
      envs: variables("A"),
    })
    expect(issues).toEqual([])
    expect(spec.head.resources).toEqual(big)
    expect(spec.workers[0]?.resources).toEqual(aSize)
    expect(spec.head.environment.values).toEqual({ A: "A!", H: "H!" })
    expect(spec.workers[0]?.environment.values).toEqual({ A: "A!" })
  })

  it.each([
    [3, 0, 3],
    [3, 1, 1],
    [0, 0, 0],
    [-1, 0, -1],
  ])("with %d replicas and at least %d has at least %d", (replicas, asked, least) => {
    const group = { ...aWorkerGroup, replicas, minReplicas: asked }
    expect(build(anAskedSpec({ workers: [group] })).spec.workers[0]?.minReplicas).toBe(least)
  })

  it.each(["always", "Always"])("knows the pull policy %s", (imagePullPolicy) => {
    expect(build(anAskedSpec({ head: { ...aHead, imagePullPolicy } })).spec.head.imagePullPolicy).toBe(
      "Always",
    )
  })

  it("forgets the pull policy that is the default", () => {
    const head = { ...aHead, imagePullPolicy: "IfNotPresent" }
    expect(build(anAskedSpec({ head })).spec.head.imagePullPolicy).toBe("")
  })

  it.each([
    ["ephemeral", "1024Mi", "1Gi"],
    ["emptyDir", "1.5Gi", "1536Mi"],
    ["emptyDir", "", ""],
    ["hostPath", "nonsense", ""],
  ] as const)("keeps the storage of a volume %s of %j as %j", (type, storage, kept) => {
    const head = { ...aHead, volumes: [{ ...aVolume, type, storage }] }
    expect(build(anAskedSpec({ head })).spec.head.volumes[0]?.storage).toBe(kept)
  })

  it.each([
    ["ephemeral", "", "ephemeral_storage_empty", "storage for ephemeral volume is empty"],
    ["ephemeral", "4Foo", "ephemeral_storage", "storage for ephemeral volume is not specified correctly"],
    ["emptyDir", "1ki", "empty_dir_storage", "storage for empty dir volume is not specified correctly"],
  ] as const)("refuses a volume %s of %j as %s", (type, storage, detail, message) => {
    const volumes = [{ ...aVolume, type, storage }]
    const expected = ["invalid", detail, message, expect.anything()]
    expect(refusal(anAskedSpec({ head: { ...aHead, volumes } }))).toEqual(expected)
    expect(refusal(anAskedSpec({ workers: [{ ...aWorkerGroup, volumes }] }))).toEqual(expected)
  })
})

describe("the autoscaler of a cluster", () => {
  it("is left out unless autoscaling is on", () => {
    const autoscaler = { ...anAutoscaler, cpu: "nonsense" }
    expect(build(anAskedSpec({ autoscaler })).spec.autoscaler).toBeNull()
  })

  it.each([
    ["", "", "", ""],
    ["1000m", "", "1", "512Mi"],
    ["", "1024Mi", "500m", "1Gi"],
  ])("of cpu %j and memory %j has %j and %j", (cpu, memory, shownCpu, shownMemory) => {
    const autoscaler = { ...anAutoscaler, cpu, memory, idleTimeoutSeconds: -4 }
    expect(build(anAskedSpec({ enableInTreeAutoscaling: true, autoscaler })).spec.autoscaler).toMatchObject({
      cpu: shownCpu,
      memory: shownMemory,
      idleTimeoutSeconds: 0,
    })
  })

  it("is refused for its CPU before its memory", () => {
    const on = (change: Partial<AskedAutoscaler>) =>
      refusal(anAskedSpec({ enableInTreeAutoscaling: true, autoscaler: { ...anAutoscaler, ...change } }))
    expect(on({ cpu: "x", memory: "y" })).toContain("autoscaler_cpu")
    expect(on({ memory: "y" })).toContain("autoscaler_memory")
  })

  it("has one of three modes", () => {
    const mode = (upscalingMode: string) =>
      found(anAskedSpec({ enableInTreeAutoscaling: true, autoscaler: { ...anAutoscaler, upscalingMode } }))
    expect(mode("Aggressive")).toEqual([])
    expect(mode("Foo")).toEqual([
      'spec.autoscalerOptions.upscalingMode: Unsupported value: "Foo": supported values: "Default", "Aggressive", "Conservative"',
      "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
    ])
  })
})

describe("what must differ within a group", () => {
  it.each([
    ["ray-cluster", "spec"],
    ["ray-job", "spec.rayClusterSpec"],
    ["ray-service", "spec.rayClusterConfig"],
  ] as const)("is a variable's name, in a %s too", (resource, at) => {
    const head = { ...aHead, environment: variables("A") }
    expect(found(anAskedSpec({ head }), { resource, envs: variables("A") })).toEqual([
      `${at}.headGroupSpec.template.spec.containers[0].env[2]: Duplicate value: {"name":"A"}`,
    ])
  })

  it("is a name among values and sources", () => {
    const source = { source: "secret", name: "s", key: "k" } as const
    const head = { ...aHead, environment: { values: { A: "", B: "" }, valuesFrom: { A: source } } }
    expect(found(anAskedSpec({ head }))).toEqual([
      'spec.headGroupSpec.template.spec.containers[0].env[3]: Duplicate value: {"name":"A"}',
    ])
  })

  it("is also a name that its pods have anyway, which for a head is one", () => {
    const environment = variables("MY_POD_IP", "TYPE")
    const env = "template.spec.containers[0].env"
    expect(found(anAskedSpec({ head: { ...aHead, environment } }))).toEqual([
      `spec.headGroupSpec.${env}[1]: Duplicate value: {"name":"MY_POD_IP"}`,
    ])
    expect(found(anAskedSpec({ workers: [{ ...aWorkerGroup, environment }] }))).toEqual([
      `spec.workerGroupSpecs[0].${env}[8]: Duplicate value: {"name":"MY_POD_IP"}`,
      `spec.workerGroupSpecs[0].${env}[9]: Duplicate value: {"name":"TYPE"}`,
    ])
  })

  it("is a volume's name and its path", () => {
    const pod = "spec.headGroupSpec.template.spec"
    const volumes = [aVolume, aVolume, { ...aVolume, mountPath: "/w", type: null }]
    expect(found(anAskedSpec({ head: { ...aHead, volumes } }))).toEqual([
      `${pod}.containers[0].volumeMounts[1]: Duplicate value: {"mountPath":"/v"}`,
      `${pod}.volumes[1]: Duplicate value: {"name":"v"}`,
    ])
  })

  it("is a path of the autoscaler's", () => {
    const autoscaler = { ...anAutoscaler, volumes: [aVolume, aVolume] }
    expect(found(anAskedSpec({ enableInTreeAutoscaling: true, autoscaler }))).toEqual([
      'spec.autoscalerOptions.volumeMounts[1]: Duplicate value: {"mountPath":"/v"}',
    ])
  })
})

describe("the number of workers", () => {
  it.each([
    [10_000, 0, []],
    [9_999, 2, ["spec.workerGroupSpecs: Invalid value: 10001: there can be at most 10000 workers in all"]],
  ])("with groups of %d and %d", (first, second, issues) => {
    const group = { ...aWorkerGroup, maxReplicas: 20_000 }
    const workers = [
      { ...group, replicas: first },
      { ...group, groupName: "other", replicas: 0, minReplicas: second },
    ]
    expect(found(anAskedSpec({ workers }))).toEqual(issues)
  })

  it("is bounded for groups too: thousands of them would hold the scheduler up", () => {
    const groups = (count: number) =>
      Array.from({ length: count }, (_, at) => ({ ...aWorkerGroup, groupName: `g${at}`, replicas: 1 }))
    expect(found(anAskedSpec({ workers: groups(200) }))).toEqual([])
    expect(found(anAskedSpec({ workers: groups(201) }))).toEqual([
      "spec.workerGroupSpecs: Too many: 201: must have at most 200 items",
    ])
  })
})
