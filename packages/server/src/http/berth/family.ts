import { berthRoutes, type BerthRouteName } from "@berth/contract/berth"
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import type { Family } from "../plugins/family.ts"
import { jsonOf } from "../plugins/bodies.ts"
import { plainErrorAnswer } from "../plugins/plain-errors.ts"
import type { Streams } from "../plugins/streams.ts"
import type { Services } from "../services.ts"
import { backupHandlers } from "./backups.ts"
import { configEntryHandlers } from "./config-entries.ts"
import { documentHandlers } from "./documents.ts"
import { endpointHandlers } from "./endpoints.ts"
import { eventHandlers } from "./events.ts"
import { gpuRequestHandlers } from "./gpu-requests.ts"
import { gpuSettingsHandlers } from "./gpu-settings.ts"
import { identityHandlers } from "./identity.ts"
import { inventoryHandlers } from "./inventory.ts"
import { podLogHandlers } from "./pod-log.ts"
import { queueHandlers } from "./queue.ts"
import { rayClusterHandlers } from "./ray-clusters.ts"
import { addRayDashboards, isRayDashboard } from "./ray-dashboards.ts"
import { rayExplainHandlers } from "./ray-explain.ts"
import { registerHandlers } from "./registers.ts"
import { serverHandlers } from "./server.ts"
import { remadeAnswers } from "./remade-answers.ts"
import { serviceEntryHandlers } from "./service-entries.ts"
import { serviceWatchHandlers } from "./service-watches.ts"
import { workspaceHandlers } from "./workspaces.ts"

/** What the family is told of the server, besides the services. */
export interface BerthFamilyOptions {
  readonly streams: Streams
  readonly noAuth: boolean
  /** The OpenAPI documents need no token. */
  readonly openDocuments: boolean
  readonly startedAtMs: number
  /** Sentences for `status`: what somebody should know or do (not root, one account for all, …). */
  readonly warnings: () => readonly string[]
}

/** Answers one route; what it returns is sent as JSON with the route's status, undefined without a body. */
export type BerthHandler = (request: FastifyRequest, reply: FastifyReply) => unknown
export type BerthHandlers = Readonly<Partial<Record<BerthRouteName, BerthHandler>>>

/** Nothing here takes large bodies: policies, names, roles. */
const bodyLimit = 64 * 1024

/** The family `/berth/v1` (DESIGN 9.5): what the published APIs lack. */
export function createBerthFamily(options: BerthFamilyOptions): Family {
  return {
    name: "berth",
    prefixes: ["/berth"],
    bodyLimit,
    validates: true,
    register(app, services) {
      app.addHook("preValidation", (request, _reply, done) => {
        // An absent body is an empty object, so that what is missing is named; a body of null is none.
        if (request.routeOptions.schema?.body !== undefined)
          request.body = request.body === undefined ? {} : jsonOf(request.body)
        done()
      })
      const handlers = allHandlers(services, options)
      for (const name of Object.keys(berthRoutes) as BerthRouteName[])
        addRoute(app, name, handlers[name], options.openDocuments && documented.includes(name))
      addRayDashboards(app, services, options)
    },
    takesTunnels: isRayDashboard,
    errorAnswer: plainErrorAnswer,
  }
}

function allHandlers(services: Services, options: BerthFamilyOptions): Required<BerthHandlers> {
  return {
    ...serverHandlers(services, options),
    ...backupHandlers(services),
    ...inventoryHandlers(services),
    ...workspaceHandlers(services),
    ...identityHandlers(services),
    ...queueHandlers(services),
    ...gpuRequestHandlers(services),
    ...gpuSettingsHandlers(services),
    ...configEntryHandlers(services),
    ...rayClusterHandlers(services),
    ...rayExplainHandlers(services),
    ...serviceEntryHandlers(services),
    ...serviceWatchHandlers(services),
    ...registerHandlers(services),
    ...endpointHandlers(services),
    ...podLogHandlers(services, options.streams),
    ...eventHandlers(services, options.streams),
    ...documentHandlers(services),
  }
}

/** What a config map or a secret holds, 1 MiB, as JSON text. */
const entryBodyLimit = 2 * 1024 * 1024
const bodyLimits: Readonly<Partial<Record<BerthRouteName, number>>> = {
  putConfigMap: entryBodyLimit,
  putSecret: entryBodyLimit,
}

/** Copying a large database takes longer than other answers may. */
const deadlines: Readonly<Partial<Record<BerthRouteName, number>>> = { createBackup: 3_600_000 }

/** Streams take the reply over; a HEAD of one would never end. */
const streamed: readonly BerthRouteName[] = ["podLog", "events"]

const documented: readonly BerthRouteName[] = ["listOpenApi", "openApi", "openApiFamily"]

function addRoute(app: FastifyInstance, name: BerthRouteName, handle: BerthHandler, isOpen: boolean): void {
  const route = berthRoutes[name]
  const remade = remadeAnswers[name]
  const deadlineMs = deadlines[name]
  const routeLimit = bodyLimits[name]
  app.route({
    method: route.method,
    url: route.path,
    config: {
      operation: route.operation,
      isOpen,
      isSecret: name === "createKey",
      ...(remade && { remade }),
      ...(routeLimit === undefined ? {} : { bodyLimit: routeLimit }),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    },
    exposeHeadRoute: route.method === "GET" && !streamed.includes(name),
    ...("body" in route ? { schema: { body: route.body } } : {}),
    ...(routeLimit === undefined ? {} : { bodyLimit: routeLimit }),
    handler: async (request, reply) => {
      const answer = await handle(request, reply)
      if (reply.sent || answer === reply) return reply
      reply.code(route.status).header("cache-control", "no-store")
      return answer === undefined ? reply.send() : reply.type("application/json; charset=utf-8").send(answer)
    },
  })
}
