import { expect, it } from "vitest"
import { decodeKubeConfigWish, decodeWorkspace } from "./decode-workspace.ts"

it("reads a workspace as it is printed, and what is unknown not at all", () => {
  const printed = {
    workspaceName: "workspaceName",
    clusters: ["worker-1"],
    namespaces: ["namespace-1", "namespace-2"],
    username: "John Doe",
    email: "john.doe@example.com",
  }
  const value = { ...printed }
  expect(decodeWorkspace({ ...printed, sliceSubnet: "10.0.0.0/16" })).toEqual({ ok: true, value })
})

it("tells what is not said from what is empty, in lists alone", () => {
  const silent = {
    workspaceName: "a",
    clusters: undefined,
    namespaces: undefined,
    username: undefined,
    email: undefined,
  }
  const empty = { clusters: null, namespaces: "", username: "", email: null }
  expect(decodeWorkspace({ workspaceName: "a", ...empty })).toEqual({ ok: true, value: silent })
  expect(decodeWorkspace({ workspaceName: "a", clusters: [] })).toMatchObject({ value: { clusters: [] } })
})

it.each<[unknown, string]>([
  [{}, '"workspaceName" is required'],
  [
    { workspaceName: "a".repeat(254) },
    '"workspaceName" length must be less than or equal to 253 characters long',
  ],
  [{ workspaceName: "a\u0000" }, '"workspaceName" must not contain control characters'],
  [{ workspaceName: "a", clusters: {} }, '"clusters" must be an array'],
  [
    { workspaceName: "a", clusters: Array.from({ length: 257 }, () => "c") },
    '"clusters" must contain less than or equal to 256 items',
  ],
  [{ workspaceName: "a", namespaces: ["x", null] }, '"namespaces[1]" must be a string'],
  [{ workspaceName: "a", username: 1 }, '"username" must be a string'],
  ["text", '"value" must be of type object'],
])("refuses %j", (body, said) => {
  const result = decodeWorkspace(body)
  expect(result.ok ? "" : result.issues[0]?.message).toBe(said)
})

it("reads whose kubeconfig is asked for", () => {
  const value = { workspaceName: "a", clusterName: undefined }
  expect(decodeKubeConfigWish({ workspaceName: "a", clusterName: "" })).toEqual({ ok: true, value })
  expect(decodeKubeConfigWish({ clusterName: "c" }).ok).toBe(false)
})
