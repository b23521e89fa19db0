import { chownSync, mkdtempSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { execFileSync } from "node:child_process"
import { Client } from "pg"
import { type BrokerAnswer, brokerVariable, type Place } from "./postgres-run.ts"

/** A database of a test's own. */
export interface TestDatabase {
  readonly name: string
  readonly url: string
  /** As its administrator, on a connection of its own; the rows of the (last) statement. */
  run(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** Runs it on a connection that stays as it is, its transaction open, until the promise is settled. */
  hold(sql: string, until: Promise<unknown>): { readonly begun: Promise<void>; readonly ended: Promise<void> }
  /** Ends every connection to it and removes it. Idempotent. */
  drop(): Promise<void>
}

export interface TestPostgres {
  /** An empty database; in a tablespace, where one is named. */
  createDatabase(tablespace?: string): Promise<TestDatabase>
  /** A tablespace that holds so many bytes and no more; undefined where none can be mounted. */
  createSmallSpace(bytes: number): Promise<SmallSpace | undefined>
}

/** A tablespace in a small file system. */
export interface SmallSpace {
  readonly name: string
  readonly path: string
  /** Its databases must be gone. */
  close(): Promise<void>
}

let made = 0

/**
 * The PostgreSQL server that tests may use: the one of DATABASE_URL, else one of the run's own. Undefined, with
 * the reason printed, where none can be had; with CI_FULL=1 that is an error.
 */
export async function testPostgres(): Promise<TestPostgres | undefined> {
  const given = process.env["DATABASE_URL"]
  const found: BrokerAnswer = given ? { url: given, place: null } : await askBroker()
  if ("absent" in found) {
    if (process.env["CI_FULL"] === "1") throw new Error(`PostgreSQL is required here: ${found.absent}.`)
    // oxlint-disable-next-line no-console -- what was left out is said
    console.log(`left out, for there is no PostgreSQL: ${found.absent}`)
    return undefined
  }
  const { url, place } = found
  return {
    createDatabase: (tablespace) => createDatabase(url, tablespace),
    createSmallSpace: (bytes) => (place ? createSmallSpace(url, place, bytes) : Promise.resolve(undefined)),
  }
}

function askBroker(): Promise<BrokerAnswer> {
  const name = process.env[brokerVariable]
  if (name === undefined)
    return Promise.resolve({ absent: "the tests were not started by this project's configuration" })
  return new Promise((resolve, reject) => {
    const socket = connect(`\0${name}`)
    let text = ""
    socket.on("data", (chunk) => (text += chunk.toString("utf8")))
    socket.once("error", reject)
    socket.once("end", () => resolve(JSON.parse(text) as BrokerAnswer))
  })
}

type Rows = readonly Readonly<Record<string, unknown>>[]

/** Runs statements on a connection of their own. */
export async function runOn(url: string, sql: string): Promise<Rows> {
  let rows: Rows = []
  await holdOn(url, sql, (found) => {
    rows = found
  })
  return rows
}

async function holdOn(url: string, sql: string, use: (rows: Rows) => Promise<void> | void): Promise<void> {
  const client = new Client({ connectionString: url })
  client.on("error", () => {})
  await client.connect()
  try {
    const result = (await client.query(sql)) as unknown as { rows: [] } | { rows: [] }[]
    await use((Array.isArray(result) ? result.at(-1)?.rows : result.rows) ?? [])
  } finally {
    await client.end()
  }
}

async function createDatabase(adminUrl: string, tablespace?: string): Promise<TestDatabase> {
  const name = `berth_test_${process.pid}_${made++}_${Date.now().toString(36)}`
  const url = new URL(adminUrl)
  url.pathname = `/${name}`
  const place = tablespace === undefined ? "" : ` tablespace ${tablespace}`
  await runOn(adminUrl, `create database ${name} template template0 encoding 'UTF8'${place}`)
  let isDropped = false
  return {
    name,
    url: url.href,
    run: (sql) => runOn(url.href, sql),
    hold(sql, until) {
      const begun = Promise.withResolvers<void>()
      const ended = holdOn(url.href, sql, async () => {
        begun.resolve()
        await until
      })
      ended.catch(begun.reject)
      return { begun: begun.promise, ended }
    },
    async drop() {
      if (isDropped) return
      isDropped = true
      await runOn(adminUrl, `drop database if exists ${name} with (force)`)
    },
  }
}

async function createSmallSpace(
  adminUrl: string,
  { folder, uid }: Place,
  bytes: number,
): Promise<SmallSpace | undefined> {
  const name = `berth_small_${process.pid}_${made++}`
  const path = mkdtempSync(join(folder, "small-"))
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes},mode=0755`, "tmpfs", path], {
      stdio: "ignore",
    })
  } catch {
    rmSync(path, { recursive: true, force: true })
    return undefined
  }
  const unmount = () => {
    execFileSync("umount", ["-l", path], { stdio: "ignore" })
    rmSync(path, { recursive: true, force: true })
  }
  try {
    if (uid !== null) chownSync(path, uid, -1)
    await runOn(adminUrl, `create tablespace ${name} location '${path}'`)
  } catch (error) {
    unmount()
    throw error
  }
  return {
    name,
    path,
    async close() {
      try {
        await runOn(adminUrl, `drop tablespace ${name}`)
      } finally {
        unmount()
      }
    },
  }
}
