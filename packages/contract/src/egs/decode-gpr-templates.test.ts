import { describe, expect, it } from "vitest"
import { decodeGprTemplateBinding } from "./decode-gpr-template-binding.ts"
import { decodeGprTemplate } from "./decode-gpr-template.ts"

const template = {
  name: "t4",
  clusterName: "worker-1",
  numberOfGPUs: 1,
  numberOfGPUNodes: 2,
  memoryPerGpu: 15,
  gpuShape: "Tesla-T4",
  instanceType: "n1-standard-8",
  exitDuration: "1h",
}

describe("a template", () => {
  it("has the documented defaults", () => {
    expect(decodeGprTemplate({ ...template, idleTimeOutDuration: "", priority: null })).toEqual({
      ok: true,
      value: {
        name: "t4",
        workspaceName: null,
        clusterName: "worker-1",
        numberOfGPUs: 1,
        numberOfGPUNodes: 2,
        memoryPerGpu: 15,
        gpuShape: "Tesla-T4",
        instanceType: "n1-standard-8",
        exitDurationMs: 3_600_000,
        priority: 101,
        idleTimeOutMs: null,
        enableEviction: false,
        requeueOnFailure: true,
      },
    })
  })

  it.each<[object, string]>([
    [{ name: "" }, '"name" is not allowed to be empty'],
    [{ clusterName: undefined }, '"clusterName" is required'],
    [{ numberOfGPUNodes: 0 }, '"numberOfGPUNodes" must be greater than or equal to 1'],
    [{ exitDuration: "soon" }, '"exitDuration" with value "soon" fails to match'],
    [{ enforceIdleTimeOut: true }, '"idleTimeOutDuration" is required'],
  ])("is refused with %j", (change, message) => {
    const result = decodeGprTemplate({ ...template, ...change })
    expect(result.ok ? "" : result.issues[0]?.message).toContain(message)
  })
})

describe("a binding", () => {
  const row = { clusterName: "worker-1", defaultTemplateName: "t4" }

  it("always has the default template among the templates", () => {
    const clusters = [{ ...row, templates: ["big", "t4"] }, row]
    expect(decodeGprTemplateBinding({ workspaceName: "team", clusters })).toEqual({
      ok: true,
      value: {
        workspaceName: "team",
        clusters: [
          { ...row, templates: ["t4", "big"] },
          { ...row, templates: ["t4"] },
        ],
        enableAutoGPR: false,
      },
    })
  })

  it.each<[object, string]>([
    [{ clusters: [row] }, '"workspaceName" is required'],
    [{ workspaceName: "team" }, '"clusters" is required'],
    [{ workspaceName: "team", clusters: [] }, '"clusters" must contain at least 1 items'],
    [{ workspaceName: "team", clusters: row }, '"clusters" must be an array'],
    [{ workspaceName: "team", clusters: [row, 7] }, '"clusters[1]" must be of type object'],
    [
      { workspaceName: "team", clusters: [{ ...row, defaultTemplateName: "" }] },
      '"clusters[0].defaultTemplateName" is not allowed to be empty',
    ],
    [
      { workspaceName: "team", clusters: [{ ...row, templates: ["a", {}] }] },
      '"clusters[0].templates[1]" must be a string',
    ],
    [{ workspaceName: "team", clusters: [row], enableAutoGPR: "maybe" }, '"enableAutoGPR" must be a boolean'],
  ])("is refused: %j", (body, message) => {
    const result = decodeGprTemplateBinding(body)
    expect(result.ok ? "" : result.issues[0]?.message).toBe(message)
  })
})
