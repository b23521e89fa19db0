import type { FastifyReply, FastifyRequest } from "fastify"
import type { Services } from "../services.ts"

/** A client that takes nothing for so long is cut: while it is served there is no other backup. */
const slowestReadMs = 60_000

/** The database as one file; rights are the backups'. */
export function backupHandlers(services: Services) {
  return {
    async createBackup(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
      const { madeAt, archive } = await services.backups.create(request.principal)
      if (reply.raw.destroyed) archive.destroy() // it did not wait
      reply.raw.setTimeout(slowestReadMs, () => reply.raw.destroy())
      return reply
        .header("cache-control", "no-store")
        .header("content-disposition", `attachment; filename="${fileName(madeAt)}"`)
        .type("application/gzip")
        .send(archive)
    },
  }
}

/** `berth-20300102T030405Z.tar.gz`. */
function fileName(madeAt: string): string {
  return `berth-${madeAt.replace(/\.\d+/, "").replaceAll(/[-:]/g, "")}.tar.gz`
}
