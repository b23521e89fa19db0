import type { Readable } from "node:stream"
import type { FastifyRequest } from "fastify"

/** One operation: the text of its answer, or where it comes from piece by piece. */
export type ServicesHandler = (request: FastifyRequest) => Promise<string | Readable>

const nothing = new Uint8Array(0)

/** The query as it was sent, without `?`. */
export function searchOf({ raw }: FastifyRequest): string {
  const { url = "" } = raw
  const start = url.indexOf("?")
  return start === -1 ? "" : url.slice(start + 1)
}

/** A parameter of the path, unescaped. */
export function parameterOf({ params }: FastifyRequest, name: string): string {
  return (params as Readonly<Record<string, string>>)[name] ?? ""
}

export function bytesOf({ body }: FastifyRequest): Uint8Array {
  return body instanceof Uint8Array ? body : nothing
}
