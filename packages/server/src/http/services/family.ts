import { servicesRoutes, type ServicesOperation, type ServicesRoute } from "@berth/contract/services"
import type { Family } from "../plugins/family.ts"
import { remadeByReading, type RemadeAnswer } from "../plugins/lost-answers.ts"
import type { Services } from "../services.ts"
import { servicesErrorAnswer } from "./errors.ts"
import { projectHandlers } from "./projects.ts"
import type { ServicesHandler } from "./requests.ts"
import { authorizeDevice, serverHandlers } from "./server.ts"
import { serviceHandlers } from "./service-handlers.ts"
import { stackHandlers } from "./stacks.ts"

const json = "application/json"
type Operation = Exclude<ServicesOperation, "login" | "logout" | "logoutByPost">

/** The services API of ZenML (DESIGN 9.4), and what its client asks for besides. */
export const servicesFamily: Family = {
  name: "services",
  prefixes: [
    "/api/v1/services",
    "/api/v1/workspaces",
    "/api/v1/projects",
    "/api/v1/stacks",
    "/api/v1/current-user",
    "/api/v1/info",
    "/api/v1/device_authorization",
  ],
  bodyLimit: 1024 * 1024,
  replaysAnyBody: true,
  register(app, services) {
    const handlers = allHandlers(services)
    for (const name of Object.keys(handlers) as Operation[]) {
      const { method, path, isOpen = false }: ServicesRoute = servicesRoutes[name]
      const remade = remadeAnswers[name]
      const config = { operation: `services.${name}`, isOpen, ...(remade && { remade }) }
      app.route({
        method,
        url: path,
        exposeHeadRoute: false,
        config,
        handler: async (request, reply) => {
          const answer = await handlers[name](request)
          // As bytes: of text the framework would add a character set to the media type.
          return reply.type(json).send(typeof answer === "string" ? Buffer.from(answer) : answer)
        },
      })
    }
    const device = { operation: "services.authorizeDevice", isOpen: true }
    app.post("/api/v1/device_authorization", { config: device }, authorizeDevice)
  },
  errorAnswer: servicesErrorAnswer,
}

const created = remadeByReading("service-record", (id) => `/api/v1/services/${id}`)
const remadeAnswers: Partial<Record<Operation, RemadeAnswer>> = {
  createService: created,
  createServiceInWorkspace: created,
}

function allHandlers(services: Services): Readonly<Record<Operation, ServicesHandler>> {
  return {
    ...serviceHandlers(services),
    ...projectHandlers(services.workspaces),
    ...stackHandlers(services.workspaces),
    ...serverHandlers(services),
  }
}
