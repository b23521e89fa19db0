import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startBerthServer, type BerthServer } from "./berth-server.ts"
import { createSliceUrl, curl, refusal, success, turnedAway, type Curl } from "./egs-call.ts"

let server: BerthServer
let viewer: string
let editor: string
let lead: string
beforeAll(async () => {
  server = await startBerthServer({ clusters: ["worker-1", "worker-2"] })
  await server.call("POST", "/berth/v1/workspaces", { json: { id: "team", clusters: ["worker-1"] } })
  viewer = await server.member("viewer", { team: "viewer" })
  editor = await server.member("editor", { team: "editor" })
  lead = await server.member("lead", { team: "owner" })
})
afterAll(() => server.close())

const ask = (wanted: Curl) => curl(server, wanted)
const create = (data: object, token = server.token) => ask({ path: "/slice-workspace", data, token })
const change = (data: object, token = server.token) =>
  ask({ request: "PUT", path: "/slice-workspace", data, token })
const remove = (data: object, token = server.token) =>
  ask({ request: "DELETE", path: "/slice-workspace", data, token })
const kubeConfig = (data: object, token = server.token) =>
  ask({ path: "/slice-workspace/kube-config", data, token })
const registering = (status: number, short: string, said: string, rest: object = {}) =>
  refusal({ status, short, doing: "Error registering Slice", said, documentation: createSliceUrl, ...rest })

async function listed(token = server.token): Promise<readonly { readonly name: string }[]> {
  const { json } = await ask({ path: "/slice-workspace/list", token })
  return (json as { data: { workspaces: { name: string }[] } }).data.workspaces
}
const one = async (name: string) => (await listed()).find((workspace) => workspace.name === name)

/** A row of the validator, byte by byte. */
function denied(
  name: string,
  field: string,
  cause: string,
  message: string,
  doing = "Error registering Slice",
) {
  const said = `admission webhook "vsliceconfig.kb.io" denied the request: SliceConfig.controller.kubeslice.io "${name}" is invalid: ${field}: ${message}`
  const details = JSON.stringify([{ reason: `FieldValue${cause}`, message, field }])
  const rest = { reason: "Invalid", details, documentation: createSliceUrl }
  return refusal({ status: 422, short: "Bad Request", doing, said, ...rest })
}

const applications = "Spec.NamespaceIsolationProfile.ApplicationNamespaces"

describe("the document's own calls", () => {
  it("create, refuse a second, list and delete a workspace", async () => {
    const printed = `{
    "workspaceName": "workspace1",
    "clusters": [
        "worker-1"
    ],
    "namespaces" : [
        "namespace-1",
        "namespace-2"
    ],
    "username": "John Doe",
    "email": "john.doe@avesha.io"
}`
    const made = await ask({ path: "/slice-workspace", data: printed })
    expect([made.status, made.text]).toEqual([200, success('{"workspaceName":"workspace1"}')])
    expect(made.headers["content-type"]).toBe("application/json")
    const again = await ask({ path: "/slice-workspace", data: printed })
    expect([again.status, again.text]).toEqual([
      409,
      registering(409, "Already Exists", 'sliceconfigs.controller.kubeslice.io "workspace1" already exists', {
        reason: "AlreadyExists",
      }),
    ])
    const { text } = await ask({ path: "/slice-workspace/list" })
    expect(text).toContain(
      '{"name":"workspace1","overlayNetworkDeploymentMode":"no-network","maxClusters":16,"sliceDescription":"Created via slice workspace API","clusters":["worker-1"],"namespaces":[{"namespace":"namespace-1","clusters":["worker-1"]},{"namespace":"namespace-2","clusters":["worker-1"]}]}',
    )
    expect(server.plane.workspaces.find("workspace1")?.contact).toEqual({
      name: "John Doe",
      email: "john.doe@avesha.io",
    })
    const gone = await remove({ workspaceName: "workspace1" })
    expect([gone.status, gone.text]).toEqual([200, success("{}")])
    expect(await one("workspace1")).toBeUndefined()
  })

  it("refuse namespaces without clusters", async () => {
    for (const clusters of [[], null, "", undefined]) {
      const refused = await create({ workspaceName: "evening", clusters, namespaces: ["ns-1"] })
      expect([refused.status, refused.text]).toEqual([
        422,
        denied("evening", `${applications}.Clusters`, "Required", "Required value: clusters"),
      ])
    }
  })

  it("ask for a kubeconfig of a workspace", async () => {
    const data = `{
    "workspaceName": "team"
}`
    const said = `cluster "worker-1" runs local processes: it has no Kubernetes API to give access to`
    const doing = "Error while fetching the kubeconfig"
    const text = refusal({ status: 422, short: "Bad Request", doing, said })
    for (const request of ["GET", "POST"]) {
      const answer = await ask({ request, path: "/slice-workspace/kube-config", data })
      expect([request, answer.status, answer.text]).toEqual([request, 422, text])
    }
    const byQuery = await ask({ path: "/slice-workspace/kube-config?workspaceName=team" })
    expect(byQuery.text).toBe(text)
  })
})

describe("creation", () => {
  it.each<[string, object, string, string, string]>([
    [
      "an upper-case name",
      { workspaceName: "Team" },
      "metadata.name",
      "Invalid",
      'Invalid value: "Team": must be 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit',
    ],
    [
      "a reserved name",
      { workspaceName: "kube-system" },
      "metadata.name",
      "Invalid",
      'Invalid value: "kube-system": is a reserved name',
    ],
    [
      "no clusters at all",
      { clusters: [], namespaces: [] },
      "Spec.Clusters",
      "Required",
      "Required value: clusters",
    ],
    [
      "a cluster twice",
      { clusters: ["worker-1", "worker-2", "worker-1"] },
      "Spec.Clusters",
      "Duplicate",
      'Duplicate value: "worker-1"',
    ],
    [
      "an unknown cluster",
      { clusters: ["worker-1", "mars"] },
      "Spec.Clusters",
      "Invalid",
      'Invalid value: "mars": cluster is not registered',
    ],
    [
      "17 clusters",
      { clusters: Array.from({ length: 17 }, (_, at) => `c-${at}`) },
      "Spec.Clusters",
      "TooMany",
      "Too many: 17: must have at most 16 items",
    ],
    [
      "a bad namespace",
      { namespaces: ["ok", "Not_ok"] },
      `${applications}.Namespace`,
      "Invalid",
      'Invalid value: "Not_ok": must be 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit',
    ],
    [
      "a namespace twice",
      { namespaces: ["a", "b", "a"] },
      `${applications}.Namespace`,
      "Duplicate",
      'Duplicate value: "a"',
    ],
    [
      "a reserved namespace",
      { namespaces: ["default"] },
      `${applications}.Namespace`,
      "Invalid",
      'Invalid value: "default": is a reserved namespace',
    ],
    [
      "65 namespaces",
      { namespaces: Array.from({ length: 65 }, (_, at) => `n-${at}`) },
      `${applications}.Namespace`,
      "TooMany",
      "Too many: 65: must have at most 64 items",
    ],
  ])("refuses %s", async (_, wish, field, cause, message) => {
    const whole = { workspaceName: "fresh", clusters: ["worker-1"], ...wish }
    const before = await listed()
    const answer = await create(whole)
    expect([answer.status, answer.text]).toEqual([422, denied(whole.workspaceName, field, cause, message)])
    expect(await listed()).toEqual(before)
  })

  it.each<[unknown, string]>([
    [{}, '"workspaceName" is required'],
    [undefined, '"workspaceName" is required'],
    [{ workspaceName: "" }, '"workspaceName" is not allowed to be empty'],
    [{ workspaceName: 7 }, '"workspaceName" must be a string'],
    [{ workspaceName: "x", clusters: "worker-1" }, '"clusters" must be an array'],
    [{ workspaceName: "x", clusters: ["worker-1", 7] }, '"clusters[1]" must be a string'],
    [{ workspaceName: "x", namespaces: [""] }, '"namespaces[0]" is not allowed to be empty'],
    [[], '"value" must be of type object'],
  ])("refuses the body %j", async (data, said) => {
    const answer = await ask({ request: "POST", path: "/slice-workspace", data })
    expect([answer.status, answer.text]).toEqual([422, registering(422, "Bad Request", said)])
  })

  it("refuses what is no JSON, and what is too large, in the API's own shape", async () => {
    const broken = await ask({ path: "/slice-workspace", data: '{"workspaceName":' })
    expect([broken.status, broken.text]).toEqual([
      400,
      turnedAway(400, "BAD_REQUEST", "The body is not valid JSON."),
    ])
    const large = await ask({ path: "/slice-workspace", data: "x".repeat(300 * 1024) })
    expect(large.status).toBe(413)
    expect(JSON.parse(large.text)).toMatchObject({ statusCode: 413, error: { data: null } })
  })

  it("takes a body of any content type, null and empty text as absent, and shows no namespaces as null", async () => {
    const data = {
      workspaceName: "plain",
      clusters: ["worker-2"],
      namespaces: null,
      username: "",
      email: null,
    }
    for (const type of ["text/plain", "application/json; charset=utf-8"]) {
      const answer = await ask({ path: "/slice-workspace", data, headers: { "content-type": type } })
      expect(answer.status).toBe(200)
      expect(await one("plain")).toMatchObject({ clusters: ["worker-2"], namespaces: null })
      await remove({ workspaceName: "plain" })
    }
  })

  it("refuses a namespace that is another workspace's, its name included", async () => {
    await create({ workspaceName: "holder", clusters: ["worker-1"], namespaces: ["held"] })
    const row = (name: string, field: string, namespace: string) =>
      denied(
        name,
        field,
        "Invalid",
        `Invalid value: "${namespace}": namespace is already acquired by slice "holder"`,
      )
    const clusters = ["worker-1"]
    const taken = await create({ workspaceName: "rival", clusters, namespaces: ["free", "held"] })
    expect([taken.status, taken.text]).toEqual([422, row("rival", `${applications}.Namespace`, "held")])
    const named = await create({ workspaceName: "rival", clusters, namespaces: ["holder"] })
    expect(named.text).toBe(row("rival", `${applications}.Namespace`, "holder"))
    const asName = await create({ workspaceName: "held", clusters })
    expect(asName.text).toBe(row("held", "metadata.name", "held"))
    await remove({ workspaceName: "holder" })
    expect((await create({ workspaceName: "rival", clusters, namespaces: ["held"] })).status).toBe(200)
    await remove({ workspaceName: "rival" })
  })

  it("is for server Owners, before anything is looked into", async () => {
    for (const token of [viewer, editor, lead]) {
      const answer = await create({ workspaceName: "team", clusters: ["mars"] }, token)
      const text = turnedAway(403, "FORBIDDEN", "The user is not allowed to create workspace")
      expect([answer.status, answer.text]).toEqual([403, text])
    }
    const nobody = await create({ workspaceName: "x" }, "")
    expect([nobody.status, nobody.text]).toEqual([401, turnedAway(401, "UNAUTHENTICATED", "Unauthenticated")])
    expect((await create({ workspaceName: "x" }, "wrong")).text).toBe(nobody.text)
  })
})

describe("a change", () => {
  it("replaces the lists that are given, and nothing else", async () => {
    await create({ workspaceName: "moves", clusters: ["worker-1"], namespaces: ["m-1"], username: "Ada" })
    const answer = await change({ workspaceName: "moves", clusters: ["worker-2", "worker-1"] })
    expect([answer.status, answer.text]).toEqual([200, success('{"workspaceName":"moves"}')])
    const clusters = ["worker-2", "worker-1"]
    expect(await one("moves")).toMatchObject({ clusters, namespaces: [{ namespace: "m-1", clusters }] })
    await change({ workspaceName: "moves", namespaces: ["m-2"], email: "ada@example.com" })
    expect(await one("moves")).toMatchObject({ clusters, namespaces: [{ namespace: "m-2", clusters }] })
    expect(server.plane.workspaces.find("moves")?.contact).toEqual({ name: "Ada", email: "ada@example.com" })
    await change({ workspaceName: "moves", namespaces: [] })
    expect(await one("moves")).toMatchObject({ namespaces: null })
  })

  it("does not look anew at what stays", async () => {
    const { workspaces } = server.plane
    const many = { id: "many", description: "", namespaces: [], contact: { name: "", email: "" } }
    const made = {
      ...workspaces.find("team")!,
      ...many,
      clusters: Array.from({ length: 17 }, (_, at) => `old-${at}`),
    }
    await server.store.tx((tx) =>
      server.store.workspaces.insert(tx, { ...made, key: "01K0000000000000000000MANY" }),
    )
    expect((await change({ workspaceName: "many", username: "Ada" })).status).toBe(200)
    expect(await one("many")).toMatchObject({ maxClusters: 17 })
    await remove({ workspaceName: "many" })
  })

  it("is refused in the words of creation, and for a workspace that is not there", async () => {
    const doing = "Error updating Slice"
    const answer = await change({ workspaceName: "team", clusters: [], namespaces: ["x"] })
    expect([answer.status, answer.text]).toEqual([
      422,
      denied("team", `${applications}.Clusters`, "Required", "Required value: clusters", doing),
    ])
    const said = 'sliceconfigs.controller.kubeslice.io "nowhere" not found'
    const short = "Slice Workspace Not Found"
    const missing = await change({ workspaceName: "nowhere", clusters: ["worker-1"] })
    expect([missing.status, missing.text]).toEqual([
      404,
      refusal({ status: 404, short, doing, said, reason: "NotFound", documentation: createSliceUrl }),
    ])
    const foreign = await change({ workspaceName: "default", namespaces: ["x"] }, viewer)
    expect(foreign.status).toBe(403)
  })

  it("of namespaces is the server Owners', of the rest also the workspace's Owner's", async () => {
    expect((await change({ workspaceName: "team", namespaces: ["mine"] }, lead)).status).toBe(403)
    expect((await change({ workspaceName: "team", username: "Lead" }, lead)).status).toBe(200)
    expect((await change({ workspaceName: "team", username: "E" }, editor)).status).toBe(403)
    const stranger = await server.member("stranger", {})
    expect((await change({ workspaceName: "team", username: "S" }, stranger)).status).toBe(404)
  })
})

describe("deletion", () => {
  it("of what is not there is a 404, of the built-in workspace a 409", async () => {
    const doing = "Error deleting Slice"
    const said = 'sliceconfigs.controller.kubeslice.io "nowhere" not found'
    const missing = await remove({ workspaceName: "nowhere" })
    expect([missing.status, missing.text]).toEqual([
      404,
      refusal({ status: 404, short: "Slice Workspace Not Found", doing, said, reason: "NotFound" }),
    ])
    const builtIn = await remove({ workspaceName: "default" })
    expect([builtIn.status, builtIn.text]).toEqual([
      409,
      refusal({
        status: 409,
        short: "Conflict",
        doing,
        said: "Workspace default is built in and cannot be deleted.",
        reason: "Conflict",
      }),
    ])
    const empty = await remove({})
    expect(empty.text).toBe(
      refusal({ status: 422, short: "Bad Request", doing, said: '"workspaceName" is required' }),
    )
    for (const token of [viewer, editor, lead])
      expect((await remove({ workspaceName: "team" }, token)).status).toBe(403)
  })

  it("is answered at once, and the name is taken until the work in it is over", async () => {
    await create({ workspaceName: "busy", clusters: ["worker-1"] })
    const id = await server.submit({ workspaceId: "busy", resource: { replica: 1, cpu: "1", memory: "1Gi" } })
    await server.until(async () => {
      const { json } = await server.call("GET", `/api/v1/workloads/${id}`)
      return json.phase === "Running" || undefined
    })
    expect((await remove({ workspaceName: "busy" })).text).toBe(success("{}"))
    expect(await one("busy")).toMatchObject({ name: "busy" })
    expect((await remove({ workspaceName: "busy" })).status).toBe(200)
    const again = await create({ workspaceName: "busy", clusters: ["worker-1"] })
    expect([again.status, JSON.parse(again.text).message]).toEqual([409, "Already Exists"])
    expect((await change({ workspaceName: "busy", clusters: ["worker-1"], username: "x" })).status).toBe(409)
    await server.until(async () => ((await one("busy")) === undefined ? true : undefined))
    expect((await create({ workspaceName: "busy", clusters: ["worker-1"] })).status).toBe(200)
  })
})

describe("the list", () => {
  it("is by name, of what the caller may see, with an empty description of what was made elsewhere", async () => {
    for (const workspaceName of ["zulu", "alpha"]) await create({ workspaceName, clusters: ["worker-1"] })
    const names = (await listed()).map(({ name }) => name)
    expect(names).toEqual(names.toSorted())
    expect(names).toEqual(expect.arrayContaining(["alpha", "default", "team", "zulu"]))
    expect(await one("team")).toMatchObject({ sliceDescription: "" })
    expect((await listed(viewer)).map(({ name }) => name)).toEqual(["default", "team"])
  })
})

describe("a kubeconfig", () => {
  const doing = "Error while fetching the kubeconfig"

  it("is of one of the workspace's clusters", async () => {
    const unknown = await kubeConfig({ workspaceName: "team", clusterName: "mars" })
    const said = 'clusters.controller.kubeslice.io "mars" not found'
    expect([unknown.status, unknown.text]).toEqual([
      404,
      refusal({ status: 404, short: "Not Found", doing, said, reason: "NotFound" }),
    ])
    const foreign = await kubeConfig({ workspaceName: "team", clusterName: "worker-2" })
    expect([foreign.status, foreign.text]).toEqual([
      422,
      refusal({
        status: 422,
        short: "Bad Request",
        doing,
        said: 'cluster "worker-2" does not belong to slice "team"',
      }),
    ])
  })

  it("is nothing for Viewers, and of what is not there not found", async () => {
    const refused = await kubeConfig({ workspaceName: "team" }, viewer)
    const text = turnedAway(403, "FORBIDDEN", "The user is not allowed to get the kubeconfig of workspace")
    expect([refused.status, refused.text]).toEqual([403, text])
    expect((await kubeConfig({ workspaceName: "team" }, editor)).status).toBe(422)
    const missing = await kubeConfig({ workspaceName: "nowhere" })
    expect(missing.text).toBe(
      refusal({
        status: 404,
        short: "Not Found",
        doing,
        said: 'sliceconfigs.controller.kubeslice.io "nowhere" not found',
        reason: "NotFound",
      }),
    )
    expect(JSON.parse((await kubeConfig({})).text).error.data).toContain(
      String.raw`\"workspaceName\" is required`,
    )
  })
})

it("paths and methods that are not there are JSON of this API's shape", async () => {
  for (const [request, path] of [
    ["GET", "/slice-workspace/nothing"],
    ["PATCH", "/slice-workspace"],
    ["GET", "/auth"],
  ]) {
    const answer = await ask({ request: request ?? "", path: path ?? "" })
    expect([answer.status, answer.text]).toEqual([
      404,
      turnedAway(404, "NOT_FOUND", `/api/v1${path} not found`),
    ])
  }
})

it("deletion takes GPU requests along: queued ones are cancelled, nodes given back, then it is gone", async () => {
  await create({ workspaceName: "gpus", clusters: ["worker-1"] })
  const gpr = {
    sliceName: "gpus",
    clusterName: "worker-1",
    numberOfGPUs: 8,
    numberOfGPUNodes: 1,
    priority: 101,
  }
  const wish = { gprName: "g", ...gpr, instanceType: "gpu-8", gpuShape: "H100", exitDuration: "1h" }
  const ids: string[] = []
  for (const gprName of ["first", "second"]) {
    const { json } = await ask({ path: "/gpr", data: { ...wish, gprName } })
    ids.push((json as { data: { gprId: string } }).data.gprId)
  }
  const states = () =>
    Promise.all(
      ids.map(async (id) => (await server.call("GET", `/berth/v1/gpu-requests/${id}`)).json.state as string),
    )
  await server.until(async () => ((await states())[0] === "provisioned" ? true : undefined))
  expect((await ask({ path: "/inventory?sliceName=gpus" })).text).toContain('"totalGpuNodes":1')
  expect((await remove({ workspaceName: "gpus" })).text).toBe(success("{}"))
  await server.until(async () => ((await one("gpus")) === undefined ? true : undefined))
  const kept = server.store.gpuRequests
  const rows = await Promise.all(ids.map((id) => kept.byShownId(server.store.committed, id)))
  expect(rows.map((row) => [row?.state, row?.cause])).toEqual([
    ["early_released", "workspace_deleted"],
    ["cancelled", "workspace_deleted"],
  ])
  const nodes = await ask({ path: "/inventory/list" })
  expect(nodes.text).not.toContain("NODE_RESERVED")
})
