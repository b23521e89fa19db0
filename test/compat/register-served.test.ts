import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { runCli } from "../../packages/server/src/cli/program.ts"
import { createTestTerminal } from "../../packages/server/src/cli/test-terminal.ts"
import { startBerthServer, type BerthServer } from "./berth-server.ts"

/* `--register` of what serves, over sockets, with the real plane. */

let server: BerthServer
let folder: string
beforeAll(async () => {
  server = await startBerthServer()
  folder = mkdtempSync(join(tmpdir(), "berth-register-"))
  writeFileSync(
    join(folder, "serve.yaml"),
    "applications:\n  - name: hello\n    import_path: app:app\n    route_prefix: /\n",
  )
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server?.close()
})

async function berth(...argv: readonly string[]) {
  const env = { BERTH_SERVER: server.url, BERTH_TOKEN: server.token }
  const terminal = createTestTerminal({ env, cwd: folder, nowMs: server.clock.nowMs() })
  const code = await runCli(argv, terminal)
  return { code, out: terminal.stdout(), err: terminal.stderr() }
}

/** What the register says of what it says the record follows. */
async function watchOf(err: string) {
  const [, id] = /follows it: (\S+)/.exec(err) ?? []
  const { json } = await server.call("GET", `/berth/v1/services/${id}/watch`)
  return json
}

it("berth serve --register makes a watched record that follows the workload", async () => {
  const made = await berth("serve", "--port", "80", "--register", "--detach", "-n", "web", "x")
  expect(made, made.err).toMatchObject({ code: 0, out: expect.stringMatching(/^web-\w+\n$/) })
  expect(await watchOf(made.err)).toMatchObject({ joined: { kind: "workload", name: made.out.trim() } })
})

it("berth ray serve --register does so once, and says that it is there the second time", async () => {
  const serve = () => berth("ray", "serve", "web", "-f", "serve.yaml", "--register", "--detach")
  const made = await serve()
  expect(made, made.err).toMatchObject({ code: 0, out: "web\n" })
  expect(await watchOf(made.err)).toMatchObject({ joined: { kind: "ray-service", name: "default/web" } })
  const again = await serve()
  expect(again, again.err).toMatchObject({ code: 0, err: "It is in the register already.\n" })
})

it("berth serve --register needs a port", async () => {
  expect(await berth("serve", "--register", "x")).toMatchObject({
    code: 2,
    err: expect.stringContaining("--register needs --port"),
  })
})
