import { randomBytes } from "node:crypto"
import { createServer, type Server } from "node:net"
import { type NoPostgres, type PostgresServer, startPostgresServer } from "./postgres-server.ts"

/** The variable that names the socket at which test files ask for the run's PostgreSQL server. */
export const brokerVariable = "BERTH_TEST_POSTGRES"

/** A folder that the server reaches, and its account; null = ours. */
export interface Place {
  readonly folder: string
  readonly uid: number | null
}

/** What the socket answers: one line of JSON. */
export type BrokerAnswer = { readonly url: string; readonly place: Place | null } | NoPostgres

let broker: Server | undefined
let server: Promise<PostgresServer | NoPostgres> | undefined

/**
 * One PostgreSQL server for the whole run, started when the first file asks for it. It is this process's, which
 * outlives every file's; when this one is killed, the closed pipe ends the server (postgres-server.ts).
 */
export async function setup(): Promise<void> {
  // Of the abstract kind: a run that is killed leaves no file behind.
  const name = `berth-test-${process.pid}-${randomBytes(8).toString("hex")}`
  broker = createServer((socket) => {
    socket.on("error", () => socket.destroy())
    server ??= startPostgresServer()
    void server.then((found) => socket.end(`${JSON.stringify(answer(found))}\n`))
  })
  await new Promise<void>((resolve) => broker?.listen(`\0${name}`, resolve))
  process.env[brokerVariable] = name
}

function answer(found: PostgresServer | NoPostgres): BrokerAnswer {
  return "absent" in found
    ? found
    : { url: found.url, place: { folder: found.folder, uid: found.uid ?? null } }
}

export async function teardown(): Promise<void> {
  broker?.close()
  const found = await server
  if (found && !("absent" in found)) await found.close()
}
