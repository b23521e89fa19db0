import { expect, it } from "vitest"
import { useTestCli } from "../test-cli.ts"

const { berth, serve } = useTestCli()

const status = {
  version: "1",
  ready: true,
  startedAt: "2030-01-01T00:00:00.000Z",
  uptimeSeconds: 0,
  warnings: [],
}

/** The lines of `berth doctor` that are about GPU requests, where requests wait for these reasons. */
async function gpuLines(codes: readonly (string | null)[]): Promise<readonly string[]> {
  const items = codes.map((code, at) => ({ id: `gpr-${at}`, reasons: code === null ? [] : [{ code }] }))
  const { url } = await serve({
    "GET /berth/v1/status": () => ({ body: status }),
    "GET /berth/v1/queue/gpu-requests": () => ({ body: { items, nextCursor: null } }),
  })
  const options = { env: { BERTH_TOKEN: "t" }, isRoot: true }
  const { code, out } = await berth(["doctor", "--server", url, "--data", "/tmp"], options)
  expect(code).toBe(0)
  const lines = out.split("\n")
  const at = lines.findIndex((line) => line.includes(" gpu requests "))
  return at < 0 ? [] : lines.slice(at, at + 2)
}

it("names GPU requests that wait for what will never come, and says what to do", async () => {
  const lines = await gpuLines(["quota_short", ...Array.from({ length: 6 }, () => "cannot_be_met")])
  expect(lines[0]).toMatch(
    /^warn +gpu requests +No node will ever do for gpr-1, gpr-2, .*gpr-5 and 1 more\.$/,
  )
  expect(lines[1]).toContain("`berth why gpr-1` says what comes nearest")
})

it("takes waiting for no fault, and says nothing where nobody waits", async () => {
  expect((await gpuLines(["quota_short", null]))[0]).toMatch(
    /^ok +gpu requests +Waiting for nodes: 2 GPU requests\.$/,
  )
  expect(await gpuLines([])).toEqual([])
})

it("looks at the machine, and takes no server for no fault", async () => {
  const { code, out } = await berth(["doctor", "--data", "/tmp"], { isRoot: true })
  expect(code).toBe(0)
  for (const name of ["node", "data", "disk", "account", "setpriv", "fallocate", "gpus", "server"])
    expect(out).toMatch(new RegExp(`^(ok|warn) +${name} `, "m"))
  const bad = await berth(["doctor", "--data", "/proc/1/status/x", "-o", "json"])
  expect(bad.code).toBe(1)
  expect(JSON.parse(bad.out)).toContainEqual(expect.objectContaining({ name: "data", level: "fail" }))
})
