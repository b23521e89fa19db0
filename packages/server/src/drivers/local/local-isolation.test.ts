import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { silentLog } from "../../kit/log.ts"
import type { AttemptHandle, AttemptLaunch } from "../../domain/workloads/index.ts"
import { launchOf, until, untilGone, untilLogged, wholeLog } from "../driver-world.ts"
import { createLocalMachine } from "./local-machine.ts"
import { createLocalWorld, groupModes, scripted, type LocalWorld } from "./local-test-world.ts"
import { podMarkOf, realUidOf, scanProcesses } from "./processes.ts"

const isRoot = process.getuid?.() === 0
if (!isRoot) console.warn("left out: separate accounts of workspaces need root")

const never = new AbortController().signal
const stopped = { cause: "stopped", message: "the user asked" } as const
// tests that run at once must not share an account: what is left over of one is ended with the other
const firstUid = 62_000 + (process.pid % 300) * 10

let world: LocalWorld
beforeEach(() => {
  world = createLocalWorld({ uidRange: [firstUid, firstUid + 9] })
})
afterEach(() => world.close())

async function start(entryPoint: string, overrides: Partial<AttemptLaunch> = {}, pods = 1) {
  const launch = scripted(world, launchOf(pods, overrides), entryPoint)
  const handle = await world.driver.ensure(launch, never)
  return { launch, handle, podId: launch.pods[0]?.podId ?? "" }
}

async function run(entryPoint: string, overrides: Partial<AttemptLaunch> = {}) {
  const { handle, podId, launch } = await start(entryPoint, overrides)
  const seen = await untilGone(world, handle)
  return { launch, handle, pod: seen.pods[0], lines: await logOf(handle, podId) }
}

async function logOf(handle: AttemptHandle, podId: string) {
  return (await world.driver.readLog(handle, podId, wholeLog)).lines
}

describe("the environment of a pod", () => {
  it("is built: nothing of the server's own is in it, nor in the wrapper's", async () => {
    process.env["BERTH_TEST_SECRET"] = "of the server"
    try {
      const { lines, launch } = await run("env; cat /proc/$PPID/environ | tr '\\0' '\\n'", {
        env: { A: "b" },
      })
      expect(lines).toContain("A=b")
      expect(lines).toContain(`BERTH_ATTEMPT=${launch.id}`)
      expect(
        lines.filter((line) => /BERTH_TEST_SECRET|VITEST|NODE_ENV|NODE_OPTIONS|^npm_/.test(line)),
      ).toEqual([])
    } finally {
      delete process.env["BERTH_TEST_SECRET"]
    }
  })

  it("hands every byte of a value on", async () => {
    const values = {
      QUOTES: `it's "quoted" \\n \\ \${HOME} $(id) \`id\``,
      LINES: "one\ntwo\n",
      UNICODE: "größe 🚀",
      EMPTY: "",
      BLANKS: "  a  *  ",
    }
    const program = `#!${process.execPath}\nconsole.log(JSON.stringify(process.env))`
    const { lines } = await run(program, { env: values })
    expect(JSON.parse(lines.join(""))).toMatchObject(values)
  })

  it("takes a value of 100 KiB, and says what is wrong with one that no process can be given", async () => {
    const fits = await run(`echo \${#BIG}`, { env: { BIG: "x".repeat(100 * 1024) } })
    expect(fits.lines).toEqual(["102400"])
    const tooBig = await run(`echo \${#BIG}`, { env: { BIG: "x".repeat(200 * 1024) } })
    expect(tooBig.pod?.state).toBe("exited")
    expect([126, 127]).toContain(tooBig.pod?.exitCode)
    expect(tooBig.pod?.message).toMatch(/too long/i)
  })

  it("leaves out what no shell can hand on, and says so in the log", async () => {
    const { lines } = await run(`env | grep -c VALUE_OF`, {
      env: { "a.b": "VALUE_OF", "x;touch /tmp/evil": "VALUE_OF", GOOD: "VALUE_OF" },
    })
    expect(lines.at(-1)).toBe("1")
    expect(lines.join("\n")).toMatch(/"a\.b" cannot be an environment variable/)
  })

  it("acts for the command only, never for the wrapper, which has the server's rights", async () => {
    const evil = join(world.openDir, "bin")
    mkdirSync(evil)
    for (const tool of ["mv", "mkdir", "setpriv", "nice"]) {
      const path = join(evil, tool)
      writeFileSync(path, `#!/bin/sh\nid -u >>${join(world.openDir, "acted")}\n`)
      chmodSync(path, 0o755)
    }
    const { pod } = await run("exit 3", {
      env: {
        PATH: `${evil}:/usr/bin:/bin`,
        LD_PRELOAD: join(evil, "none.so"),
        ENV: join(evil, "mv"),
        IFS: "x",
      },
    })
    expect(pod?.exitCode).toBe(3)
    expect(statSync(join(world.openDir, "acted"), { throwIfNoEntry: false })).toBeUndefined()
  })

  it("keeps values and the script from command lines, which everybody can read", async () => {
    const { launch, handle, podId } = await start("echo up; sleep 3600; : the-script", {
      env: { TOKEN: "s3cret-value" },
    })
    await untilLogged(world, handle, podId, "up")
    for (const { pid } of await scanProcesses()) {
      if (podMarkOf(pid)?.attemptId !== launch.id) continue
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8")
      expect(line).not.toContain("s3cret-value")
      expect(line).not.toContain("the-script")
    }
  })
})

describe.runIf(isRoot)("accounts of workspaces", () => {
  const other = { asServerOwner: false, workspaceId: "team-b" }

  it("run a server owner's workloads as the server and everybody else's under an account of their own", async () => {
    const own = await run("id -u", { asServerOwner: true })
    expect(own.lines).toEqual([String(process.getuid?.())])
    const first = await run(
      "id -u; id -g; id -G; grep NoNewPrivs /proc/self/status; grep CapEff /proc/self/status",
      other,
    )
    const uid = String(firstUid)
    expect(first.lines).toEqual([uid, uid, uid, "NoNewPrivs:\t1", "CapEff:\t0000000000000000"])
  })

  it("are the same for a workspace for ever, and others for others", async () => {
    expect((await run("id -u", other)).lines).toEqual([String(firstUid)])
    expect((await run("id -u", { ...other, workspaceId: "team-c" })).lines).toEqual([String(firstUid + 1)])
    await world.restart()
    expect((await run("id -u", { ...other, workspaceId: "team-c" })).lines).toEqual([String(firstUid + 1)])
    expect((await run("id -u", other)).lines).toEqual([String(firstUid)])
  })

  it("have a part of the machine's processes, so that a fork bomb leaves the others theirs", async () => {
    const { lines } = await run("grep 'Max processes' /proc/self/limits", other)
    const [soft, hard] = (lines[0] ?? "").split(/\s+/).slice(2).map(Number)
    const all = Math.min(
      ...["pid_max", "threads-max"].map((name) => Number(readFileSync(`/proc/sys/kernel/${name}`, "utf8"))),
    )
    expect(soft).toBeGreaterThan(all / 5)
    expect(soft).toBeLessThan(all / 3)
    expect(hard).toBe(soft)
  })

  it("separate everybody where the configuration says so", async () => {
    await world.close()
    world = createLocalWorld({ runAs: "uid", uidRange: [firstUid, firstUid + 9] })
    expect((await run("id -u", { asServerOwner: true })).lines).toEqual([String(firstUid)])
  })

  it("cannot read the server's files or another workspace's log, entry point or environment", async () => {
    writeFileSync(join(world.dataDir, "berth.key"), "k", { mode: 0o600 })
    const owner = await run("echo of another", { ...other, workspaceId: "team-c", env: { S: "s" } })
    const running = await start("echo up; exec sleep 3600", { ...other, workspaceId: "team-c" })
    await untilLogged(world, running.handle, running.podId, "up")
    const at = (launch: AttemptLaunch) => join(world.dataDir, "pods", launch.id)
    const targets = [
      join(world.dataDir, "berth.key"),
      join(world.dataDir, "local", "accounts.json"),
      join(at(owner.launch), "0", "log"),
      join(at(owner.launch), "attempt.json"),
      join(at(running.launch), "entry"),
      join(at(running.launch), "0", "launch"),
      join(at(running.launch), "0", "log"),
    ]
    const tries = targets.map((path) => `cat ${path} && echo READ; echo x >>${path} && echo WROTE`)
    const lists = [
      world.dataDir,
      join(world.dataDir, "pods"),
      at(running.launch),
      join(at(running.launch), "0", "work"),
    ]
    const { lines } = await run(
      [...tries, ...lists.map((path) => `ls ${path} && echo LISTED`)].join("\n"),
      other,
    )
    expect(lines.filter((line) => /READ|WROTE|LISTED/.test(line))).toEqual([])
    expect(lines.filter((line) => /denied/i.test(line))).toHaveLength(targets.length * 2 + lists.length)
  })

  it("cannot forge their pid, exit or cause, nor signal their wrapper", async () => {
    const { pod, lines } = await run(
      `cd ..
       for f in pid exit exit.new end.json lock/x ../attempt.json ../stop.json ../gone; do
         (echo '0 1 1' >$f) 2>/dev/null && echo FORGED $f
         rm -f $f 2>/dev/null && [ ! -e $f ] && [ $f = pid ] && echo REMOVED $f
       done
       mv pid pid2 2>/dev/null && echo MOVED
       kill -9 $PPID 2>/dev/null && echo KILLED
       exit 21`,
      other,
    )
    expect(pod).toMatchObject({ state: "exited", exitCode: 21, cause: null })
    expect(lines.filter((line) => /FORGED|REMOVED|MOVED|KILLED/.test(line))).toEqual([])
  })

  it("let a command open its own output, read why it stops, and write where it works", async () => {
    const { handle, podId } = await start(
      `echo to-stderr >>/dev/stderr; echo x >file; mkdir d; echo t >$TMPDIR/t; echo $HOME; 
       trap 'cat $BERTH_STOP_REASON_FILE; exit 4' TERM; echo ready; sleep 3600 & wait`,
      other,
    )
    const lines = await untilLogged(world, handle, podId, "ready")
    expect(lines[0]).toBe("to-stderr")
    await world.driver.stop(handle, { cause: "preempted", message: "by x" }, 10_000)
    expect((await untilGone(world, handle)).pods[0]?.exitCode).toBe(4)
    const told = JSON.parse((await logOf(handle, podId)).at(-1) ?? "") as Record<string, unknown>
    expect(told).toMatchObject({ cause: "preempted", message: "by x", graceSeconds: 10 })
    expect(Date.parse(String(told["deadline"]))).toBeGreaterThan(Date.now() - 60_000)
  })

  it.each(groupModes)(
    "leave nothing running: not even what shed its session, its parent and its environment (control groups: %s)",
    async (useGroups) => {
      await world.close()
      world = createLocalWorld({ useGroups, uidRange: [firstUid, firstUid + 9] })
      const escape = `setsid env -i /bin/sh -c '(exec sleep 3605) & (exec sleep 3605) & exit 0' & wait; sleep 0.1`
      const { handle } = await start(`${escape}; exit 0`, other)
      await untilGone(world, handle)
      const left = (await scanProcesses()).filter(({ pid }) => realUidOf(pid) === firstUid)
      expect(left).toEqual([])
    },
  )

  it("cannot pass for a part of a server owner's attempt", async () => {
    await world.close()
    world = createLocalWorld({ useGroups: false, uidRange: [firstUid, firstUid + 9] })
    const owners = await start("echo ready; exec sleep 3600", { asServerOwner: true })
    await untilLogged(world, owners.handle, owners.podId, "ready")
    const forged = await start(
      `export BERTH_ATTEMPT=${owners.launch.id} BERTH_POD=0; setsid sh -c 'echo ready; exec sleep 3600' & wait`,
      other,
    )
    await untilLogged(world, forged.handle, forged.podId, "ready")
    await world.driver.stop(owners.handle, stopped, 0)
    await untilGone(world, owners.handle)
    expect((await world.driver.inspect(forged.handle)).pods[0]?.state).toBe("running")
  })

  it("are shared by the attempts of one workspace on two drivers, which do not end each other", async () => {
    const uidRange = [firstUid, firstUid + 9] as const
    const machine = createLocalMachine({ dataDir: world.dataDir, log: silentLog, uidRange })
    const one = createLocalWorld({ machine, useGroups: false })
    const two = createLocalWorld({ machine, useGroups: false })
    try {
      // first: what is older than an attempt is none of it
      const ending = await one.driver.ensure(scripted(one, launchOf(1, other), "exec sleep 3600"), never)
      const launch = scripted(two, launchOf(1, other), "env -i sleep 3600 & echo ready; wait; exit 9")
      const staying = await two.driver.ensure(launch, never)
      await untilLogged(two, staying, launch.pods[0]?.podId ?? "", "ready")
      await one.driver.stop(ending, stopped, 0)
      await untilGone(one, ending)
      expect((await two.driver.inspect(staying)).pods[0]?.state).toBe("running")
      await two.driver.stop(staying, stopped, 0)
      await untilGone(two, staying)
    } finally {
      for (const each of [one, two]) await each.close()
    }
  })

  it("are shared by a workspace's attempts, which do not end each other", async () => {
    const first = await start("echo up; exec sleep 3600", other)
    await untilLogged(world, first.handle, first.podId, "up")
    await run("exit 0", other)
    const still = await until(world, first.handle, (seen) => seen)
    expect(still.pods[0]?.state).toBe("running")
  })

  it("are given once for all drivers of a machine", async () => {
    const uidRange = [firstUid, firstUid + 9] as const
    const machine = createLocalMachine({ dataDir: world.dataDir, log: silentLog, uidRange })
    const worlds = [createLocalWorld({ machine }), createLocalWorld({ machine })]
    const uids: string[] = []
    try {
      for (const [at, each] of worlds.entries()) {
        const launch = launchOf(1, { asServerOwner: false, workspaceId: `team-${at}` })
        const handle = await each.driver.ensure(scripted(each, launch, "id -u"), never)
        await untilGone(each, handle)
        uids.push(...(await each.driver.readLog(handle, launch.pods[0]?.podId ?? "", wholeLog)).lines)
      }
    } finally {
      for (const each of worlds) await each.close()
    }
    expect(uids).toEqual([String(firstUid), String(firstUid + 1)])
  })

  it("are refused with a sentence when all are taken", async () => {
    await world.close()
    world = createLocalWorld({ uidRange: [firstUid, firstUid] })
    expect((await run("exit 0", other)).pod?.exitCode).toBe(0)
    await expect(start("exit 0", { ...other, workspaceId: "team-z" })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("local.uidRange") as string,
    })
  })

  it("are refused with a sentence when they cannot reach the data directory", async () => {
    chmodSync(join(world.dataDir, ".."), 0o700)
    await expect(start("exit 0", other)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("cannot enter") as string,
    })
    expect(await world.driver.doctor()).toContainEqual(
      expect.objectContaining({ name: "separate_accounts", ok: false }),
    )
    chmodSync(join(world.dataDir, ".."), 0o711)
    expect((await run("exit 0", other)).pod?.exitCode).toBe(0)
  })
})

it("keeps modes that let nobody list or write the folders of pods, whatever the umask", async () => {
  const { launch } = await run("umask; exit 0")
  const modeOf = (...path: string[]) => (statSync(join(world.dataDir, ...path)).mode & 0o777).toString(8)
  expect([
    modeOf(),
    modeOf("pods"),
    modeOf("local"),
    modeOf("pods", launch.id),
    modeOf("pods", launch.id, "0"),
    modeOf("pods", launch.id, "0", "work"),
    modeOf("pods", launch.id, "0", "log"),
    modeOf("pods", launch.id, "attempt.json"),
  ]).toEqual(["711", "711", "700", "711", "711", "700", "600", "600"])
})

it("removes working folders with all that is in them, and nothing that links lead to", async () => {
  const kept = join(world.openDir, "kept")
  writeFileSync(kept, "x")
  const { launch, handle } = await run(
    `mkdir -p a/b; echo x >a/b/c; ln -s ${world.openDir} out; ln -s ${kept} a/link; mkdir ro; echo x >ro/x; chmod 0500 ro`,
    { asServerOwner: !isRoot },
  )
  await world.driver.forget(launch.id, handle, false)
  const folder = join(world.dataDir, "pods", launch.id)
  expect(statSync(join(folder, "0", "work"), { throwIfNoEntry: false })).toBeUndefined()
  expect(statSync(join(folder, "0", "log")).isFile()).toBe(true)
  expect(readFileSync(kept, "utf8")).toBe("x")
  await world.driver.forget(launch.id, handle, true)
  expect(statSync(folder, { throwIfNoEntry: false })).toBeUndefined()
})

it("removes what the start needed, secrets among it, once the attempt is gone", async () => {
  const { launch } = await run("exit 0", { env: { TOKEN: "s3cret-value" } })
  const folder = join(world.dataDir, "pods", launch.id)
  for (const path of ["entry", "0/launch"])
    expect(statSync(join(folder, path), { throwIfNoEntry: false })).toBeUndefined()
})
