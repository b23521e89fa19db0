import * as services from "../services/index.ts"
import { anywhere, type ApiFamily } from "./family.ts"

/** The services API. */
export const servicesFamily: ApiFamily = {
  name: "services",
  title: "Services API",
  description: `A register of model services: the services API of ZenML OSS 0.98.0, and what its client asks for when it connects.

Success is always 200. The server never starts, stops or probes what a record describes unless told to elsewhere.
Unknown members and parameters are ignored, null is the same as absent, strings are not converted. Instants are UTC
without a zone, with six digits after the point or none. Refusals have three forms: \`{"detail": [name, sentence]}\` of the
rules, \`["ValueError", sentence]\` of paths, queries and bodies that are not of their form, \`{"detail": sentence}\` before a
request is looked into.
${anywhere}`,
  routes: Object.entries(services.servicesRoutes).map(([name, route]: [string, services.ServicesRoute]) => ({
    ...route,
    id: `services.${name}`,
    isBodyRequired: route.body !== undefined,
    status: 200,
  })),
  schemas: services,
  errorSchema: services.ErrorSchema,
  refusals: services.refusals,
  params: services.pathParameters,
}
