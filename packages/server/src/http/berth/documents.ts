import type { DocumentList } from "@berth/contract/berth"
import type { ApiFamilyName } from "@berth/contract/openapi"
import type { FastifyReply, FastifyRequest } from "fastify"
import { AppError } from "../../kit/errors.ts"
import { sha256Hex } from "../../kit/sha256.ts"
import type { Services } from "../services.ts"

interface StoredDocument {
  readonly text: string
  readonly etag: string
}

/** The OpenAPI documents. The generator is loaded and each document made when first asked for, then kept. */
export function documentHandlers({ version }: Pick<Services, "version">) {
  const made = new Map<ApiFamilyName, StoredDocument>()

  async function documentOf(wanted: string): Promise<StoredDocument> {
    const { apiFamilies, openApiDocument } = await import("@berth/contract/openapi")
    const names = Object.keys(apiFamilies) as ApiFamilyName[]
    const name = names.find((known) => wanted === known || wanted === `${known}.json`)
    if (name === undefined)
      throw new AppError("not_found", `There is no document ${wanted}; there are ${names.join(", ")}.`, {
        resource: "document",
        name: wanted,
      })
    const kept = made.get(name)
    if (kept) return kept
    const text = JSON.stringify(openApiDocument(apiFamilies[name], version))
    const document = { text, etag: `"${sha256Hex(text)}"` }
    made.set(name, document)
    return document
  }

  async function send(request: FastifyRequest, reply: FastifyReply, wanted: string): Promise<undefined> {
    const { text, etag } = await documentOf(wanted)
    // Asked again each time, so that a key that ended opens nothing; the body only when it changed.
    reply.header("etag", etag).header("cache-control", "private, no-cache")
    if (request.headers["if-none-match"]?.includes(etag)) await reply.code(304).send()
    else await reply.type("application/json; charset=utf-8").send(text)
    return undefined
  }

  return {
    async listOpenApi(): Promise<DocumentList> {
      const { apiFamilies } = await import("@berth/contract/openapi")
      const items = Object.values(apiFamilies).map(({ name, title }) => ({
        family: name,
        title,
        path: `/berth/v1/openapi/${name}.json`,
      }))
      return { items }
    },
    openApi: (request: FastifyRequest, reply: FastifyReply) => send(request, reply, "berth"),
    openApiFamily: (request: FastifyRequest, reply: FastifyReply) =>
      send(request, reply, (request.params as { readonly family: string }).family),
  }
}
