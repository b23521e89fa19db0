import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { isLeftOut, isRoot } from "../support/machine.ts"
import { podsGone, type RealServer, startRealServer } from "../support/real-server.ts"

const leftOut = isLeftOut(isRoot, "separate accounts of workspaces", "the tests do not run as root")

// tests that run at once must not share an account
const firstUid = 58_000 + (process.pid % 150) * 10
let server: RealServer
let ann: string
let bob: string
beforeAll(async () => {
  if (leftOut) return
  const range = `${firstUid}-${firstUid + 9}`
  server = await startRealServer({ flags: ["--stop-grace", "1", "--local-uid-range", range] })
  for (const id of ["alpha", "beta"]) await server.client.berth.createWorkspace({ id })
  ann = await server.member("ann", { alpha: "editor" })
  bob = await server.member("bob", { beta: "editor" })
})
afterAll(() => server?.close())

async function run(script: string, workspaceId = "alpha", token = ann) {
  const id = await server.create({ script, workspaceId }, token)
  const done = await server.phase(id, "Succeeded", "Failed", "Stopped")
  const podId = done.pods[0]?.podId ?? ""
  return { id, done, podId, lines: await server.podLog(id, podId) }
}

describe.skipIf(leftOut)("work of somebody who is not a server owner", () => {
  it("runs under an account of its workspace, in a folder of its own", async () => {
    expect(isRoot, "needs root").toBe(true)
    const one = await run("id -u; id -G; grep NoNewPrivs /proc/self/status; pwd; touch mine && echo wrote")
    const other = await run("id -u", "beta", bob)
    const [uid = "", groups, privileges, folder, wrote] = one.lines
    expect(Number(uid)).toBeGreaterThanOrEqual(firstUid)
    expect(other.lines[0]).not.toBe(uid)
    expect([groups, privileges, wrote]).toEqual([uid, "NoNewPrivs:\t1", "wrote"])
    expect(folder).toMatch(new RegExp(`^${server.dataDir}/pods/att_\\w+/0/work$`))
  })

  it("cannot read the owner's key, the database, another workspace's log or entry point", async () => {
    const secret = await run("echo secret of beta; sleep 0.1", "beta", bob)
    const attempts = readdirSync(join(server.dataDir, "pods"))
    const targets = [
      ...["owner.key", "secret.key", "berth.db", "berth.db-wal", "local/accounts.json"].map((name) =>
        join(server.dataDir, name),
      ),
      ...attempts.flatMap((attempt) =>
        ["entry", "attempt.json", "0/log", "0/launch"].map((name) =>
          join(server.dataDir, "pods", attempt, name),
        ),
      ),
    ]
    const present = targets.filter((path) => existsSync(path))
    expect(present.length).toBeGreaterThan(6)
    const { lines } = await run(
      `for f in ${present.join(" ")}; do if head -c 8 "$f" >/dev/null 2>&1; then echo "READ $f"; fi; done
for d in ${server.dataDir} ${server.dataDir}/pods ${server.dataDir}/local; do if ls "$d" >/dev/null 2>&1; then echo "LISTED $d"; fi; done
echo checked`,
    )
    const alphaUid = statSync(join(server.dataDir, "pods", attemptOf(attempts, "alpha"), "0/work")).uid
    const foreign = lines.filter((line) => line.startsWith("READ")).filter((line) => !isOwn(line, alphaUid))
    expect(foreign).toEqual([])
    expect(lines.filter((line) => line.startsWith("LISTED"))).toEqual([])
    expect(lines).toContain("checked")
    const answer = await server.call("GET", `/api/v1/workloads/${secret.id}/pods/${secret.podId}/logs`, {
      token: ann,
    })
    expect(answer.status).toBe(404)
  })

  it("cannot forge how it ended, nor whose process its pod is", async () => {
    const { done } = await run(
      `cd .. 2>/dev/null
for name in exit pid lock gone end.json ../gone ../stop.json exit.new pid.new; do
  (echo "0" >"$OLDPWD/../$name") 2>/dev/null && echo "FORGED $name"
  rm -rf "$OLDPWD/../$name" 2>/dev/null && [ ! -e "$OLDPWD/../$name" ] || echo "kept $name"
done
mv "$OLDPWD/../exit.new" "$OLDPWD/../exit" 2>/dev/null && echo "FORGED by rename"
exit 6`,
    )
    expect(done.phase).toBe("Failed")
    expect(done.pods[0]?.containers[0]?.exitCode).toBe(6)
    const lines = await server.podLog(done.workloadId, done.pods[0]?.podId ?? "")
    expect(lines.filter((line) => line.startsWith("FORGED"))).toEqual([])
  })

  it("cannot signal the server, its wrapper or another workspace's process", async () => {
    const other = await server.create({ script: "echo $$; exec sleep 300", workspaceId: "beta" }, bob)
    const { pods } = await server.phase(other, "Running")
    const pid = await server.until(
      async () => (await server.podLog(other, pods[0]?.podId ?? ""))[0],
      "it has said its pid",
    )
    const { lines } = await run(
      `for pid in ${server.pid} $PPID ${pid}; do kill -9 $pid 2>/dev/null && echo "KILLED $pid"; done; echo tried`,
    )
    expect(lines).toEqual(["tried"])
    expect((await server.workload(other)).phase).toBe("Running")
    await server.client.workloads.stop(other)
    await podsGone(server)
  })

  it("has nothing of the server's environment and token", async () => {
    const { lines } = await run(`env; cat /proc/$PPID/environ 2>/dev/null | tr '\\0' '\\n'`)
    const token = readFileSync(join(server.dataDir, "owner.key"), "utf8").trim()
    expect(lines.filter((line) => line.includes(token) || line.startsWith("NO_COLOR"))).toEqual([])
    expect(lines.some((line) => line.startsWith("WORKLOAD_ID="))).toBe(true)
    expect(lines.filter((line) => line === `HOME=${server.home}`)).toEqual([])
  })

  it("leaves nothing running under its account when it ends, whatever it forked", async () => {
    const { lines } = await run("id -u; for n in 1 2 3; do (setsid env -i sleep 300 &); done; sleep 0.1")
    const uid = Number(lines[0])
    const left = await server.until(() => {
      const found = processesOf(uid)
      return found.length === 0 ? found : undefined
    }, "its account runs nothing")
    expect(left).toEqual([])
  })

  it("and what is done by others is refused: foreign workloads do not exist, changes are not theirs", async () => {
    const id = await server.create({ script: "exec sleep 300", workspaceId: "beta" }, bob)
    for (const [method, path] of [
      ["GET", `/api/v1/workloads/${id}`],
      ["POST", `/api/v1/workloads/${id}/stop`],
      ["GET", `/berth/v1/explain/workload/${id}`],
    ] as const) {
      const answer = await server.call(method, path, { token: ann })
      expect([path, answer.status === 200 && answer.text !== ""]).toEqual([path, false])
    }
    expect((await server.workload(id)).phase).not.toBe("Stopped")
    await server.client.workloads.stop(id)
  })
})

function attemptOf(attempts: readonly string[], workspaceId: string): string {
  const found = attempts.find((attempt) => {
    const text = readFileSync(join(server.dataDir, "pods", attempt, "attempt.json"), "utf8")
    return (JSON.parse(text) as { readonly workspaceId: string }).workspaceId === workspaceId
  })
  if (found === undefined) throw new Error(`There is no attempt of ${workspaceId}.`)
  return found
}

/** Its own workspace's entry points and launch scripts have to be readable to it. */
function isOwn(line: string, uid: number): boolean {
  const path = line.slice("READ ".length)
  return statSync(path).gid === uid
}

function processesOf(uid: number): readonly string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      return statSync(`/proc/${name}`).uid === uid
    } catch {
      return false
    }
  })
}
