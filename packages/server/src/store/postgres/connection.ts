import { Client, types } from "pg"
import type { BoundSql, SqlRow } from "../session.ts"

/** One connection. Its queries run one after the other, in the order in which they were asked for. */
export interface PgConnection {
  /** Process id of the backend. */
  readonly backend: number
  query(query: BoundSql): Promise<PgResult>
  /** Statements without values in one round trip; the result of the last one. */
  script(sql: string): Promise<PgResult>
  /** True once it cannot be used any more. */
  readonly isLost: boolean
  /** Called once, when it is lost for any reason but `close`. */
  onLost(listener: () => void): void
  /** Breaks it off at once: what is under way fails. Idempotent. */
  cut(): void
  /** Ends it in order. Idempotent. */
  close(): Promise<void>
}

export interface PgResult {
  readonly rows: readonly SqlRow[]
  readonly changed: number
  /** The command's tag: `COMMIT`, `ROLLBACK`. */
  readonly command: string
}

export interface ConnectOptions {
  readonly url: string
  /** Shown in `pg_stat_activity`. */
  readonly name: string
  /** Settings of the session. */
  readonly settings: Readonly<Record<string, string | number>>
}

const connectTimeoutMs = 5_000

/** @throws what pg throws; `fromPostgres` words it */
export async function openConnection(options: ConnectOptions): Promise<PgConnection> {
  const client = new Client({
    connectionString: options.url,
    application_name: options.name,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    // What need not wait for an answer is sent at once.
    pipeline: true,
    types: { getTypeParser: parserOf as typeof types.getTypeParser },
  })
  const connection = wrap(client)
  try {
    await client.connect()
    const settings = Object.entries(options.settings)
    if (settings.length > 0) await connection.query(settingsQuery(settings))
    return connection
  } catch (error) {
    connection.cut()
    throw error
  }
}

/** By statement and not in the start-up packet: poolers refuse that. */
function settingsQuery(settings: readonly (readonly [string, string | number])[]): BoundSql {
  const calls = settings.map((_, at) => `set_config($${at * 2 + 1}, $${at * 2 + 2}, false)`)
  return {
    sql: `select ${calls.join(", ")}`,
    values: settings.flatMap(([name, value]) => [name, String(value)]),
  }
}

function wrap(client: Client): PgConnection {
  const listeners: (() => void)[] = []
  let isLost = false
  let isClosing = false
  function lose() {
    if (isLost) return
    isLost = true
    if (!isClosing) for (const listener of listeners.splice(0)) listener()
  }
  // Without a listener an idle connection that breaks would end the process.
  client.on("error", lose)
  client.on("end", lose)

  function cut() {
    lose()
    client.connection.stream.destroy()
  }
  return {
    get backend() {
      return (client as unknown as { readonly processID: number | null }).processID ?? 0
    },
    get isLost() {
      return isLost
    },
    query: ({ sql, values, name }) =>
      client
        .query({ text: sql, values: values as unknown[], ...(name === undefined ? {} : { name }) })
        .then(toResult),
    script: (sql) => client.query(sql).then(toResult),
    onLost(listener) {
      if (isLost) listener()
      else listeners.push(listener)
    },
    cut,
    async close() {
      isClosing = true
      if (isLost) return cut()
      await client.end()
    },
  }
}

interface RawResult {
  readonly rows: readonly SqlRow[]
  readonly rowCount: number | null
  readonly command: string
}

/** Several statements at once give several results. */
function toResult(raw: RawResult | readonly RawResult[]): PgResult {
  const result = "rows" in raw ? raw : raw.at(-1)
  return { rows: result?.rows ?? [], changed: result?.rowCount ?? 0, command: result?.command ?? "" }
}

const integers = new Set<number>([
  types.builtins.INT8,
  types.builtins.INT4,
  types.builtins.INT2,
  types.builtins.NUMERIC,
])

/** Whole numbers as numbers (sums are `numeric`), everything else as its text. */
function parserOf(oid: number): (text: string) => string | number {
  return integers.has(oid) ? toNumber : String
}

/** @throws RangeError above 2^53: a silently rounded id or instant would be worse */
function toNumber(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value))
    throw new RangeError(`The number ${text} of the database is not a safe integer.`)
  return value
}
