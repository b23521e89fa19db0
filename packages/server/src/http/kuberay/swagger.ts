import { swaggerDocument, swaggerNames, type SwaggerName } from "@berth/contract/kuberay"
import type { FastifyInstance } from "fastify"

export interface SwaggerOptions {
  /** The documents need no token. */
  readonly openDocuments: boolean
}

const ending = ".swagger.json"

/** `/swagger/cluster.swagger.json` and its like: the Swagger 2.0 documents, each made when first asked for. */
export function addSwagger(app: FastifyInstance, { openDocuments }: SwaggerOptions): void {
  const made = new Map<SwaggerName, Buffer>()
  const config = { operation: "kuberay.swagger", isOpen: openDocuments }
  app.get("/swagger/:file", { config }, (request, reply) => {
    const { file } = request.params as { readonly file: string }
    const name = swaggerNames.find((known) => file === known + ending)
    // As upstream's file server says it, which knows nothing of the API's errors.
    if (name === undefined)
      return reply
        .code(404)
        .header("x-content-type-options", "nosniff")
        .type("text/plain; charset=utf-8")
        .send("404 page not found\n")
    const document = made.get(name) ?? Buffer.from(JSON.stringify(swaggerDocument(name)))
    made.set(name, document)
    return reply.type("application/json").send(document)
  })
}
