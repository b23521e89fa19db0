import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createSliceUrl, refusal, success, turnedAway } from "../compat/egs-call.ts"
import { hasCurl, runPrinted } from "../support/printed-curl.ts"
import { type RealServer, startRealServer } from "../support/real-server.ts"

/* Every curl of the EGS API's document as it is printed, but for host, key, names and ids, on a server as it is started. */

const auth = `curl --location --globoff '{{host}}/api/v1/auth' \\
--data '{
    "apiKey": "apiKey"
}'`

const createWorkspace = `curl --location --globoff '{{host}}/api/v1/slice-workspace' \\
--data-raw '{
    "workspaceName": "workspaceName",
    "clusters": [
        "worker-1"
],
    "namespaces" : [
        "namespace-1",
        "namespace-2"
],
    "username": "John Doe",
    "email": "john.doe@avesha.io"
}'`

const deleteWorkspace = `curl --location --globoff --request DELETE '{{host}}/api/v1/slice-workspace' \\
--data '{
    "workspaceName": "workspaceName"
}'`

const listWorkspaces = `curl --location --globoff '{{host}}/api/v1/slice-workspace/list'`

const kubeConfig = `curl --location --globoff '{{host}}/api/v1/slice-workspace/kube-config' \\
--data '{
    "workspaceName": "workspaceName"
}'`

const listInventory = `curl --location '{{host}}/api/v1/inventory/list'`
const workspaceInventory = `curl --location '{{host}}/api/v1/inventory?sliceName=workspaceName'`

const createGpr = `curl --location --globoff '{{host}}/api/v1/gpr' \\
--data '{
    "gprName":"gr1",
    "sliceName":"workspaceName",
    "clusterName":"worker-1",
    "numberOfGPUs":1,
    "instanceType":"n1-standard-8",
    "exitDuration":"0d0h5m",
    "numberOfGPUNodes": 1,
    "priority":201,
    "memoryPerGPU":15,
    "gpuShape":"Tesla-T4"
}'`

const updateGpr = `curl --location --globoff --request PUT '{{host}}/api/v1/gpr' \\
--data '{
    "gprId":"gprId",
    "priority": 101
}'`

/** As the heading says it: the document has no line for it. */
const deleteGpr = `curl --location --globoff --request DELETE '{{host}}/api/v1/gpr' \\
--data '{
    "gprId": "gprId"
}'`

const releaseGpr = updateGpr.replace('"priority": 101', '"earlyRelease": true')
const listGprs = `curl --location --globoff '{{host}}/api/v1/gpr/list?sliceName=workspaceName'`

/** What a line is about; the rest of it is sent as printed. */
interface Names {
  readonly key?: string
  readonly workspace?: string
  readonly gprId?: string
}

/** A printed line with the server's host and these names. */
const fill = (printed: string, url: string, { key = "none", workspace = "workspace1", gprId = "" }: Names) =>
  printed
    .replace("{{host}}", url)
    .replace('"apiKey": "apiKey"', `"apiKey": "${key}"`)
    .replace(/("workspaceName": ?|"sliceName": ?)"workspaceName"/, `$1"${workspace}"`)
    .replace("sliceName=workspaceName", `sliceName=${workspace}`)
    .replace(/"gprId": ?"gprId"/, `"gprId":"${gprId}"`)

/** What differs from run to run, by a word. */
const masked = (text: string) =>
  text
    .replaceAll(/"eyJ[\w-]+\.[\w-]+\.[\w-]+"/g, '"TOKEN"')
    .replaceAll(/gpr-[0-9a-f]{8}-[0-9a-f]{4}/g, "gpr-ID")
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "TIME")
    .replaceAll(/"seconds":"\d+"/g, '"seconds":"N"')

/** How long it still waits, which is less with every second. */
const waitOf = (text: string) =>
  text.replaceAll(/"estimatedWaitTime":"0h[1-5]m\d+s"/g, '"estimatedWaitTime":"0hNmNs"')

/** One request of the list, in the document's order. */
function gprItem(change: {
  readonly priority: number
  readonly wait: string
  readonly state: string
  readonly released?: boolean
}): string {
  const { priority, wait, state, released = false } = change
  return `{"gprId":"gpr-ID","sliceName":"workspace1","clusterName":"worker-1","numberOfGPUs":1,"numberOfGPUNodes":1,"instanceType":"n1-standard-8","memoryPerGPU":15,"priority":${priority},"gpuSharingMode":"Virtual Machine","estimatedStartTime":"TIME","estimatedWaitTime":"${wait}","exitDuration":"0h5m0s","earlyRelease":${released},"gprName":"gr1","gpuShape":"Tesla-T4","multiNode":false,"dedicatedNodes":false,"enableRDMA":false,"enableSecondaryNetwork":false,"status":${state},"enforceIdleTimeOut":false,"idleTimeOutDuration":""}`
}
const queued = (priority: number, internal: string) =>
  gprItem({
    priority,
    wait: "0hNmNs",
    state: `{"provisioningStatus":"Queued","failureReason":"","numGpusAllocated":0,"startTimestamp":"","completionTimestamp":"","cost":"","nodes":null,"internalState":"${internal}","retryCount":0,"delayedCount":0}`,
  })
const stateOn = (node: string, status: string, gpus: number, end: string, internal: string) =>
  `{"provisioningStatus":"${status}","failureReason":"","numGpusAllocated":${gpus},"startTimestamp":"TIME","completionTimestamp":"${end}","cost":"","nodes":["${node}"],"internalState":"${internal}","retryCount":0,"delayedCount":0}`

const inventoryItem = (node: string, state: string) =>
  `{"gpuNodeName":"${node}","gpuShape":"n1-standard-8","gpuModelName":"Tesla-T4","instanceType":"n1-standard-8","clusterName":"worker-1","memory":15360,"gpuCount":1,"gpuTempThreshold":"","gpuPowerThreshold":"","cloudProvider":"","region":"","nodeHealth":"Healthy","gpuNodeStatus":"${state}"}`

const workspaceItem =
  '{"name":"workspace1","overlayNetworkDeploymentMode":"no-network","maxClusters":16,"sliceDescription":"Created via slice workspace API","clusters":["worker-1"],"namespaces":[{"namespace":"namespace-1","clusters":["worker-1"]},{"namespace":"namespace-2","clusters":["worker-1"]}]}'
const defaultItem =
  '{"name":"default","overlayNetworkDeploymentMode":"no-network","maxClusters":16,"sliceDescription":"","clusters":["local","worker-1"],"namespaces":null}'

const flags = (...more: readonly string[]) => [
  "--simulate",
  "2x1xT4@n1-standard-8,cluster=worker-1",
  // a machine with GPUs of its own would have one node more
  "--local-gpu-tool-path",
  "/nonexistent",
  ...more,
]

describe.each([
  ["under --no-auth", "seed", "program", true],
  ["with the token of a key", "seed", "program", false],
  ["with the token of a key, in upstream's words", "upstream", "bytes", false],
] as const)("the documented requests, %s,", (_, dialect, by, noAuth) => {
  let server: RealServer
  /** Of what is sent with every line: nothing, as printed, or the header of "Using the Bearer Token". */
  let bearer: readonly string[] = []
  beforeAll(async () => {
    server = await startRealServer({
      flags: flags(
        "--egs-dialect",
        dialect,
        "--egs-inventory-by-slice",
        "seed",
        ...(noAuth ? ["--no-auth"] : []),
      ),
    })
  })
  afterAll(() => server?.close())

  async function send(printed: string, names: Names = {}, more = bearer) {
    const line = fill(printed, server.url, names)
    return runPrinted(line, more, by === "program" && hasCurl ? "program" : "bytes")
  }
  const answers = async (printed: string, names: Names = {}, more = bearer) =>
    (await send(printed, names, more)).text
  const accepted = async (printed: string, names: Names = {}) => {
    const { status, text } = await send(printed, names)
    expect([status, text]).toEqual([200, text])
    return text
  }

  /** In the words of the dialect; given as the document prints it. */
  function worded(printed: string): string {
    if (dialect === "seed") return printed
    const body = JSON.parse(printed) as { error: { data: string } }
    const said = { ...body, status: "UNKNOWN", message: "UNKNOWN" }
    return JSON.stringify({
      ...said,
      error: { errorKey: "UNKNOWN", message: "UNKNOWN", data: body.error.data },
    })
  }
  const waiting = (priority: number) => queued(priority, dialect === "seed" ? "Queued" : "")
  const provisioned = dialect === "seed" ? "Provisioned" : "Successful"

  it("give a token for a key, which is taken from then on", async () => {
    const text = await answers(auth, { key: server.token })
    expect(masked(text)).toBe(success('{"token":"TOKEN"}'))
    const { token } = (JSON.parse(text) as { data: { token: string } }).data
    if (!noAuth) bearer = ["-H", `Authorization: Bearer ${token}`]
    const expected = noAuth ? 200 : 401
    expect((await send(listWorkspaces, {}, [])).status).toBe(expected)
    expect((await send(listWorkspaces)).status).toBe(200)
  })

  it("make a workspace, once, and with clusters only", async () => {
    expect(await answers(createWorkspace)).toBe(success('{"workspaceName":"workspace1"}'))
    const registering = { doing: "Error registering Slice", documentation: createSliceUrl }
    expect(await answers(createWorkspace)).toBe(
      worded(
        refusal({
          ...registering,
          status: 409,
          short: "Already Exists",
          said: 'sliceconfigs.controller.kubeslice.io "workspace1" already exists',
          reason: "AlreadyExists",
        }),
      ),
    )
    const field = "Spec.NamespaceIsolationProfile.ApplicationNamespaces.Clusters"
    const noClusters = createWorkspace.replace('"worker-1"', "")
    expect(await answers(noClusters, { workspace: "evening" })).toBe(
      worded(
        refusal({
          ...registering,
          status: 422,
          short: "Bad Request",
          said: `admission webhook "vsliceconfig.kb.io" denied the request: SliceConfig.controller.kubeslice.io "evening" is invalid: ${field}: Required value: clusters`,
          reason: "Invalid",
          details: `[{"reason":"FieldValueRequired","message":"Required value: clusters","field":"${field}"}]`,
        }),
      ),
    )
    expect(await answers(listWorkspaces)).toBe(success(`{"workspaces":[${defaultItem},${workspaceItem}]}`))
  })

  it("say that local processes have no kubeconfig, by GET and by POST", async () => {
    const said = worded(
      refusal({
        status: 422,
        short: "Bad Request",
        doing: "Error while fetching the kubeconfig",
        said: 'cluster "worker-1" runs local processes: it has no Kubernetes API to give access to',
      }),
    )
    expect(await answers(kubeConfig)).toBe(said)
    expect(await answers(kubeConfig.replace("--globoff", "--globoff --request GET"))).toBe(said)
  })

  it("show the inventory", async () => {
    const text = await answers(listInventory)
    const { data } = JSON.parse(text) as { data: { items: object[]; managedNodes: object[] } }
    const items = data.items.map((item) => JSON.stringify(item).replace(/,"gpuNodeState":"\w+"}$/, "}"))
    expect(items).toEqual([
      inventoryItem("sim-t4-0", "NODE_AVAILABLE"),
      inventoryItem("sim-t4-1", "NODE_AVAILABLE"),
    ])
    expect(text.startsWith(success('{"items":[{').slice(0, -1))).toBe(true)
    expect(data.managedNodes).toMatchObject([{ memory: 15, gpuNodeState: "NODE_AVAILABLE" }, {}])
    expect(await answers(workspaceInventory)).toBe(success('{"items":[]}'))
    expect(await answers(workspaceInventory, { workspace: "evening" })).toBe(
      worded(
        refusal({
          status: 404,
          short: "Not Found",
          doing: "Error occurred while fetching the inventory details",
          said: 'sliceconfigs.controller.kubeslice.io "evening" not found',
          reason: "NotFound",
        }),
      ),
    )
  })

  const idIn = (text: string) => (JSON.parse(text) as { data: { gprId: string } }).data.gprId
  /** The list, masked, by state: the ids' order is by chance. */
  async function listed(): Promise<readonly string[]> {
    const text = waitOf(masked(await accepted(listGprs)))
    const { items } = (JSON.parse(text) as { data: { items: object[] } }).data
    expect(text).toBe(success(JSON.stringify({ items })))
    return items.map((item) => JSON.stringify(item)).toSorted()
  }

  it("take a GPU request through its life, over a kill of the server", async () => {
    const first = idIn(await accepted(createGpr))
    const second = idIn(await accepted(createGpr))
    const onNode = (status: string, gpus: number, end: string, internal: string) =>
      gprItem({
        priority: 201,
        wait: "0h0m0s",
        state: stateOn("sim-t4-0", status, gpus, end, internal),
        released: end !== "",
      })
    await server.until(
      async () => ((await answers(listGprs)).includes(`"${provisioned}"`) ? true : undefined),
      "the first one is provisioned",
    )
    const running = onNode(provisioned, 1, "", "Reserved")
    expect(await listed()).toEqual([running, waiting(201)].toSorted())
    expect(await answers(workspaceInventory)).toBe(
      success(
        '{"items":[{"nodeName":["sim-t4-0"],"instanceType":"n1-standard-8","memory":15360,"totalGpus":1,"gpuShape":"Tesla-T4"}]}',
      ),
    )
    expect(await answers(listInventory)).toContain(inventoryItem("sim-t4-0", "NODE_RESERVED").slice(0, -1))

    const before = waitOf(await accepted(listGprs))
    await server.kill9()
    await server.restart()
    // ids, states, starts and estimates: to the second what they were
    expect(waitOf(await accepted(listGprs))).toBe(before)

    expect(await answers(deleteGpr, { gprId: first })).toBe(
      worded(
        refusal({
          status: 500,
          short: "Cannot delete",
          doing: "Error while deleting GPR",
          said: "Cannot delete GPR in Successful state",
        }).replace('"errorKey":"","message":"Cannot delete"', '"errorKey":"","message":"UNKNOWN"'),
      ),
    )
    expect(await answers(releaseGpr, { gprId: second })).toBe(
      worded(
        refusal({
          status: 500,
          short: "Unable to Early Release",
          doing: "Error while updating a GPR",
          said: "Cannot update early release of GPR in Queued state",
        }),
      ),
    )
    expect(await answers(updateGpr, { gprId: second })).toBe(success("{}"))
    expect(await listed()).toEqual([running, waiting(101)].toSorted())
    expect(await answers(deleteGpr, { gprId: second })).toBe(success("{}"))
    expect(await listed()).toEqual([running])
    expect(await answers(releaseGpr, { gprId: first })).toBe(success("{}"))
    const isOver = JSON.parse(onNode("EarlyReleased", 0, "TIME", "Released")) as { status: object }
    const blanked = dialect === "upstream" ? { startTimestamp: "" } : {}
    expect(await listed()).toEqual([JSON.stringify({ ...isOver, status: { ...isOver.status, ...blanked } })])
  })

  it("refuse what the document refuses", async () => {
    expect(await answers(createGpr.replace("0d0h5m", ""))).toBe(
      worded(
        refusal({
          status: 422,
          short: "Bad Request",
          doing: "Error while fetching GPR wait time",
          said: '"exitDuration" is not allowed to be empty',
        }).replace('"errorKey":"","message":"Bad Request"', '"errorKey":"","message":""'),
      ),
    )
    expect(await answers(listGprs, { workspace: "evening-x" })).toBe(
      worded(
        refusal({
          status: 404,
          short: "Slice Workspace Not Found",
          doing: "Error in listing GPR's for slice evening-x",
          said: 'sliceconfigs.controller.kubeslice.io "evening-x" not found',
          reason: "NotFound",
        }),
      ),
    )
    const wrongKey = turnedAway(401, "UNAUTHENTICATED", "Unauthenticated")
    expect(await answers(auth, {}, [])).toBe(wrongKey)
    const wrongToken = ["-H", "Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln"]
    expect(await answers(listWorkspaces, {}, wrongToken)).toBe(wrongKey)
  })

  it("tell a key that has expired from one that never was", async () => {
    const made = await server.client.berth.createKey({ name: "short", expiresInSeconds: 1 })
    const said = turnedAway(401, "UNAUTHENTICATED", "Api Key has expired")
    const text = await server.until(async () => {
      const answer = await send(auth, { key: made.token }, [])
      return answer.status === 200 ? undefined : answer.text
    }, "the key has expired")
    expect(text).toBe(said)
  })

  it("delete the workspace", async () => {
    expect(await answers(deleteWorkspace)).toBe(success("{}"))
    const left = success(`{"workspaces":[${defaultItem}]}`)
    await server.until(
      async () => ((await answers(listWorkspaces)) === left ? true : undefined),
      "the workspace is gone",
    )
    expect(server.errors()).toEqual([])
  })
})
