import { rmSync } from "node:fs"
import { setTimeout as pause } from "node:timers/promises"
import { tempDirOf } from "../../packages/server/src/drivers/local/ray/temp-dirs.ts"
import { pythonWithRay, type TestRay } from "./ray.ts"
import { type Answer, type RealServer, startRealServer } from "./real-server.ts"

const patienceMs = 180_000
const lookMs = 100

/** A real server, on which real Ray clusters run. */
export interface RayServer {
  readonly server: RealServer
  /** Calls the KubeRay API; the path is what follows `/apis/v1`. Throws unless the answer is 200. */
  kuberay<T>(method: string, path: string, json?: unknown): Promise<T>
  /** Waits, longer than for anything else, until the look finds something. */
  eventually<T>(label: string, look: () => Promise<T | undefined>): Promise<T>
  /** Folders beside the data directory that heads have, or had. */
  tempDirs(): Promise<readonly string[]>
  /** Whatever happened before: no server, no process, no file is left. */
  close(): Promise<void>
}

export interface RayServerOptions {
  readonly flags?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Whether the server finds the Ray version installed. Default true. */
  readonly hasRay?: boolean
}

export async function startRayServer(ray: TestRay, options: RayServerOptions = {}): Promise<RayServer> {
  const { flags = [], env = {}, hasRay = true } = options
  const interpreter = hasRay ? ["--ray-interpreter", `${ray.version}=${await pythonWithRay(ray)}`] : []
  const server = await startRealServer({
    flags: [...interpreter, ...flags],
    env: { PATH: ray.searchPath, ...pipSettings(), ...env },
  })

  async function tempDirs(): Promise<readonly string[]> {
    const rows = await server.rows("select id from ray_pod where id like 'rpd_%'")
    return rows.map(({ id }) => tempDirOf("/tmp", server.dataDir, String(id)))
  }

  return {
    server,
    tempDirs,
    async kuberay<T>(method: string, path: string, json?: unknown) {
      const answer: Answer = await server.call(method, `/apis/v1${path}`, json === undefined ? {} : { json })
      if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
      return answer.json as T
    },
    async eventually(label, look) {
      const deadline = performance.now() + patienceMs
      for (;;) {
        const found = await look()
        if (found !== undefined) return found
        if (performance.now() > deadline)
          throw new Error(`It did not come true: ${label}.\n${server.output()}`)
        await pause(lookMs)
      }
    },
    async close() {
      const left = await tempDirs().catch(() => [])
      await server.close()
      for (const folder of left) rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Where packages are had from on this machine: the server's environment is otherwise empty. */
function pipSettings(): Readonly<Record<string, string>> {
  const names = /^(PIP_|UV_|SSL_CERT|REQUESTS_CA|(HTTPS?|NO)_PROXY$)/i
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && names.test(name) ? [[name, value]] : [],
    ),
  )
}
