import type { FastifyInstance } from "fastify"
import type { JsonWebKeySet } from "@berth/contract/berth"
import type { Services } from "./services.ts"

/** Keys are added a while before they are met by many, and kept until their last token has expired. */
const cacheSeconds = 300

/** `/.well-known/jwks.json` (open): what tokens can be verified with by whoever wants to. */
export function addWellKnown(app: FastifyInstance, services: Services): void {
  app.get(
    "/.well-known/jwks.json",
    { config: { operation: "well-known.jwks", isOpen: true } },
    async (_request, reply) => {
      const { keys } = await services.tokens.keySet()
      const set: JsonWebKeySet = { keys: [...keys] }
      return reply.header("cache-control", `public, max-age=${cacheSeconds}`).send(set)
    },
  )
}
