import { egsRoutes, envelope, type EgsOperation, type EgsRoute } from "@berth/contract/egs"
import type { FastifyInstance } from "fastify"
import type { Family } from "../plugins/family.ts"
import { remadeOfId, type RemadeAnswer } from "../plugins/lost-answers.ts"
import type { SubjectKind } from "../../domain/journal/index.ts"
import type { Services } from "../services.ts"
import { apiKeyHandlers } from "./api-keys.ts"
import { takeGetBodies } from "./body.ts"
import { contentType, createErrorAnswer } from "./errors.ts"
import { gprTemplateBindingHandlers, gprTemplateHandlers } from "./gpr-templates.ts"
import { gprHandlers } from "./gprs.ts"
import type { EgsHandler, EgsHandlers, EgsOptions } from "./handlers.ts"
import { inventoryHandlers } from "./inventory.ts"
import { workspaceHandlers } from "./workspaces.ts"

export const usualEgsOptions: EgsOptions = { dialect: "seed", inventoryBySlice: "union" }

/** Nothing here takes large bodies: names, numbers, lengths. */
const bodyLimit = 256 * 1024

/** The EGS API (DESIGN 9.1): workspaces, inventory and GPU requests below `/api/v1`. */
export function createEgsFamily(options: EgsOptions): Family {
  return {
    name: "egs",
    prefixes: [
      "/api/v1/auth",
      "/api/v1/slice-workspace",
      "/api/v1/inventory",
      "/api/v1/gpr",
      "/api/v1/gpr-template",
      "/api/v1/gpr-template-binding",
      "/api/v1/api-key",
    ],
    bodyLimit,
    register(app, services) {
      takeGetBodies(app, bodyLimit)
      const handlers = allHandlers(services, options)
      for (const name of Object.keys(egsRoutes) as EgsOperation[]) addRoute(app, name, handlers[name])
    },
    errorAnswer: createErrorAnswer(options.dialect),
  }
}

function allHandlers(services: Services, options: EgsOptions): EgsHandlers {
  return {
    ...apiKeyHandlers(services),
    ...workspaceHandlers(services),
    ...inventoryHandlers(services, options.inventoryBySlice),
    ...gprHandlers(services, options),
    ...gprTemplateHandlers(services),
    ...gprTemplateBindingHandlers(services),
  }
}

const ofId = (kind: SubjectKind, data: (id: string) => object) =>
  remadeOfId(kind, (id) => JSON.stringify(envelope(data(id))), contentType)
const remadeAnswers: Partial<Record<EgsOperation, RemadeAnswer>> = {
  createGpr: ofId("gpu-request", (gprId) => ({ gprId })),
  createWorkspace: ofId("workspace", (workspaceName) => ({ workspaceName })),
  createGprTemplate: ofId("gpu-template", (gprTemplateName) => ({ gprTemplateName })),
}

function addRoute(app: FastifyInstance, name: EgsOperation, handle: EgsHandler): void {
  const route: EgsRoute = egsRoutes[name]
  const remade = remadeAnswers[name]
  app.route({
    method: route.method,
    url: route.path,
    config: {
      operation: `egs.${name}`,
      isOpen: route.isOpen ?? false,
      isSecret: name === "createApiKey",
      ...(remade && { remade }),
    },
    handler: async (request, reply) => {
      const text = JSON.stringify(envelope(await handle(request, reply)))
      // As bytes: of text the framework would add a character set to the media type.
      return reply.header("cache-control", "no-store").type(contentType).send(Buffer.from(text))
    },
  })
}
