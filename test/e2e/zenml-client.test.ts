import { execFile } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type RealServer, startRealServer } from "../support/real-server.ts"
import { pythonWithZenml } from "../support/zenml.ts"

/* ZenML's own client against a server as it is started. */

const script = fileURLToPath(new URL("zenml-client.py", import.meta.url))
const deadlineMs = 120_000
const python = await pythonWithZenml()

const seenBy = (user: string) => ({
  user,
  project: "default",
  stack: "default",
  before: 0,
  made: ["churn-server", "mlflow", "churn", user],
  again: "EntityExistsError",
  found: [["churn-server", "deploy"]],
  same: true,
  changed: ["renamed", "active", "active", { team: "growth" }, "http://127.0.0.1:8000/invocations"],
  later: true,
  gone: "KeyError",
  unknown: "KeyError",
  after: 0,
})

describe.runIf(python !== undefined)("ZenML's client", { timeout: deadlineMs }, () => {
  let server: RealServer
  beforeAll(async () => {
    server = await startRealServer()
  }, deadlineMs)
  afterAll(() => server?.close())

  /** Runs the script as whoever the variables say, with nothing of this machine's user. */
  async function use(name: string, who: Readonly<Record<string, string>>): Promise<unknown> {
    const home = join(server.home, name)
    const { stdout } = await promisify(execFile)(python ?? "", [script], {
      timeout: deadlineMs,
      killSignal: "SIGKILL",
      env: {
        PATH: process.env["PATH"],
        HOME: home,
        ZENML_CONFIG_PATH: join(home, "config"),
        ZENML_LOCAL_STORES_PATH: join(home, "stores"),
        ZENML_ANALYTICS_OPT_IN: "false",
        ZENML_STORE_URL: server.url,
        ...who,
      },
    })
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "")
  }

  it("keeps services with an API key, for which it gets tokens", async () => {
    expect(await use("by-key", { ZENML_STORE_API_KEY: server.token })).toEqual(seenBy("owner"))
  })

  it("keeps services as somebody who signs in with a password", async () => {
    await server.member("ann", { default: "editor" })
    const password = "correct horse battery staple"
    const { status } = await server.call("PUT", "/berth/v1/users/ann/password", { json: { password } })
    expect(status).toBe(204)
    const who = { ZENML_STORE_USERNAME: "ann", ZENML_STORE_PASSWORD: password }
    expect(await use("by-password", who)).toEqual(seenBy("ann"))
  })

  it("is told of a key and of a password that do not hold", async () => {
    for (const who of [
      { ZENML_STORE_API_KEY: "nothing" },
      { ZENML_STORE_USERNAME: "ann", ZENML_STORE_PASSWORD: "wrong horse" },
    ])
      await expect(use("by-nothing", who)).rejects.toThrow(/Authentication error/)
  })
})
