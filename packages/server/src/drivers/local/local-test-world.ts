import { once } from "node:events"
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { systemClock } from "../../kit/clock.ts"
import { silentLog } from "../../kit/log.ts"
import type { AttemptLaunch } from "../../domain/workloads/index.ts"
import type { DriverWorld, PodBehaviour } from "../driver-world.ts"
import { createLocalDriver, type LocalDriver, type LocalDriverOptions } from "./local-driver.ts"
import { createLogFiles } from "./log-files.ts"
import { openPodGroups, removeGroup } from "./pod-groups.ts"
import { podMarkOf, scanProcesses } from "./processes.ts"

export interface LocalWorld extends DriverWorld {
  readonly driver: LocalDriver
  readonly dataDir: string
  /** A folder that every account may write to. */
  readonly openDir: string
}

/** Whether this machine lets the tests make control groups; without them only the other way is tested. */
const probe = openPodGroups(join(tmpdir(), "berth-probe"))?.root
if (probe === undefined) process.emitWarning("left out: control groups, none can be made here")
else removeGroup(probe)
export const groupModes: readonly boolean[] = probe ? [true, false] : [false]

/** A data directory of its own in the temporary folder; `close` ends every process that was started from it. */
export function createLocalWorld(overrides: Partial<LocalDriverOptions> = {}): LocalWorld {
  const root = mkdtempSync(join(tmpdir(), "berth-local-"))
  chmodSync(root, 0o711)
  const dataDir = join(root, "data")
  const openDir = mkdtempSync(join(root, "open-"))
  chmodSync(openDir, 0o777)
  const ids = new Set<string>()
  let logs = newLogs()
  let driver = newDriver()

  const answerFile = (launch: AttemptLaunch, index: number | string) =>
    `${join(openDir, launch.id)}-${index}.answer`

  function newLogs() {
    return createLogFiles({ clock: systemClock, log: silentLog })
  }
  function newDriver() {
    return createLocalDriver({
      clusterId: "local",
      dataDir,
      clock: systemClock,
      log: silentLog,
      logs,
      slowLookMs: 100,
      ...overrides,
    })
  }

  return {
    get driver() {
      return driver
    },
    dataDir,
    openDir,
    async restart() {
      await driver.close()
      await logs.close()
      logs = newLogs()
      driver = newDriver()
    },
    behave(launch, behaviours) {
      ids.add(launch.id)
      const last = behaviours.length - 1
      const cases = behaviours.map(
        (behaviour, at) =>
          `${at === last ? "*" : at}) ${scriptOf(behaviour, answerFile(launch, "$BERTH_POD"))} ;;`,
      )
      for (const { index } of launch.pods) {
        const behaviour = behaviours[Math.min(index, last)]
        if (behaviour?.does === "serve") writeFileSync(answerFile(launch, index), behaviour.answers)
      }
      const count = `echo started >>${join(openDir, launch.id)}-$BERTH_POD`
      return { ...launch, entryPoint: [count, "case $BERTH_POD in", ...cases, "esac"].join("\n") }
    },
    answer(launch, index, answer) {
      writeFileSync(answerFile(launch, index), answer)
    },
    freePort: () => listenOn("127.0.0.1", 0).then(async ({ port, end }) => end().then(() => port)),
    occupy: async (_launch, port) => (await listenOn("0.0.0.0", port)).end,
    goOn: () =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(done, 20)
        const stopListening = driver.onChange(done)
        function done() {
          clearTimeout(timer)
          stopListening()
          resolve()
        }
      }),
    starts(launch, index) {
      const path = `${join(openDir, launch.id)}-${index}`
      const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : []
      return Promise.resolve(lines.filter((line) => line === "started").length)
    },
    nowMs: () => systemClock.nowMs(),
    async close() {
      await driver.close()
      await logs.close()
      await killMarked(ids)
      removeGroups(dataDir)
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** A script that behaves so. It says "ready" once a signal would find its trap. */
function scriptOf(behaviour: PodBehaviour, answerFile: string): string {
  switch (behaviour.does) {
    case "exit":
      return `${print(behaviour.lines)} exit ${behaviour.code}`
    case "run":
      return `${print(behaviour.lines)} exec sleep 3600`
    case "exitOnTerm":
      return `trap 'cat "$BERTH_STOP_REASON_FILE"; exit ${behaviour.code}' TERM; echo ready; while :; do sleep 0.02; done`
    case "ignoreTerm":
      return `trap '' TERM; echo ready; exec sleep 3600`
    case "signalItself":
      return `kill -${behaviour.signal} $$`
    case "exitUnfinished":
      return `printf '%s' '${behaviour.text}'; exit 0`
    case "vanish":
      return `kill -9 $PPID; exec sleep 3600`
    case "serve":
      return `exec "${process.execPath}" -e '${serverProgram}' "${answerFile}" ${behaviour.port}`
  }
}

/** Answers as the file says that it is given, on the pod's own address. */
const serverProgram = `
const [file, port] = process.argv.slice(1)
require("node:http").createServer((request, reply) => {
  const answer = require("node:fs").readFileSync(file, "utf8")
  if (answer !== "never") reply.writeHead(answer === "good" ? 200 : 503).end()
}).listen(Number(port), process.env.BERTH_HOST, () => console.log("up"))`

/** A listener of this process. */
async function listenOn(host: string, port: number) {
  const server = createServer((socket) => socket.destroy())
  server.listen({ host, port, exclusive: true })
  await once(server, "listening")
  const end = () => new Promise<void>((resolve) => server.close(() => resolve()))
  return { port: (server.address() as AddressInfo).port, end }
}

function print(lines: readonly string[] = []): string {
  return lines.map((line) => `echo '${line}';`).join(" ")
}

function removeGroups(dataDir: string): void {
  const root = openPodGroups(dataDir)?.root
  if (root === undefined) return
  for (const entry of readdirSync(root, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroup(join(root, entry.name))
  removeGroup(root)
}

/** However the test ended, nothing of its attempts is left. */
async function killMarked(ids: ReadonlySet<string>): Promise<void> {
  for (let round = 0; round < 100; round++) {
    const left = (await scanProcesses()).filter((process) => ids.has(podMarkOf(process.pid)?.attemptId ?? ""))
    if (left.length === 0) return
    for (const { pid } of left)
      try {
        process.kill(pid, "SIGKILL")
      } catch {
        // it ended meanwhile
      }
  }
}

/** Follows what `behave` notes for launches that bring a script of their own. */
export function scripted(world: LocalWorld, launch: AttemptLaunch, entryPoint: string): AttemptLaunch {
  return { ...world.behave(launch, [{ does: "run" }]), entryPoint }
}
