import { request } from "node:http"
import { loadConfig, type Config, type ConfigFlags } from "../../packages/server/src/config.ts"
import { startListeners, type Listeners } from "../../packages/server/src/listeners.ts"
import { silentLog } from "../../packages/server/src/kit/log.ts"
import type { BerthServer } from "./berth-server.ts"

/** Settings of a test: everything on free ports of the loopback address. */
function configOf(flags: ConfigFlags): Config {
  const loaded = loadConfig({ listen: "127.0.0.1:0", ...flags }, {}, null)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults))
  return loaded.config
}

/** The listeners of a server with these settings, on the plane of the test's server. */
export function listenOn(
  { services, plane, streams, clock }: BerthServer,
  flags: ConfigFlags,
  change: Partial<Parameters<typeof startListeners>[0]> = {},
): Promise<Listeners> {
  return startListeners({
    config: configOf(flags),
    services,
    directory: plane.directory,
    log: silentLog,
    streams,
    meter: { requestDone: () => {} },
    metrics: { contentType: "text/plain", text: () => Promise.resolve("") },
    onRefused: (refusal) => plane.refusals.note(refusal, clock.nowMs()),
    warnings: () => [],
    ...change,
  })
}

/** A key of the workspace `default`, by that name; its token. */
export async function keyOf(
  { plane, token }: BerthServer,
  name: string,
  change: { readonly role?: "editor" | "viewer"; readonly workspaceId?: string | null } = {},
): Promise<string> {
  const owner = plane.directory.authenticate(token, { address: null, requestId: null })
  if (!owner) throw new Error("The owner's token does not hold.")
  const key = { name, userId: null, role: null, workspaceId: "default", expiresAtMs: null, ...change }
  return (await plane.identity.createKey(owner, { ...key, userId: owner.userId })).token
}

/** A request exactly as it is said: fetch would add headers of its own. */
export function ask(
  address: string,
  options: {
    readonly path: string
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  },
): Promise<{ readonly status: number; readonly text: string }> {
  const { path, method = "GET", headers = {}, body } = options
  const { hostname, port } = new URL(address)
  return new Promise((resolve, reject) => {
    const asked = request({ host: hostname, port, path, method, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = []
      answer.on("data", (chunk: Buffer) => chunks.push(chunk))
      answer.on("error", reject)
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
      )
    })
    asked.on("error", reject)
    asked.end(body)
  })
}
