import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { once } from "node:events"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { systemClock } from "../../../kit/clock.ts"
import { silentLog } from "../../../kit/log.ts"
import { rayBackendSuite } from "../../ray-backend-suite.ts"
import type { RayWorld } from "../../ray-world.ts"
import { createLocalMachine } from "../local-machine.ts"
import { createLogFiles } from "../log-files.ts"
import { podMarkOf, scanProcesses } from "../processes.ts"
import { createLocalRay } from "./local-ray.ts"
import { portsOf } from "./ray-ports.ts"

const python = (process.env["PATH"] ?? "")
  .split(delimiter)
  .concat("/usr/bin")
  .map((folder) => join(folder, "python3"))
  .find((path) => existsSync(path))
const firstPort = 12_000

if (python !== undefined) rayBackendSuite("the local backend, with a program that plays Ray", makeWorld)
else if (process.env["CI_FULL"] === "1") throw new Error("Python 3 is required here.")
else process.emitWarning("left out: the suite of Ray backends on this machine, there is no Python 3")

/** Says that it is healthy, where Ray would, until TERM; notes its start. */
const player = (root: string) => `#!${python}
import http.server, os, signal, sys, threading
with open("${root}/starts", "a") as starts:
    starts.write(os.environ["BERTH_ATTEMPT"] + "\\n")
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *_):
        pass
ports = [a.split("=")[1] for a in sys.argv if a.startswith(("--dashboard-port=", "--dashboard-agent-listen-port="))]
servers = [http.server.HTTPServer(("127.0.0.1", int(port)), Health) for port in ports]
for server in servers[1:]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
servers[0].serve_forever()
`

/** Plays the Python that makes environments; the nodes' launcher runs on the real one. */
const maker = (root: string) => `#!/bin/sh
PATH=/usr/bin:/bin
case "$*" in
*ensurepip*) echo '[3, 11, true, "/usr"]' ;;
*base_prefix*) echo /usr ;;
*"-m venv"*) for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python"; cp '${root}/ray' "$last/bin/ray" ;;
*"-m pip"*) echo x >>'${root}/installs'; [ ! -e '${root}/fail' ] || { echo 'ERROR: broken'; exit 1; } ;;
*"import ray"*) echo "ray 2.60.0" ;;
*) exec '${python}' "$@" ;;
esac
`

function goOn(): Promise<void> {
  return new Promise((resolve) => systemClock.alarm(20, resolve, true))
}

async function makeWorld(): Promise<RayWorld> {
  const root = mkdtempSync(join(tmpdir(), "berth-ls-"))
  chmodSync(root, 0o755)
  const [bin, tempRoot, dataDir] = ["bin", "t", "data"].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ]
  for (const folder of [bin, tempRoot]) mkdirSync(folder)
  writeFileSync(join(root, "ray"), player(root), { mode: 0o755 })
  writeFileSync(join(bin, "python3"), maker(root), { mode: 0o755 })
  const linesOf = (name: string) =>
    existsSync(join(root, name)) ? readFileSync(join(root, name), "utf8").trim().split("\n") : []
  let logs = createLogFiles({ clock: systemClock, log: silentLog })
  let backend = newBackend()

  function newBackend() {
    return createLocalRay({
      clusterId: "local",
      dataDir,
      clock: systemClock,
      log: silentLog,
      logs,
      machine: createLocalMachine({ dataDir, log: silentLog }),
      ports: [firstPort, firstPort + 51 * 300],
      tempRoot,
      searchPath: bin,
      slowLookMs: 50,
      runtimes: {
        environment: {},
        interpreters: {},
        allowInstall: () => true,
        allowUnauthenticated: () => false,
      },
    })
  }
  async function killAll(isWanted: (attemptId: string) => boolean) {
    for (const { pid } of await scanProcesses())
      if (isWanted(podMarkOf(pid)?.attemptId ?? ""))
        try {
          process.kill(pid, "SIGKILL")
        } catch {
          // it ended meanwhile
        }
  }

  /** What has been begun gets to its note first. */
  async function startsOf(id: string): Promise<number> {
    for (;;) {
      const isThere = (await scanProcesses()).some(({ pid }) => podMarkOf(pid)?.attemptId === id)
      const noted = linesOf("starts").filter((line) => line === id).length
      if (noted > 0 || !isThere) return noted
      await goOn()
    }
  }

  return {
    get backend() {
      return backend
    },
    async restart() {
      await backend.close()
      await logs.close()
      logs = createLogFiles({ clock: systemClock, log: silentLog })
      backend = newBackend()
    },
    wanted: { version: "2.60.0", image: "", asServerOwner: true },
    installs: () => Promise.resolve(linesOf("installs").length),
    failInstalls(fail) {
      if (fail) writeFileSync(join(root, "fail"), "")
      else rmSync(join(root, "fail"), { force: true })
      return Promise.resolve("install_failed")
    },
    launchParts: (block) => ({ portBlock: block }),
    async occupy(block) {
      const server = createServer().listen(portsOf(firstPort, block).metrics, "127.0.0.1")
      await once(server, "listening")
      return () => new Promise<void>((resolve) => void server.close(() => resolve()))
    },
    async kill(launch) {
      await startsOf(launch.id)
      await killAll((id) => id === launch.id)
    },
    starts: (launch) => startsOf(launch.id),
    entrypoint: () => "true",
    serveConfig: () => ({}),
    goOn,
    nowMs: () => systemClock.nowMs(),
    async close() {
      await backend.close()
      await logs.close()
      const started = new Set(linesOf("starts"))
      await killAll((id) => started.has(id))
      rmSync(root, { recursive: true, force: true })
    },
  }
}
