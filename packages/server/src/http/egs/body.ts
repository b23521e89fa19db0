import type { FastifyInstance, FastifyRequest } from "fastify"
import { AppError } from "../../kit/errors.ts"
import { jsonOf } from "../plugins/bodies.ts"
import { tooLarge } from "../plugins/foreign-errors.ts"

/** Clients of this API send bodies with GET, which are not read by themselves (reference/egs.md 1.2). */
export function takeGetBodies(app: FastifyInstance, bodyLimit: number): void {
  app.addHook("preHandler", async (request) => {
    if (request.method === "GET" && announcesBody(request)) request.body = await readBody(request, bodyLimit)
  })
}

/**
 * What a request says: its body, and over it, where bodies get lost on the way (GET, HEAD and DELETE), the query. Of a
 * parameter that is given twice the first counts.
 * @returns undefined for nothing at all; what is no object is left to the decoder
 * @throws AppError `invalid`, without issues, when the body is not JSON
 */
export function saidBy(request: FastifyRequest): unknown {
  const body = jsonBody(request)
  if (request.method === "POST" || request.method === "PUT") return body
  const query = Object.entries(request.query as Readonly<Record<string, unknown>>)
  if (query.length === 0 || (body !== undefined && !isObject(body))) return body
  const first = query.map(([name, value]): [string, unknown] => [
    name,
    Array.isArray(value) ? value[0] : value,
  ])
  return { ...body, ...Object.fromEntries(first) }
}

function jsonBody(request: FastifyRequest): unknown {
  try {
    return jsonOf(request.body)
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "invalid") throw error
    throw new AppError("invalid", error.message, { detail: "json" })
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function announcesBody({ headers }: FastifyRequest): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0
}

/**
 * Ends by itself: what is too long is refused, and what is too slow ends with the connection. The rest of what is
 * refused is let through unread: cutting it off would take the answer with it.
 */
async function readBody(request: FastifyRequest, bodyLimit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request.raw.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > bodyLimit) throw tooLarge(bodyLimit)
    chunks.push(chunk)
  }
  return length === 0 ? undefined : Buffer.concat(chunks, length)
}
