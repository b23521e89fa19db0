import { connect, createServer, type Socket } from "node:net"

/** One round trip that a client asks for: a simple query, or the messages up to a Sync. */
export interface Step {
  /** `application_name` of the connection. */
  readonly name: string
  /** The text of a simple query; of others the text that was prepared, "" when it was before. */
  readonly text: string
}

/** What becomes of a step. `cut`: the connection breaks, before the server gets it or after it has answered. */
export type Fate = "pass" | "cut-before" | "cut-after" | { readonly answerAfter: Promise<unknown> }

/** A way to a PostgreSQL server on which connections break where a test wants it. */
export interface PgProxy {
  readonly url: string
  /** Asked for every step; `pass` for all when undefined. */
  decide: ((step: Step) => Fate) | undefined
  close(): Promise<void>
}

/** Relays the protocol (https://www.postgresql.org/docs/current/protocol-message-formats.html), without TLS. */
export async function startPgProxy(serverUrl: string): Promise<PgProxy> {
  const target = new URL(serverUrl)
  const sockets = new Set<Socket>()
  const proxy: PgProxy = {
    url: "",
    decide: undefined,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on("error", () => {})
      socket.on("close", () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    relay(client, upstream, (step) => proxy.decide?.(step) ?? "pass")
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  const url = new URL(serverUrl)
  url.port = String(typeof address === "object" && address ? address.port : 0)
  return Object.assign(proxy, { url: url.href })
}

function relay(client: Socket, upstream: Socket, decide: (step: Step) => Fate): void {
  let name = ""
  let isStarted = false
  let asked = Buffer.alloc(0)
  let text = ""
  /** Fates of the steps whose answer has not come yet, in order. */
  const open: Fate[] = []
  let answer = Buffer.alloc(0)
  let delivered = Promise.resolve()

  client.on("data", (chunk: Buffer) => {
    asked = Buffer.concat([asked, chunk])
    if (!isStarted) {
      const length = asked.length >= 4 ? asked.readInt32BE(0) : Infinity
      if (asked.length < length) return
      name = /application_name\0([^\0]*)/.exec(asked.subarray(0, length).toString("latin1"))?.[1] ?? ""
      upstream.write(asked.subarray(0, length))
      asked = asked.subarray(length)
      isStarted = true
    }
    for (let end = stepEnd(asked); end > 0; end = stepEnd(asked)) {
      const group = asked.subarray(0, end)
      asked = asked.subarray(end)
      text = textOf(group)
      // Authentication has no answer of its own that ends it.
      const fate = group[0] === 0x70 ? "pass" : decide({ name, text })
      if (fate === "cut-before") return void client.destroy()
      if (group[0] !== 0x70) open.push(fate)
      upstream.write(group)
    }
  })
  upstream.on("data", (chunk: Buffer) => {
    answer = Buffer.concat([answer, chunk])
    for (let end = messageEnd(answer, 0); end > 0; end = messageEnd(answer, 0)) {
      const message = answer.subarray(0, end)
      answer = answer.subarray(end)
      const fate = open[0] ?? "pass"
      const isLast = message[0] === 0x5a
      if (isLast) open.shift()
      if (fate === "cut-after") {
        if (isLast) client.destroy()
        continue
      }
      if (typeof fate === "object") {
        delivered = delivered.then(async () => {
          await fate.answerAfter
          client.write(message)
        })
      } else delivered = delivered.then(() => void client.write(message))
    }
  })
}

/** Where the message at `at` ends; 0 when it is not whole. */
function messageEnd(bytes: Buffer, at: number): number {
  if (bytes.length < at + 5) return 0
  const end = at + 1 + bytes.readInt32BE(at + 1)
  return end <= bytes.length ? end : 0
}

/** Where the first group ends that the server answers as one: by Query, Sync, Terminate or a password. */
function stepEnd(bytes: Buffer): number {
  for (let at = 0, end = messageEnd(bytes, 0); end > 0; at = end, end = messageEnd(bytes, end))
    if ("QSXp".includes(String.fromCharCode(bytes[at] ?? 0))) return end
  return 0
}

/** The text of a Query, or of the first Parse behind its name. */
function textOf(group: Buffer): string {
  const kind = String.fromCharCode(group[0] ?? 0)
  const end = messageEnd(group, 0)
  const body = group.subarray(5, end).toString("utf8")
  if (kind === "Q") return body.replace(/\0$/, "")
  return kind === "P" ? (body.split("\0")[1] ?? "") : ""
}
