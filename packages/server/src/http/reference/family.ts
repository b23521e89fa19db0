import { readFile } from "node:fs/promises"
import { Readable } from "node:stream"
import { createGunzip } from "node:zlib"
import type { FastifyReply, FastifyRequest } from "fastify"
import { sha256Hex } from "../../kit/sha256.ts"
import type { Family } from "../plugins/family.ts"
import { plainErrorAnswer } from "../plugins/plain-errors.ts"
import { readBundle } from "./bundle.ts"

/** Nothing is sent here. */
const bodyLimit = 1024

/**
 * Only what this server itself sends is run, shown or asked; the viewer writes its styles into the page, hence
 * `unsafe-inline` for styles, which cannot run anything.
 */
const securityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ")

interface Part {
  readonly bytes: Uint8Array
  readonly etag: string
  readonly encoding: "gzip" | null
}

/**
 * The page `/reference` that shows the OpenAPI documents in a browser. The page and its scripts are the same on every
 * server and hold nothing of this one, so they are open; the documents that they ask for need a token like every
 * other request. All is read when first asked for.
 */
export const referenceFamily: Family = {
  name: "reference",
  prefixes: ["/reference"],
  bodyLimit,
  register(app) {
    const kept = new Map<string, Promise<Part>>()
    const part = (name: string, make: () => Promise<Part>): Promise<Part> => {
      const known = kept.get(name) ?? make()
      kept.set(name, known)
      known.catch(() => kept.delete(name))
      return known
    }
    const add = (url: string, type: string, name: string, make: () => Promise<Part>) =>
      app.get(
        url,
        { config: { operation: "reference.page", isOpen: true, isEarly: true } },
        async (request, reply) => send(request, reply, type, await part(name, make)),
      )
    for (const url of ["/reference", "/reference/"])
      add(url, "text/html", "page.html", () => file("page.html"))
    add("/reference/page.css", "text/css", "page.css", () => file("page.css"))
    add("/reference/page.js", "text/javascript", "page.js", () => file("page.js"))
    add("/reference/scalar.js", "text/javascript", "scalar.js", async () => {
      const bytes = await readBundle()
      return { bytes, etag: etagOf(bytes), encoding: "gzip" }
    })
  },
  errorAnswer: plainErrorAnswer,
}

async function file(name: string): Promise<Part> {
  const bytes = await readFile(new URL(`./${name}`, import.meta.url))
  return { bytes, etag: etagOf(bytes), encoding: null }
}

function etagOf(bytes: Uint8Array): string {
  return `"${sha256Hex(Buffer.from(bytes).toString("latin1")).slice(0, 32)}"`
}

async function send(
  request: FastifyRequest,
  reply: FastifyReply,
  type: string,
  part: Part,
): Promise<unknown> {
  reply
    .header("etag", part.etag)
    .header("cache-control", "no-cache")
    .header("content-security-policy", securityPolicy)
    .header("x-content-type-options", "nosniff")
    .header("referrer-policy", "no-referrer")
  if (part.encoding !== null) reply.header("vary", "accept-encoding")
  if (request.headers["if-none-match"]?.includes(part.etag)) return reply.code(304).send()
  reply.type(`${type}; charset=utf-8`)
  if (part.encoding === null) return reply.send(part.bytes)
  const takesGzip = /\bgzip\b/.test(request.headers["accept-encoding"] ?? "")
  // As it is read: nobody can make the server hold many copies of it.
  if (!takesGzip) return reply.send(Readable.from([part.bytes]).pipe(createGunzip()))
  return reply.header("content-encoding", part.encoding).send(part.bytes)
}
