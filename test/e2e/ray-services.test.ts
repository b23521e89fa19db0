import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { podProcesses } from "../support/belongings.ts"
import { type RayServer, startRayServer } from "../support/ray-server.ts"
import { testRay } from "../support/ray.ts"

/* What becomes of a service that is changed, with real Ray Serve behind it. */

const ray = testRay()

const greeter = `
from ray import serve

@serve.deployment(ray_actor_options={"num_cpus": 0.1})
class Greeter:
    def reconfigure(self, config):
        self.greeting = config["greeting"]

    async def __call__(self, request):
        return self.greeting

app = Greeter.options(user_config={"greeting": "none"}).bind()
`

interface Service {
  readonly rayServiceStatus: {
    readonly rayClusterName?: string
    readonly serviceEndpoint?: Readonly<Record<string, string>>
    readonly serveApplicationStatus?: readonly { readonly name: string; readonly status: string }[]
    readonly rayServiceEvents?: readonly { readonly reason: string; readonly message: string }[]
  }
}

describe.runIf(ray !== undefined)("a service that is changed, on real Ray,", { timeout: 400_000 }, () => {
  const code = mkdtempSync(join(tmpdir(), "berth-serve-"))
  const path = "/namespaces/default/services/greet"
  let on: RayServer

  beforeAll(async () => {
    if (!ray) return
    chmodSync(code, 0o755)
    writeFileSync(join(code, "greeter.py"), greeter, { mode: 0o644 })
    on = await startRayServer(ray, { flags: ["--no-auth"] })
    for (const [name, cpu] of Object.entries({ small: 1, large: 2 }))
      await on.kuberay("POST", "/namespaces/default/compute_templates", {
        name,
        namespace: "default",
        cpu,
        memory: 3,
      })
  }, 400_000)
  afterAll(async () => {
    await on?.close()
    rmSync(code, { recursive: true, force: true })
  })

  const serveConfig = (greeting: string) =>
    JSON.stringify({
      applications: [
        {
          name: "greet",
          route_prefix: "/greet",
          import_path: "greeter:app",
          runtime_env: { env_vars: { PYTHONPATH: code } },
          deployments: [{ name: "Greeter", user_config: { greeting } }],
        },
      ],
    })
  const wanted = (serveConfigV2: string, computeTemplate = "small") => ({
    name: "greet",
    namespace: "default",
    user: "ada",
    version: ray?.version,
    serveConfigV2,
    clusterSpec: {
      headGroupSpec: { computeTemplate, rayStartParams: { "dashboard-host": "0.0.0.0" } },
    },
  })
  const change = (serveConfigV2: string, computeTemplate?: string) =>
    on.kuberay("PUT", path, wanted(serveConfigV2, computeTemplate))
  const becomes = (
    label: string,
    isSo: (status: Service["rayServiceStatus"]) => boolean | Promise<boolean>,
  ) =>
    on.eventually(label, async () => {
      const { rayServiceStatus } = await on.kuberay<Service>("GET", path)
      return (await isSo(rayServiceStatus)) ? rayServiceStatus : undefined
    })
  async function greeting({ serviceEndpoint }: Service["rayServiceStatus"]): Promise<string> {
    try {
      const answer = await fetch(`http://127.0.0.1:${serviceEndpoint?.["serve"]}/greet`)
      return await answer.text()
    } catch {
      return ""
    }
  }
  const greets = (text: string) =>
    becomes(`it says ${text}`, async (status) => (await greeting(status)) === text)

  it("takes a configuration in place, says what Ray refuses, and switches to another cluster", async () => {
    await on.kuberay("POST", "/namespaces/default/services", wanted(serveConfig("hello")))
    const first = await greets("hello")
    expect(first.serveApplicationStatus).toMatchObject([{ name: "greet", status: "RUNNING" }])

    await change(serveConfig("good day"))
    const second = await greets("good day")
    expect(second.rayClusterName).toBe(first.rayClusterName)

    await change(JSON.stringify({ applications: [{ name: "s3cret" }] }))
    const refused = await becomes("Ray's refusal is told", ({ rayServiceEvents = [] }) =>
      rayServiceEvents.some(({ reason }) => reason === "FailedToUpdateServeApplications"),
    )
    const told = refused.rayServiceEvents?.find(({ reason }) => reason.startsWith("FailedToUpdate"))?.message
    expect(told).toMatch(/import_path/)
    expect(told).not.toMatch(/s3cret/)
    expect(await greeting(refused)).toBe("good day")

    await change(serveConfig("farewell"), "large")
    const third = await becomes("another cluster serves", async (status) => {
      // somebody answers all the while
      expect(await greeting(status)).toMatch(/good day|farewell/)
      return status.rayClusterName !== first.rayClusterName
    })
    expect(await greeting(third)).toBe("farewell")
    expect(third.serviceEndpoint?.["serve"]).not.toBe(first.serviceEndpoint?.["serve"])

    await on.kuberay("DELETE", path)
    await on.eventually("no process of a Ray node is left", async () =>
      podProcesses(on.server.dataDir).length === 0 ? true : undefined,
    )
  })
})
